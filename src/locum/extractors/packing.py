"""Sequences of any lengths laid out step by step, so that no row is padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Packing", "Selection", "Step", "pack", "select"]

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


class Step(NamedTuple):
    """The tokens at one position, of every sequence that is long enough.

    Args:
        begin: Its first row.
        end: One past its last row.
        before: First row of the step before, which the rows of this one continue from there on;
            -1 for the first step.
    """

    begin: int
    end: int
    before: int


class Packing(NamedTuple):
    """``N`` tokens of ``B`` sequences: all first tokens, then all second ones, and so on.

    Within a step the longest sequence comes first. So a step continues the first rows of the one
    before, both are slices, and a product with them takes no row in vain.

    Args:
        size: ``B``.
        steps: One for each position.
        sequences: Which sequence a row belongs to, ``[N]``.
        tokens: Which token a row is, counted over all sequences one after another, ``[N]``.
        previous: Row of the token before, of each row after the first step.
    """

    size: int
    steps: tuple[Step, ...]
    sequences: Indices
    tokens: Indices
    previous: Indices

    @property
    def first(self) -> int:
        """How many rows the first step has: one for each sequence that is not empty."""
        return self.steps[0].end if self.steps else 0

    def add_up(self, values: Doubles) -> Doubles:
        """Return the sum of each sequence's values, ``[B]`` from ``[N]``."""
        return np.bincount(self.sequences, values, self.size).astype(np.float64, copy=False)


class Selection(NamedTuple):
    """Some sequences of a packing.

    Args:
        rows: Theirs in that packing.
        packing: Of these rows, in that order.
    """

    rows: Indices
    packing: Packing


def pack(lengths: Sequence[int] | Indices) -> Packing:
    """Return how sequences of these lengths, 0 or more, are laid out."""
    sizes = np.asarray(lengths, np.int64)
    order = np.argsort(-sizes, kind="stable")
    longest = int(sizes.max(initial=0))
    active = np.searchsorted(-sizes[order], -np.arange(longest), side="left")
    ends = np.cumsum(active)
    begins = ends - active
    place = np.arange(int(active.sum())) - np.repeat(begins, active)
    starts = (np.cumsum(sizes) - sizes)[order]
    first = int(active[0]) if longest else 0
    before = [-1, *begins[:-1].tolist()][:longest]
    return Packing(
        len(sizes),
        tuple(map(Step, begins.tolist(), ends.tolist(), before)),
        order[place],
        starts[place] + np.repeat(np.arange(longest), active),
        np.repeat(begins[:-1], active[1:]) + place[first:],
    )


def select(packing: Packing, sequences: Indices) -> Selection:
    """Return the rows of some sequences, which are named in ascending order."""
    rows = np.flatnonzero(np.isin(packing.sequences, sequences))
    lengths = np.bincount(packing.sequences, minlength=packing.size)
    return Selection(rows, pack(lengths[sequences]))
