"""Softmax regression with weights of low rank, averaged over several starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy
from locum.students.softmax_regression import Regression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scipy.sparse import csr_array

    from locum.students.softmax_regression import Term

__all__ = ["Adam", "Factors", "fit_low_rank_regression", "loss_gradients", "train_factors"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_STARTS = 4
_BATCH = 64
_BLOCK = 256
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
    adams = [Adam(factor) for factor in factors]
    columns_of = _Columns(columns)
    epochs = min(max(_LEAST_EPOCHS, _MOST_ENTRIES // max(design.nnz, 1)), _MOST_EPOCHS)
    steps = epochs * -(-inputs // _BATCH)
    for step, rows in enumerate(_deal(inputs, epochs, dice)):
        used, batch = columns_of.keep_used(design[rows])
        some = factors._replace(inner=factors.inner[used])
        gradients = loss_gradients(some, batch, [_some_of(term, rows) for term in terms])
        rate = _RATE * (1 - step / steps)
        inner, *others = zip(adams, gradients, strict=True)
        inner[0].move(inner[1], rate, step + 1, used)
        for adam, gradient in others:
            adam.move(gradient, rate, step + 1)
    return factors


class _Columns:
    """Finds the columns that some rows of a design use, without sorting."""

    def __init__(self, columns: int) -> None:
        self._is_used = np.zeros(columns, np.bool_)
        self._place = np.zeros(columns, np.int32)

    def keep_used(self, batch: csr_array) -> tuple[Rows, csr_array]:
        """Return the columns that are used, rising, and the batch of these alone."""
        self._is_used[batch.indices] = True
        used = np.flatnonzero(self._is_used)
        self._is_used[used] = False
        self._place[used] = np.arange(len(used), dtype=np.int32)
        parts = (batch.data, self._place[batch.indices], batch.indptr)
        return used, type(batch)(parts, shape=(batch.shape[0], len(used)))


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


class Adam:
    """Adam on one array, of which each step moves some rows or all.

    Rows are moved some at a time, in buffers that are used again and stay in a core's cache.

    Args:
        array: Changed in place; all axes but the last are its rows.
    """

    def __init__(self, array: Floats) -> None:
        self._array = array.reshape(-1, array.shape[-1])
        self._first, self._second = np.zeros_like(self._array), np.zeros_like(self._array)
        self._buffers = np.empty((4, _BLOCK, array.shape[-1]), np.float32)
        self._all = np.arange(len(self._array))

    def move(self, gradient: Floats, rate: float, step: int, rows: Rows | None = None) -> None:
        """Take step number ``step``, from 1, along the gradient of these rows, or of all."""
        rows = self._all if rows is None else rows
        gradient = gradient.reshape(len(rows), self._array.shape[-1])
        pace = np.float32(rate / (1 - _FIRST_DECAY**step))
        share = np.float32(1 - _SECOND_DECAY**step)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            self._move_block(gradient[block], rows[block], pace, share)

    def _move_block(
        self, gradient: Floats, rows: Rows, pace: np.float32, share: np.float32
    ) -> None:
        first, second, moved, spare = self._buffers[:, : len(rows)]
        for array, part in ((self._first, first), (self._second, second), (self._array, moved)):
            np.take(array, rows, axis=0, out=part, mode="clip")  # other modes copy once more
        np.subtract(gradient, first, out=spare)
        spare *= np.float32(1 - _FIRST_DECAY)
        first += spare
        np.multiply(gradient, gradient, out=spare)
        spare -= second
        spare *= np.float32(1 - _SECOND_DECAY)
        second += spare
        self._first[rows], self._second[rows] = first, second
        second /= share
        np.sqrt(second, out=second)
        second += np.float32(_SMALLEST)
        first *= pace
        first /= second
        moved -= first
        self._array[rows] = moved
