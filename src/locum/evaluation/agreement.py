"""Shares of held-out inputs, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import mean_agreement
from locum.evaluation.intervals import Interval, clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Share", "share", "share_of_pairs"]


class Share(NamedTuple):
    """A share of inputs, or of pairs of their answers, with its two-sided 95% interval."""

    value: float
    interval: Interval
    inputs: int


def share(hits: NDArray[np.bool_]) -> Share | None:
    """Return the share of true entries; ``None`` where there is no entry."""
    if not hits.size:
        return None
    successes = int(hits.sum())
    return Share(successes / hits.size, clopper_pearson(successes, hits.size), hits.size)


def share_of_pairs(agrees: NDArray[np.bool_], texts: Sequence[str]) -> Share | None:
    """Return how often two answers to one text agree: the mean over texts, ``None`` without a pair.

    The pairs of one text are no independent draws, so that texts count for the interval; see
    `locum.calibration.self_agreement`.

    Args:
        agrees: Whether a pair does, ``[N]``.
        texts: That of each pair, ``[N]``.
    """
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    of_text = np.array([numbers[text] for text in texts], np.int64)
    shares = np.bincount(of_text, agrees, len(numbers)) / np.bincount(of_text, None, len(numbers))
    found = mean_agreement(shares, len(agrees))
    return found and Share(found.estimate, Interval(found.lower, found.upper), len(agrees))
