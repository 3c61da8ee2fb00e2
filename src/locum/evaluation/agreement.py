"""Shares of held-out inputs, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.evaluation.intervals import Interval, clopper_pearson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Share", "share"]


class Share(NamedTuple):
    """A share of inputs with its exact two-sided 95% interval."""

    value: float
    interval: Interval
    inputs: int


def share(hits: NDArray[np.bool_]) -> Share | None:
    """Return the share of true entries; ``None`` where there is no entry."""
    if not hits.size:
        return None
    successes = int(hits.sum())
    return Share(successes / hits.size, clopper_pearson(successes, hits.size), hits.size)
