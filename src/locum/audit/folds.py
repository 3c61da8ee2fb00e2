"""Inputs divided so that each is judged once by a probe that did not learn from it.

Where calls have times they are divided a second time, as `locum.distillation` divides them: later
ones are judged by probes of earlier ones.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from locum.dataset import SHARES, split_rows
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "FEWEST",
    "FOLDS",
    "Fold",
    "Sized",
    "check_inputs",
    "divide_by_time",
    "divide_in_folds",
    "judge_sizes",
]

Judged = TypeVar("Judged")

FOLDS = 4
"""A probe learns from three quarters, about the share that a certified student learns from."""


FEWEST = 40
"""Inputs that are no near-copies of each other, below which nothing is probed."""


class Fold(NamedTuple):
    """One way to divide inputs.

    Args:
        learned: Rows to learn from, at random, so that the first of them are a fair sample.
        judged: Rows to judge, one of each group of near-copies.
    """

    learned: NDArray[np.int64]
    judged: NDArray[np.int64]


def check_inputs(calls: int, inputs: int) -> None:
    """Refuse inputs that are too few to probe.

    Raises:
        InputError: They are.
    """
    if inputs < FEWEST:
        raise InputError(
            f"{calls:,} calls hold {inputs:,} inputs that are no near-copies of each other, and "
            f"{FEWEST} are needed"
        )


def divide_in_folds(group: NDArray[np.int64], seed: int, folds: int = FOLDS) -> Sequence[Fold]:
    """Divide inputs at random; near-copies stay together.

    Args:
        group: Group of near-copies that each input belongs to, ``[N]``, numbered from zero.
        seed: Of the division.
        folds: How many ways; there are at least so many groups.
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(group))
    leaders = _one_a_group(rows, group)
    fold_of = np.zeros(int(group.max()) + 1, np.int64)
    fold_of[group[leaders]] = np.arange(len(leaders)) % folds
    return [
        Fold(rows[fold_of[group[rows]] != fold], leaders[fold_of[group[leaders]] == fold])
        for fold in range(folds)
    ]


def divide_by_time(
    group: NDArray[np.int64], times: Sequence[float | None], seed: int
) -> Sequence[Fold]:
    """Divide inputs as a certificate does, or not at all where times give no order.

    In the first fold those that plan its thresholds are judged, by what they follow; in the second
    the newest, by all earlier ones.

    Args:
        group: Group of near-copies that each input belongs to, ``[N]``.
        times: When each call was made.
        seed: Of the order of equally old ones.
    """
    held_out = np.zeros(len(group), np.bool_)
    splits = split_rows(group, np.zeros_like(group), times, held_out, seed)
    if not splits.by_time:
        return []
    train, validation, *newest = (splits.rows[split] for split in SHARES)
    generator = np.random.default_rng(seed)
    earlier = generator.permutation(np.concatenate([train, validation]))
    return [
        Fold(generator.permutation(train), _one_a_group(validation, group)),
        Fold(earlier, np.concatenate(newest)),
    ]


def _one_a_group(rows: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first = np.unique(group[rows], return_index=True)
    chosen: NDArray[np.int64] = rows[np.sort(first)]
    return chosen


class Sized(NamedTuple, Generic[Judged]):
    """What probes of one size say.

    Args:
        learned: Inputs that they learned from, in the mean of the folds.
        judged: What each says of the inputs of its fold.
    """

    learned: int
    judged: list[Judged]


def judge_sizes(
    folds: Sequence[Fold],
    sizes: Sequence[float],
    seconds: float,
    learn: Callable[[Fold, int], Judged],
) -> list[Sized[Judged]]:
    """Let probes of several sizes judge the inputs of their folds.

    A size is left out, with those above it, where it would probably take longer than there is time;
    the first never is.

    Args:
        folds: How inputs are divided.
        sizes: Shares of the inputs to learn from, ascending.
        seconds: Processor time that there is.
        learn: Trains a probe on so many inputs of a fold, and returns what it says.
    """
    started = time.process_time()
    found = list[Sized[Judged]]()
    for place, share in enumerate(sizes):
        begun = time.process_time()
        counts = [max(2, round(share * len(fold.learned))) for fold in folds]
        judged = [learn(fold, count) for fold, count in zip(folds, counts, strict=True)]
        found.append(Sized(round(float(np.mean(counts))), judged))
        taken = time.process_time() - begun
        ahead = [taken * size / share for size in sizes[place + 1 : place + 2]]
        if time.process_time() - started + sum(ahead) > seconds:
            break
    return found
