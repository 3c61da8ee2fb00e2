"""A score as categories: bins with about equal shares of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ScoreBins", "bin_reference"]

_SHARE_OF_EDGES = 0.25


class ScoreBins(NamedTuple):
    """Bins of a score, the lowest first.

    Args:
        edges: Greatest score of each bin but the last, ascending, ``[C - 1]``.
        reference_counts: Reference scores in each bin, ``[C]``, for an `ExchangeabilityWatch`.
    """

    edges: tuple[float, ...]
    reference_counts: tuple[int, ...]

    def categories(self, scores: NDArray[np.floating] | Sequence[float]) -> list[int]:
        """Return the bin of each score; NaN counts as the highest."""
        found: list[int] = np.searchsorted(np.array(self.edges), np.asarray(scores)).tolist()
        return found


def bin_reference(
    scores: NDArray[np.floating] | Sequence[float], bins: int = 10, seed: int = 0
) -> ScoreBins:
    """Cut a score into bins by quantiles of a reference sample.

    A random quarter of the sample gives the edges and the others are counted: were the same scores
    to do both, counts would be more even than those of any new sample, and a watch that compares
    new ones with them would have no exact bound. Equal scores share a bin, so that there may be
    fewer bins than asked for; the last one may then be empty.

    Args:
        scores: Of reference inputs, ``[N]``.
        bins: Wanted, two or more.
        seed: Of the choice of the quarter.

    Raises:
        UsageError: There are fewer than two bins, or fewer than four scores for each, or a score
            is NaN.
    """
    given = np.asarray(scores, np.float64)
    if bins < 2:
        raise UsageError(f"{bins} bins cannot be used: expected two or more")
    if len(given) < 4 * bins:
        raise UsageError(
            f"{len(given)} reference scores are too few for {bins} bins: expected {4 * bins} or "
            f"more; ask for fewer bins"
        )
    if np.isnan(given).any():
        raise UsageError("a reference score is NaN: expected numbers; leave such inputs out")
    shuffled = np.random.default_rng(seed).permutation(given)
    cut = round(len(given) * _SHARE_OF_EDGES)
    shares = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(shuffled[:cut], shares, method="inverted_cdf"))
    counts = np.bincount(np.searchsorted(edges, shuffled[cut:]), minlength=len(edges) + 1)
    return ScoreBins(tuple(edges.tolist()), tuple(counts.tolist()))
