"""What probes of a task say of its inputs, whatever its answers are."""

from __future__ import annotations

from math import ceil, inf, log2
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from locum.audit.folds import divide_by_time, divide_in_folds, judge_sizes
from locum.audit.foresight import HeldOut, Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from locum.audit.folds import Fold

__all__ = ["Division", "Told", "divide", "judge", "sizes_of"]

_FITTED = 3
_SMALLEST = 500
_ENOUGH = 2_000


class Told(Protocol):
    """What one probe says of the inputs of its fold."""

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """Whether it agrees with the teacher on each."""


Said = TypeVar("Said", bound=Told)


def sizes_of(inputs: int) -> tuple[float, ...]:
    """Return the shares of inputs that probes learn from, each half of the next.

    There are three at least, as many as a learning curve is fitted to, and more where the smallest
    would else be of over 500 inputs: of many inputs, as many are learned from as there is time for.
    """
    sizes = max(_FITTED, 1 + ceil(log2(inputs / _SMALLEST)))
    return tuple(0.5**place for place in reversed(range(sizes)))


class Division(NamedTuple):
    """How inputs are divided.

    Args:
        group: Group of near-copies that each belongs to, ``[N]``, numbered from zero.
        at_random: In folds, of which each input is judged in one.
        by_time: In folds that judge later inputs; none where times give no order.
    """

    group: NDArray[np.int64]
    at_random: Sequence[Fold]
    by_time: Sequence[Fold]

    @property
    def inputs(self) -> int:
        """Inputs that are no near-copies of each other."""
        return int(self.group.max()) + 1


def divide(group: NDArray[np.int64], times: Sequence[float | None], seed: int) -> Division:
    """Divide inputs in both ways.

    Args:
        group: As `Division` has it.
        times: When each call was made.
        seed: Of the folds.
    """
    return Division(group, divide_in_folds(group, seed), divide_by_time(group, times, seed))


def judge(
    division: Division,
    seconds: float,
    learn: Callable[[Fold, int], Said],
    score: Callable[[Sequence[Said], Sequence[Said]], NDArray[np.float64]],
    sizes: Sequence[float],
) -> tuple[Judgement, Sequence[Said]]:
    """Judge inputs by probes that did not learn from them.

    Args:
        division: How inputs are divided.
        seconds: Processor time that there is; later inputs take about a quarter of it besides.
        learn: Trains a probe on so many inputs of a fold, and returns what it says.
        score: Returns what some probes and then others answer by, calibrated on inputs of the
            first.
        sizes: Shares of the inputs to learn from, ascending.

    Returns:
        What the probes of the largest three sizes that there was time for say, and those of the
        largest on inputs drawn at random.
    """
    found = judge_sizes(division.at_random, sizes, seconds, learn)
    inputs, share, largest = len(division.group), sizes[len(found) - 1], found[-1].judged
    whole = len(found) == len(sizes) or share * inputs >= _ENOUGH
    found = found[-_FITTED:]
    at_random = HeldOut(
        tuple(size.learned for size in found),
        np.stack([np.concatenate([one.agrees for one in size.judged]) for size in found]),
        score(largest, []),
        inputs,
        whole=whole,
    )
    if not division.by_time:
        return Judgement(at_random, None), largest
    [later] = judge_sizes(division.by_time, [share], inf, learn)
    planning, testing = later.judged
    agrees = np.concatenate([planning.agrees, testing.agrees])
    by_time = HeldOut(
        (later.learned,),
        agrees[None],
        score([planning], [testing]),
        # One of each group of near-copies is judged.
        round(inputs * len(agrees) / len(at_random.score)),
        at_random.whole,
        np.arange(len(agrees)) < len(planning.agrees),
    )
    return Judgement(at_random, by_time), largest
