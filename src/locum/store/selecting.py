"""Rows of calls, from the tables and from the Parquet files."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.store.archive import list_archives
from locum.store.call_filter import CallFilter, Condition
from locum.store.call_rows import FACT_COLUMNS, FACTS
from locum.store.parquet import ParquetReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.store.database import Database, Row

__all__ = ["select_newest", "select_rows"]

_TIME = FACT_COLUMNS.index("time")


def select_rows(
    database: Database, columns: str, where: CallFilter, condition: Condition
) -> list[Row]:
    """Return the rows of a query over the tables, and of the same query over the Parquet files.

    Args:
        database: The store.
        columns: What is selected.
        where: Which calls.
        condition: The same in SQL, with what stands behind it.
    """

    def read() -> list[Row]:
        with database.snapshot() as snapshot:
            rows = snapshot.execute(condition.select(columns), condition.parameters)
            files = list_archives(database, snapshot, where)
            return rows + _archived(database, [file.file for file in files], columns, condition)

    return _undisturbed(database, read)


def select_newest(database: Database, where: CallFilter, limit: int) -> list[Row]:
    """Return the facts of the newest calls of a filter, the newest first.

    Args:
        database: The store.
        where: Which calls.
        limit: At most so many.
    """
    condition = where.condition()
    in_tables = condition.then("ORDER BY time DESC, number DESC LIMIT ?", limit)
    in_files = condition.then("ORDER BY time DESC LIMIT ?", limit)

    def read() -> list[Row]:
        with database.snapshot() as snapshot:
            rows = snapshot.execute(in_tables.select(FACTS), in_tables.parameters)
            since = rows[-1][_TIME] if rows and len(rows) == limit else -inf
            files = list_archives(database, snapshot, where)
            names = [file.file for file in files if file.last >= since]
            return rows + _archived(database, names, FACTS, in_files)

    return sorted(_undisturbed(database, read), key=lambda row: -row[_TIME])[:limit]


def _archived(
    database: Database, names: list[str], columns: str, condition: Condition
) -> list[Row]:
    if database.archive is None or not names:
        return []
    with ParquetReader(database.archive) as reader:
        return list(reader.stream(columns, names, condition))


def _undisturbed(database: Database, read: Callable[[], list[Row]]) -> list[Row]:
    """Read again where a deletion replaced files meanwhile."""
    while True:
        before = list_archives(database, database, CallFilter())
        try:
            return read()
        except InputError:
            if list_archives(database, database, CallFilter()) == before:
                raise
