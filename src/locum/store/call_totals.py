"""Sums of calls for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.store.database import Row

__all__ = ["TOTALS", "CallTotals", "sum_up"]

TOTALS = (
    "task, fingerprint, model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd), "
    "min(time), max(time)"
)


class CallTotals(NamedTuple):
    """Sums over the calls of one task, or of one fingerprint without one, to one model.

    Args:
        name: The named task; the fingerprint of calls without one.
        named: Whether ``name`` is a task.
        model: The model that was asked for.
        calls: How many.
        input_tokens: Tokens of the requests, where they are known.
        output_tokens: Tokens of the answers, where they are known.
        cost_usd: What those cost whose cost is known; ``None`` where none is.
        first: Time of the first call, in seconds since 1970.
        last: Time of the last call.
    """

    name: str
    named: bool
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    first: float
    last: float


def sum_up(rows: Iterable[Row]) -> list[CallTotals]:
    """Return rows of `TOTALS`, of tables and files, as one for each task and model; most first."""
    found: dict[tuple[bool, str, str], CallTotals] = {}
    for totals in map(_to_totals, rows):
        key = (totals.named, totals.name, totals.model)
        found[key] = _sum(found[key], totals) if key in found else totals
    return sorted(found.values(), key=lambda totals: (-totals.calls, totals))


def _to_totals(row: Row) -> CallTotals:
    task, fingerprint, model, calls, input_tokens, output_tokens, cost_usd, first, last = row
    name = fingerprint if task is None else task
    counts = (calls, int(input_tokens or 0), int(output_tokens or 0))
    return CallTotals(name, task is not None, model, *counts, cost_usd, first, last)


def _sum(one: CallTotals, other: CallTotals) -> CallTotals:
    costs = [cost for cost in (one.cost_usd, other.cost_usd) if cost is not None]
    return one._replace(
        calls=one.calls + other.calls,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=sum(costs) if costs else None,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )
