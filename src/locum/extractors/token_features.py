"""Features of a token: its own, those of its neighbours, and the words around it."""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum

__all__ = [
    "BOUNDARY",
    "OFFSETS",
    "PAIR_OFFSETS",
    "WINDOW",
    "Place",
    "fold",
    "pair_name",
    "shape",
    "word_names",
]

BOUNDARY = ""
WINDOW = 8
_AFFIXES = (1, 2, 3, 4)
_DIGIT = re.compile(r"\d")
_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)


class Place(IntEnum):
    """Where a word stands, seen from the token whose tag is sought."""

    OWN = 0
    BEFORE = 1
    SECOND_BEFORE = 2
    AFTER = 3
    SECOND_AFTER = 4
    LEFT = 5
    RIGHT = 6
    PAIR_BEFORE = 7
    PAIR_AFTER = 8


OFFSETS = {
    Place.OWN: 0,
    Place.BEFORE: -1,
    Place.SECOND_BEFORE: -2,
    Place.AFTER: 1,
    Place.SECOND_AFTER: 2,
}
# Where the first word of a pair stands; the second stands next to it.
PAIR_OFFSETS = {Place.PAIR_BEFORE: -1, Place.PAIR_AFTER: 0}


def _fold_ascii(code: int) -> str:
    return "0" if chr(code).isdecimal() else chr(code).lower()


def _kind_of(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "L":
        return "X" if category in {"Lu", "Lt"} else "x"
    if category[0] == "N":
        return "d"
    return "" if category[0] == "M" else character


_FOLDED = "".join(map(_fold_ascii, range(128)))
_KINDS = "".join(_kind_of(chr(code)) for code in range(128))


def fold(word: str) -> str:
    """Return a word normalised to NFKC, case-folded, and with 0 for every digit."""
    if word.isascii():
        return word.translate(_FOLDED)
    return _DIGIT.sub("0", unicodedata.normalize("NFKC", word).casefold())


def shape(word: str) -> str:
    """Return ``X`` for capitals, ``x`` for other letters, ``d`` for digits, and the rest as it is.

    Of more than two alike in a row two stay: ``Xxx`` for London, ``dd:dd`` for 12:30. Marks that
    combine with a letter count as part of it.
    """
    if word.isascii():
        return _RUN.sub(r"\1\1", word.translate(_KINDS))
    return _RUN.sub(r"\1\1", "".join(map(_kind_of, unicodedata.normalize("NFC", word))))


def word_names(word: str) -> dict[Place, list[str]]:
    """Return the names of the features that a word gives to the tokens around it.

    To itself it gives the folded word, its shape, and its first and last one to four characters;
    to its neighbours the word and its shape; to those two away, and to those up to eight tokens to
    its right and left, the word. `BOUNDARY` stands for what is before the first token and after
    the last one.
    """
    folded, form = fold(word), shape(word)
    lengths = [length for length in _AFFIXES if length <= len(folded)]
    prefixes = [f"{Place.OWN:d}<{folded[:length]}" for length in lengths]
    suffixes = [f"{Place.OWN:d}>{folded[-length:]}" for length in lengths]
    names = {place: [f"{place:d}={folded}"] for place in (*OFFSETS, Place.LEFT, Place.RIGHT)}
    for place in (Place.OWN, Place.BEFORE, Place.AFTER):
        names[place].append(f"{place:d}#{form}")
    names[Place.OWN] += prefixes + suffixes
    return names


def pair_name(place: Place, first: str, second: str) -> str:
    """Return the name of the feature that two folded words next to each other give to one of them.

    Args:
        place: `Place.PAIR_BEFORE` for the second word, `Place.PAIR_AFTER` for the first.
        first: May be `BOUNDARY`.
        second: May be `BOUNDARY`.
    """
    return f"{place:d}={first} {second}"
