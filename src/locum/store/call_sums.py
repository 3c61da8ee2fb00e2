"""Sums over calls, and their ids, streamed: for stores of which a list would not fit in memory."""

from __future__ import annotations

import heapq
from contextlib import ExitStack
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from locum.store.archive import list_archives
from locum.store.call_filter import NAMED_TASK
from locum.store.parquet import ParquetReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locum.store.call_filter import CallFilter, Condition
    from locum.store.database import Database, Row

__all__ = [
    "CallKey",
    "CallSums",
    "UnusableCalls",
    "last_timed",
    "stream_keys",
    "stream_leads",
    "stream_sums",
    "unusable_calls",
]

_USABLE = "outcome = 'whole' AND endpoint IN ('chat', 'completions', 'responses', 'messages')"
_SUMS = (
    f"fingerprint, {NAMED_TASK}, model, count(*), sum(input_tokens), sum(output_tokens), "
    "count(output_tokens), count(cost_usd), sum(cost_usd), min(time), max(time)"
)
_UNUSABLE = (
    "sum(CASE WHEN outcome <> 'whole' THEN 1 ELSE 0 END), "
    "sum(CASE WHEN outcome <> 'whole' THEN cost_usd END), "
    f"sum(CASE WHEN outcome = 'whole' AND NOT ({_USABLE}) THEN 1 ELSE 0 END), "
    f"sum(CASE WHEN outcome = 'whole' AND NOT ({_USABLE}) THEN cost_usd END)"
)


class CallSums(NamedTuple):
    """Sums over whole calls for text with one fingerprint, one named task and one model.

    Args:
        fingerprint: Of instruction and kind of output.
        task: The named task; ``None`` where none was, or what it was named by is the fingerprint
            itself, as a gateway names the calls of a task that was promoted by it.
        model: The model that was asked for.
        calls: How many.
        input_tokens: Tokens of the requests, where they are known.
        output_tokens: Tokens of the answers, where they are known.
        counted: Calls whose tokens are known.
        priced: Calls whose cost is known.
        cost_usd: What those cost whose cost is known; ``None`` where none is.
        first: Time of the first call, in seconds since 1970.
        last: Time of the last call.
    """

    fingerprint: str
    task: str | None
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    counted: int
    priced: int
    cost_usd: float | None
    first: float
    last: float


class CallKey(NamedTuple):
    """What a call is found by; its task is as in `CallSums`."""

    id: str
    fingerprint: str
    task: str | None


class UnusableCalls(NamedTuple):
    """Calls that show no task.

    Args:
        broken: Calls without a whole answer.
        broken_usd: What they cost, in US dollars; ``None`` where that is known of none.
        other: Whole calls that did not ask for text: embeddings, and paths that are not known.
        other_usd: Likewise.
    """

    broken: int
    broken_usd: float | None
    other: int
    other_usd: float | None


def stream_sums(database: Database, where: CallFilter) -> Iterator[CallSums]:
    """Yield sums over the whole calls for text, by fingerprint in order.

    Those of one fingerprint, task and model may come several times: where some are archived, and
    where some are named by their fingerprint and others not at all.

    Args:
        database: The store.
        where: Which calls.

    Raises:
        InputError: The store cannot be read.
        UsageError: Calls are archived, and ``locum[parquet]`` is not installed.
    """
    grouped = where.condition().then(
        f"AND {_USABLE} GROUP BY fingerprint, task, model ORDER BY fingerprint"
    )
    with ExitStack() as opened:
        streams = [map(_to_sums, s) for s in _streams(database, where, _SUMS, grouped, opened)]
        yield from heapq.merge(*streams, key=attrgetter("fingerprint"))


def stream_keys(database: Database, where: CallFilter) -> Iterator[CallKey]:
    """Yield the keys of the whole calls for text, in no order; arguments as of `stream_sums`."""
    usable = where.condition().then(f"AND {_USABLE}")
    with ExitStack() as opened:
        for stream in _streams(database, where, f"id, fingerprint, {NAMED_TASK}", usable, opened):
            yield from map(CallKey._make, stream)


def stream_leads(database: Database, where: CallFilter) -> Iterator[CallKey]:
    """Yield one call of each fingerprint, by fingerprint; arguments as of `stream_sums`.

    A fingerprint comes twice where some of its calls are archived.
    """
    grouped = where.condition().then(f"AND {_USABLE} GROUP BY fingerprint ORDER BY fingerprint")
    with ExitStack() as opened:
        for stream in _streams(database, where, "min(id), fingerprint, NULL", grouped, opened):
            yield from map(CallKey._make, stream)


def last_timed(database: Database, where: CallFilter) -> float | None:
    """Return when the last whole call for text was sent of those whose time is known.

    Archived calls are not looked at, as they are the oldest.

    Args:
        database: The store.
        where: Which calls.

    Returns:
        Seconds since 1970; ``None`` where there is no such call.

    Raises:
        InputError: The store cannot be read.
    """
    made_up = "SELECT call_id FROM derived WHERE kind = 'untimed'"
    condition = where.condition().then(f"AND {_USABLE} AND id NOT IN ({made_up})")
    [[last]] = database.execute(condition.select("max(time)"), condition.parameters)
    return None if last is None else float(last)


def unusable_calls(database: Database, where: CallFilter) -> UnusableCalls:
    """Count the calls that show no task; arguments as of `stream_sums`."""
    with ExitStack() as opened:
        streams = _streams(database, where, _UNUSABLE, where.condition(), opened)
        rows = [row for stream in streams for row in stream]
    broken, broken_usd, other, other_usd = map(_total, zip(*rows, strict=True))
    return UnusableCalls(int(broken or 0), broken_usd, int(other or 0), other_usd)


def _total(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) if known else None


def _streams(
    database: Database, where: CallFilter, columns: str, condition: Condition, opened: ExitStack
) -> list[Iterator[Row]]:
    """Rows of a query over the tables, and of the same query over the Parquet files."""
    snapshot = opened.enter_context(database.snapshot())
    streams = [snapshot.stream(condition.select(columns), condition.parameters)]
    files = [file.file for file in list_archives(database, snapshot, where)]
    if database.archive is not None and files:
        reader = opened.enter_context(ParquetReader(database.archive))
        streams.append(reader.stream(columns, files, condition))
    return streams


def _to_sums(row: Row) -> CallSums:
    fingerprint, task, model, calls, input_tokens, output_tokens, counted, priced, *rest = row
    tokens = (int(input_tokens or 0), int(output_tokens or 0))
    return CallSums(fingerprint, task, model, int(calls), *tokens, int(counted), int(priced), *rest)
