"""Limited-memory BFGS in the type of the start, for smooth convex functions of many variables."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ValueAndGradient", "minimise"]

Vector = NDArray[np.float32]

_MEMORY = 6
_SMALL_STEPS = 2
_SUFFICIENT = 1e-4
_HALVINGS = 12


class ValueAndGradient(NamedTuple):
    """A function's value and its gradient at a point."""

    value: float
    gradient: Vector


class _Reached(NamedTuple):
    """A step, and the function's value where it leads."""

    step: Vector
    at: ValueAndGradient


class _Change(NamedTuple):
    """A step and what it changed in the gradient, with one over their product."""

    step: Vector
    gradient: Vector
    inverse: float


def minimise(
    function: Callable[[Vector], ValueAndGradient],
    start: Vector,
    *,
    iterations: int,
    tolerance: float,
) -> Vector:
    """Return a point where two steps in a row gain less than ``tolerance`` of the value each.

    L-BFGS (Liu and Nocedal 1989) with six changes kept; a step is halved until it gains enough
    (Armijo 1966). One thread works: for products as small as these several gain little, and on a
    busy machine each waits for the others to be scheduled.

    Args:
        function: Smooth and convex.
        start: Where to begin; left as it is.
        iterations: Bound on the steps.
        tolerance: Relative gain that is small.
    """
    import scipy.linalg.blas  # noqa: F401 - a library has to be loaded for its threads to be limited

    with threadpool_limits(1, user_api="blas"):
        return _descend(function, start, iterations, tolerance)


def _descend(
    function: Callable[[Vector], ValueAndGradient], start: Vector, iterations: int, tolerance: float
) -> Vector:
    point, at = start, function(start)
    changes: deque[_Change] = deque(maxlen=_MEMORY)
    small = 0
    for _ in range(iterations):
        found = _search(function, point, at, _direction(at.gradient, changes))
        if found is None:
            break
        step, reached = found
        point = point + step
        difference = reached.gradient - at.gradient
        curvature = float(np.vdot(step, difference))
        if curvature > 0:
            changes.append(_Change(step, difference, 1 / curvature))
        gain, at = at.value - reached.value, reached
        small = small + 1 if gain <= tolerance * max(abs(at.value), 1e-12) else 0
        if small == _SMALL_STEPS:
            break
    return point


def _direction(gradient: Vector, changes: deque[_Change]) -> Vector:
    """Two-loop recursion of Nocedal 1980; BLAS adds in place, in one pass over the memory."""
    from scipy.linalg.blas import saxpy

    direction = -gradient
    if not changes:
        return direction / max(1.0, float(np.linalg.norm(direction)))
    shares = []
    for change in reversed(changes):
        share = change.inverse * float(np.vdot(change.step, direction))
        direction = saxpy(change.gradient, direction, a=-share)
        shares.append(share)
    last = changes[-1]
    direction *= np.float32(1 / (last.inverse * float(np.vdot(last.gradient, last.gradient))))
    for change, share in zip(changes, reversed(shares), strict=True):
        other = change.inverse * float(np.vdot(change.gradient, direction))
        direction = saxpy(change.step, direction, a=share - other)
    return direction


def _search(
    function: Callable[[Vector], ValueAndGradient],
    point: Vector,
    at: ValueAndGradient,
    direction: Vector,
) -> _Reached | None:
    """Return a step along a direction that gains enough; ``None`` where there is none."""
    slope = float(np.vdot(direction, at.gradient))
    if slope >= 0:
        return None
    length = 1.0
    for _ in range(_HALVINGS):
        step = np.float32(length) * direction
        reached = function(point + step)
        if reached.value <= at.value + _SUFFICIENT * length * slope:
            return _Reached(step, reached)
        length /= 2
    return None
