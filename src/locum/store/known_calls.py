"""Which calls a store knows already, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.store.archive import hash_id
from locum.store.call_rows import storable
from locum.store.database import execute_by_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store.database import Database

__all__ = ["archived_hashes", "find_present", "recorded_times"]

_ARCHIVED = "SELECT hash FROM archived WHERE hash IN (KEYS)"
_PRESENT = "SELECT id FROM calls WHERE id IN (KEYS)"
_TIMES = "SELECT id, time FROM calls WHERE source = 'gateway' AND id IN (KEYS)"


def archived_hashes(database: Database, hashes: Sequence[int]) -> set[int]:
    """Return, of hashes of ids, those of calls in Parquet files."""
    if database.archive is None:
        return set()
    return {number for (number,) in execute_by_key(database, _ARCHIVED, hashes)}


def recorded_times(database: Database, ids: Sequence[str]) -> dict[str, float]:
    """Return when the gateway sent calls, by id; see `CallStore.recorded_times`."""
    times = {str(call_id): float(time) for call_id, time in execute_by_key(database, _TIMES, ids)}
    id_of = {hash_id(call_id): call_id for call_id in ids} if database.archive else {}
    return times | {id_of[number]: 0.0 for number in archived_hashes(database, list(id_of))}


def find_present(database: Database, ids: Sequence[str]) -> set[str]:
    """Return those of these calls that are in the store, in Parquet files or not."""
    given = {str(storable(call_id)): call_id for call_id in ids}
    found = {call_id for (call_id,) in execute_by_key(database, _PRESENT, list(given))}
    hashes = {hash_id(call_id): call_id for call_id in given.keys() - found}
    found |= {hashes[number] for number in archived_hashes(database, list(hashes))}
    return {given[call_id] for call_id in found}
