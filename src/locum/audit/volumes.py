"""How much a task is used."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from locum.audit.replaced import find_replacement
from locum.audit.tasks import Volume

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from locum.audit.asked import Asked
    from locum.audit.sampling import Sums

__all__ = ["DAYS_A_MONTH", "share_of", "volume_of"]

DAYS_A_MONTH = 365.25 / 12
_SECONDS_A_DAY = 86_400.0
_SHORTEST_DAYS = 1.0
_MOST_AT_ONCE = 20
_MANY_MOMENTS = 14
_LONG_BEFORE = 0.1


def volume_of(
    sums: Sums,
    read: Sequence[Asked],
    end: float,
    *,
    exact: bool,
    made_up: Collection[tuple[str, float]] = frozenset(),
) -> Volume:
    """Return the volume of calls.

    Args:
        sums: Of all of them.
        read: Those that were read.
        end: Time of the last call of any task, in seconds since 1970.
        exact: Whether they were counted.
        made_up: Ids of calls whose time is made up, each with that time; by default none is.
    """
    timed = _is_timed(read, made_up)
    times = sorted(one.time for one in read)
    begin = _begin([sums.first, *times], end)
    days = max(_SHORTEST_DAYS, (end - begin) / _SECONDS_A_DAY) if timed else DAYS_A_MONTH
    months = days / DAYS_A_MONTH
    latencies = [one.latency_ms for one in read if one.latency_ms is not None]
    middle, slow = np.quantile(latencies, (0.5, 0.95)).tolist() if latencies else (None, None)
    return Volume(
        calls=sums.calls,
        left=sums.left,
        unrecorded=sums.unrecorded,
        exact=exact,
        read=len(read),
        first=sums.first,
        last=sums.last,
        timed=timed,
        begin=begin,
        days=days,
        silent_days=max(0.0, end - sums.last) / _SECONDS_A_DAY,
        longest_gap_days=_longest_gap(times[bisect_left(times, begin) :]) / _SECONDS_A_DAY,
        calls_a_month=sums.calls / months,
        cost_usd=sums.cost_usd,
        priced=sums.priced / sums.calls if sums.calls else 0.0,
        cost_a_month_usd=None if sums.cost_usd is None else sums.cost_usd / months,
        models=_shares(sums.models),
        replacement=find_replacement(
            (one.time, one.answered_by) for one in read if (one.id, one.time) not in made_up
        ),
        applications=_shares(Counter(one.application for one in read)),
        latency_p50_ms=middle,
        latency_p95_ms=slow,
        input_tokens=sums.input_tokens / sums.counted if sums.counted else None,
        output_tokens=sums.output_tokens / sums.counted if sums.counted else None,
    )


def _begin(times: Sequence[float], end: float) -> float:
    """Return when a pace begins: one in a hundred calls that came long before the others tell none.

    Args:
        times: Of calls, ascending.
        end: When the pace ends.
    """
    begin = times[0]
    for before, after in islice(pairwise(times), 1 + len(times) // 100):
        if after - before > _LONG_BEFORE * (end - before):
            begin = after
    return begin


def _longest_gap(times: Sequence[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=0.0)


def _is_timed(read: Sequence[Asked], made_up: Collection[tuple[str, float]]) -> bool:
    """Tell whether calls come at moments of their own, and not together as files are written.

    Those of a log that tells days come together too, on a fortnight of days at least.
    """
    times = [one.time for one in read if (one.id, one.time) not in made_up]
    if 2 * len(times) < len(read):
        return False
    moments = len(set(times))
    apart = len(times) < _MOST_AT_ONCE * moments or moments >= _MANY_MOMENTS
    return len(times) == 1 or (moments > 1 and apart)


def share_of(sums: Sums, part: Sequence[Asked], whole: Sequence[Asked]) -> Sums:
    """Return the sums of a part of calls, by its share of those that were read.

    What calls cost goes by the cost of those that were read, where that is known.

    Args:
        sums: Of all calls.
        part: Those of the part that were read.
        whole: All that were read.
    """
    own = type(sums)()
    own.calls = round(sums.calls * len(part) / len(whole))
    costs = _total(one.cost_usd for one in whole)
    if sums.cost_usd is not None:
        share = _total(one.cost_usd for one in part) / costs if costs else len(part) / len(whole)
        own.cost_usd = sums.cost_usd * share
    priced = sum(one.cost_usd is not None for one in part)
    own.priced = round(own.calls * priced / len(part))
    known = [one for one in part if one.output_tokens is not None]
    own.counted = len(known)
    own.input_tokens = sum(one.input_tokens or 0 for one in known)
    own.output_tokens = sum(one.output_tokens or 0 for one in known)
    own.first = min(one.time for one in part)
    own.last = max(one.time for one in part)
    own.models = Counter(one.model for one in part)
    own.left = round(sums.left * len(part) / len(whole))
    return own


def _total(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)


def _shares(counts: Counter[str]) -> tuple[tuple[str, float], ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, count / counts.total()) for name, count in ordered)
