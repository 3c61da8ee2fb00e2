"""A file that one run alone may hold, so that others on the same file are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["hold"]


@contextmanager
def hold(path: Path, *, busy: str) -> Iterator[None]:
    """Hold a file alone, and whatever is beside it by agreement; others are refused meanwhile.

    The system lets go of it when the process ends, however it ends. An empty file stays behind,
    hidden beside ``path``: whoever took it away would let two hold it.

    Args:
        path: What is held; it need not exist.
        busy: What is said where another run holds it.

    Raises:
        InputError: Another run holds it, or the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite locks files on every system, and a killed process leaves none locked.
        connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"{lock} cannot be written: {error}") from None
    with closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise InputError(busy) from None
            raise InputError(f"{lock} cannot be written: {error}") from None
        yield
