"""An interval for a share that may be looked at after every observation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locum.evaluation.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["anytime_interval"]

_HALVINGS = 60
_PRIOR_WEIGHT = 10


def anytime_interval(successes: int, trials: int, delta: float, expected: float = 0.5) -> Interval:
    """Two-sided confidence interval of a probability that holds at all times at once.

    With ``s`` successes, ``f`` failures and a Beta prior ``(a, b)``, the mixture likelihood ratio

        M(p) = B(a + s, b + f) / B(a, b) / (p^s (1 - p)^f)

    is a martingale that starts at 1 where each outcome is a success with probability ``p`` given
    all before it. So ``{p: M(p) < 1 / delta}`` holds the true ``p`` at every number of
    observations together with confidence ``1 - delta`` (Robbins 1970; Howard, Ramdas, McAuliffe and
    Sekhon 2021). ``M`` is convex in ``p`` on a log scale, hence the set is an interval, whose ends
    are found by bisection. The prior has the weight of ten observations, ``a = 10 expected`` and
    ``b = 10 (1 - expected)``; it changes the width and not the confidence.

    The probability must stay the same over all trials. Where it drifts, the interval speaks of no
    one number.

    Args:
        successes: Seen so far.
        trials: Seen so far; with none, the interval is all of ``[0, 1]``.
        delta: Bound on the chance that the interval ever misses the probability, between 0 and 1.
        expected: Where the share is expected, between 0 and 1; narrowest there.
    """
    from scipy.special import betaln

    failures = trials - successes
    if not trials:
        return Interval(0.0, 1.0)
    a, b = _PRIOR_WEIGHT * expected, _PRIOR_WEIGHT * (1 - expected)
    evidence = float(betaln(a + successes, b + failures) - betaln(a, b))
    least = evidence + math.log(delta)

    def kept(share: float) -> bool:
        return _log_likelihood(share, successes, failures) > least

    seen = successes / trials
    return Interval(
        _end(kept, seen, 0.0) if successes else 0.0, _end(kept, seen, 1.0) if failures else 1.0
    )


def _log_likelihood(share: float, successes: int, failures: int) -> float:
    likelihood = successes * math.log(share) if successes else 0.0
    return likelihood + failures * math.log1p(-share) if failures else likelihood


def _end(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """The border between a share that is kept and one that is not, on the far side of it."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if middle in {inside, outside}:
            break
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return outside
