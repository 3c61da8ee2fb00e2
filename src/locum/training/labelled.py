"""Inputs with what a student learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Labelled"]


class Labelled(NamedTuple):
    """Inputs with what a student learns from.

    Args:
        texts: ``N`` inputs.
        soft_labels: Teacher's distributions, ``[N, C]``.
        answers: Index of the label that the teacher answered, ``[N]``.
        human: Index of a person's label, or -1 where there is none, ``[N]``.
    """

    texts: Sequence[str]
    soft_labels: NDArray[np.float64]
    answers: NDArray[np.int64]
    human: NDArray[np.int64]

    def joined(self, other: Labelled) -> Labelled:
        """These inputs followed by others."""
        return Labelled(
            [*self.texts, *other.texts],
            np.concatenate([self.soft_labels, other.soft_labels]),
            np.concatenate([self.answers, other.answers]),
            np.concatenate([self.human, other.human]),
        )

    def thinned(self, count: int) -> Labelled:
        """So many of these inputs, evenly spaced."""
        rows = np.arange(count) * len(self.texts) // count
        texts = [self.texts[row] for row in rows.tolist()]
        return Labelled(texts, self.soft_labels[rows], self.answers[rows], self.human[rows])

    def hardened(self) -> Labelled:
        """These inputs with the teacher's answer alone in the place of its distribution."""
        one_hot = np.zeros_like(self.soft_labels)
        one_hot[np.arange(len(one_hot)), self.answers] = 1.0
        return self._replace(soft_labels=one_hot)

    @property
    def is_hard(self) -> bool:
        """Whether every distribution is a single answer."""
        return bool((self.soft_labels.max(axis=1) == 1).all())
