"""How unlike its training inputs an input is, by its embedding."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["MahalanobisDistance", "RelativeDistance"]

Floats = NDArray[np.float32]

_LEAST_VARIANCE = 1e-9


class MahalanobisDistance(NamedTuple):
    """Distance of embeddings to the nearest of some means, which share one covariance.

    Args:
        whitening: ``V [d, d]``, by which distances become Euclidean.
        means: As rows of ``M V``, ``[K, d]``.
    """

    whitening: Floats
    means: Floats

    @classmethod
    def fit(cls, embeddings: Floats, groups: NDArray[np.int64]) -> Self:
        """Learn the means of groups, such that the mean squared distance to the nearest is 1.

        The covariance is that around each embedding's own mean, shrunk towards a multiple of the
        identity by the oracle approximating weight (Chen et al. 2010).

        Args:
            embeddings: ``[N, d]``.
            groups: Index of each one's group, ``[N]``; those that occur get a mean.
        """
        present, group_of = np.unique(groups, return_inverse=True)
        exact = embeddings.astype(np.float64)
        sums = np.zeros((len(present), exact.shape[1]))
        np.add.at(sums, group_of, exact)
        means = sums / np.bincount(group_of)[:, None]
        values, vectors = np.linalg.eigh(_shrunk_covariance(exact - means[group_of]))
        whitening = vectors / np.sqrt(values)
        found = cls(whitening.astype(np.float32), (means @ whitening).astype(np.float32))
        typical = np.float32(np.sqrt(max(float(found.squares(embeddings).mean()), 1e-6)))
        return cls(found.whitening / typical, found.means / typical)

    def squares(self, embeddings: Floats) -> Floats:
        """Return the squared distance of each embedding, ``[N]``."""
        white = embeddings @ self.whitening
        squares: Floats = (
            np.square(white).sum(axis=1, keepdims=True)
            + np.square(self.means).sum(axis=1)
            - 2 * white @ self.means.T
        )
        return np.maximum(squares.min(axis=1), 0)


class RelativeDistance(NamedTuple):
    """How much further embeddings are from all labels than from the training inputs as a whole.

    The relative Mahalanobis distance (Ren et al. 2021): the squared distance to the nearest mean
    of a label (Lee et al. 2018), less that to the mean of all. Each is divided by its mean over
    the training inputs, and 1 is added, so that they have a mean of about 1; what is below 0
    is 0.

    Args:
        labels: Distance to the labels' means.
        whole: Distance to the mean of all.
    """

    labels: MahalanobisDistance
    whole: MahalanobisDistance

    @classmethod
    def fit(cls, embeddings: Floats, labels: NDArray[np.int64]) -> Self:
        """Learn from embeddings ``[N, d]`` and the index of each one's label, ``[N]``."""
        return cls(
            MahalanobisDistance.fit(embeddings, labels),
            MahalanobisDistance.fit(embeddings, np.zeros_like(labels)),
        )

    def measure(self, embeddings: Floats) -> Floats:
        """Return the novelty of each embedding, ``[N]``."""
        relative = 1 + self.labels.squares(embeddings) - self.whole.squares(embeddings)
        return np.maximum(relative, 0)


def _shrunk_covariance(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    count, width = centred.shape
    covariance = centred.T @ centred / count
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    excess = (count + 1 - 2 / width) * (squares - trace**2 / width)
    share = min(1.0, ((1 - 2 / width) * squares + trace**2) / excess) if excess > 0 else 1.0
    shrunk: NDArray[np.float64] = (1 - share) * covariance
    shrunk[np.diag_indices(width)] += max(share * trace / width, _LEAST_VARIANCE)
    return shrunk
