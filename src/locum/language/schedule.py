"""Which sequences each step learns from, and how fast."""

from __future__ import annotations

from math import ceil, cos, pi
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.language.settings import LanguageSettings

__all__ = ["Schedule"]

_LEAST_RATE = 0.1


class Schedule(NamedTuple):
    """A plan of all steps, the same whenever it is made.

    Args:
        sequences: How many there are.
        settings: Of the training.
    """

    sequences: int
    settings: LanguageSettings

    @property
    def steps_per_epoch(self) -> int:
        """How many; the last may be smaller."""
        return ceil(self.sequences / self.settings.sequences_per_step)

    @property
    def steps(self) -> int:
        """How many there are in all."""
        whole = self.settings.epochs * self.steps_per_epoch
        most = self.settings.most_steps
        return whole if most is None else min(whole, most)

    def of_step(self, step: int) -> list[int]:
        """Return the numbers of a step's sequences, counting steps from zero."""
        epoch, place = divmod(step, self.steps_per_epoch)
        size = self.settings.sequences_per_step
        return _numbers(self._order(epoch)[place * size : (place + 1) * size])

    def read(self) -> list[int]:
        """Return the numbers of all sequences that some step learns from, rising."""
        if self.steps >= self.steps_per_epoch:
            return list(range(self.sequences))
        return sorted(_numbers(self._order(0)[: self.steps * self.settings.sequences_per_step]))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self.settings.seed, epoch)).permutation(self.sequences)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm = ceil(self.settings.warmup_share * self.steps)
        if step < warm:
            return self.settings.learning_rate * (step + 1) / warm
        done = (step - warm) / max(self.steps - warm, 1)
        share = _LEAST_RATE + (1 - _LEAST_RATE) * (1 + cos(pi * done)) / 2
        return self.settings.learning_rate * share

    def seed_of(self, step: int) -> int:
        """Return the seed of what is drawn in a step, so that one resumed draws the same."""
        return int(np.random.SeedSequence((self.settings.seed, step)).generate_state(1)[0])

    def writes(self, step: int) -> bool:
        """Whether the student writes what this step learns from."""
        share = self.settings.on_policy_share
        return bool(np.random.default_rng((self.seed_of(step), 1)).random() < share)


def _numbers(order: NDArray[np.int64]) -> list[int]:
    return [int(number) for number in order]
