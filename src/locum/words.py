"""Words of texts in any script, and the marks that belong to them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["find_words", "marks_in"]

_JOINERS = "\u200c\u200d"


def find_words(text: str) -> list[str]:
    """Return the words of a text in their order.

    A word is a run of letters, digits and underscores with the marks that belong to them (vowel
    signs, points) and joiners.
    """
    return _words_with(marks_in(text)).findall(text)


def marks_in(text: str) -> str:
    """Return the marks and joiners of a text, each once."""
    if text.isascii():
        return ""
    found = sorted(set(text))
    return "".join(c for c in found if unicodedata.category(c)[0] == "M" or c in _JOINERS)


@lru_cache(maxsize=256)
def _words_with(marks: str) -> re.Pattern[str]:
    """Words in a text that has these marks; the module re knows no class of them."""
    return re.compile(rf"\w[\w{re.escape(marks)}]*")
