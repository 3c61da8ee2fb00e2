"""Which calls a store knows already, by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.store.archive import hash_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeVar

    from locum.store.database import Database

    T = TypeVar("T")

__all__ = ["archived_hashes", "recorded_times"]

_ARCHIVED = "SELECT hash FROM archived WHERE hash IN ({})"
_TIMES = "SELECT id, time FROM calls WHERE source = 'gateway' AND id IN ({})"
_MARKS_A_QUERY = 500


def archived_hashes(database: Database, hashes: Sequence[int]) -> set[int]:
    """Return, of hashes of ids, those of calls in Parquet files."""
    if database.archive is None:
        return set()
    return {
        number
        for some in _in_parts(hashes)
        for (number,) in database.execute(_ARCHIVED.format(_marks(some)), some)
    }


def recorded_times(database: Database, ids: Sequence[str]) -> dict[str, float]:
    """Return when the gateway sent calls, by id; see `CallStore.recorded_times`."""
    times: dict[str, float] = {}
    for some in _in_parts(list(dict.fromkeys(ids))):
        found = database.execute(_TIMES.format(_marks(some)), some)
        times |= {str(call_id): float(time) for call_id, time in found}
        archived = archived_hashes(database, [hash_id(call_id) for call_id in some])
        times |= {call_id: 0.0 for call_id in some if hash_id(call_id) in archived}
    return times


def _in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many values at a time as one query takes."""
    for start in range(0, len(values), _MARKS_A_QUERY):
        yield values[start : start + _MARKS_A_QUERY]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
