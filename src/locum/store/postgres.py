"""The store in a PostgreSQL database."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError, UsageError
from locum.store.database import Database, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import psycopg

__all__ = ["PostgresDatabase"]

_HAS_VERSION = """
    SELECT 1 FROM pg_catalog.pg_tables
    WHERE schemaname = current_schema() AND tablename = 'locum_version'
"""
_SCHEMA_LOCK = 0x6C6F_6375_6D00
_CONNECT_SECONDS = 10
_ROWS_A_FETCH = 200
# A machine that vanished says nothing: the system would wait for a quarter of an hour for what was
# sent to it, and for two hours for what it was to send.
_PATIENCE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Some poolers do not say which it is.
_ENCODINGS = ("UTF8", "SQL_ASCII", None)


class PostgresDatabase(Database):
    """A PostgreSQL database; a connection that was lost is opened again at the next use.

    One that was cut while nobody used it is not missed; within a transaction none is replaced.

    Args:
        url: Where it is, as libpq reads it.

    Raises:
        InputError: The server cannot be reached, or refuses, or the database has an encoding that
            does not hold all texts.
        UsageError: The URL cannot be read, or ``locum[postgres]`` is not installed.
    """

    def __init__(self, url: str) -> None:
        self._address = _Address.read(url)
        super().__init__(self._address.name, "postgres", archive=None)
        self._connection = self._address.connect()
        self._transactions = 0

    @property
    def displaced(self) -> bool:
        """No: a server looks after its files."""
        return False

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        with self._lock, self._address.said():
            return _fetch_all(self._live().execute(_marks(sql), parameters))

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for many rows and return how many rows it changed."""
        with self._lock, self._address.said(), self._live().cursor() as cursor:
            cursor.executemany(_marks(sql), rows)
            return max(cursor.rowcount, 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes of a ``with`` block one: all are on disk after it, or none is."""
        with self._lock, self._address.said(), self._live().transaction():
            self._transactions += 1
            try:
                yield
            finally:
                self._transactions -= 1

    @contextmanager
    def snapshot(self) -> Iterator[_PostgresSnapshot]:
        """Read on a connection apart; for lists and for results too large for memory."""
        from psycopg import IsolationLevel

        with self._address.said(), self._address.connect() as connection:
            connection.autocommit = False
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield _PostgresSnapshot(self._address, connection)

    def version(self) -> int:
        """Return how many migrations the store has seen."""
        # A plain query of the catalogue sees what others committed since the transaction began.
        if not self.execute(_HAS_VERSION):
            return 0
        return int(self.execute("SELECT version FROM locum_version")[0][0])

    def set_version(self, version: int) -> None:
        """Note that the store has seen so many migrations."""
        self.execute("CREATE TABLE IF NOT EXISTS locum_version (version INTEGER NOT NULL)")
        self.execute("DELETE FROM locum_version")
        self.execute("INSERT INTO locum_version VALUES (?)", (version,))

    def lock_schema(self) -> None:
        """Keep other processes from migrating until the transaction ends."""
        self.execute("SELECT pg_advisory_xact_lock(?::bigint)", (_SCHEMA_LOCK,))

    def empty_log(self, patience: float = 0.0) -> bool:  # noqa: ARG002 - there is none to wait for
        """Do nothing: the log is the server's."""
        return True

    def now(self) -> float:
        """Return the time in seconds since 1970, by the server's clock."""
        query = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
        return float(self.execute(query)[0][0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _live(self) -> psycopg.Connection[Row]:
        # What a transaction has done so far is gone with its connection: it has to fail.
        if not self._transactions and _is_cut(self._connection):
            self._connection = self._address.connect()
        return self._connection


class _PostgresSnapshot:
    def __init__(self, address: _Address, connection: psycopg.Connection[Row]) -> None:
        self._address = address
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._address.said():
            return _fetch_all(self._connection.execute(_marks(sql), parameters))

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Yield the rows of a query, holding few of them in memory."""
        with self._address.said(), self._connection.cursor("locum") as cursor:
            cursor.itersize = _ROWS_A_FETCH
            yield from cursor.execute(_marks(sql), parameters)


class _Address(NamedTuple):
    url: str
    name: str
    password: str

    @classmethod
    def read(cls, url: str) -> _Address:
        try:
            from psycopg import ProgrammingError
            from psycopg.conninfo import conninfo_to_dict, make_conninfo
        except ImportError:
            raise UsageError(
                "a store on PostgreSQL needs psycopg: pip install 'locum[postgres]'"
            ) from None
        try:
            parts = conninfo_to_dict(url)
        except ProgrammingError:
            # libpq's own words may hold the password.
            raise UsageError(
                "the URL of the store cannot be read: expected "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with what is no letter or digit "
                "in a password written as %XX"
            ) from None
        user = f"{parts['user']}@" if "user" in parts else ""
        port = f":{parts['port']}" if "port" in parts else ""
        name = f"postgresql://{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"
        patience = {name: value for name, value in _PATIENCE.items() if name not in parts}
        return cls(make_conninfo(url, **patience), name, str(parts.get("password", "")))

    def connect(self) -> psycopg.Connection[Row]:
        import psycopg

        with self.said():
            connection = psycopg.connect(
                self.url,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                fallback_application_name="locum",
                client_encoding="utf8",
            )
        # Whoever waited for a lock has to see what was written meanwhile.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        encoding = connection.info.parameter_status("server_encoding")
        if encoding in _ENCODINGS:
            with self.said():
                if _is_pooled(connection):
                    connection.prepare_threshold = None
            return connection
        connection.close()
        raise InputError(
            f"the store {self.name} keeps texts as {encoding}, which does not hold all of them: "
            "expected UTF8, as of CREATE DATABASE name ENCODING 'UTF8' LOCALE 'C' "
            "TEMPLATE template0"
        )

    @contextmanager
    def said(self) -> Iterator[None]:
        """Say which database psycopg's errors are about."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            message = " ".join(str(error).split())
            if self.password:
                message = message.replace(self.password, "***")
            raise InputError(f"the store {self.name} cannot be used: {message}") from None


def _is_pooled(connection: psycopg.Connection[Row]) -> bool:
    """Tell whether a pooler stands between, so that statements may find another server each time.

    What was prepared with one server is not there with another, or another's is there already.
    """
    [(process,)] = connection.execute("SELECT pg_backend_pid()").fetchall()
    return bool(process != connection.info.backend_pid)


def _is_cut(connection: psycopg.Connection[Row]) -> bool:
    """Tell whether a connection that waits for nothing has ended; does not ask the server."""
    from psycopg import OperationalError

    # First comes what the server said last, and then the end.
    for _ in range(2):
        with suppress(OperationalError):
            connection.pgconn.consume_input()
    return connection.broken


def _marks(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


def _fetch_all(cursor: psycopg.Cursor[Row]) -> list[Row]:
    return cursor.fetchall() if cursor.description else []
