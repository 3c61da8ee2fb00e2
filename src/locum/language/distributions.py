"""What is kept of a teacher's distribution of the next token, and what it becomes in whole numbers.

**The likeliest tokens.** A probability ``p`` is kept as ``round(sqrt(p) s)``. Where rounding moves
``sqrt(p)`` by ``d``, the Kullback-Leibler divergence grows by ``2 d^2`` whatever ``p`` is, so that
even steps on this scale spread it evenly: ``E`` events cost ``E / (6 s^2)`` nats on average, and
never more than ``0.6 E / s^2``. All tokens that are not listed are one event more, and what is read
sums to one with it.

**Drawn tokens.** The mean over draws of tokens with the weights ``p / (K r)`` is the whole
distribution (Anshumann et al. 2025); weights become whole parts by rounding that is right on
average, so that it still is.

Shapes: N rows, K listed tokens.
"""

# ruff: noqa: N803, N806, N815 - names end in their shapes

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.int64]

__all__ = [
    "Drawn",
    "DrawnTokens",
    "Levels",
    "Listed",
    "TopTokens",
    "levels_of_drawn",
    "levels_of_listed",
    "list_tokens",
    "log_probabilities_of",
]

_MOST_TOKENS = 1 << 18
_LARGEST_SCALE = 1 << 17
_PARTS = 16
# How far over one the probabilities of a row may sum by rounding, as those of bfloat16 do.
_ROUNDING = 1e-2


@dataclass(frozen=True)
class TopTokens:
    """Keep the likeliest tokens.

    Args:
        count: How many of each row.
        temperature: Of the softmax, above zero.
        error: The Kullback-Leibler divergence, in nats, that keeping them may cost on average.

    Raises:
        UsageError: A value cannot be.
    """

    count: int = 50
    temperature: float = 1.0
    error: float = 1.5e-5

    def __post_init__(self) -> None:
        """Check the values."""
        _refuse_temperature(self.temperature)
        if not 1 <= self.count <= _MOST_TOKENS:
            raise UsageError(f"count is {self.count}, expected 1 to {_MOST_TOKENS:,} tokens")
        if not (self.error > 0 and self.scale <= _LARGEST_SCALE):
            raise UsageError(
                f"error is {self.error} for {self.count:,} tokens, expected nats above "
                f"{self.count / 6 / _LARGEST_SCALE**2:.1e}, such as 1.5e-5"
            )

    @property
    def scale(self) -> int:
        """How many steps a square root of one is."""
        return ceil(sqrt((self.count + 1) / (6 * self.error)))


@dataclass(frozen=True)
class DrawnTokens:
    """Keep tokens drawn from the teacher, with the weights that make their mean the whole of it.

    Args:
        draws: How many of each row; a token drawn several times is kept once.
        temperature: Of the softmax, above zero.
        power: The proposal is ``p`` to the power of it, above zero. One that is under one draws
            rare tokens more often.
        seed: Of the draws; those of a sequence depend on it and the sequence alone.

    Raises:
        UsageError: A value cannot be.
    """

    draws: int = 50
    temperature: float = 1.0
    power: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        _refuse_temperature(self.temperature)
        if not (1 <= self.draws <= _MOST_TOKENS // _PARTS and 0 < self.power < inf):
            raise UsageError(
                f"draws={self.draws}, power={self.power}: expected 1 to "
                f"{_MOST_TOKENS // _PARTS:,} draws, and a power above zero, such as 1"
            )

    @property
    def scale(self) -> int:
        """How many parts a weight of one is."""
        return self.draws if self.power == 1 else _PARTS * self.draws


def _refuse_temperature(temperature: float) -> None:
    if not (isfinite(temperature) and temperature > 0):
        raise UsageError(f"temperature is {temperature}, expected a number above zero")


class Listed(NamedTuple):
    """The likeliest tokens of rows, in any order.

    Args:
        ids_NK: Tokens, int64, each once in a row.
        log_probabilities_NK: Natural logarithms, float32; ``-inf`` where a row lists fewer.
    """

    ids_NK: Numbers
    log_probabilities_NK: Floats


class Drawn(NamedTuple):
    """Tokens drawn in rows, in any order.

    Args:
        ids_NK: Tokens, int64, each once in a row; zero at places not filled.
        weights_NK: Float32; zero at places not filled.
    """

    ids_NK: Numbers
    weights_NK: Floats


class Levels(NamedTuple):
    """Either of them in whole numbers.

    Args:
        ids_NK: Tokens; the first places of a row are filled.
        levels_NK: Zero for no probability, one for one under half a step, ``m`` for ``m - 1``
            steps; or parts of a weight.
        tails_N: The same of all tokens that are not listed; ``None`` for drawn ones.
        sizes_N: How many places are filled.
    """

    ids_NK: Numbers
    levels_NK: Numbers
    tails_N: Numbers | None
    sizes_N: Numbers


def list_tokens(rows: Sequence[Mapping[int, float]], count: int) -> Listed:
    """Put lists of unlike lengths side by side, as a remote server's are.

    Args:
        rows: For each row, tokens with the natural logarithms of their probabilities.
        count: ``K``; of a longer row the likeliest are kept.
    """
    ids_NK = np.empty((len(rows), count), np.int64)
    logs_NK = np.full((len(rows), count), -np.inf, np.float32)
    for number, row in enumerate(rows):
        best = sorted(row.items(), key=lambda item: (-item[1], item[0]))[:count]
        held = {token for token, _ in best}
        others = (token for token in range(count + len(held)) if token not in held)
        ids_NK[number] = [token for token, _ in best] + [
            next(others) for _ in range(count - len(best))
        ]
        logs_NK[number, : len(best)] = [log for _, log in best]
    return Listed(ids_NK, logs_NK)


def levels_of_listed(rows: Listed, settings: TopTokens, vocabulary: int) -> Levels:
    """Round the likeliest tokens.

    Raises:
        UsageError: The rows are no such lists.
    """
    ids_NK, logs_NK = rows
    _refuse_shapes(ids_NK, logs_NK, settings.count)
    _refuse_tokens(ids_NK, np.ones(ids_NK.shape, bool), vocabulary)
    logs_NK = logs_NK.astype(np.float64)
    sums_N = np.exp(logs_NK).sum(axis=1)
    if np.isnan(logs_NK).any() or (sums_N > 1 + _ROUNDING).any():
        raise UsageError(
            f"probabilities of a row sum to {sums_N.max():.6g}, expected natural logarithms of "
            "probabilities that sum to one at the most"
        )
    roots_NK = np.exp(logs_NK / 2) * settings.scale
    tails_N = np.sqrt(np.maximum(1 - sums_N, 0)) * settings.scale
    if settings.count == vocabulary:
        tails_N[:] = 0
    sizes_N = np.full(len(ids_NK), ids_NK.shape[1], np.int64)
    return Levels(ids_NK, _rounded(roots_NK), _rounded(tails_N), sizes_N)


def _rounded(roots: NDArray[np.float64]) -> Numbers:
    steps = np.floor(roots + 0.5).astype(np.int64) + 1
    return np.where(roots > 0, steps, 0)


def levels_of_drawn(
    rows: Drawn, settings: DrawnTokens, vocabulary: int, dice: np.random.Generator
) -> Levels:
    """Make weights whole parts, right on average.

    Raises:
        UsageError: The rows are no such draws.
    """
    ids_NK, weights_NK = rows
    _refuse_shapes(ids_NK, weights_NK, settings.draws)
    parts_NK = weights_NK.astype(np.float64) * settings.scale
    if not ((parts_NK >= 0) & (parts_NK < 4 * _MOST_TOKENS)).all():
        raise UsageError(
            f"weights are from {weights_NK.min():.6g} to {weights_NK.max():.6g}, expected "
            "probabilities over those of the proposal and the number of draws"
        )
    near_NK = np.rint(parts_NK)
    drawn_NK = np.floor(parts_NK + dice.random(parts_NK.shape))
    # What is whole but for rounding in float32 is left as it is.
    whole_NK = np.abs(parts_NK - near_NK) <= 1e-6 * np.maximum(near_NK, 1)
    levels_NK = np.where(whole_NK, near_NK, drawn_NK).astype(np.int64)
    filled_NK = levels_NK > 0
    _refuse_tokens(ids_NK, filled_NK, vocabulary)
    order_NK = np.argsort(~filled_NK, axis=1, kind="stable")
    sizes_N = filled_NK.sum(axis=1)
    return Levels(
        np.take_along_axis(np.where(filled_NK, ids_NK, 0), order_NK, 1),
        np.take_along_axis(levels_NK, order_NK, 1),
        None,
        sizes_N,
    )


def _refuse_shapes(ids_NK: Numbers, values_NK: Floats, count: int) -> None:
    if ids_NK.ndim != 2 or ids_NK.shape != values_NK.shape or ids_NK.shape[1] != count:
        raise UsageError(
            f"tokens of shape {ids_NK.shape} with values of shape {values_NK.shape}, expected as "
            f"many of both, and {count:,} in each row"
        )


def _refuse_tokens(ids_NK: Numbers, filled_NK: NDArray[np.bool_], vocabulary: int) -> None:
    held = ids_NK[filled_NK]
    if len(held) and not (held.min() >= 0 and held.max() < vocabulary):
        raise UsageError(
            f"tokens from {held.min()} to {held.max()}, expected 0 to {vocabulary - 1:,}"
        )
    sorted_NK = np.sort(np.where(filled_NK, ids_NK, -1), axis=1)
    if ((np.diff(sorted_NK, axis=1) == 0) & (sorted_NK[:, 1:] >= 0)).any():
        raise UsageError("a row names a token twice, expected each once")


def log_probabilities_of(levels_NK: Numbers, tails_N: Numbers) -> Floats:
    """Return the logarithms of the probabilities that levels stand for."""
    largest = max(levels_NK.max(initial=0), tails_N.max(initial=0))
    squares = (np.arange(largest + 1) - 1.0) ** 2
    squares[:2] = (0, 1 / 16)[: len(squares)]
    sums_N = squares[levels_NK].sum(axis=1) + squares[tails_N]
    with np.errstate(divide="ignore"):
        logs = np.log(squares)
        found: Floats = (logs[levels_NK] - np.log(sums_N)[:, None]).astype(np.float32)
    return found
