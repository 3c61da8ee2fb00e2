"""Bets that p-values are not uniform: some part of [0, 1) has grown or shrunk, or all has moved.

Two kinds of bets share the stake equally. Each is a density on [0, 1) that is fixed before the
p-value is known, so under uniform p-values it gains nothing on average.

* **One part changed.** For each dyadic interval ``I`` of width ``v = 1/2, 1/4, ... 1/64``, the
  density is ``q / v`` inside and ``(1 - q) / (1 - v)`` outside, where ``q`` has half, twice or four
  times the odds of ``v``. Nothing is learned, so one category that grew is found quickly.
* **Anything changed.** A histogram of 64 bins learned from the p-values before, with half a count
  added to each bin (Krichevsky and Trofimov 1981) and counts that fade by 1/400 with each p-value:
  a plug-in bet (Fedorova, Gammerman, Nouretdinov and Vovk 2012).

Which of these was chosen, and against what, stands in `docs/watch.md`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.schema import JsonObject

__all__ = ["IntervalBets", "PValueBets", "interval_bets"]

_DEPTH = 6
_BINS = 1 << _DEPTH
_ODDS_RATIOS = (0.5, 2.0, 4.0)
_MEMORY = 400
_SMOOTHING = 0.5
_LARGEST = 1e100


class IntervalBets(NamedTuple):
    """Bets on single intervals.

    Args:
        densities: Of each bet in each of 64 bins, ``[64, bets]``; every column has the mean 1.
        prior: Share of the stake of each bet, ``[bets]``: equal for all widths, and within a width
            for all intervals and ratios.
    """

    densities: NDArray[np.float64]
    prior: NDArray[np.float64]


def interval_bets() -> IntervalBets:
    """Return the bets on all dyadic intervals down to a width of 1/64."""
    densities, prior = [], []
    bins = np.arange(_BINS)
    for depth in range(1, _DEPTH + 1):
        parts = 1 << depth
        for ratio in _ODDS_RATIOS:
            inside = ratio / (parts - 1 + ratio)
            density = np.full((_BINS, parts), (1 - inside) / (1 - 1 / parts))
            density[bins, bins * parts // _BINS] = inside * parts
            densities.append(density)
            prior.append(np.full(parts, 1 / (_DEPTH * len(_ODDS_RATIOS) * parts)))
    return IntervalBets(np.concatenate(densities, axis=1), np.concatenate(prior))


class PValueBets:
    """Densities of all bets, one p-value after the other; the histogram is the last bet."""

    def __init__(self) -> None:
        intervals = interval_bets()
        self._densities = np.concatenate([intervals.densities, np.ones((_BINS, 1))], axis=1)
        self._logarithms = np.log(self._densities)
        self._prior: NDArray[np.float64] = np.append(intervals.prior / 2, 0.5)
        self._counts = [0.0] * _BINS
        self._total = 0.0
        self._weight = 1.0

    @classmethod
    def from_object(cls, given: JsonObject) -> Self:
        """Return bets that have learned what `to_object` says."""
        bets = cls()
        bets._counts, bets._total, bets._weight = given["counts"], given["total"], given["weight"]
        return bets

    def to_object(self) -> JsonObject:
        """Return what was learned, as JSON."""
        return {"counts": [*self._counts], "total": self._total, "weight": self._weight}

    @property
    def prior(self) -> NDArray[np.float64]:
        """Share of the stake that each bet has, ``[bets]``."""
        return self._prior

    def place(self, p_value: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each bet's density at a p-value and its logarithm, and then learn from it.

        Both, ``[bets]``, are views that hold until the next call.
        """
        place = min(int(p_value * _BINS), _BINS - 1)
        smoothing = _SMOOTHING * self._weight
        density = _BINS * (self._counts[place] + smoothing) / (self._total + _BINS * smoothing)
        self._densities[place, -1] = density
        self._logarithms[place, -1] = math.log(density)
        self._learn(place)
        return self._densities[place], self._logarithms[place]

    def _learn(self, place: int) -> None:
        """Count a p-value; instead of fading old counts, new ones weigh ever more."""
        self._counts[place] += self._weight
        self._total += self._weight
        self._weight *= _MEMORY / (_MEMORY - 1)
        if self._weight > _LARGEST:
            self._counts = [count / self._weight for count in self._counts]
            self._total /= self._weight
            self._weight = 1.0
