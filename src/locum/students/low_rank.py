"""Softmax regression with weights of low rank, averaged over several starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy
from locum.students.softmax_regression import Regression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import EllipsisType

    from scipy.sparse import csr_array

    from locum.students.softmax_regression import Term

__all__ = ["Factors", "fit_low_rank_regression", "loss_gradients", "train_factors"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_STARTS = 4
_BATCH = 64
_RATE = 3e-3
_MOST_EPOCHS, _LEAST_EPOCHS = 15, 2
_MOST_ENTRIES = 60_000_000
_FIRST_DECAY, _SECOND_DECAY = 0.9, 0.999
_SMALLEST = 1e-8
_SEED = 0


class Factors(NamedTuple):
    """Weights ``E O`` and intercepts of ``S`` models side by side.

    Args:
        inner: ``E``, ``[D, S r]``.
        outer: ``O``, ``[S, r, C]``.
        intercept: ``[S, 1, C]``.
    """

    inner: Floats
    outer: Floats
    intercept: Floats


def fit_low_rank_regression(design: csr_array, terms: Sequence[Term], rank: int) -> Regression:
    """Return the mean of four softmax regressions with weights ``W = E O`` of some rank.

    Two matrices in a row, as in fastText (Joulin, Grave, Bojanowski and Mikolov 2017), trained by
    Adam (Kingma and Ba 2015) on batches of 64 inputs, in whose rows of ``E`` alone anything moves;
    the rate falls to zero in a line. There is no penalty: the rank and the end of training take its
    place. What is averaged are logits, so that the result is one matrix again. The four start at
    different random numbers, the same in every run.

    Args:
        design: ``X``, ``[N, D]``.
        terms: Of the loss.
        rank: ``r``.
    """
    factors = train_factors(design.astype(np.float32), terms, rank)
    weights = np.zeros((design.shape[1], factors.outer.shape[2]), np.float32)
    for start, outer in enumerate(factors.outer):
        weights += factors.inner[:, start * rank : (start + 1) * rank] @ outer
    weights /= _STARTS
    intercept: Floats = factors.intercept.mean(axis=0)[0]
    return Regression(weights, intercept)


def train_factors(design: csr_array, terms: Sequence[Term], rank: int) -> Factors:
    """Return the four models; see `fit_low_rank_regression`."""
    inputs, columns = design.shape
    classes = terms[0].targets.shape[1]
    dice = np.random.default_rng(_SEED)
    start = dice.uniform(-1 / rank, 1 / rank, (columns, _STARTS * rank))
    factors = Factors(
        start.astype(np.float32),
        np.zeros((_STARTS, rank, classes), np.float32),
        np.zeros((_STARTS, 1, classes), np.float32),
    )
    adams = [_Adam(factor) for factor in factors]
    epochs = min(max(_LEAST_EPOCHS, _MOST_ENTRIES // max(design.nnz, 1)), _MOST_EPOCHS)
    steps = epochs * -(-inputs // _BATCH)
    for step, rows in enumerate(_deal(inputs, epochs, dice)):
        batch = design[rows]
        used, places = np.unique(batch.indices, return_inverse=True)
        batch = type(batch)((batch.data, places, batch.indptr), shape=(len(rows), len(used)))
        some = factors._replace(inner=factors.inner[used])
        gradients = loss_gradients(some, batch, [_some_of(term, rows) for term in terms])
        rate = _RATE * (1 - step / steps)
        inner, *others = zip(adams, gradients, strict=True)
        inner[0].move(inner[1], used, rate, step + 1)
        for adam, gradient in others:
            adam.move(gradient, ..., rate, step + 1)
    return factors


def _deal(inputs: int, epochs: int, dice: np.random.Generator) -> Iterator[Rows]:
    for _ in range(epochs):
        order = dice.permutation(inputs)
        for start in range(0, inputs, _BATCH):
            yield np.sort(order[start : start + _BATCH])


def _some_of(term: Term, rows: Rows) -> Term:
    return term._replace(targets=term.targets[rows])


def loss_gradients(factors: Factors, batch: csr_array, terms: Sequence[Term]) -> Factors:
    """Return the gradients of the summed losses of all models by their factors."""
    starts, rank, _ = factors.outer.shape
    hidden = (batch @ factors.inner).reshape(-1, starts, rank).transpose(1, 0, 2)
    logits = hidden @ factors.outer + factors.intercept
    on_logits = np.stack([_on_logits(own, terms) for own in logits])
    on_hidden = on_logits @ factors.outer.transpose(0, 2, 1)
    flat = on_hidden.transpose(1, 0, 2).reshape(-1, starts * rank)
    return Factors(
        batch.T @ flat,
        hidden.transpose(0, 2, 1) @ on_logits,
        on_logits.sum(axis=1, keepdims=True),
    )


def _on_logits(logits: Floats, terms: Sequence[Term]) -> Floats:
    losses = [soft_target_cross_entropy(logits, t.targets, t.temperature) for t in terms]
    gradient: Floats = np.add.reduce([loss.gradient for loss in losses])
    return gradient


class _Adam:
    """Adam on one array, of which each step moves some rows or all.

    Args:
        array: Changed in place.
    """

    def __init__(self, array: Floats) -> None:
        self._array = array
        self._first, self._second = np.zeros_like(array), np.zeros_like(array)

    def move(self, gradient: Floats, rows: Rows | EllipsisType, rate: float, step: int) -> None:
        """Take step number ``step``, from 1, along the gradient of these rows."""
        first, second = self._first[rows], self._second[rows]
        first += np.float32(1 - _FIRST_DECAY) * (gradient - first)
        second += np.float32(1 - _SECOND_DECAY) * (gradient * gradient - second)
        self._first[rows], self._second[rows] = first, second
        unit = np.sqrt(second / np.float32(1 - _SECOND_DECAY**step)) + np.float32(_SMALLEST)
        self._array[rows] -= np.float32(rate / (1 - _FIRST_DECAY**step)) * first / unit
