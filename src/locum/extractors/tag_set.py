"""Tags that mark spans: ``B-x`` begins one of the name ``x``, ``I-x`` goes on with it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import UsageError
from locum.extractors.chain_types import Chain

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Span", "TagSet"]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_OUTSIDE, _BEGINS, _CONTINUES = "O", "B-", "I-"


class Span(NamedTuple):
    """Some tokens in a row.

    Args:
        name: What they are.
        begin: The first.
        end: One past the last.
    """

    name: str
    begin: int
    end: int


class TagSet:
    """The tags of a tagger (Ramshaw and Marcus 1995), and what may follow what.

    Args:
        tags: ``O`` for a token in no span, ``B-x`` for the first of a span and ``I-x`` for the
            others. ``I-x`` stands after ``B-x`` and ``I-x`` alone.

    Raises:
        UsageError: A tag is none of these, stands twice, or goes on with what none begins.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = tuple(tags)
        self.index = {tag: place for place, tag in enumerate(self.tags)}
        wrong = [tag for tag in self.tags if not self._sound(tag)]
        if wrong or not tags or len(self.index) < len(self.tags):
            raise UsageError(
                f"tags {self.tags}: expected one or more, each once: O, B-name, and I-name where "
                f"there is B-name; wrong are {wrong}"
            )

    def _sound(self, tag: str) -> bool:
        if tag.startswith(_CONTINUES):
            return _BEGINS + tag[len(_CONTINUES) :] in self.index
        return tag == _OUTSIDE or tag.startswith(_BEGINS)

    def __len__(self) -> int:
        """Return how many tags there are."""
        return len(self.tags)

    @property
    def names(self) -> list[str]:
        """What spans may be, in the order of their tags."""
        return [tag[len(_BEGINS) :] for tag in self.tags if tag.startswith(_BEGINS)]

    def follows(self) -> Mask:
        """Return whether the tag of the row may stand before that of the column, ``[K, K]``."""
        continues = np.array([tag.startswith(_CONTINUES) for tag in self.tags])
        name = np.array([self.index.get(_BEGINS + tag[2:], -1) for tag in self.tags])
        follows: Mask = (name[:, None] == name) | ~continues
        return follows

    def chain(self, transitions: Floats) -> Chain:
        """Return a chain in the type of its transitions, ``[K, K]``; some are made impossible."""
        continues = [tag.startswith(_CONTINUES) for tag in self.tags]
        starts = np.where(continues, -np.inf, 0).astype(transitions.dtype)
        allowed = np.where(self.follows(), transitions, -np.inf)
        return Chain(allowed.astype(transitions.dtype), starts)

    def read_spans(self, tags: Sequence[int]) -> list[Span]:
        """Return the spans that a sequence of tags marks, in their order."""
        spans: list[Span] = []
        for place, tag in enumerate(tags):
            said = self.tags[tag]
            if said.startswith(_BEGINS):
                spans.append(Span(said[len(_BEGINS) :], place, place + 1))
            elif said.startswith(_CONTINUES):
                spans[-1] = spans[-1]._replace(end=place + 1)
        return spans

    def span_mask(self, span: Span, length: int) -> Mask:
        """Return the tags of ``length`` tokens that make this a span, and exactly it, ``[T, K]``.

        Raises:
            UsageError: There is no such name, or no such tokens.
        """
        mask = np.ones((length, len(self)), np.bool_)
        mask[span.end : span.end + 1, self._tags_of(span.name)[1:]] = False
        self._mark(mask, span)
        return mask

    def field_mask(self, names: Collection[str], spans: Sequence[Span], length: int) -> Mask:
        """Return the tags of ``length`` tokens that make these all spans of some names, ``[T, K]``.

        Raises:
            UsageError: There is no such name, or no such tokens, a span has another name, or two
                overlap.
        """
        mask = np.ones((length, len(self)), np.bool_)
        mask[:, [tag for name in names for tag in self._tags_of(name)]] = False
        reached = 0
        for span in sorted(spans, key=attrgetter("begin")):
            if span.name not in names or span.begin < reached:
                raise UsageError(f"{spans}: expected spans of {names} that do not overlap")
            self._mark(mask, span)
            reached = span.end
        return mask

    def _tags_of(self, name: str) -> list[int]:
        if _BEGINS + name not in self.index:
            raise UsageError(f"no tag begins {name!r}: expected one of {self.names}")
        tags = (_BEGINS + name, _CONTINUES + name)
        return [self.index[tag] for tag in tags if tag in self.index]

    def _mark(self, mask: Mask, span: Span) -> None:
        """Allow the tags of a span alone at its tokens."""
        if not 0 <= span.begin < span.end <= len(mask):
            raise UsageError(f"{span}: expected tokens from 0 to {len(mask)}, and at least one")
        tags = self._tags_of(span.name)
        mask[span.begin : span.end] = False
        mask[span.begin, tags[0]] = True
        mask[span.begin + 1 : span.end, tags[1:]] = True
