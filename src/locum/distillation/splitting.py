"""Which inputs are learned from, and which are certified and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import DuplicateGroups, SplitRows, find_groups, may_seed, split_rows

if TYPE_CHECKING:
    from locum.distillation.pool import Pool

__all__ = ["PoolSplits", "split_pool"]


class PoolSplits(NamedTuple):
    """How a pool is divided.

    Args:
        groups: Its near-copies.
        splits: Its splits.
    """

    groups: DuplicateGroups
    splits: SplitRows


def split_pool(pool: Pool, seed: int, *, seeded: bool = False) -> PoolSplits:
    """Divide a pool; all that ask which inputs a student learns from ask here.

    Args:
        pool: The inputs; what soft labels are known of them makes no difference.
        seed: Seed of the random choices.
        seeded: Whether a model wrote inputs after some of these, which then belong into train.
    """
    texts = [example.text for example in pool.examples]
    groups = find_groups(texts)
    times = [example.time for example in pool.examples]
    held_out = np.array([example.held_out for example in pool.examples], np.bool_)
    first = may_seed(texts, groups.group, times, held_out) if seeded else None
    splits = split_rows(groups.group, pool.answers, times, held_out, seed, first=first)
    return PoolSplits(groups, splits)
