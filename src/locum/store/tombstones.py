"""Which calls were deleted of late, for runs that read them before.

A number stands for the id of each, as in the table of archived calls; nothing else is kept of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.store.archive import hash_id
from locum.store.call_rows import storable
from locum.store.database import execute_by_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from locum.store.database import Database

__all__ = ["find_deleted_lately", "note_deleted"]

# No run that reads calls waits as long until it asks about them.
_KEPT_SECONDS = 7 * 86_400
_NOTE = (
    "INSERT INTO deleted_calls (hash, time) VALUES (?, ?) "
    "ON CONFLICT (hash) DO UPDATE SET time = excluded.time"
)


def note_deleted(database: Database, ids: Iterable[str]) -> None:
    """Note that calls are deleted, as part of a transaction, and forget those of long ago."""
    now = int(time.time())
    database.execute("DELETE FROM deleted_calls WHERE time < ?", (now - _KEPT_SECONDS,))
    hashes = sorted({hash_id(call_id) for call_id in ids})
    database.executemany(_NOTE, ((number, now) for number in hashes))


def find_deleted_lately(database: Database, ids: Collection[str]) -> set[str]:
    """Return those of these calls that were deleted within a week, and may be here again."""
    id_of = {hash_id(str(storable(call_id))): call_id for call_id in ids}
    query = "SELECT hash FROM deleted_calls WHERE hash IN (KEYS)"
    return {id_of[number] for (number,) in execute_by_key(database, query, list(id_of))}
