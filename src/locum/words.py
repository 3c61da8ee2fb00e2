"""Words of texts in any script, and the marks that belong to them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["cut_first_word", "cut_last_word", "find_words"]

_JOINERS = "\u200c\u200d"


def find_words(text: str, others: str = "") -> list[str]:
    """Return the words of a text in their order.

    A word is a run of letters, digits and underscores with the marks that belong to them (vowel
    signs, points) and joiners.

    Args:
        text: The text.
        others: A regular expression of what is a word besides.
    """
    return _words_with(_marks_in(text), others).findall(text)


def cut_last_word(text: str) -> str:
    """Return a text without the word, or the piece of one, that it ends with."""
    *_, last = ("", *find_words(text))
    return text.removesuffix(last)


def cut_first_word(text: str) -> str:
    """Return a text without the word, or the piece of one, that it begins with."""
    rest = text.lstrip(_marks_in(text))
    first = next(iter(find_words(rest)), "")
    return rest.removeprefix(first)


def _marks_in(text: str) -> str:
    """Return the marks and joiners of a text, each once."""
    if text.isascii():
        return ""
    found = sorted(set(text))
    return "".join(c for c in found if unicodedata.category(c)[0] == "M" or c in _JOINERS)


@lru_cache(maxsize=256)
def _words_with(marks: str, others: str) -> re.Pattern[str]:
    """Words in a text that has these marks; the module re knows no class of them."""
    word = rf"\w[\w{re.escape(marks)}]*"
    return re.compile(f"{word}|{others}" if others else word)
