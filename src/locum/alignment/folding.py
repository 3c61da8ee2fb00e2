"""Forms of a text in which spellings of one value are equal."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

__all__ = ["fold", "squeeze"]

_KEPT_WORDS = 65_536
# Accents of Latin, Greek and Cyrillic letters. Marks of other scripts are vowels.
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"


def fold(text: str) -> str:
    """Return a text without regard to case and Unicode form (NFKC and full case folding)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(_KEPT_WORDS)
def squeeze(text: str) -> str:
    """Return the folded letters and digits of a text alone, without accents."""
    folded = fold(text)
    if folded.isascii():
        return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))
    return "".join(filter(_is_kept, unicodedata.normalize("NFKD", folded)))


def _is_kept(character: str) -> bool:
    if character.isalnum():
        return True
    is_accent = _FIRST_ACCENT <= character <= _LAST_ACCENT
    return not is_accent and unicodedata.category(character).startswith("M")
