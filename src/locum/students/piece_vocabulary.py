"""Which pieces and pairs of neighbouring pieces a static student keeps a row for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError

if TYPE_CHECKING:
    from locum.students.pieces import Pieces

__all__ = ["PAIR_SQUARE", "PieceVocabulary", "choose_pieces", "pair_keys", "whole_squares"]

Indices = NDArray[np.int64]

_UNIT = 256
_LARGEST_SQUARE = np.iinfo(np.uint16).max
PAIR_SQUARE = _UNIT // 2
_FEWEST_TEXTS = 2
_BYTES_OF_PIECE, _BYTES_OF_PAIR = 4, 8


class PieceVocabulary(NamedTuple):
    """Pieces and pairs that have a row, and what all pieces count.

    Args:
        squares: Square of what each of the ``V`` pieces counts, whole numbers, uint16 ``[V]``.
        seen: 1 where a training input holds the piece, else 0, uint8 ``[V]``.
        pieces: Number of each piece that has a row, ascending, int32 ``[P]``.
        pairs: Key of each pair that has a row, ascending, int64 ``[Q]`` (see `pair_keys`).
    """

    squares: NDArray[np.uint16]
    seen: NDArray[np.uint8]
    pieces: NDArray[np.int32]
    pairs: Indices

    @property
    def rows(self) -> int:
        """Number of rows: first those of pieces, then those of pairs."""
        return len(self.pieces) + len(self.pairs)

    @property
    def row_squares(self) -> Indices:
        """Square of what each row counts, whole numbers ``[P + Q]``."""
        of_pairs = np.full(len(self.pairs), PAIR_SQUARE)
        return np.append(self.squares[self.pieces].astype(np.int64), of_pairs)

    @classmethod
    def unpack(cls, tensors: dict[str, NDArray[Any]]) -> PieceVocabulary:
        """Take the arrays of a saved vocabulary.

        Raises:
            ArtefactError: They are no vocabulary.
            KeyError: One is missing.
        """
        found = cls(*(tensors[name] for name in cls._fields))
        size = len(found.squares) if found.squares.ndim == 1 else 0
        expected = dict(zip(cls._fields, (np.uint16, np.uint8, np.int32, np.int64), strict=True))
        sound = (
            all(tensors[name].dtype == kind for name, kind in expected.items())
            and found.seen.shape == (size,)
            and _ascend_below(found.pieces, size)
            and _ascend_below(found.pairs, size**2)
        )
        if not sound:
            raise ArtefactError("the vocabulary is damaged: save the student again")
        return found


def choose_pieces(
    pieces: Pieces, squares: NDArray[np.uint16], labels: int, room: int
) -> PieceVocabulary:
    """Return the vocabulary for training inputs.

    A row each get, as long as there is room: the pieces that the most inputs hold, the pairs that
    the most inputs hold, of those in two inputs or more, and the other pieces in their order, which
    in most vocabularies is that of frequency.

    Args:
        pieces: Of the inputs.
        squares: Of all ``V`` pieces.
        labels: Number ``C`` of a row.
        room: Bytes for all rows.
    """
    size = len(squares)
    texts = np.repeat(np.arange(len(pieces.starts) - 1), np.diff(pieces.starts))
    held = np.bincount(np.unique(texts * size + pieces.ids) % size, minlength=size)
    keys = pair_keys(pieces, size)
    inside = keys >= 0
    pairs = _pairs_by_texts(keys[inside], texts[:-1][inside])
    room -= size * 3
    seen = np.flatnonzero(held)
    seen = seen[np.argsort(-held[seen], kind="stable")][: _fits(room, labels + _BYTES_OF_PIECE)]
    room -= len(seen) * (labels + _BYTES_OF_PIECE)
    pairs = pairs[: _fits(room, labels + _BYTES_OF_PAIR)]
    room -= len(pairs) * (labels + _BYTES_OF_PAIR)
    others = np.flatnonzero(held == 0)[: _fits(room, labels + _BYTES_OF_PIECE)]
    rows = np.sort(np.append(seen, others)).astype(np.int32)
    return PieceVocabulary(squares, (held > 0).astype(np.uint8), rows, np.sort(pairs))


def pair_keys(pieces: Pieces, size: int) -> Indices:
    """Return a number for each piece with the one after it, ``[M - 1]``; -1 between two texts.

    Args:
        pieces: Of the texts, ``M`` in all.
        size: Of the vocabulary.
    """
    starts, ids = pieces
    keys = ids[:-1] * size + ids[1:]
    borders = starts[1:-1]
    keys[borders[(borders > 0) & (borders < len(ids))] - 1] = -1
    return keys


def whole_squares(vectors: NDArray[np.float32], unknown: int) -> NDArray[np.uint16]:
    """Return the square of what each piece counts: 256 times that of its vector's length.

    Args:
        vectors: Of the pieces, of a root mean square length of 1, ``[V, d]``.
        unknown: Number of the piece that stands for any unknown one, or -1: it counts 256.
    """
    squares = np.rint(_UNIT * (vectors.astype(np.float64) ** 2).sum(axis=1))
    if unknown >= 0:
        squares[unknown] = _UNIT
    whole: NDArray[np.uint16] = np.clip(squares, 1, _LARGEST_SQUARE).astype(np.uint16)
    return whole


def _pairs_by_texts(keys: Indices, texts: Indices) -> Indices:
    """Keys that two texts or more hold, those first that the most texts hold."""
    order = np.lexsort((texts, keys))
    keys, texts = keys[order], texts[order]
    first = np.append(True, (keys[1:] != keys[:-1]) | (texts[1:] != texts[:-1]))[: len(keys)]
    distinct, counts = np.unique(keys[first], return_counts=True)
    often = counts >= _FEWEST_TEXTS
    by_count = np.argsort(-counts[often], kind="stable")
    found: Indices = distinct[often][by_count]
    return found


def _fits(room: int, row: int) -> int:
    return max(0, room // row)


def _ascend_below(numbers: NDArray[np.integer], bound: int) -> bool:
    if numbers.ndim != 1:
        return False
    if not len(numbers):
        return True
    return bool((np.diff(numbers) > 0).all() and numbers[0] >= 0 and numbers[-1] < bound)
