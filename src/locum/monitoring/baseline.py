"""Is traffic still what it was at first? Watches that take their reference from live traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from locum.monitoring.exchangeability import ExchangeabilityWatch
from locum.monitoring.score_bins import bin_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.monitoring.score_bins import ScoreBins
    from locum.schema import JsonObject

__all__ = ["Change", "MixWatch", "ScoreWatch"]

_BINS = 10


class Change(NamedTuple):
    """What changed.

    Args:
        began: The observation at which it probably began, counted from 1.
        category: The one whose share grew most: a bin of a score, or a category of a mix.
        reference: Its share at first.
        recent: Its share since.
    """

    began: int
    category: int
    reference: float
    recent: float


class MixWatch:
    """Watches the shares of categories.

    The first observations are the reference that all later ones are compared with, so that they
    are drawn as these are: a set apart, of which near-copies were taken, would not be.

    Args:
        categories: How many there are.
        size: Observations of the reference.
        delta: Bound on the chance of ever calling traffic changed that is not.
    """

    def __init__(self, categories: int, size: int, delta: float = 0.01) -> None:
        self._size = size
        self._delta = delta
        self._reference = [0] * categories
        self._observed = 0
        self._watch: ExchangeabilityWatch | None = None

    @classmethod
    def from_object(cls, given: JsonObject) -> Self:
        """Return a watch that goes on where the one was whose `to_object` this is."""
        mix = cls(len(given["reference"]), given["size"], given["delta"])
        mix._reference, mix._observed = given["reference"], given["observed"]
        if given["watch"] is not None:
            mix._watch = ExchangeabilityWatch.from_object(given["watch"])
        return mix

    def to_object(self) -> JsonObject:
        """Return its state as JSON; see `ExchangeabilityWatch.to_object`."""
        return {
            "size": self._size,
            "delta": self._delta,
            "reference": [*self._reference],
            "observed": self._observed,
            "watch": None if self._watch is None else self._watch.to_object(),
        }

    @property
    def observed(self) -> int:
        """Observations so far, with those of the reference."""
        return self._observed

    @property
    def starts(self) -> set[int]:
        """The observations of which one is where a change began, if there is one."""
        live = set[int]() if self._watch is None else self._watch.starts
        return {self._size + start for start in live if start}

    @property
    def change(self) -> Change | None:
        """What changed; ``None`` while nothing was found to."""
        return None if self._watch is None else _change(self._watch, self._size)

    def observe(self, category: int) -> None:
        """Take in the next observation."""
        self._observed += 1
        if self._watch is not None:
            self._watch.observe(category)
            return
        self._reference[category] += 1
        if self._observed == self._size:
            self._watch = ExchangeabilityWatch(self._reference, self._delta)

    def observe_again(self, category: int) -> None:
        """Take in an observation that counts already; see `ExchangeabilityWatch.observe_again`."""
        if self._watch is not None:
            self._watch.observe_again(category)


class ScoreWatch:
    """Watches the distribution of a score; see `MixWatch` for its reference.

    Args:
        size: Observations of the reference; 40 or more.
        delta: Bound on the chance of ever calling traffic changed that is not.
    """

    def __init__(self, size: int, delta: float = 0.01) -> None:
        self._size = size
        self._delta = delta
        self._scores: list[float] = []
        self._bins: ScoreBins | None = None
        self._watch: ExchangeabilityWatch | None = None

    @property
    def change(self) -> Change | None:
        """What changed; ``None`` while nothing was found to."""
        return None if self._watch is None else _change(self._watch, self._size)

    def observe(self, score: float) -> None:
        """Take in the next observation."""
        if self._watch is not None and self._bins is not None:
            self._watch.observe_all(self._bins.categories([score]))
            return
        self._scores.append(score)
        if len(self._scores) == self._size:
            self._bins = bin_reference(self._scores, _BINS)
            self._watch = ExchangeabilityWatch(self._bins.reference_counts, self._delta)


def _change(watch: ExchangeabilityWatch, before: int) -> Change | None:
    if watch.began is None:
        return None
    shares: Sequence[tuple[int, float, float]] = watch.shares()
    category, reference, recent = max(shares, key=lambda share: share[2] - share[1])
    return Change(before + watch.began, category, reference, recent)
