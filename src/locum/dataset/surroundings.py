"""The prompt around an input, where applications send both in one message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.words import cut_first_token, cut_last_token

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NO_SURROUNDINGS", "Surroundings", "find_surroundings"]

_EXCEPTIONS = 0.02
_SHORTEST = 12
# Also of one of which there is nothing but a bracket, as the rest differs.
_PLACEHOLDER_BEGINS = re.compile(r"\[(?:[A-Z]|\Z)")
_PLACEHOLDER_ENDS = re.compile(r"(?:\A|\d)\]")


class Surroundings(NamedTuple):
    """What nearly all texts of a task begin and end with.

    Args:
        before: How they begin; empty where there is nothing of any length.
        after: How they end; likewise.
    """

    before: str = ""
    after: str = ""

    def surround(self, text: str) -> bool:
        """Tell whether a text begins and ends so."""
        return (
            len(self.before) + len(self.after) <= len(text)
            and text.startswith(self.before)
            and text.endswith(self.after)
        )

    def inner(self, text: str) -> str:
        """Return what stands between; the whole text where it does not begin and end so."""
        if not self.surround(text):
            return text
        return text[len(self.before) : len(text) - len(self.after)]

    def shortened(self, before: int, after: int) -> Surroundings:
        """Return what is left of them at most so long, in whole tokens and of any length.

        Args:
            before: Characters of the beginning that may stay.
            after: Characters of the end that may stay.
        """
        begin, end = self.before, self.after
        if before < len(begin):
            begin = _if_long(cut_last_token(begin[:before]))
        if after < len(end):
            end = _if_long(cut_first_token(end[len(end) - after :]))
        return Surroundings(begin, end)


NO_SURROUNDINGS = Surroundings()


def find_surroundings(texts: Sequence[str]) -> Surroundings:
    """Return what all texts but two in a hundred begin and end with.

    Only whole tokens count, so that no date, number or reference is cut in two; twelve characters
    at least; and nothing that holds a placeholder of redaction, whose number differs from call to
    call.
    """
    if len(set(texts)) < 2:
        return NO_SURROUNDINGS
    before = cut_last_token(_common_beginning(texts))
    placeholder = _PLACEHOLDER_BEGINS.search(before)
    before = before[: placeholder.start()] if placeholder else before
    after = cut_first_token(_common_beginning([text[::-1] for text in texts])[::-1])
    for placeholder in [*_PLACEHOLDER_ENDS.finditer(after)][-1:]:
        after = after[placeholder.end() :]
    return Surroundings(_if_long(before), _if_long(after))


def _common_beginning(texts: Sequence[str]) -> str:
    """The longest beginning that all texts but exceptions share."""
    # In the order of texts, those between two of them begin as both of these do.
    ordered = sorted(texts)
    exceptions = int(_EXCEPTIONS * len(ordered))
    pairs = zip(ordered, ordered[len(ordered) - 1 - exceptions :], strict=False)
    return max((_shared_beginning(first, last) for first, last in pairs), key=len)


def _shared_beginning(one: str, other: str) -> str:
    pairs = enumerate(zip(one, other, strict=False))
    shortest = min(len(one), len(other))
    return one[: next((place for place, (mine, its) in pairs if mine != its), shortest)]


def _if_long(part: str) -> str:
    return part if len(part) >= _SHORTEST else ""
