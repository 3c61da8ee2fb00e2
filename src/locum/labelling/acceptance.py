"""Which of the texts that a model wrote are taken."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.dataset import CopyFinder, WrittenExample

__all__ = ["Accepted", "accept", "is_clean"]

_TIMES_THE_LONGEST = 4
_JUNK = {"Cc", "Cn", "Co", "Cs"}
_SPACES = "\t\n\r"
_REPLACEMENT = "\ufffd"


class Accepted(NamedTuple):
    """What was taken, and why the rest was not.

    Args:
        taken: In the order in which they were written.
        rejected: Others by reason.
    """

    taken: list[WrittenExample]
    rejected: Counter[str]


def accept(
    written: Sequence[WrittenExample],
    earlier: Sequence[str],
    needs: Mapping[str, int],
    longest: int,
    copies: CopyFinder,
) -> Accepted:
    """Take texts that are new, as `locum.dataset.find_groups` tells copies.

    One that is a near-copy of an earlier text, or of one that was just taken, is not, by a chain of
    others either.

    Args:
        written: What a model wrote.
        earlier: Real inputs, and texts taken before.
        needs: How many are still wanted, by the label that they were to have.
        longest: Characters of the longest real input; a text of over four times as many is none.
        copies: Knows what it has seen of them in earlier rounds.
    """
    rejected: Counter[str] = Counter()
    sound = []
    for example in written:
        defect = _defect(example.text, longest)
        if defect:
            rejected[defect] += 1
        else:
            sound.append(example)
    if not sound:
        return Accepted([], rejected)
    group = copies.group([*earlier, *(example.text for example in sound)]).group.tolist()
    seen = set(group[: len(earlier)])
    left = Counter(needs)
    taken = []
    for example, number in zip(sound, group[len(earlier) :], strict=True):
        if number in seen:
            rejected["near-copies"] += 1
        elif left[example.asked_label or ""] <= 0:
            rejected["more than needed"] += 1
        else:
            seen.add(number)
            left[example.asked_label or ""] -= 1
            taken.append(example)
    return Accepted(taken, rejected)


def is_clean(text: str) -> bool:
    """Return whether a text holds real characters alone.

    Not control characters but for tabs and line ends, surrogates, private or unassigned ones, nor
    the sign for a character that was lost.
    """
    return _REPLACEMENT not in text and not any(
        unicodedata.category(character) in _JUNK and character not in _SPACES
        for character in set(text)
    )


def _defect(text: str, longest: int) -> str:
    if not text.strip():
        return "empty"
    if len(text) > _TIMES_THE_LONGEST * longest:
        return "too long"
    return "" if is_clean(text) else "broken characters"
