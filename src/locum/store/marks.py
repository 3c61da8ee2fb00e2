"""What a store knows of calls besides what is written in them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from locum.schema import CallMarks, MarkedCall
from locum.store.database import execute_by_key
from locum.store.labels import find_soft_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locum.schema import Call
    from locum.store.database import Database

__all__ = ["with_marks"]

_MARKS = (
    "SELECT call_id, kind, key FROM derived "
    "WHERE kind IN ('deferred', 'untimed') AND call_id IN (KEYS)"
)
_CALLS_AT_ONCE = 100


def with_marks(database: Database, calls: Iterable[Call]) -> Iterator[MarkedCall]:
    """Yield calls with their marks, in order; few are held in memory."""
    rest = iter(calls)
    while some := list(islice(rest, _CALLS_AT_ONCE)):
        # Looked up after the calls were read: a mark is always written before its call.
        ids = [call.facts.id for call in some]
        rows, soft_labels = execute_by_key(database, _MARKS, ids), find_soft_labels(database, ids)
        deferred = {call_id: key for call_id, kind, key in rows if kind == "deferred"}
        untimed = {(call_id, float(key)) for call_id, kind, key in rows if kind == "untimed"}
        for call in some:
            own = call.facts.id
            is_untimed = (own, call.facts.time) in untimed
            yield MarkedCall(call, CallMarks(deferred.get(own), is_untimed, soft_labels.get(own)))
