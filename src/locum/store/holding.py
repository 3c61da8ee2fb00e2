"""A file that one run alone may hold, so that others on the same file are refused, or wait."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["hold", "hold_in_turn"]

_LOOK_SECONDS = 0.1


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
    lock = _lock_of(path)
    with closing(_opened(lock)) as connection:
        if not _taken(connection, lock):
            raise InputError(busy)
        yield


@contextmanager
def hold_in_turn(path: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold a file as `hold` does, once nobody else does.

    Args:
        path: What is held; it need not exist.
        waiting: Called once where another run holds it.

    Raises:
        InputError: The folder cannot be written.
    """
    lock = _lock_of(path)
    with closing(_opened(lock)) as connection:
        if not _taken(connection, lock):
            waiting()
            while not _taken(connection, lock):
                time.sleep(_LOOK_SECONDS)
        yield


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _opened(lock: Path) -> sqlite3.Connection:
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite locks files on every system, and a killed process leaves none locked.
        return sqlite3.connect(lock, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"{lock} cannot be written: {error}") from None


def _taken(connection: sqlite3.Connection, lock: Path) -> bool:
    """Take the lock, unless another run has it."""
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return False
        raise InputError(f"{lock} cannot be written: {error}") from None
    return True
