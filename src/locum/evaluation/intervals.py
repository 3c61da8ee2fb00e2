"""Exact binomial tests and intervals."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Interval", "binomial_lower_tail", "clopper_pearson", "lower_limit"]


class Interval(NamedTuple):
    """Two ends of a confidence interval."""

    low: float
    high: float


def binomial_lower_tail(successes: int, trials: int, probability: float) -> float:
    """Return ``P(X <= successes)`` for ``X ~ Binomial(trials, probability)``."""
    from scipy.special import bdtr

    return float(bdtr(successes, trials, probability))


def lower_limit(successes: int, trials: int, confidence: float) -> float:
    """One-sided exact lower confidence limit of a share (Clopper and Pearson 1934).

    It is the share at which ``P(X >= successes)`` is ``1 - confidence``; 0 with no success.
    """
    from scipy.special import betaincinv

    if successes == 0:
        return 0.0
    return float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Two-sided exact confidence interval of a share (Clopper and Pearson 1934)."""
    one_sided = (1 + confidence) / 2
    return Interval(
        lower_limit(successes, trials, one_sided),
        1 - lower_limit(trials - successes, trials, one_sided),
    )
