"""Texts in tokens: the smallest pieces that a span is made of."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

__all__ = ["Token", "tokenize"]

# Han and kana, Thai, Lao, Burmese and Khmer stand without spaces between words, and Korean
# particles follow their noun without one: a word of a text can be any part of such a run.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Marks beyond these planes do not exist.
_PLANES_WITH_MARKS = ((0, 0x20000), (0xE0000, 0xE0200))
_ASCII = re.compile(r"[0-9]++(?=[A-Za-z]++(?!\w))|\w+|[^\w\s]")


class Token(NamedTuple):
    """A piece of a text.

    Args:
        start: Where it begins, in characters of the text.
        end: Where it ends, exclusive.
        text: What stands there.
    """

    start: int
    end: int
    text: str


def tokenize(text: str) -> list[Token]:
    """Split a text into words and signs; between them stands nothing but white space.

    A word is a run of letters, digits and underscores with their combining marks. Two kinds are
    split further, because values end inside them: a number from the letters that follow it
    (``20mg``, ``5pm``, though not ``4x4``), and scripts without spaces between words into their
    characters. Every other character that is no white space is a token, so ``2024-05-01`` is five
    of them and can be spanned whole or in part.

    Args:
        text: Of any length; the time taken is linear in it.

    Returns:
        Tokens in order, without overlaps.
    """
    pattern = _ASCII if text.isascii() else _pattern()
    return [Token(*match.span(), match[0]) for match in pattern.finditer(text)]


@lru_cache(1)
def _pattern() -> re.Pattern[str]:
    marks = _marks()
    return re.compile(
        rf"[{_SINGLE}][{marks}]*"
        rf"|\d++(?=[^\W\d_{_SINGLE}]++(?![^\W{_SINGLE}]|[{marks}]))"
        rf"|[^\W{_SINGLE}]+(?:[{marks}]+[^\W{_SINGLE}]*)*"
        rf"|[^\w\s][{marks}]*"
    )


def _marks() -> str:
    """Return the combining marks as ranges of a character class."""
    places = chain.from_iterable(range(*plane) for plane in _PLANES_WITH_MARKS)
    ranges: list[tuple[int, int]] = []
    for place in places:
        if not unicodedata.category(chr(place)).startswith("M"):
            continue
        if ranges and ranges[-1][1] == place - 1:
            ranges[-1] = (ranges[-1][0], place)
        else:
            ranges.append((place, place))
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
