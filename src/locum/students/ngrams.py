"""Hashed character n-grams, words and word pairs, for many texts at once with numpy alone.

The texts of a batch are laid end to end as Unicode code points ``c_0 c_1 ...``. With the prefix
sums ``P_j = sum_{k<j} m(c_k) B^k`` modulo 2^64, the hash of any stretch ``[i, j)`` is
``(P_j - P_i) B^-i``: the polynomial hash of Karp and Rabin (1987), here for all n-grams of all
lengths from one pass. ``m`` and a last mixing step are the finaliser of SplitMix64 (Steele, Lea
and Flood 2014).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MAX_CHARACTERS", "NgramFeatures", "SparseRows", "normalise"]

MAX_CHARACTERS = 20_000
_BATCH_CHARACTERS = 1_000_000
_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_WORD = re.compile(r"\w+")
_CHARACTER_VIEW, _WORD_VIEW = 0, 1
_VIEWS = 2
_VIEW_LENGTHS = np.array([1.0, 0.6], np.float32)

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]


class SparseRows(NamedTuple):
    """Rows of a sparse matrix, one after the other.

    Args:
        starts: Where each row starts in the other two, and where the last one ends, ``[N + 1]``.
        columns: Column of each value.
        values: float32.
    """

    starts: Indices
    columns: Indices
    values: NDArray[np.float32]


class _Counts(NamedTuple):
    """How often each bucket occurs in each row, sorted by row and bucket."""

    rows: Indices
    buckets: Indices
    counts: NDArray[np.float32]


def normalise(text: str) -> str:
    """Return a text as its n-grams are taken: NFKC, case folded, single spaces, a space around.

    Of a text over 20,000 characters the first 20,000 count.
    """
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    return f" {' '.join(folded.split())} "


class NgramFeatures:
    """TF-IDF weights of hashed n-grams, in a view of characters and one of words.

    Each row of a view has length 1 for characters and 0.6 for words and their pairs.

    Term frequencies count as ``1 + log(tf)`` and documents as
    ``log((1 + N) / (1 + df)) + 1``, as is usual (Salton and Buckley 1988; scikit-learn's
    smoothing). An n-gram that fewer than ``minimum_documents`` training texts hold is left out.

    Args:
        character_lengths: Lengths of the character n-grams, spaces included.
        pair_distance: Words so many places apart at most count as a pair, in either order.
        bits: Each view is hashed into ``2**bits`` buckets.
        minimum_documents: Training texts that must hold an n-gram.
        maximum_columns: Of more n-grams than this, those that the most texts hold are kept.
    """

    def __init__(
        self,
        character_lengths: Sequence[int] = (2, 3, 4),
        pair_distance: int = 3,
        bits: int = 19,
        minimum_documents: int = 3,
        maximum_columns: int = 1_000_000,
    ) -> None:
        self.character_lengths = tuple(character_lengths)
        self.pair_distance = pair_distance
        self.bits = bits
        self.minimum_documents = minimum_documents
        self.maximum_columns = maximum_columns

    def fit(self, texts: Sequence[str]) -> NgramFeatures:
        """Choose the buckets that become columns, and their weights."""
        documents = np.zeros(_VIEWS << self.bits, np.int64)
        for batch in _batches(texts):
            documents += np.bincount(self._count(batch).buckets, minlength=len(documents))
        buckets = np.flatnonzero(documents >= self.minimum_documents)
        if len(buckets) > self.maximum_columns:
            most_held = np.argsort(-documents[buckets], kind="stable")[: self.maximum_columns]
            buckets = np.sort(buckets[most_held])
        weights = np.log((1 + len(texts)) / (1 + documents[buckets])) + 1
        return self.restore(buckets, weights.astype(np.float32))

    def restore(self, buckets: NDArray[np.integer], weights: NDArray[np.float32]) -> NgramFeatures:
        """Take the fitted state: ascending bucket of each column, and its weight."""
        self.buckets_ = buckets.astype(np.int64)
        self.weights_ = weights
        self._column_of_bucket = np.full(_VIEWS << self.bits, -1, np.int32)
        self._column_of_bucket[self.buckets_] = np.arange(len(buckets))
        return self

    def transform(self, texts: Sequence[str]) -> Iterator[SparseRows]:
        """Yield the features of the texts, some texts at a time and in their order."""
        return (self._weigh(self._count(batch), len(batch)) for batch in _batches(texts))

    def _count(self, texts: Sequence[str]) -> _Counts:
        normalised = [normalise(text) for text in texts]
        joined = "".join(normalised)
        lengths = [len(text) for text in normalised]
        rows = np.repeat(np.arange(len(texts)), lengths)
        hasher = _StretchHasher(joined)
        found = [
            *self._character_ngrams(hasher, rows),
            *self._words_and_pairs(hasher, rows, joined),
        ]
        row_of = np.concatenate([row for row, _ in found])
        bucket_of = np.concatenate([bucket for _, bucket in found])
        width = _VIEWS << self.bits
        cells, counts = np.unique(row_of * width + bucket_of, return_counts=True)
        return _Counts(cells // width, cells % width, counts.astype(np.float32))

    def _character_ngrams(
        self, hasher: _StretchHasher, rows: Indices
    ) -> Iterator[tuple[Indices, Indices]]:
        for length in self.character_lengths:
            starts = np.arange(max(len(rows) - length + 1, 0))
            starts = starts[rows[starts] == rows[starts + length - 1]]
            hashes = hasher.stretches(starts, starts + length)
            yield rows[starts], self._bucket(hashes, _CHARACTER_VIEW)

    def _words_and_pairs(
        self, hasher: _StretchHasher, rows: Indices, joined: str
    ) -> Iterator[tuple[Indices, Indices]]:
        spans = np.array([match.span() for match in _WORD.finditer(joined)], np.int64)
        starts, ends = spans.reshape(-1, 2).T
        words, row_of = hasher.stretches(starts, ends), rows[starts]
        yield row_of, self._bucket(words, _WORD_VIEW)
        for distance in range(1, min(self.pair_distance, len(words) - 1) + 1):
            first, second = words[:-distance], words[distance:]
            pairs = _mix(_mix(np.minimum(first, second)) + np.maximum(first, second))
            inside = row_of[:-distance] == row_of[distance:]
            yield row_of[:-distance][inside], self._bucket(pairs[inside], _WORD_VIEW)

    def _bucket(self, hashes: Hashes, view: int) -> Indices:
        bucket = (hashes >> np.uint64(64 - self.bits)).astype(np.int64)
        return bucket + (view << self.bits)

    def _weigh(self, counts: _Counts, texts: int) -> SparseRows:
        columns = self._column_of_bucket[counts.buckets].astype(np.int64)
        known = columns >= 0
        rows, columns = counts.rows[known], columns[known]
        values = (1 + np.log(counts.counts[known])) * self.weights_[columns]
        view = counts.buckets[known] >> self.bits
        row_view = view + _VIEWS * rows
        squares = np.bincount(row_view, values.astype(np.float64) ** 2, minlength=_VIEWS * texts)
        values *= _VIEW_LENGTHS[view] / np.sqrt(squares)[row_view].astype(np.float32)
        return SparseRows(np.searchsorted(rows, np.arange(texts + 1)), columns, values)


class _StretchHasher:
    """Hashes of any stretches of one string, from prefix sums."""

    def __init__(self, text: str) -> None:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        with np.errstate(over="ignore"):
            terms = _mix(points + np.uint64(1)) * _powers(_BASE, len(points))
            self._sums = np.concatenate([[np.uint64(0)], np.cumsum(terms, dtype=np.uint64)])
        self._inverse_powers = _powers(_BASE_INVERSE, len(points) + 1)

    def stretches(self, starts: Indices, ends: Indices) -> Hashes:
        """Hash of each ``text[start:end]``."""
        return _mix((self._sums[ends] - self._sums[starts]) * self._inverse_powers[starts])


def _powers(base: int, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _mix(hashes: Hashes) -> Hashes:
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut the texts where a batch reaches a million characters, to bound memory."""
    start, characters = 0, 0
    for index, text in enumerate(texts):
        characters += min(len(text), MAX_CHARACTERS)
        if characters > _BATCH_CHARACTERS:
            yield texts[start : index + 1]
            start, characters = index + 1, 0
    if start < len(texts):
        yield texts[start:]
