"""One small surface over SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

__all__ = ["Database", "Dialect", "Row", "Snapshot", "execute_by_key", "open_database"]

Dialect = Literal["sqlite", "postgres"]
Row = tuple[Any, ...]
_KEYS_A_QUERY = 500
_URL_BEGINNINGS = ("postgresql://", "postgres://")


def open_database(place: str | Path, *, make: bool = True, to_read: bool = False) -> Database:
    """Open the store at a place, make it when there is none, and bring it to this version.

    Args:
        place: The path of a SQLite file, or a ``postgresql://`` URL.
        make: Whether a SQLite file that is missing is made.
        to_read: Whether a SQLite file that cannot be written here is opened all the same.

    Raises:
        InputError: The store cannot be opened, or was written by a later Locum.
        UsageError: The URL is of another scheme or cannot be read, or ``locum[postgres]`` is not
            installed.
    """
    from locum.store.migrations import migrate

    scheme, separator, _ = str(place).partition("://")
    database: Database
    if isinstance(place, str) and place.startswith(_URL_BEGINNINGS):
        from locum.store.postgres import PostgresDatabase

        database = PostgresDatabase(place)
    elif isinstance(place, str) and separator:
        # What follows may hold a password.
        raise UsageError(
            f"the store's URL begins with {scheme + separator!r}: expected postgresql:// or "
            "postgres://, or the path of a SQLite file such as data/calls.sqlite"
        )
    else:
        from locum.store.sqlite import SqliteDatabase

        database = SqliteDatabase(Path(place), make=make, to_read=to_read)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


class Snapshot(Protocol):
    """Reads that all see the store as it was at the first of them; writers go on meanwhile."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Yield the rows of a query, holding few of them in memory."""


class Database(ABC):
    """A connection that threads may share; placeholders are ``?`` in both dialects.

    Every method raises `InputError` that names the store where the database reports an error.

    Args:
        name: The file or the URL without its password, for messages.
        dialect: Which kind it is.
        archive: Folder of the Parquet files that old calls are moved to; ``None`` where the
            database keeps all calls itself.
        read_only: Whether nothing can be written to it.
    """

    def __init__(
        self, name: str, dialect: Dialect, archive: Path | None, *, read_only: bool = False
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.archive = archive
        self.read_only = read_only
        self._lock = threading.RLock()

    @property
    @abstractmethod
    def displaced(self) -> bool:
        """Whether its file was moved away or deleted, or another one was put in its place."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for many rows and return how many rows it changed."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Make the writes of a ``with`` block one: all are on disk after it, or none is."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Read on a connection apart; for lists and for results too large for memory."""

    @abstractmethod
    def version(self) -> int:
        """Return how many migrations the store has seen."""

    @abstractmethod
    def set_version(self, version: int) -> None:
        """Note that the store has seen so many migrations."""

    @abstractmethod
    def lock_schema(self) -> None:
        """Keep other processes from migrating until the transaction ends."""

    @abstractmethod
    def empty_log(self, patience: float = 0.0) -> bool:
        """Take deleted content out of the write-ahead log.

        Args:
            patience: For how many seconds this is tried again where others are at work.

        Returns:
            Whether it is out. Where it is not, the next program that closes the store tries too.
        """

    def now(self) -> float:
        """Return the time in seconds since 1970, by the one clock of all who use the store."""
        return time.time()

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def __enter__(self) -> Self:
        """Use the store in a ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()


def execute_by_key(database: Database, sql: str, keys: Sequence[object]) -> list[Row]:
    """Run a statement for some keys at a time, in place of ``KEYS``, and return all its rows."""
    rows: list[Row] = []
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = keys[start : start + _KEYS_A_QUERY]
        rows += database.execute(sql.replace("KEYS", ",".join("?" * len(some))), some)
    return rows
