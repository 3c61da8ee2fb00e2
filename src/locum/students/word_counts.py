"""Texts with the words, and the pairs of words near each other, that each of them holds."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.students.ngrams import FEW_WORDS, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.students.word_design import WordDesign

__all__ = ["CountedTexts", "Occurrences"]

Indices = NDArray[np.int64]


class Occurrences(NamedTuple):
    """What stands in which text.

    Args:
        rows: Index of the text, ``[M]``.
        items: Index of what stands there, ``[M]``.
    """

    rows: Indices
    items: Indices


class CountedTexts(list[str]):
    """Texts that a student can learn from several times without splitting them again.

    Args:
        texts: ``N`` of them.

    Attributes:
        vocabulary: Distinct words, in the order of their first occurrence.
        words: Where each of them occurs.
        pairs: Where each distinct pair of words occurs, as `word_pairs` pairs them.
        designs: What students made of them, by what it depends on.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__(texts)
        self.designs: dict[tuple[int, int, int], WordDesign] = {}
        number: dict[str, int] = {}
        split = [[number.setdefault(w, len(number)) for w in split_words(t)] for t in texts]
        self.vocabulary = list(number)
        lengths = np.fromiter(map(len, split), np.int64, len(split))
        items = np.fromiter(chain.from_iterable(split), np.int64, int(lengths.sum()))
        self.words = Occurrences(np.repeat(np.arange(len(split)), lengths), items)
        few = lengths[self.words.rows] <= FEW_WORDS
        paired = Occurrences(self.words.rows[few], items[few])
        found = [_pairs_apart(paired, distance, len(number)) for distance in (1, 2)]
        pairs = np.concatenate([pairs.items for pairs in found])
        self._distinct_pairs, which = np.unique(pairs, return_inverse=True)
        self.pairs = Occurrences(np.concatenate([pairs.rows for pairs in found]), which)

    @cached_property
    def pair_words(self) -> list[tuple[str, str]]:
        """The two words of each distinct pair."""
        first, second = np.divmod(self._distinct_pairs, max(len(self.vocabulary), 1))
        words = self.vocabulary
        return [(words[a], words[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]

    @cached_property
    def word_documents(self) -> Indices:
        """How many texts hold each word."""
        return _count_documents(self.words, len(self.vocabulary))

    @cached_property
    def pair_documents(self) -> Indices:
        """How many texts hold each pair."""
        return _count_documents(self.pairs, len(self._distinct_pairs))


def _pairs_apart(words: Occurrences, distance: int, vocabulary: int) -> Occurrences:
    """Words so many places apart in a text, each as ``first * vocabulary + second``."""
    inside = words.rows[:-distance] == words.rows[distance:]
    keys = words.items[:-distance] * vocabulary + words.items[distance:]
    return Occurrences(words.rows[:-distance][inside], keys[inside])


def _count_documents(occurrences: Occurrences, items: int) -> Indices:
    distinct = np.unique(occurrences.rows * items + occurrences.items)
    return np.bincount(distinct % max(items, 1), minlength=items)
