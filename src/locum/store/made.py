"""What was just made of calls, and whether any of these were deleted since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.store.derived import DELETED, put_derived
from locum.store.in_flight import lock_ledgers
from locum.store.known_calls import find_present
from locum.store.past_students import forget_past_students, note_student

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.store.database import Database
    from locum.store.derived import DerivedKind

__all__ = ["learned_from_deleted", "link_made"]


def link_made(database: Database, keys: Mapping[DerivedKind, str], call_ids: Iterable[str]) -> int:
    """Note what was made of calls, unless some are gone; see `CallStore.link_made`."""
    ids = list(dict.fromkeys(call_ids))
    with database.transaction():
        # A deletion is either seen here, or sees what is noted.
        lock_ledgers(database)
        gone = len(ids) - len(find_present(database, ids))
        if gone:
            return gone
        for kind, key in keys.items():
            database.execute(
                "DELETE FROM derived WHERE call_id = ? AND kind = ? AND key = ?",
                (DELETED, kind, key),
            )
            put_derived(database, kind, ((key, call_id) for call_id in ids))
        if "student" in keys and "artefact" in keys:
            note_student(database, keys["student"], keys["artefact"])
    if "student" in keys:
        forget_past_students(database, keys["student"])
    return 0


def learned_from_deleted(database: Database, artefact: str) -> bool:
    """Tell whether a student learned from calls that were deleted since; see `CallStore`."""
    query = "SELECT 1 FROM derived WHERE kind = 'artefact' AND key = ? AND call_id = ?"
    return bool(database.execute(query, (artefact, DELETED)))
