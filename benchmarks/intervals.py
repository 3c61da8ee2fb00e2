"""Means over seeds with their intervals, as the benchmarks print them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["half_width", "interval"]


def half_width(values: Sequence[float]) -> float:
    """Half of the 95% interval of a mean (Student's t); NaN of a single value."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return float("nan")
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(stdtrit(len(values) - 1, 0.975)) * spread


def interval(values: Sequence[float], digits: int = 3) -> str:
    """Mean and 95% interval over seeds; the mean alone of a single value."""
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ±{half_width(values):.{digits}f}" if len(values) > 1 else mean
