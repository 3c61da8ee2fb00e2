"""How many steps an encoder is trained for, and at which rate."""

from __future__ import annotations

import time

__all__ = ["StepPlan"]

_WARM_UP = 0.1
_LEAST_FACTOR = 1e-3
_FIRST_LOOK = 8


class StepPlan:
    """Steps of a training, and the share of the highest learning rate that each one gets.

    The share depends on how many steps are done and how many are planned, and on no clock: it rises
    in a line over the first tenth of the steps and falls in a line over the others. All steps are
    planned unless a bound in seconds binds: after 8, 16, 32 and so on steps, their mean time says
    how many more fit into what is left of the seconds, and where these are not all, so many are
    planned. The time of the first judging counts against the seconds, not as time of steps, and is
    set aside for the last one. Where the seconds run out all the same, no further step is taken.

    Args:
        steps: How many there are, if time allows.
        seconds: From now on; ``None`` sets no bound.
    """

    def __init__(self, steps: int, seconds: float | None) -> None:
        self._all = self._planned = steps
        self._seconds = seconds
        self._done = 0
        self._next_look = _FIRST_LOOK
        self._made = self._started = time.monotonic()

    def start(self) -> None:
        """Note that the first judging is over and steps begin."""
        self._started = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether no further step is to be taken."""
        out_of_time = self._seconds is not None and self._elapsed() >= self._seconds
        return out_of_time or self._done >= self._planned

    @property
    def factor(self) -> float:
        """Share of the highest learning rate that the next step gets."""
        share = self._done / self._planned
        return max(min(share / _WARM_UP, (1 - share) / (1 - _WARM_UP)), _LEAST_FACTOR)

    def step(self) -> None:
        """Note that a step is done."""
        self._done += 1
        if self._seconds is not None and self._done == self._next_look:
            self._next_look *= 2
            self._planned = min(self._all, self._done + self._affordable(self._seconds))

    def _affordable(self, seconds: float) -> int:
        """How many more steps fit, and a judging after them."""
        elapsed = self._elapsed()
        judging = self._started - self._made
        pace = (elapsed - judging) / self._done
        return max(0, int((seconds - elapsed - judging) / max(pace, 1e-9)))

    def _elapsed(self) -> float:
        return time.monotonic() - self._made
