"""Losses for classification, with their gradients."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.losses.signals import NOTHING
from locum.losses.softmax import FloatT, log_softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LossAndGradient", "soft_target_cross_entropy"]


class LossAndGradient(NamedTuple):
    """A loss and its gradient with respect to the logits, ``[N, C]``."""

    value: float
    gradient: NDArray[np.floating]


def soft_target_cross_entropy(
    logits: NDArray[FloatT], targets: NDArray[FloatT], temperature: float = 1.0
) -> LossAndGradient:
    """Cross-entropy of a student to soft targets at a temperature.

    ``L = T^2 / N * sum_n sum_c -q_nc log softmax(z_n / T)_c`` with the gradient
    ``dL/dz_nc = T / N * (softmax(z_n / T)_c * sum_k q_nk - q_nc)``. The factor ``T^2`` keeps the
    size of the gradient when the temperature changes (Hinton, Vinyals and Dean 2015, section 2).

    Args:
        logits: Student's logits ``z``, ``[N, C]``.
        targets: Soft targets ``q``, ``[N, C]``, already at the temperature (see `soften`). A row
            that sums to less than one weighs less; a row of zeros is left out.
        temperature: ``T > 0``.

    Returns:
        The mean over all ``N`` rows, and the gradient in the logits' type.
    """
    rows = len(logits)
    log_probabilities = log_softmax(logits, temperature)
    likely = float(np.vdot(targets, log_probabilities))
    if not isfinite(likely):  # a class that cannot be, which costs nothing where it has no target
        likely = float(np.vdot(targets, np.maximum(log_probabilities, NOTHING)))
    value = -(temperature**2) / rows * likely
    weights = targets.sum(axis=1, keepdims=True)
    gradient = np.exp(log_probabilities)
    gradient *= weights
    gradient -= targets
    gradient *= float(temperature) / rows
    return LossAndGradient(value, gradient)
