"""What the passes over a chain of tags take, and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chain", "Expectations", "Path"]

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chain:
    """What the first tag, and tags next to each other, add to a score; minus infinity forbids.

    Args:
        transitions: From the tag of the row to that of the column, ``[K, K]``, of the type of the
            scores.
        starts: Of the first tag, ``[K]``.
    """

    transitions: Floats
    starts: Floats

    @cached_property
    def largest(self) -> float:
        """The largest transition; 0 where none is allowed."""
        largest = float(self.transitions.max())
        return largest if np.isfinite(largest) else 0.0

    @cached_property
    def factors(self) -> Floats:
        """Exponentials of the transitions, over that of the largest, ``[K, K]``."""
        factors: Floats = np.exp(self.transitions - self.transitions.dtype.type(self.largest))
        return factors


class Path(NamedTuple):
    """A sequence of tags.

    Args:
        tags: ``T`` of them.
        score: What it scores; minus infinity where no sequence is allowed.
    """

    tags: list[int]
    score: float


class Expectations(NamedTuple):
    """Sums over all sequences of tags.

    Args:
        log_partition: Logarithm of the sum of the exponentials of all scores, ``[B]``.
        tokens: Probability of each tag at each token, ``[N, K]`` in the rows of the packing.
        transitions: How often each tag is expected to follow each, in all sequences together,
            each by its weight, ``[K, K]``.
    """

    log_partition: Doubles
    tokens: Floats
    transitions: Floats
