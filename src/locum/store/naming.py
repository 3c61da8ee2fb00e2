"""The task of calls that are known already."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.store.archive import hash_id
from locum.store.call_rows import storable
from locum.store.database import execute_by_key
from locum.store.known_calls import archived_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.schema import Call
    from locum.store.database import Database

__all__ = ["Naming", "name_calls"]

_NAME = "UPDATE calls SET task = ? WHERE id = ? AND task IS NULL"
_NAMES = (
    "SELECT task, count(*) FROM calls WHERE id IN (KEYS) AND task IS NOT NULL GROUP BY task "
    "ORDER BY task"
)


class Naming(NamedTuple):
    """What became of calls whose task was to be named.

    Args:
        named: How many had none, and have it now.
        otherwise: How many have another and keep it, by that task.
        archived: How many are in Parquet files, where they stay as they are.
    """

    named: int
    otherwise: Mapping[str, int]
    archived: int


def name_calls(database: Database, calls: Iterable[Call], task: str) -> Naming:
    """Name the task of those calls of a store that have none."""
    # One order in all processes, so that no two of them wait for each other.
    ids = sorted({str(storable(call.facts.id)) for call in calls})
    with database.transaction():
        named = database.executemany(_NAME, [(task, call_id) for call_id in ids])
        otherwise = Counter[str]()
        for name, count in execute_by_key(database, _NAMES, ids):
            otherwise[name] += count
        archived = len(archived_hashes(database, [hash_id(call_id) for call_id in ids]))
    del otherwise[task]
    return Naming(named, otherwise, archived)
