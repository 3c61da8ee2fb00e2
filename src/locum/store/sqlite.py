"""The store in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.store.database import Database, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["SqliteDatabase"]

_BUSY_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.01
_EMPTYING_MILLISECONDS = 500
_ROWS_A_FETCH = 200


class SqliteDatabase(Database):
    """A SQLite file; several processes may share it.

    A new file can be read by its owner alone. Deleted content is overwritten with zeros, also in
    pages that are free.

    Args:
        path: The file; it is made when it does not exist, with the folders above it.

    Raises:
        InputError: The file cannot be opened, or is no SQLite file.
    """

    def __init__(self, path: Path) -> None:
        whole = path.absolute()
        super().__init__(str(path), "sqlite", whole.with_name(f"{path.name}-archive"))
        self._path = whole
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Closing a file that is there gives up all locks that this process has on it.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store {path} cannot be opened: {error}") from None
        try:
            self.execute("PRAGMA auto_vacuum = FULL")
            with _said(self.name):
                self._keep_write_ahead_log()
            self.execute("PRAGMA synchronous = FULL")
            self.execute("PRAGMA secure_delete = ON")
        except InputError:
            self.close()
            raise

    def _keep_write_ahead_log(self) -> None:
        # SQLite does not wait for others here, whatever the timeout: it refuses at once while
        # another process is making the same new file.
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_PAUSE_SECONDS)
            else:
                return

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        with self._lock, _said(self.name):
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for many rows and return how many rows it changed."""
        with self._lock, _said(self.name):
            return max(self._connection.executemany(sql, rows).rowcount, 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes of a ``with`` block one: all are on disk after it, or none is."""
        with self._lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[_SqliteSnapshot]:
        """Read on a connection apart; for lists and for results too large for memory."""
        with _said(self.name):
            connection = _connect(self._path)
        with closing(connection):
            connection.execute("BEGIN")
            yield _SqliteSnapshot(self.name, connection)

    def version(self) -> int:
        """Return how many migrations the store has seen."""
        return int(self.execute("PRAGMA user_version")[0][0])

    def set_version(self, version: int) -> None:
        """Note that the store has seen so many migrations."""
        self.execute(f"PRAGMA user_version = {version}")

    def lock_schema(self) -> None:
        """Do nothing: a transaction keeps other writers out already."""

    def empty_log(self) -> None:
        """Take deleted content out of the write-ahead log.

        While another process reads or writes, the log stays as it is until the next checkpoint.
        """
        with self._lock:
            self.execute(f"PRAGMA busy_timeout = {_EMPTYING_MILLISECONDS}")
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")

    def close(self) -> None:
        """Close the file, once no thread is at work on it."""
        with self._lock:
            self._connection.close()


class _SqliteSnapshot:
    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        self._name = name
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with _said(self._name):
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Yield the rows of a query, holding few of them in memory."""
        with _said(self._name):
            cursor = self._connection.execute(sql, tuple(parameters))
        while rows := self._fetch(cursor):
            yield from rows

    def _fetch(self, cursor: sqlite3.Cursor) -> list[Row]:
        with _said(self._name):
            return cursor.fetchmany(_ROWS_A_FETCH)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Say which file SQLite's errors are about."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as error:
        raise InputError(f"the store {name} cannot be used: {error}") from None
