"""The design matrix of texts cut into pieces: pooled embeddings beside the pieces themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from locum.students.piece_index import PieceIndex
from locum.students.piece_vocabulary import choose_pieces, whole_squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.students.token_embeddings import TokenEmbeddings

__all__ = ["CutTexts", "PieceDesign"]

Floats = NDArray[np.float32]

_EMBEDDING_LENGTH, _PIECE_LENGTH = 0.5, 0.7


class CutTexts(list[str]):
    """Texts that students of the same embeddings learn from without cutting them again.

    Args:
        texts: ``N`` of them.
        embeddings: Whose tokenizer cuts them.

    Attributes:
        embeddings: The same.
        pieces: Of the texts.
        designs: What students made of them, by what it depends on.
    """

    def __init__(self, texts: Sequence[str], embeddings: TokenEmbeddings) -> None:
        super().__init__(texts)
        self.embeddings = embeddings
        self.pieces = embeddings.tokenizer.cut(texts)
        self.designs: dict[tuple[float, ...], PieceDesign] = {}


class PieceDesign:
    """The design matrix ``X`` ``[N, d + D]``, in units in which one penalty holds for all of it.

    A text's length ``n`` is the root of the sum of the squares of its pieces, and of its pairs that
    have a row. Its first ``d`` columns are the sum of its pieces' vectors, times 0.5 / n. The other
    ``D`` columns, one for each piece and pair of the training inputs, hold what it counts, times
    0.7 / n. So the logits of a piece are those of its vector plus a correction of its own, and the
    penalty draws them towards the former.

    Args:
        cut: The texts.
        labels: Number ``C`` of labels.
        room: Bytes that all rows may take.
        embedding_weight: Factor on the first ``d`` columns.
    """

    def __init__(
        self, cut: CutTexts, labels: int, room: int, embedding_weight: float = 1.0
    ) -> None:
        from scipy.sparse import csr_array

        vectors, tokenizer = cut.embeddings.vectors, cut.embeddings.tokenizer
        mean_square = float(np.vdot(vectors, vectors)) / len(vectors)
        self._vectors = vectors
        self._vector_unit = np.float32(
            _EMBEDDING_LENGTH * embedding_weight / np.sqrt(mean_square or 1.0)
        )
        squares = whole_squares(vectors / np.sqrt(mean_square or 1.0), tokenizer.unknown_id)
        self.vocabulary = choose_pieces(cut.pieces, squares, labels, room)
        found = PieceIndex(self.vocabulary).find(cut.pieces)
        scale = (1 / np.sqrt(np.maximum(found.squares, 1))).astype(np.float32)
        starts, ids = cut.pieces
        every = csr_array(
            (np.repeat(scale, np.diff(starts)), ids, starts), shape=(len(cut), len(vectors))
        )
        # Squares are 256 times those of the vectors.
        dense = (every @ vectors) * (16 * self._vector_unit)
        _, self._axes = np.linalg.eigh(dense.T @ dense)
        self._dense = dense @ self._axes
        seen = self.vocabulary.seen[self.vocabulary.pieces]
        pairs = np.arange(len(seen), self.vocabulary.rows)
        self._learned = np.append(np.flatnonzero(seen), pairs)
        self._counts = np.sqrt(self.vocabulary.row_squares).astype(np.float32)
        self._counts *= np.float32(_PIECE_LENGTH)
        values = np.repeat(scale, np.diff(found.starts)) * self._counts[found.rows]
        own = csr_array((values, found.rows, found.starts), (len(cut), self.vocabulary.rows))
        self._sparse = own[:, self._learned]
        self._sparse.sum_duplicates()
        self._transposed = self._sparse.T.tocsr()

    def logits(self, weights: Floats) -> Floats:
        """Return ``X W``, ``[N, C]``."""
        dimensions = self._dense.shape[1]
        logits: Floats = self._dense @ weights[:dimensions]
        logits += self._sparse @ weights[dimensions:]
        return logits

    def gradient(self, on_logits: Floats) -> Floats:
        """Return ``X^T R``, ``[d + D, C]``."""
        return np.concatenate([self._dense.T @ on_logits, self._transposed @ on_logits])

    def mean_squares(self) -> Floats:
        """Return the mean square of each column, ``[d + D]``."""
        own = np.asarray(self._sparse.power(2).mean(axis=0)).ravel()
        return np.append((self._dense**2).mean(axis=0), own).astype(np.float32)

    def fold(self, weights: Floats) -> Floats:
        """Return what each row of the vocabulary adds to ``n`` times the logits, ``[R, C]``."""
        dimensions = self._dense.shape[1]
        pieces = self.vocabulary.pieces
        rows = np.zeros((self.vocabulary.rows, weights.shape[1]), np.float32)
        rows[: len(pieces)] = self._vectors[pieces] @ (
            self._axes @ weights[:dimensions] * (16 * self._vector_unit)
        )
        rows[self._learned] += self._counts[self._learned, None] * weights[dimensions:]
        return rows
