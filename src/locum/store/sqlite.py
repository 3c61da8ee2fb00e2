"""The store in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.store.database import Database, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["SqliteDatabase"]

_BUSY_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.01
_EMPTYING_MILLISECONDS = 500
_ROWS_A_FETCH = 200
_LOG_ENDINGS = ("-wal", "-shm")


class SqliteDatabase(Database):
    """A SQLite file; several processes may share it.

    A new file can be read by its owner alone. Deleted content is overwritten with zeros, also in
    pages that are free.

    Args:
        path: The file.
        make: Whether it is made when it does not exist, with the folders above it.

    Raises:
        InputError: The file cannot be opened, or is no SQLite file.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        whole = path.absolute()
        super().__init__(str(path), "sqlite", whole.with_name(f"{path.name}-archive"))
        self._path = whole
        self._real = Path(os.path.realpath(whole))
        self._log: dict[Path, os.stat_result] = {}
        try:
            if make:
                _make(path)
            else:
                _require(path)
            self._connection = _connect(path)
            self._file = path.stat()
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store {path} cannot be opened: {error}") from None
        try:
            self.execute("PRAGMA auto_vacuum = FULL")
            with _said(self.name):
                self._keep_write_ahead_log()
            self.execute("PRAGMA synchronous = FULL")
            self.execute("PRAGMA secure_delete = ON")
            self._log = self._find_log()
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

    def _find_log(self) -> dict[Path, os.stat_result]:
        self.version()  # The first read makes the log; it stays until the last one closes the file.
        found = {}
        for path in [self._real.with_name(self._real.name + ending) for ending in _LOG_ENDINGS]:
            with suppress(OSError):
                found[path] = path.stat()
        return found

    @property
    def displaced(self) -> bool:
        """Whether the file was moved away or deleted, or another one was put in its place."""
        return not _is_at(self._path, self._file)

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
        """Close the file, once no thread is at work on it.

        Raises:
            InputError: It was moved, and its log cannot follow it; it stays open.
        """
        with self._lock:
            if not _is_at(self._real, self._file):
                self._clear_place()
            self._connection.close()

    def _clear_place(self) -> None:
        """Write what the log holds into the file, wherever it is, and take the log away.

        SQLite leaves the log of a file that was moved, and reads it into the one that comes there.

        Raises:
            InputError: The log cannot be written or taken away; all stays open.
        """
        try:
            [(busy, *_)] = self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for path in [] if busy else [*self._log]:
                if _is_at(path, self._log[path]):
                    path.unlink()
        except OSError as error:
            raise InputError(f"the log of the store {self.name} cannot be moved: {error}") from None
        if busy:
            raise InputError(
                f"the store {self.name} was moved while another program reads it: end that one"
            )


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


def _make(path: Path) -> None:
    """Make a file where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Closing a file that is there gives up all locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _require(path: Path) -> None:
    """Refuse a file that is not there, or is empty, as while another one is copied to its place.

    Raises:
        InputError: It is so.
    """
    if not path.exists() or not path.stat().st_size:
        raise InputError(
            f"the store {path} is not there any more: put it or another one there, or start this "
            "program again, which makes a new one"
        )


def _is_at(path: Path, file: os.stat_result) -> bool:
    """Whether this file, and no other, is at a path; it is taken to be where nobody can look."""
    try:
        return os.path.samestat(path.stat(), file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


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
