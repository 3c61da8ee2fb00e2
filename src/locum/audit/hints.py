"""What calls could save without a student: answers given again, a day's delay, shorter answers."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.prices import Tokens, find_price, sells_batches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.audit.tasks import SampledCall, TrafficTask
    from locum.schema import OwnPrice

__all__ = ["Hint", "batch_hint", "cache_hint", "label_hint"]

_WORTH_SAYING = 0.05
_HALF = 0.5
_MOSTLY = 0.9
_FEW_HOURS = 0.1
_LEAST_HOURS = 48
_SECONDS_AN_HOUR = 3_600


class Hint(NamedTuple):
    """One way to save.

    Args:
        share: Of what the task costs that would be saved.
        calls: Share of its calls that would not be sent to the model, or at another price.
        reason: Why, in a sentence with its figures.
    """

    share: float
    calls: float
    reason: str


def cache_hint(task: TrafficTask) -> Hint | None:
    """Return what the gateway's cache of exact calls would save, where calls are often repeated.

    It answers calls at temperature 0 alone, so that others count as nothing.
    """
    measures = task.measures
    share = measures.repeated
    if share < _WORTH_SAYING:
        return None
    least = "" if task.volume.read == task.volume.calls else "at least "
    reason = (
        f"{least}{share:.0%} of calls are exactly ones that were asked before, which "
        "[gateway.cache] answers again for nothing"
    )
    if measures.cacheable < share:
        reason += (
            f"; it keeps answers at temperature 0 alone, which {measures.cacheable:.0%} are asked "
            "again at"
        )
    if abs(measures.cacheable_cost - measures.cacheable) >= _WORTH_SAYING:
        reason += f"; that is {measures.cacheable_cost:.0%} of the cost"
    return Hint(measures.cacheable_cost, measures.cacheable, reason)


def batch_hint(task: TrafficTask) -> Hint | None:
    """Return what a batch price would save, where calls look as if nobody waits for them.

    That is so where next to none is streamed or of a batch already, and nine in ten come in a tenth
    of the hours from the task's first call to its last, over two days at least. The providers'
    batch prices are half.
    """
    asked = task.volume.models[0][0] if task.volume.models else ""
    model = asked.rpartition("/")[2]
    if not sells_batches(asked) or task.measures.batched > _WORTH_SAYING:
        return None
    if task.measures.streamed > _WORTH_SAYING:
        return None
    share = busy_hours(task.sample) if task.volume.timed else None
    if share is None or share > _FEW_HOURS:
        return None
    reason = (
        f"nine in ten calls come in {share:.0%} of the hours, and none is streamed: if they may "
        f"wait a day, the batch API of {model}'s provider answers them at half the price"
    )
    return Hint(_HALF, _HALF, reason)


def busy_hours(calls: Sequence[SampledCall]) -> float | None:
    """Return the share of hours in which nine in ten calls come.

    Returns:
        ``None`` within two days; and of fewer calls than hours, where the share is not below a
        quarter of what as many would fill at random, so that they show no hours of rest.
    """
    hours = Counter(int(call.time // _SECONDS_AN_HOUR) for call in calls)
    span = max(hours) - min(hours) + 1
    if span < _LEAST_HOURS:
        return None
    found = np.cumsum([count for _, count in hours.most_common()])
    share = (int(np.searchsorted(found, _MOSTLY * len(calls))) + 1) / span
    rate = len(calls) / span
    # Calls at random come alone in most of their hours, of which those of one in ten are left out.
    at_random = 1 - math.exp(-rate) - (1 - _MOSTLY) * rate
    return None if rate < 1 and share > at_random / 4 else share


def label_hint(task: TrafficTask, prices: Mapping[str, OwnPrice]) -> Hint | None:
    """Return what answers of the label alone would save.

    A label has at most as many tokens as bytes, so that the rest of the answers' tokens, thoughts
    among them, is more than was decided by at least the difference.

    Args:
        task: What was found of it.
        prices: One's own prices, by model.
    """
    volume, output = task.volume, task.measures.output
    known = volume.cost_usd is not None and volume.output_tokens is not None
    price = find_price(volume.models[0][0], prices) if volume.models else None
    if output.kind != "closed set" or not known or price is None or not volume.cost_usd:
        return None
    label = sum(len(name.encode()) * share for name, share in output.labels)
    more = (volume.output_tokens or 0.0) - label
    usual = 1 - _HALF * task.measures.batched
    saved = more * usual * price.cost_usd(Tokens(0, 1_000)) / 1_000
    share = saved * volume.calls * volume.priced / volume.cost_usd if more > 0 else 0.0
    if share < _WORTH_SAYING:
        return None
    reason = (
        f"answers take {volume.output_tokens:,.0f} tokens where the label has {label:.0f} bytes: "
        f"without thoughts and words around it, at least {min(share, 1):.0%} of the cost is saved"
    )
    return Hint(min(share, 1.0), 0.0, reason)
