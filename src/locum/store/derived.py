"""What was derived from which call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from locum.store.call_rows import storable
from locum.store.database import execute_by_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.store.database import Database

__all__ = ["DELETED", "DerivedKind", "find_linked", "link_derived", "put_derived"]

DerivedKind = Literal["answer", "student", "artefact", "report", "written", "deferred", "untimed"]
DELETED = ""
"""Stands for the id of a call that was deleted."""


def link_derived(database: Database, kind: DerivedKind, links: Iterable[tuple[str, str]]) -> None:
    """Note keys of a kind, each with the id of a call that it stems from."""
    with database.transaction():
        put_derived(database, kind, links)


def put_derived(database: Database, kind: DerivedKind, links: Iterable[tuple[str, str]]) -> None:
    """Note the same as part of a transaction."""
    rows = sorted({(str(storable(call_id)), kind, str(storable(key))) for key, call_id in links})
    database.executemany(
        "INSERT INTO derived (call_id, kind, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows
    )


def find_linked(database: Database, kind: DerivedKind, keys: Sequence[str]) -> set[str]:
    """Return those of these keys that stem from calls which were not deleted."""
    query = f"SELECT DISTINCT key FROM derived WHERE kind = '{kind}' AND key IN (KEYS)"  # noqa: S608 - of a Literal
    return {key for (key,) in execute_by_key(database, query, keys)}
