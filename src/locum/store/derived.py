"""What was derived from which call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from locum.store.call_rows import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.store.database import Database

__all__ = ["DerivedKind", "link_derived"]

DerivedKind = Literal["answer", "student", "artefact", "report", "written", "deferred", "untimed"]


def link_derived(database: Database, kind: DerivedKind, links: Iterable[tuple[str, str]]) -> None:
    """Note keys of a kind, each with the id of a call that it stems from."""
    rows = sorted({(str(storable(call_id)), kind, str(storable(key))) for key, call_id in links})
    with database.transaction():
        database.executemany(
            "INSERT INTO derived (call_id, kind, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        )
