"""The same division of a set for all students: Locum's splits, with fewer labels to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import SHARES, find_groups, split_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from benchmarks.sets import LabelledSet
    from locum.schema import Split

__all__ = ["DividedSet", "divide"]

_ROW_SEED = 0


class DividedSet(NamedTuple):
    """A set and the rows of each of its splits."""

    whole: LabelledSet
    rows: Mapping[Split, NDArray[np.int64]]

    def texts(self, split: Split) -> list[str]:
        """Return the inputs of a split."""
        return [self.whole.texts[row] for row in self.rows[split].tolist()]

    def answers(self, split: Split) -> NDArray[np.int64]:
        """Return the teacher's answers to a split, ``[N]``."""
        return self.whole.answers[self.rows[split]]

    def human(self, split: Split) -> NDArray[np.int64]:
        """Return people's labels of a split, ``[N]``."""
        return self.whole.human[self.rows[split]]


def divide(whole: LabelledSet, seed: int, learned: int | None = None) -> DividedSet:
    """Divide a set as Locum does: near-copies stay together, classes in proportion.

    Args:
        whole: The set.
        seed: Of the division; 0, 1, ... give different ones.
        learned: Labels to learn from, in train and validation together in their usual proportion.
            The set is then cut to twice as many rows, the same for all seeds, and certify and test
            get a quarter each. By default all is used in Locum's usual proportions.
    """
    order, shares = np.arange(len(whole.texts)), SHARES
    if learned is not None:
        drawn = np.random.default_rng(_ROW_SEED).permutation(len(whole.texts))[: 2 * learned]
        order, shares = np.sort(drawn), _halved()
    texts = [whole.texts[row] for row in order.tolist()]
    divided = split_rows(
        find_groups(texts).group,
        whole.answers[order],
        [None] * len(order),
        np.zeros(len(order), np.bool_),
        seed,
        shares,
    )
    return DividedSet(whole, {split: order[rows] for split, rows in divided.rows.items()})


def _halved() -> Mapping[Split, float]:
    """Half to train and validation in their usual proportion, a quarter to certify and test."""
    learned = SHARES["train"] + SHARES["validation"]
    return {
        "train": SHARES["train"] / learned / 2,
        "validation": SHARES["validation"] / learned / 2,
        "certify": 0.25,
        "test": 0.25,
    }
