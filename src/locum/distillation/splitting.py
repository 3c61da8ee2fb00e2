"""Which inputs are learned from, and which are certified and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import DuplicateGroups, SplitRows, find_groups, may_seed, split_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.distillation.pool import Pool
    from locum.schema import Example

__all__ = ["Divided", "divide", "split_pool"]


class Divided(NamedTuple):
    """How inputs are divided.

    Args:
        groups: Their near-copies.
        splits: Their splits.
    """

    groups: DuplicateGroups
    splits: SplitRows


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
    """Divide inputs as `split_rows` does.

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
    first = may_seed(texts, groups.group, times, held_out) if seeded else None
    return Divided(groups, split_rows(groups.group, stratum, times, held_out, seed, first=first))
