"""The weights of features and the transitions of a chain, by L-BFGS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.chain import expect
from locum.extractors.chain_loss import TagWeights, chain_loss
from locum.students.lbfgs import ValueAndGradient, minimise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.extractors.tag_set import TagSet
    from locum.extractors.token_design import TokenDesign
    from locum.extractors.training_targets import Chunk

__all__ = ["FittedChain", "fit_chain"]

Floats = NDArray[np.float32]

_LEAST_VARIANCE = 1e-3


class FittedChain(NamedTuple):
    """What training found.

    Args:
        weights: Of the columns, ``[D, K]``.
        intercept: ``[K]``.
        transitions: ``[K, K]``; zero where tags may not follow each other.
    """

    weights: Floats
    intercept: Floats
    transitions: Floats


class _Weights(NamedTuple):
    """A number for each weight, with the intercept's in the last row, and for each transition."""

    columns: Floats
    transitions: Floats

    def flat(self) -> Floats:
        return np.concatenate([self.columns.ravel(), self.transitions.ravel()])


def fit_chain(
    design: TokenDesign,
    chunks: Sequence[Chunk],
    tags: TagSet,
    l2: float,
    iterations: int,
    tolerance: float,
) -> FittedChain:
    """Return the weights at a minimum of the summed `chain_loss` and ``l2 / 2 * |W|^2``.

    They are sought in units in which the loss curves about alike in all directions, so that L-BFGS
    takes fewer steps: the curvature in a weight is about the number of its feature's tokens times
    the variance of its tag among them, to which the penalty adds.

    Args:
        design: Of the tokens, in the order of the chunks.
        chunks: The training texts.
        tags: ``K`` of them.
        l2: Strength of the penalty, against the sum of the texts' losses; the intercept has none.
        iterations: Bound on those of L-BFGS.
        tolerance: Share of the loss; two steps in a row that gain less are the last.
    """
    objective = _Objective(design, chunks, tags, l2)
    start = np.zeros(objective.unit.size, np.float32)
    found = minimise(objective, start, iterations=iterations, tolerance=tolerance)
    columns, transitions = objective.weights(found)
    return FittedChain(columns[:-1], columns[-1], transitions)


class _Objective:
    """The mean loss and penalty of a text, as a function of weights in their units."""

    def __init__(
        self, design: TokenDesign, chunks: Sequence[Chunk], tags: TagSet, l2: float
    ) -> None:
        self._design, self._chunks, self._tags = design, chunks, tags
        self._total = float(sum(chunk.weights.sum(dtype=np.float64) for chunk in chunks))
        self._penalty = np.float32(l2 / self._total)
        counts = _count_targets(design, chunks, tags)
        self._split = counts.columns.size
        curvatures = _Weights(*map(_curvature, counts)).flat() / np.float32(self._total)
        self.unit: Floats = np.reciprocal(np.sqrt(curvatures + self._penalty))

    def weights(self, point: Floats) -> _Weights:
        flat = point * self.unit
        tags = len(self._tags)
        columns = flat[: self._split].reshape(-1, tags)
        return _Weights(columns, flat[self._split :].reshape(tags, tags))

    def __call__(self, point: Floats) -> ValueAndGradient:
        columns, transitions = self.weights(point)
        scores = self._design.scores(columns[:-1])
        scores += columns[-1]
        chain = self._tags.chain(transitions)
        on_transitions = np.zeros_like(transitions)
        value = 0.0
        for rows, chunk in _with_rows(self._chunks):
            loss = chain_loss(chain, scores[rows], chunk.packing, chunk.targets, chunk.weights)
            value += loss.value
            scores[rows] = loss.scores
            on_transitions += loss.transitions
        on_columns = np.empty_like(columns)
        on_columns[:-1] = self._design.gradient(scores)
        on_columns[-1] = scores.sum(axis=0)
        gradient = _Weights(on_columns, on_transitions).flat()
        gradient /= np.float32(self._total)
        return self._penalise(point, value / self._total, gradient)

    def _penalise(self, point: Floats, value: float, gradient: Floats) -> ValueAndGradient:
        weights = point * self.unit
        intercept = slice(self._split - len(self._tags), self._split)
        weights[intercept] = 0
        value += float(self._penalty) / 2 * float(np.vdot(weights, weights))
        weights *= self._penalty
        gradient += weights
        gradient *= self.unit
        return ValueAndGradient(value, gradient)


def _with_rows(chunks: Sequence[Chunk]) -> Iterator[tuple[slice, Chunk]]:
    """Yield each chunk with its rows in the design."""
    end = 0
    for chunk in chunks:
        begin, end = end, end + len(chunk.tokens)
        yield slice(begin, end), chunk


def _count_targets(design: TokenDesign, chunks: Sequence[Chunk], tags: TagSet) -> _Weights:
    """Return how often the targets alone let each tag be with each column, and after each tag."""
    chain = tags.chain(np.zeros((len(tags), len(tags)), np.float32))
    tokens: list[Floats] = []
    transitions = np.zeros_like(chain.transitions)
    for chunk in chunks:
        scores = _log_weights(chunk, len(tags))
        found = expect(chain, scores, chunk.packing, chunk.weights)
        tokens.append(found.tokens * chunk.weights[chunk.packing.sequences, None])
        transitions += found.transitions
    every = np.concatenate(tokens)
    columns = np.concatenate([design.gradient(every), every.sum(axis=0, keepdims=True)])
    return _Weights(columns, transitions)


def _log_weights(chunk: Chunk, tags: int) -> Floats:
    if isinstance(chunk.targets, TagWeights):
        return chunk.targets.logarithms.astype(np.float32, copy=False)
    scores = np.full((len(chunk.tokens), tags), -np.inf, np.float32)
    scores[np.arange(len(scores)), chunk.targets.tags] = 0
    return scores


def _curvature(counts: Floats) -> Floats:
    """Return about how the loss curves in weights whose features have tags this often, ``[D, K]``.

    A feature of few tokens is taken to have tags as often as all features together.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts.sum(axis=0) / max(float(counts.sum()), 1.0)
    probabilities = (counts + shares) / (totals + 1)
    variances = np.maximum(probabilities * (1 - probabilities), _LEAST_VARIANCE)
    curvatures: Floats = (totals * variances).astype(np.float32)
    return curvatures
