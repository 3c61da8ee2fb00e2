"""Words of a text, the character n-grams inside them, and pairs of words near each other."""

from __future__ import annotations

import unicodedata
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from locum.words import find_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FEW_WORDS", "MAX_CHARACTERS", "split_words", "word_ngrams", "word_pairs"]

MAX_CHARACTERS = 20_000
FEW_WORDS = 40
_LENGTHS = (2, 3, 4)
_SYMBOL = r"[^\w\s\0-\x7f]"


def _fold_ascii(code: int) -> str:
    character = chr(code)
    return character.lower() if character.isalnum() or character == "_" else " "


_FOLDED = "".join(_fold_ascii(code) for code in range(128))


def split_words(text: str) -> list[str]:
    """Return the words of a text in their order, normalised to NFKC and case-folded.

    A word is a run of letters, digits and underscores with the marks that belong to them (vowel
    signs, points) and joiners; of other characters, each beyond ASCII (an emoji, say) is a word,
    and the others separate. Of a text over 20,000 characters the first 20,000 count.
    """
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS]
    if text.isascii():
        return text.translate(_FOLDED).split()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return find_words(folded, _SYMBOL)


def word_ngrams(word: str) -> list[str]:
    """Return the character n-grams of two, three and four characters in a word.

    One space before and one after the word are part of it, so that a beginning differs from a
    middle; an n-gram that occurs twice is returned twice.
    """
    padded = f" {word} "
    size = len(padded) + 1
    return [padded[i : i + length] for length in _LENGTHS for i in range(size - length)]


def word_pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of neighbours, and those with one word between; of over 40 words none.

    A long text is told by its words: there its pairs take more time than they are worth.
    """
    if len(words) > FEW_WORDS:
        return iter(())
    return chain(pairwise(words), zip(words, words[2:], strict=False))
