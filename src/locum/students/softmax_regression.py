"""Softmax regression on soft targets, by L-BFGS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy, soften
from locum.students.lbfgs import ValueAndGradient, minimise

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Design", "Regression", "Term", "build_terms", "fit_softmax_regression"]

Floats = NDArray[np.float32]


class Design(Protocol):
    """A design matrix ``X`` ``[N, D]``, by the products that training takes."""

    def logits(self, weights: Floats) -> Floats:
        """Return ``X W`` ``[N, C]``, an array of its own."""
        ...

    def gradient(self, on_logits: Floats) -> Floats:
        """Return ``X^T R``, ``[D, C]``."""
        ...

    def mean_squares(self) -> Floats:
        """Return about the mean square of each column, ``[D]``."""
        ...


class Term(NamedTuple):
    """A term of the loss: cross-entropy to targets ``[N, C]`` at a temperature."""

    temperature: float
    targets: Floats


class Regression(NamedTuple):
    """Weights ``[D, C]`` and intercept ``[C]``."""

    weights: Floats
    intercept: Floats


def build_terms(
    soft_labels: NDArray[np.float64],
    human_labels: NDArray[np.integer] | None,
    temperature: float,
    human_weight: float,
) -> list[Term]:
    """Return the terms of the loss that a student of these labels minimises.

    ``(1 - w) * T^2 * CE(soft labels at T, softmax(z / T)) + w * CE(human label, softmax(z))``,
    where ``w`` is 0 for inputs without a human label (Hinton, Vinyals and Dean 2015).

    Args:
        soft_labels: Teacher's distributions, ``[N, C]``.
        human_labels: Index of a person's label, or -1, ``[N]``.
        temperature: ``T``.
        human_weight: ``w``.
    """
    soft = soften(soft_labels, temperature)
    if human_labels is None or not human_weight:
        return [Term(temperature, soft.astype(np.float32))]
    known = human_labels >= 0
    human = np.zeros_like(soft)
    human[known, human_labels[known]] = human_weight
    soft[known] *= 1 - human_weight
    return [Term(temperature, soft.astype(np.float32)), Term(1.0, human.astype(np.float32))]


def fit_softmax_regression(
    design: Design,
    terms: Sequence[Term],
    l2: float,
    iterations: int,
    tolerance: float = 3e-5,
    start: Regression | None = None,
) -> Regression:
    """Return the weights at the minimum of the terms' sum and ``l2 / 2 * |W|^2``.

    They are sought in units in which the loss curves about alike in all directions: the curvature
    of softmax cross-entropy in a weight is at most a quarter of its column's mean square, to which
    the penalty adds. In these units L-BFGS takes fewer steps.

    Args:
        design: Of ``N`` inputs.
        terms: Of the loss.
        l2: Strength of the penalty; the intercept has none.
        iterations: Bound on those of L-BFGS.
        tolerance: Share of the loss; two steps in a row that gain less are the last.
        start: Where to begin; at zero by default.
    """
    curvature = np.append(design.mean_squares() / 4 + l2, 1 / 4).astype(np.float32)
    unit: Floats = np.reciprocal(np.sqrt(curvature))[:, None]
    shape = (len(unit), terms[0].targets.shape[1])

    def objective(flat: Floats) -> ValueAndGradient:
        weights: Floats = flat.reshape(shape) * unit
        logits = design.logits(weights[:-1])
        logits += weights[-1]
        losses = [soft_target_cross_entropy(logits, t.targets, t.temperature) for t in terms]
        on_logits: Floats = np.add.reduce([loss.gradient for loss in losses])
        gradient = np.empty_like(weights)
        gradient[:-1] = design.gradient(on_logits)
        gradient[:-1] += np.float32(l2) * weights[:-1]
        gradient[-1] = on_logits.sum(axis=0)
        gradient *= unit
        penalty = l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
        return ValueAndGradient(sum(loss.value for loss in losses) + penalty, gradient.ravel())

    begin = np.zeros(shape, np.float32) if start is None else np.vstack(start) / unit
    found = minimise(objective, begin.ravel(), iterations=iterations, tolerance=tolerance)
    weights: Floats = found.reshape(shape) * unit
    return Regression(weights[:-1], weights[-1])
