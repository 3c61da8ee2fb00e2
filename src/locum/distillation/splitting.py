"""Which inputs are learned from, and which are certified and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import (
    DuplicateGroups,
    SplitRows,
    find_groups,
    find_surroundings,
    may_seed,
    split_rows,
)
from locum.schema import SPLITS, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.dataset import Surroundings
    from locum.distillation.pool import Pool
    from locum.schema import Example

__all__ = ["Divided", "divide", "split_pool"]


class Divided(NamedTuple):
    """How inputs are divided.

    Args:
        groups: Their near-copies.
        splits: Their splits.
        train_only: How many of them can only be learned from, as a student was unsure of them.
        outdated: How many others, as a promise was broken since.
    """

    groups: DuplicateGroups
    splits: SplitRows
    train_only: int
    outdated: int

    @property
    def newer(self) -> int:
        """How many are not outdated."""
        return len(self.groups.group) - self.outdated

    def surroundings(self, examples: Sequence[Example]) -> Surroundings:
        """Return what stands around nearly all of those of the train split."""
        return find_surroundings([examples[row].text for row in self.splits.rows["train"].tolist()])


def split_pool(pool: Pool, seed: int, *, seeded: bool = False) -> Divided:
    """Divide a pool; all that ask which inputs a student learns from ask here.

    Args:
        pool: The inputs; what soft labels are known of them makes no difference.
        seed: Seed of the random choices.
        seeded: Whether a model wrote inputs after some of these, which then belong into train.
    """
    return divide(pool.examples, pool.answers, seed, seeded=seeded)


def divide(
    examples: Sequence[Example], stratum: NDArray[np.int64], seed: int, *, seeded: bool = False
) -> Divided:
    """Divide inputs as `split_rows` does; those for training alone are in the train split.

    Args:
        examples: The inputs.
        stratum: What is kept in proportion, ``[N]``.
        seed: Seed of the random choices.
        seeded: Whether a model wrote inputs after some of these, which then belong into train.
    """
    texts = [example.text for example in examples]
    groups = find_groups(texts)
    times = [example.time for example in examples]
    held_out = np.array([example.held_out for example in examples], np.bool_)
    judges = np.array([example.judges for example in examples], np.bool_)
    first = may_seed(texts, groups.group, times, held_out, ~judges) if seeded else None
    fair = np.flatnonzero(judges)
    outdated = sum(example.outdated for example in examples)
    train_only = len(examples) - len(fair) - outdated
    if not fair.size:
        return Divided(groups, _all_to_train(len(examples)), train_only, outdated)
    splits = split_rows(
        groups.group[fair],
        stratum[fair],
        [times[row] for row in fair],
        held_out[fair],
        seed,
        first=None if first is None else first[fair],
    )
    joined = _with_train_only(splits, fair, groups.group)
    return Divided(groups, joined, train_only, outdated)


def _all_to_train(inputs: int) -> SplitRows:
    rows: dict[Split, NDArray[np.int64]] = {split: np.zeros(0, np.int64) for split in SPLITS}
    rows["train"] = np.arange(inputs)
    return SplitRows(rows, by_time=False, own_test=False, unused=0)


def _with_train_only(
    splits: SplitRows, fair: NDArray[np.int64], group: NDArray[np.int64]
) -> SplitRows:
    """Return splits of the fair rows as such of all, and train on the others besides.

    One that is a near-copy of an input that students are judged on goes unused.
    """
    rows = {split: fair[chosen] for split, chosen in splits.rows.items()}
    learned = np.isin(group, group[rows["train"]])
    others = np.setdiff1d(np.arange(len(group)), fair)
    free = others[learned[others] | ~np.isin(group[others], group[fair])]
    rows["train"] = np.concatenate([rows["train"], free])
    return splits._replace(rows=rows, unused=splits.unused + len(others) - len(free))
