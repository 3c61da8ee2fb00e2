"""How unlike its training inputs an input is, by its embedding."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["EmbeddingNovelty", "MahalanobisDistance"]

Floats = NDArray[np.float32]

_LEAST_VARIANCE = 1e-9
_LEAST_SQUARE = 0.01


class MahalanobisDistance(NamedTuple):
    """Distance of embeddings to the nearest of some means, which share one covariance.

    Args:
        centre: Mean of all embeddings, ``[d]``; subtracted first, for the sake of rounding.
        whitening: ``V [d, d]``, by which distances become Euclidean.
        means: Less the centre, as rows of ``M V``, ``[K, d]``.
    """

    centre: Floats
    whitening: Floats
    means: Floats

    @classmethod
    def fit(cls, embeddings: Floats, groups: NDArray[np.int64]) -> Self:
        """Learn the means of groups, such that the mean squared distance to the nearest is 1.

        The covariance is that around each embedding's own mean, shrunk towards a multiple of the
        identity by the oracle approximating weight (Chen et al. 2010; as scikit-learn has it,
        without the terms in ``2 / d``).

        Args:
            embeddings: ``[N, d]``.
            groups: Index of each one's group, ``[N]``; those that occur get a mean.
        """
        present, group_of = np.unique(groups, return_inverse=True)
        centre = embeddings.mean(axis=0)
        exact = (embeddings - centre).astype(np.float64)
        sums = np.zeros((len(present), exact.shape[1]))
        np.add.at(sums, group_of, exact)
        means = sums / np.bincount(group_of)[:, None]
        values, vectors = np.linalg.eigh(_shrunk_covariance(exact - means[group_of]))
        whitening = vectors / np.sqrt(values)
        found = cls(centre, whitening.astype(np.float32), (means @ whitening).astype(np.float32))
        typical = np.float32(np.sqrt(max(float(found.squares(embeddings).mean()), 1e-6)))
        return found.divided(typical)

    def divided(self, unit: np.float32) -> Self:
        """Return the same distance in another unit."""
        return self._replace(whitening=self.whitening / unit, means=self.means / unit)

    def squares(self, embeddings: Floats) -> Floats:
        """Return the squared distance of each embedding, ``[N]``."""
        white = (embeddings - self.centre) @ self.whitening
        squares = (
            np.square(white).sum(axis=1, keepdims=True)
            + np.square(self.means).sum(axis=1)
            - 2 * white @ self.means.T
        )
        nearest: Floats = np.maximum(squares.min(axis=1), 0)
        return nearest


class EmbeddingNovelty(NamedTuple):
    """How far embeddings are from all labels, and how much further than from the whole.

    ``d * d^2 / g^2``, divided by its mean over the training inputs, where ``d`` is the Mahalanobis
    distance to the nearest mean of a label (Lee et al. 2018) and ``g`` that to the mean of all.
    Inputs of another domain have a large ``d``. Those of another label in the same domain stand out
    by how ``d`` compares to ``g`` (Ren et al. 2021), which alone would miss other domains where
    labels differ little.

    Of embeddings that are wider the last ``d`` numbers are looked at, the pooled states of the last
    layer: distances take ``d^2`` products each.

    Args:
        labels: Distance to the labels' means.
        whole: Distance to the mean of all.
    """

    labels: MahalanobisDistance
    whole: MahalanobisDistance

    @classmethod
    def fit(cls, embeddings: Floats, labels: NDArray[np.int64], width: int | None = None) -> Self:
        """Learn from embeddings ``[N, D]`` and the index of each one's label, ``[N]``.

        Args:
            embeddings: Of the training inputs.
            labels: Of each.
            width: ``d``; by default all ``D`` numbers.
        """
        last = embeddings if width is None else embeddings[:, -width:]
        found = cls(
            MahalanobisDistance.fit(last, labels),
            MahalanobisDistance.fit(last, np.zeros_like(labels)),
        )
        typical = max(float(found.measure(embeddings).mean()), 1e-6)
        return cls(found.labels.divided(np.float32(typical ** (1 / 3))), found.whole)

    def measure(self, embeddings: Floats) -> Floats:
        """Return the novelty of each embedding, ``[N]``: 0 or more, in training 1 on average."""
        last = embeddings[:, -len(self.whole.centre) :]
        labels, whole = self.labels.squares(last), self.whole.squares(last)
        novelty = labels * np.sqrt(labels) / np.maximum(whole, _LEAST_SQUARE)
        return novelty.astype(np.float32)


def _shrunk_covariance(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    count, width = centred.shape
    covariance = centred.T @ centred / count
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    excess = (count + 1) * (squares - trace**2 / width)
    share = min(1.0, (squares + trace**2) / excess) if excess > 0 else 1.0
    shrunk: NDArray[np.float64] = (1 - share) * covariance
    shrunk[np.diag_indices(width)] += max(share * trace / width, _LEAST_VARIANCE)
    return shrunk
