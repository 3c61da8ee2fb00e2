"""The sum of a text's rows: a word is looked up whole once its n-grams have been added up.

A label's entries are small whole numbers of its unit, a power of two, in float32. Sums below
``2^24`` units are exact in any order: a text gives the same alone and among others, and whatever
was asked before.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from locum.forking import REMEMBERING
from locum.students.ngrams import split_words, word_ngrams, word_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from locum.students.vocabulary import Vocabulary

__all__ = ["RowTable"]

Rows = NDArray[np.float32]

_INDEX = np.dtype(np.int64)
_FOLDED_AT_ONCE = 64
_MOST_WORDS = 50_000
_MOST_FLOATS = 4_000_000
_LONGEST_WORD = 40
_FIRST_WORDS = 4_000
_ONES = np.ones(1_024, np.float32)
_GATHERED_FLOATS = 500_000


def _pack(rows: Sequence[int]) -> bytes:
    return array("q", rows).tobytes()


class _KnownWords(dict[str, bytes]):
    """Rows of each word that was met, packed; of most it is one row that holds their sum.

    Several threads may look words up: a row is written before a word points to it, and neither is
    changed afterwards. `full` tells that there is no space for more.

    Args:
        vocabulary: What rows there are of n-grams and words.
        rows: They, and those that stand for whole words, ``[R, C + 3]``.
        known: Words that are known from the beginning.
    """

    def __init__(self, vocabulary: Vocabulary, rows: Rows, known: Mapping[str, bytes]) -> None:
        super().__init__(known)
        self._vocabulary = vocabulary
        self._unknown_ngram, self._unknown_word = len(vocabulary), len(vocabulary) + 1
        self._waiting: list[str] = []
        self._used = len(rows)
        width = rows.shape[1]
        space = min(_MOST_WORDS, max(_FOLDED_AT_ONCE, _MOST_FLOATS // width))
        self.table = np.zeros((len(rows) + space, width), np.float32)
        self.table[: len(rows)] = rows
        self.space = space
        self.full = False

    def learn(self, words: Iterable[str]) -> None:
        """Remember words that were not met yet."""
        for word in words:
            self.__missing__(word)

    def rows(self) -> Rows:
        """Return a copy of the rows so far."""
        return self.table[: self._used].copy()

    def __missing__(self, word: str) -> bytes:
        ngrams, words = self._vocabulary.ngrams, self._vocabulary.words
        rows = array("q", map(ngrams.get, word_ngrams(word), repeat(self._unknown_ngram)))
        rows.append(words.get(word, self._unknown_word))
        packed = rows.tobytes()
        if len(word) <= _LONGEST_WORD and not self.full:
            with REMEMBERING:
                self._remember(word, packed)
        return packed

    def _remember(self, word: str, packed: bytes) -> None:
        self[word] = packed
        self._waiting.append(word)
        if len(self._waiting) < _FOLDED_AT_ONCE:
            return
        known = list(dict.fromkeys(self._waiting))
        self._waiting.clear()
        end = self._used + len(known)
        if end > len(self.table):
            self.full = True
            return
        self.table[self._used : end] = _add_rows(self.table, [self[word] for word in known])
        for row, folded in enumerate(known, start=self._used):
            self[folded] = _pack([row])
        self._used = end


def _add_rows(table: Rows, packed: Sequence[bytes]) -> Rows:
    """Return the sum of the rows in each of some packed lists, none of them empty."""
    lengths = np.fromiter(map(len, packed), np.int64, len(packed)) // _INDEX.itemsize
    gathered = table.take(np.frombuffer(b"".join(packed), _INDEX), axis=0)
    added: Rows = np.add.reduceat(gathered, np.cumsum(lengths) - lengths, axis=0)
    return added


class RowTable:
    """What each column of a vocabulary adds to a text's sum, and that sum.

    Args:
        vocabulary: ``D`` columns.
        logits: What each adds to the logits, ``[D, C]``.
    """

    def __init__(self, vocabulary: Vocabulary, logits: Rows) -> None:
        columns, labels = logits.shape
        self._vocabulary = vocabulary
        self._rows = np.zeros((columns + 3, labels + 3), np.float32)
        self._rows[:columns, :labels] = logits
        self._rows[:columns, labels] = vocabulary.squares
        self._rows[columns : columns + 2, labels + 1 :] = vocabulary.unknown
        single = len(vocabulary.ngrams) + len(vocabulary.words)
        self._rows[:single, labels + 2] = vocabulary.weights[:single]
        self._nothing = _pack([columns + 2])
        self._pairs = {pair: _pack([row]) for pair, row in vocabulary.pairs.items()}
        self._first_words: dict[str, bytes] = {}
        self._know_common_words()
        self._known = self._begin()

    def _know_common_words(self) -> None:
        """Let the words that most training texts held be known from the beginning."""
        known = self._begin()
        words = list(self._vocabulary.words)
        by_weight = np.argsort(self._vocabulary.word_weights, kind="stable")
        common = by_weight[: min(_FIRST_WORDS, known.space // 2)]
        known.learn(words[index] for index in common.tolist())
        self._rows, self._first_words = known.rows(), dict(known)

    def _begin(self) -> _KnownWords:
        return _KnownWords(self._vocabulary, self._rows, self._first_words)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the words met since the beginning, which other threads may be adding."""
        return {name: part for name, part in self.__dict__.items() if name != "_known"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew with what a copy was made of."""
        self.__dict__.update(state)
        self._known = self._begin()

    @property
    def known_words(self) -> int:
        """How many words are looked up whole at present."""
        return len(self._known)

    def total(self, text: str) -> Rows:
        """Return the sum of one text's rows, ``[C + 3]``.

        After the logits come the square of the text's length, the weight of its unknown words and
        n-grams, and that of all its words and n-grams.
        """
        known = self._ready()
        rows = np.frombuffer(self._find(known, text), _INDEX)
        ones = _ONES[: len(rows)] if len(rows) <= len(_ONES) else np.ones(len(rows), np.float32)
        total: Rows = ones @ known.table.take(rows, axis=0)
        return total

    def totals(self, texts: Sequence[str]) -> Iterator[Rows]:
        """Yield the same for some texts at a time, ``[n, C + 3]``, in their order."""
        most = _GATHERED_FLOATS // self._rows.shape[1] * _INDEX.itemsize
        waiting: list[bytes] = []
        size = 0
        known = self._ready()
        for text in texts:
            packed = self._find(known, text)
            waiting.append(packed)
            size += len(packed)
            if size > most or known.full:
                yield _add_rows(known.table, waiting)
                waiting, size, known = [], 0, self._ready()
        if waiting:
            yield _add_rows(known.table, waiting)

    def _find(self, known: _KnownWords, text: str) -> bytes:
        words = split_words(text)
        pairs = map(self._pairs.get, word_pairs(words), repeat(b""))
        return b"".join((self._nothing, *map(known.__getitem__, words), *pairs))

    def _ready(self) -> _KnownWords:
        """Return what is known of words; begin anew where there was no space for more."""
        known = self._known
        if known.full:
            self._known = known = self._begin()
        return known
