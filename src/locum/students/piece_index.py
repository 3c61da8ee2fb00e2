"""Rows of the pieces and pairs of texts, and their sums."""

from __future__ import annotations

from functools import cached_property
from itertools import count, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.students.piece_vocabulary import PAIR_SQUARE, pair_keys

if TYPE_CHECKING:
    from locum.students.piece_vocabulary import PieceVocabulary
    from locum.students.pieces import Pieces

__all__ = ["FoundRow", "FoundRows", "PieceIndex", "add_rows"]

Indices = NDArray[np.int64]

_GATHERED_FLOATS = 500_000


class FoundRows(NamedTuple):
    """What a vocabulary holds of ``N`` texts, one text after the other.

    Args:
        starts: Where each text starts in ``rows``, and where the last one ends, ``[N + 1]``.
        rows: Row of each piece and pair that has one.
        squares: Sum of the squares of each text's pieces, and pairs that have a row, ``[N]``.
        novelty: How strange each text is, between 0 and 1, float32 ``[N]`` (see `PieceIndex`).
    """

    starts: Indices
    rows: Indices
    squares: Indices
    novelty: NDArray[np.float32]


class FoundRow(NamedTuple):
    """The same of one text: its rows, the sum of squares, and its novelty."""

    rows: list[int]
    squares: int
    novelty: float


class _Lists(NamedTuple):
    """Lookups of single pieces and pairs: lists are faster than arrays there."""

    row_of_piece: list[int]
    squares: list[int]
    strange: list[int]
    row_of_pair: dict[int, int]


class PieceIndex:
    """Finds the rows of pieces and pairs.

    The novelty of a text is the mean of two shares: of its pieces that no training input holds,
    each by its square, and of its pairs that have no row. A text of one piece has no pair: the
    first share alone counts. A text without pieces has novelty 1.

    Args:
        vocabulary: That holds them.
    """

    def __init__(self, vocabulary: PieceVocabulary) -> None:
        self._vocabulary = vocabulary
        self._none = vocabulary.rows
        self._size = len(vocabulary.squares)
        self._row_of_piece = np.full(self._size, self._none, np.int64)
        self._row_of_piece[vocabulary.pieces] = np.arange(len(vocabulary.pieces))
        # A last key that no pair has: what is sought always has a place.
        self._keys = np.append(vocabulary.pairs, np.iinfo(np.int64).max)
        self._squares = vocabulary.squares.astype(np.int64)
        self._strange = np.where(vocabulary.seen, 0, self._squares)

    @cached_property
    def _lists(self) -> _Lists:
        pairs = zip(
            self._vocabulary.pairs.tolist(), count(len(self._vocabulary.pieces)), strict=False
        )
        return _Lists(
            self._row_of_piece.tolist(),
            self._squares.tolist(),
            self._strange.tolist(),
            dict(pairs),
        )

    def find(self, pieces: Pieces) -> FoundRows:
        """Return the rows of each text, what its pieces and pairs count, and its novelty."""
        starts, ids = pieces
        rows = np.full((len(ids), 2), self._none, np.int64)
        rows[:, 0] = self._row_of_piece.take(ids)
        keys = pair_keys(pieces, self._size)
        rows[:-1, 1] = self._pair_rows(keys)
        known = rows < self._none
        own = _sums(self._squares.take(ids), starts)
        strange = _sums(self._strange.take(ids), starts)
        pairs = _sums(known[:, 1], starts)
        return FoundRows(
            _running(known.sum(axis=1))[starts],
            rows[known],
            own + PAIR_SQUARE * pairs,
            _novelty(own, strange, np.maximum(np.diff(starts) - 1, 0), pairs),
        )

    def _pair_rows(self, keys: Indices) -> Indices:
        places = self._keys.searchsorted(keys)
        first = len(self._vocabulary.pieces)
        return np.where(self._keys.take(places) == keys, places + first, self._none)

    def find_one(self, ids: list[int]) -> FoundRow:
        """Return the same for one text, with the fewest calls."""
        row_of_piece, squares, strange_squares, row_of_pair = self._lists
        rows = [row for piece in ids if (row := row_of_piece[piece]) < self._none]
        pieces = len(rows)
        keys = [first * self._size + second for first, second in pairwise(ids)]
        rows += [row_of_pair[key] for key in keys if key in row_of_pair]
        pairs = len(rows) - pieces
        own = sum([squares[piece] for piece in ids])
        strange = sum([strange_squares[piece] for piece in ids])
        novelty = strange / own if own else 1.0
        if keys:
            novelty = (novelty + 1 - pairs / len(keys)) / 2
        return FoundRow(rows, own + PAIR_SQUARE * pairs, novelty)


def add_rows(table: NDArray[np.int8], found: FoundRows) -> NDArray[np.float32]:
    """Return the sum of each text's rows of a table ``[R, C]``, ``[N, C]``.

    Each sum is a whole number below ``2^24``, so that a text gives the same alone and among others.
    """
    starts, rows = found.starts, found.rows
    totals = np.zeros((len(starts) - 1, table.shape[1]), np.float32)
    step = max(1, _GATHERED_FLOATS // table.shape[1])
    for first in range(0, len(rows), step):
        last = min(first + step, len(rows))
        begins = np.maximum(starts[:-1], first)
        touched = np.flatnonzero(begins < np.minimum(starts[1:], last))
        gathered = table.take(rows[first:last], axis=0).astype(np.float32)
        totals[touched] += np.add.reduceat(gathered, begins[touched] - first, axis=0)
    return totals


def _running(numbers: NDArray[np.integer | np.bool_]) -> Indices:
    """Sums of the first 0, 1, ... numbers."""
    sums = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=sums[1:])
    return sums


def _sums(numbers: NDArray[np.integer | np.bool_], starts: Indices) -> Indices:
    sums: Indices = np.diff(_running(numbers)[starts])
    return sums


def _novelty(
    own: Indices, strange: Indices, pairs: Indices, known_pairs: Indices
) -> NDArray[np.float32]:
    of_pieces = np.where(own > 0, strange / np.maximum(own, 1), 1.0)
    of_both = (of_pieces + 1 - known_pairs / np.maximum(pairs, 1)) / 2
    return np.where(pairs > 0, of_both, of_pieces).astype(np.float32)
