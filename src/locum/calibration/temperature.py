"""Temperature scaling, and how reliable probabilities are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError
from locum.losses import soften

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Reliability",
    "ReliabilityBin",
    "fit_temperature",
    "measure_reliability",
    "reliability_bins",
]

_SMALLEST = 1e-12
_LOG_TEMPERATURES = (float(np.log(0.25)), float(np.log(20.0)))
_BINS = 15


class ReliabilityBin(NamedTuple):
    """Inputs of like confidence: how sure the model was, and how often it was right."""

    confidence: float
    accuracy: float
    inputs: int


class Reliability(NamedTuple):
    """How far probabilities can be believed; smaller is better in all three.

    Args:
        ece: Expected calibration error over 15 bins of equal width (Guo et al. 2017).
        nll: Mean negative log-likelihood of the true label, in nats.
        brier: Mean squared distance to the one-hot true label, 0 to 2 (Brier 1950).
    """

    ece: float
    nll: float
    brier: float


def log_losses(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return ``-log p[label]`` of each row, in nats; a probability under 1e-12 counts as 1e-12.

    Raises:
        UsageError: A label is no column, such as -1 where people gave none.
    """
    classes = probabilities.shape[1]
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise UsageError(
            f"label {labels[wrong[0]]} of row {wrong[0] + 1}: expected 0 to {classes - 1}; leave "
            "out rows without a label"
        )
    picked = probabilities[np.arange(len(labels)), labels]
    losses: NDArray[np.float64] = np.abs(np.log(np.clip(picked, _SMALLEST, 1)))
    return losses


def negative_log_likelihood(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Return the mean of `log_losses`."""
    return float(log_losses(probabilities, labels).mean())


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the temperature that makes the labels most likely.

    Temperature scaling of Guo et al. 2017, "On Calibration of Modern Neural Networks": one
    parameter, which changes no ranking within a row. It is searched between 1/4 and 20 on a
    logarithmic scale; the lower bound keeps a faultless validation split from making it sure of
    everything.

    Args:
        probabilities: ``[N, C]``, rows summing to one.
        labels: True label of each row, ``[N]``.

    Raises:
        UsageError: A label is no column, such as -1 where people gave none.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(soften(probabilities, float(np.exp(log_t))), labels),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def reliability_bins(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = _BINS
) -> list[ReliabilityBin]:
    """Group inputs by the probability of their most probable label; empty bins are left out."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    groups = [place == index for index in range(bins)]
    return [
        ReliabilityBin(
            float(confidence[group].mean()), float(correct[group].mean()), int(group.sum())
        )
        for group in groups
        if group.any()
    ]


def measure_reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> Reliability:
    """Return expected calibration error, negative log-likelihood and Brier score.

    Args:
        probabilities: ``[N, C]``, rows summing to one, ``N > 0``.
        labels: True label of each row, ``[N]``.

    Raises:
        UsageError: A label is no column, such as -1 where people gave none.
    """
    nll = negative_log_likelihood(probabilities, labels)
    groups = reliability_bins(probabilities, labels)
    ece = sum(group.inputs * abs(group.confidence - group.accuracy) for group in groups)
    one_hot = np.zeros(probabilities.shape)
    one_hot[np.arange(len(labels)), labels] = 1.0
    brier = float(((probabilities - one_hot) ** 2).sum(axis=1).mean())
    return Reliability(ece / len(labels), nll, brier)
