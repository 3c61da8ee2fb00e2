"""How well a confidence tells where a student agrees with its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RiskCoveragePoint", "risk_coverage", "selective_risk_area"]

_CURVE_POINTS = 60
_FIRST_POINT = 0.02


class RiskCoveragePoint(NamedTuple):
    """Disagreement among the most confident inputs."""

    coverage: float
    risk: float


def _running_risk(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Disagreement among the k most confident inputs, for k = 1 ... N."""
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum(~np.asarray(agrees, bool)[order])
    risk: NDArray[np.float64] = errors / np.arange(1, len(order) + 1)
    return risk


def selective_risk_area(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], least_coverage: float = 0.0
) -> float:
    """Area under the risk-coverage curve (AURC; Geifman, Uziel and El-Yaniv 2019).

    Mean disagreement over all coverages; smaller is better. It rewards a student that agrees more
    often, and one that knows better where.

    Args:
        confidence: In each input, ``[N]``, ``N > 0``.
        agrees: Whether student and teacher agree, ``[N]``.
        least_coverage: Coverages up to this one are left out, 0 or more and less than 1.
    """
    risk = _running_risk(confidence, agrees)
    return float(risk[int(least_coverage * len(risk)) :].mean())


def risk_coverage(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_]
) -> list[RiskCoveragePoint]:
    """Points of the risk-coverage curve, from 2% of the inputs to all."""
    risk = _running_risk(confidence, agrees)
    coverages = np.linspace(_FIRST_POINT, 1.0, _CURVE_POINTS)
    ranks = np.unique(np.ceil(coverages * len(risk)).astype(int))
    return [RiskCoveragePoint(rank / len(risk), float(risk[rank - 1])) for rank in ranks.tolist()]
