"""Words of texts in any script, and the marks that belong to them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["cut_first_token", "cut_last_token", "find_letter_words", "find_words"]

_JOINERS = "\u200c\u200d"
_BRACKETS = re.escape("()[]{}<>\u300a\u300b\u3010\u3011\uff08\uff09")
_QUOTES = '"\u00ab\u00bb\u201c\u201d\u201e\u300c\u300d\u300e\u300f'
# Those of Han, kana, Devanagari and Arabic, which stand in no number and in no reference.
_PUNCTUATION = "\u0964\u060c\u061b\u061f\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
# Scripts without spaces between words: their lines break at any letter, or by a dictionary (classes
# ID and SA of Unicode's Annex 14).
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
    "\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48f"
    "\uf900-\ufaff\uff66-\uff9f\U00016fe0-\U00018d8f\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
_BETWEEN_TOKENS = re.compile(rf"[\s{_BRACKETS}{_QUOTES}{_PUNCTUATION}]")


def find_words(text: str, others: str = "") -> list[str]:
    """Return the words of a text in their order.

    A word is a run of letters, digits and underscores with the marks that belong to them (vowel
    signs, points) and joiners.

    Args:
        text: The text.
        others: A regular expression of what is a word besides.
    """
    return _words_with(_marks_in(text), others).findall(text)


def find_letter_words(text: str) -> list[str]:
    """Return the words of a text, and in scripts without spaces each letter as one, in their order.

    These scripts are Han, kana, Thai, Lao, Khmer, Burmese and the like; a letter has its marks, and
    numbers stay whole.
    """
    return _letter_words_with(_marks_in(text)).findall(text)


def cut_last_token(text: str) -> str:
    """Return a text without the token, or the piece of one, that it ends with.

    A token is what stands between white space, quotation marks and brackets, and in scripts without
    spaces between signs of punctuation: a word, a date, a number, an address, a reference such as
    ``INV-2026-48213``. A text that ends with one of these signs stays as it is.
    """
    return text[: max((end.end() for end in _BETWEEN_TOKENS.finditer(text)), default=0)]


def cut_first_token(text: str) -> str:
    """Return a text without the token, or the piece of one, that it begins with."""
    first = _BETWEEN_TOKENS.search(text)
    return text[first.start() :] if first else ""


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


@lru_cache(maxsize=256)
def _letter_words_with(marks: str) -> re.Pattern[str]:
    letter = rf"(?=[^\W\d])[{_UNSPACED}]"
    joined = f"[{re.escape(marks)}]*" if marks else ""
    return re.compile(
        rf"{letter}{joined}|(?:(?!{letter})\w)(?:(?!{letter})[\w{re.escape(marks)}])*"
    )
