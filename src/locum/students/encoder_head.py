"""The head of an encoder: softmax regression on its embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy
from locum.students.softmax_regression import Regression, Term, fit_softmax_regression

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Head", "Scale", "choose_l2", "fit_head"]

Floats = NDArray[np.float32]

_PENALTIES = (3.0, 1.0, 0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
_ITERATIONS = 200
_SEARCHED_ROWS = 20_000
_BLOCK = 4_096


class Head(NamedTuple):
    """Logits of an embedding ``e`` are ``e @ weights + intercept``: ``[d, C]`` and ``[C]``."""

    weights: Floats
    intercept: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """Logits ``[N, C]`` of embeddings ``[N, d]``."""
        return embeddings @ self.weights + self.intercept


class Scale(NamedTuple):
    """Embeddings minus ``centre``, divided by ``spread``, have mean 0 and a mean variance of 1.

    A head is learned on these, so that a penalty and a learning rate mean the same for every
    encoder, and then written as one of the embeddings themselves.
    """

    centre: Floats
    spread: np.float32

    @classmethod
    def of(cls, embeddings: Floats) -> Scale:
        """Return the scale of embeddings ``[N, d]``."""
        centre = embeddings.mean(axis=0)
        blocks = (embeddings[at : at + _BLOCK] for at in range(0, len(embeddings), _BLOCK))
        squares = sum(float(np.square(block - centre).sum()) for block in blocks)
        spread = np.float32(np.sqrt(squares / embeddings.size))
        return cls(centre, spread if spread > 0 else np.float32(1))

    def unfold(self, head: Head) -> Head:
        """Return a head of embeddings as one of scaled embeddings."""
        return Head(head.weights * self.spread, head.intercept + self.centre @ head.weights)

    def fold(self, head: Head) -> Head:
        """Return a head of scaled embeddings as one of embeddings."""
        weights = head.weights / self.spread
        return Head(weights, head.intercept - self.centre @ weights)


def fit_head(
    embeddings: Floats, terms: Sequence[Term], l2: float, start: Head | None = None
) -> Head:
    """Return the head at the minimum of the terms' sum and ``l2 / 2 * |W|^2``.

    ``W`` is the head of scaled embeddings (see `Scale`). It is sought from a head of the same
    embeddings on, if one is given.
    """
    scale = Scale.of(embeddings)
    scaled = embeddings - scale.centre
    scaled /= scale.spread
    begin = None if start is None else Regression(*scale.unfold(start))
    found = fit_softmax_regression(_DenseDesign(scaled), terms, l2, _ITERATIONS, start=begin)
    return scale.fold(Head(found.weights, found.intercept))


def choose_l2(embeddings: Floats, terms: Sequence[Term], held_out: NDArray[np.bool_]) -> float:
    """Return the penalty of which the head does best on inputs that it has not learned from.

    Penalties are tried from strong to weak until the loss on the inputs held out rises. Of more
    than 20,000 inputs every so many are searched with, and the penalty shrinks by the share of
    them, as it weighs against a mean.
    """
    step = -(-len(embeddings) // _SEARCHED_ROWS)
    known, unknown = (np.flatnonzero(~held_out)[::step], np.flatnonzero(held_out)[::step])
    learned, judged = _rows(terms, known), _rows(terms, unknown)
    best, least, head = _PENALTIES[0], np.inf, None
    for l2 in _PENALTIES:
        head = fit_head(embeddings[known], learned, l2, head)
        logits = head.logits(embeddings[unknown])
        loss = sum(
            soft_target_cross_entropy(logits, t.targets, t.temperature).value for t in judged
        )
        if loss >= least:
            break
        best, least = l2, loss
    return best / step


def _rows(terms: Sequence[Term], rows: NDArray[np.int64]) -> list[Term]:
    return [term._replace(targets=term.targets[rows]) for term in terms]


class _DenseDesign:
    """Inputs as rows of numbers ``[N, d]``."""

    def __init__(self, matrix: Floats) -> None:
        self._matrix = matrix

    def logits(self, weights: Floats) -> Floats:
        return self._matrix @ weights

    def gradient(self, on_logits: Floats) -> Floats:
        return self._matrix.T @ on_logits

    def mean_squares(self) -> Floats:
        squares: Floats = np.square(self._matrix).mean(axis=0)
        return squares
