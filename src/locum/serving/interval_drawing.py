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
        target: Where the promise lies; ``None`` where none is known.
        label: Where the promise's name is written, inside the drawing; likewise.
        low: Where the interval begins; ``None`` where nothing was compared.
        length: How long it is.
        found: Where the agreement lies.
        verdict: ``good`` where the interval lies above the promise, ``bad`` where below it,
            ``open`` where the promise lies in it, or is not known.
    """

    floor: float
    first: float
    last: float
    target: float | None
    label: float | None
    low: float | None
    length: float
    found: float
    verdict: str


def draw_interval(compared: Compared, target: float | None) -> IntervalDrawing:
    """Place an agreement, its interval and the promise on one line.

    Args:
        compared: What sampled calls show.
        target: The promised agreement; ``None`` where it is not known.
    """
    agreement = compared.agreement
    least = min(1.0 if target is None else target, 1.0 if agreement is None else compared.low)
    floor = next((f for f in _FLOORS if f < least), 0.0)
    promise = None if target is None else _place(target, floor)
    label = None if promise is None else min(max(promise, _LABEL_SPACE), WIDTH - _LABEL_SPACE)
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


def _verdict(compared: Compared, target: float | None) -> str:
    if target is None:
        return "open"
    if compared.low >= target:
        return "good"
    return "bad" if compared.high < target else "open"
