"""An agreement with its interval against the promise, as places on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from locum.promotion import Compared

__all__ = ["WIDTH", "IntervalDrawing", "draw_interval"]

WIDTH = 320
"""Of the drawing, in its own units."""

_MARGIN = 7
_LEAST_BAR = 3.0
_LABEL_SPACE = 52
_FLOORS = (0.95, 0.9, 0.8, 0.5, 0.0)


class IntervalDrawing(NamedTuple):
    """Where things lie on the line, from left to right.

    Args:
        floor: The share at its left end; at its right end is 1.
        first: Where it begins.
        last: Where it ends.
        target: Where the promise lies.
        label: Where the promise's name is written, inside the drawing.
        low: Where the interval begins; ``None`` where nothing was compared.
        length: How long it is.
        found: Where the agreement lies.
        verdict: ``good`` where the interval lies above the promise, ``bad`` where below it,
            ``open`` where the promise lies in it.
    """

    floor: float
    first: float
    last: float
    target: float
    label: float
    low: float | None
    length: float
    found: float
    verdict: str


def draw_interval(compared: Compared, target: float) -> IntervalDrawing:
    """Place an agreement, its interval and the promise on one line.

    Args:
        compared: What sampled calls show.
        target: The promised agreement.
    """
    agreement = compared.agreement
    least = target if agreement is None else min(compared.low, target)
    floor = next((f for f in _FLOORS if f < least), 0.0)
    promise = _place(target, floor)
    label = min(max(promise, _LABEL_SPACE), WIDTH - _LABEL_SPACE)
    drawing = IntervalDrawing(
        floor, _MARGIN, WIDTH - _MARGIN, promise, label, None, 0.0, 0.0, "open"
    )
    if agreement is None:
        return drawing
    low, high = _place(compared.low, floor), _place(compared.high, floor)
    return drawing._replace(
        low=low,
        length=max(high - low, _LEAST_BAR),
        found=_place(agreement, floor),
        verdict=_verdict(compared, target),
    )


def _place(share: float, floor: float) -> float:
    whole = (share - floor) / (1 - floor)
    return round(_MARGIN + min(max(whole, 0.0), 1.0) * (WIDTH - 2 * _MARGIN), 1)


def _verdict(compared: Compared, target: float) -> str:
    if compared.low >= target:
        return "good"
    return "bad" if compared.high < target else "open"
