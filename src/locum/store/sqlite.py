"""The store in one SQLite file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.store.database import Database, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["SqliteDatabase"]

_BUSY_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.01
_EMPTYING_MILLISECONDS = 500
_EMPTYING_PAUSE_SECONDS = 0.5
_ROWS_A_FETCH = 200
_LOG_ENDINGS = ("-wal", "-shm")
_FULL_BYTES = 2**20
# In one statement, as another process may make the tables at this moment; each store has this one.
_OF_ANOTHER = """SELECT name FROM sqlite_master WHERE type = 'table' AND NOT EXISTS (
    SELECT 1 FROM pragma_table_info('answers') WHERE name = 'key'
) LIMIT 1"""
_CANNOT_WRITE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_DISK_MAY_BE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class SqliteDatabase(Database):
    """A SQLite file; several processes may share it.

    A new file can be read by its owner alone. Deleted content is overwritten with zeros, also in
    pages that are free.

    Args:
        path: The file.
        make: Whether it is made when it does not exist, with the folders above it.
        to_read: Whether one that cannot be written here is opened all the same, as it is.
        is_store: Whether it is a store: one that has tables, and none of a store, is refused.

    Raises:
        InputError: The file cannot be opened, is no SQLite file, or is another program's.
    """

    def __init__(
        self, path: Path, *, make: bool = True, to_read: bool = False, is_store: bool = True
    ) -> None:
        whole = path.absolute()
        real = Path(os.path.realpath(whole))
        self._place = _Place(str(path), whole, real, _mode(real) if to_read else "")
        # As SQLite's log, it belongs to the file, by whichever link that is reached.
        archive = real.with_name(f"{real.name}-archive")
        super().__init__(str(path), "sqlite", archive, read_only=bool(self._place.mode))
        self._log: dict[Path, os.stat_result] = {}
        try:
            if make:
                _make(path)
            else:
                _require(path)
            self._connection = self._place.connect()
            self._file = path.stat()
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store {path} cannot be opened: {error}") from None
        try:
            if is_store:
                self._require_own()
            if not self.read_only:
                self._prepare()
        except InputError:
            self._connection.close()
            raise

    def _require_own(self) -> None:
        """Refuse the file of another program before anything of it is changed.

        Raises:
            InputError: It has tables, and none of a store.
        """
        for (table,) in self.execute(_OF_ANOTHER):
            raise InputError(
                f"{self.name} is the database of another program, with a table {table!r}: name "
                "another file, by --home or by url in [store] of locum.toml"
            )

    def _prepare(self) -> None:
        self.execute("PRAGMA auto_vacuum = FULL")
        with self._place.said():
            self._keep_write_ahead_log()
        self.execute("PRAGMA synchronous = FULL")
        self.execute("PRAGMA secure_delete = ON")
        self._log = self._find_log()

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
        for path in _log_of(self._place.real):
            with suppress(OSError):
                found[path] = path.stat()
        return found

    @property
    def displaced(self) -> bool:
        """Whether the file was moved away or deleted, or another one was put in its place."""
        return not _is_at(self._place.path, self._file)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        with self._lock, self._place.said():
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for many rows and return how many rows it changed."""
        with self._lock, self._place.said():
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
        with self._place.said():
            connection = self._place.connect()
        with closing(connection):
            connection.execute("BEGIN")
            yield _SqliteSnapshot(self._place, connection)

    def version(self) -> int:
        """Return how many migrations the store has seen."""
        return int(self.execute("PRAGMA user_version")[0][0])

    def set_version(self, version: int) -> None:
        """Note that the store has seen so many migrations."""
        self.execute(f"PRAGMA user_version = {version}")

    def lock_schema(self) -> None:
        """Do nothing: a transaction keeps other writers out already."""

    def empty_log(self, patience: float = 0.0) -> bool:
        """Take deleted content out of the write-ahead log; see `Database.empty_log`."""
        deadline = time.monotonic() + patience
        # While one try waits for readers nobody can write, so it is short, and others have turns.
        while not (emptied := self._try_to_empty_log(_EMPTYING_MILLISECONDS)):
            if time.monotonic() >= deadline:
                break
            time.sleep(_EMPTYING_PAUSE_SECONDS)
        return emptied

    def _try_to_empty_log(self, milliseconds: int) -> bool:
        with self._lock:
            self.execute(f"PRAGMA busy_timeout = {milliseconds}")
            [(busy, *_)] = self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
        return not busy

    def close(self) -> None:
        """Close the file, once no thread is at work on it.

        Raises:
            InputError: It was moved, and its log cannot follow it; it stays open.
        """
        with self._lock:
            if not self.read_only and not _is_at(self._place.real, self._file):
                self._clear_place()
            elif not self.read_only:
                # A deletion that others kept from emptying the log left that to who comes later.
                with suppress(InputError):
                    self._try_to_empty_log(0)
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
    def __init__(self, place: _Place, connection: sqlite3.Connection) -> None:
        self._place = place
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._place.said():
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Yield the rows of a query, holding few of them in memory."""
        with self._place.said():
            cursor = self._connection.execute(sql, tuple(parameters))
        while rows := self._fetch(cursor):
            yield from rows

    def _fetch(self, cursor: sqlite3.Cursor) -> list[Row]:
        with self._place.said():
            return cursor.fetchmany(_ROWS_A_FETCH)


class _Place(NamedTuple):
    """Where a file is, and how it is opened.

    Args:
        name: As messages call it.
        path: Where it was asked for.
        real: Where it is, without links.
        mode: What is added to its URI; nothing for one that may be written.
    """

    name: str
    path: Path
    real: Path
    mode: str

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?{self.mode}" if self.mode else self.path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=bool(self.mode),
        )

    @contextmanager
    def said(self) -> Iterator[None]:
        """Say which file SQLite's errors are about, and what it does not say itself."""
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise InputError(
                f"the store {self.name} cannot be used: {error}{self._cure(error)}"
            ) from None

    def _cure(self, error: Exception) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _CANNOT_WRITE and self.real.exists() and not _is_writable(self.real):
            return (
                "; it cannot be written here: run this as who may, or copy all files whose names "
                f"begin with {self.real.name} to where you may"
            )
        if code in _DISK_MAY_BE_FULL:
            with suppress(OSError):
                if shutil.disk_usage(self.real.parent).free < _FULL_BYTES:
                    return "; its disk is full: make room"
        return ""


def _mode(real: Path) -> str:
    """Return how a file is opened to be read, where it cannot be written."""
    if not real.exists() or _is_writable(real):
        return ""
    # With a log, which SQLite makes for each reader otherwise, somebody may be writing.
    has_log = any(path.exists() for path in _log_of(real))
    return "mode=ro" if has_log else "mode=ro&immutable=1"


def _is_writable(real: Path) -> bool:
    return os.access(real, os.W_OK) and os.access(real.parent, os.W_OK)


def _log_of(real: Path) -> list[Path]:
    return [real.with_name(real.name + ending) for ending in _LOG_ENDINGS]


def _make(path: Path) -> None:
    """Make a file where there is none, and its folder, for their owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
