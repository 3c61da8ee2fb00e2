"""What was derived from which call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.store.database import Database

__all__ = ["DerivedKind", "link_derived"]

DerivedKind = Literal["answer", "student", "artefact", "deferred", "untimed"]


def link_derived(database: Database, kind: DerivedKind, links: Iterable[tuple[str, str]]) -> None:
    """Note keys of a kind, each with the id of a call that it stems from."""
    rows = sorted({(call_id, kind, key) for key, call_id in links})
    with database.transaction():
        database.executemany(
            "INSERT INTO derived (call_id, kind, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        )
