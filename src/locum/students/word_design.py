"""The design matrix of counted texts as a product of two that are far smaller.

A row of the design is a text: the sum over its words of their n-grams and of the words themselves,
and over its pairs, each by its weight, divided by the text's length. So with ``G`` from words to
columns and ``A`` from texts to words, the logits ``A (G W)`` take a multiplication for each word of
a text, and not one for each n-gram of each word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.students.ngrams import word_ngrams

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from locum.students.vocabulary import Vocabulary
    from locum.students.word_counts import CountedTexts

    Floats = NDArray[np.float32]

__all__ = ["WordDesign"]


class WordDesign:
    """The design matrix ``X`` ``[N, D]`` of texts, in factors.

    Args:
        counted: The texts.
        vocabulary: Its ``D`` columns.

    Attributes:
        vocabulary: The same.
    """

    def __init__(self, counted: CountedTexts, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._columns = _columns_of_parts(counted, vocabulary)
        self._texts = _parts_of_texts(counted, vocabulary, self._columns)
        self._columns.data = vocabulary.values[self._columns.indices]
        self._columns_transposed = self._columns.T.tocsr()
        self._texts_transposed = self._texts.T.tocsr()

    def logits(self, weights: Floats) -> Floats:
        """Return ``X W``, ``[N, C]``."""
        logits: Floats = self._texts @ (self._columns @ weights)
        return logits

    def gradient(self, on_logits: Floats) -> Floats:
        """Return ``X^T R``, ``[D, C]``."""
        gradient: Floats = self._columns_transposed @ (self._texts_transposed @ on_logits)
        return gradient

    def matrix(self) -> csr_array:
        """Return ``X`` itself."""
        return (self._texts @ self._columns).tocsr()

    def mean_squares(self) -> Floats:
        """Return about the mean square of each column, ``[D]``.

        It is as if no n-gram stood in two words of a text.
        """
        of_parts = np.asarray(self._texts.power(2).mean(axis=0)).ravel()
        squares: Floats = self._columns_transposed.power(2) @ of_parts
        return squares


def _columns_of_parts(counted: CountedTexts, vocabulary: Vocabulary) -> csr_array:
    """Columns of each word, then of each pair; of words and pairs as the texts hold them."""
    from scipy.sparse import csr_array

    found = [_columns_of_word(word, vocabulary) for word in counted.vocabulary]
    of_pair = (vocabulary.pairs.get(pair) for pair in counted.pair_words)
    found.extend([] if column is None else [column] for column in of_pair)
    starts = np.concatenate([[0], np.cumsum([len(columns) for columns in found])])
    indices = np.fromiter((c for columns in found for c in columns), np.int32, int(starts[-1]))
    ones = np.ones(len(indices), np.float32)
    return csr_array((ones, indices, starts.astype(np.int32)), shape=(len(found), len(vocabulary)))


def _columns_of_word(word: str, vocabulary: Vocabulary) -> list[int]:
    ngrams, words = vocabulary.ngrams, vocabulary.words
    found = [ngrams[ngram] for ngram in word_ngrams(word) if ngram in ngrams]
    if word in words:
        found.append(words[word])
    return found


def _parts_of_texts(counted: CountedTexts, vocabulary: Vocabulary, columns: csr_array) -> csr_array:
    """How often a text holds each word and pair, over the text's length."""
    from scipy.sparse import coo_array

    squares = columns @ vocabulary.squares
    words = len(counted.vocabulary)
    known = squares[words + counted.pairs.items] > 0
    rows = np.concatenate([counted.words.rows, counted.pairs.rows[known]])
    parts = np.concatenate([counted.words.items, words + counted.pairs.items[known]])
    places = (rows.astype(np.int32), parts.astype(np.int32))
    ones = np.ones(len(rows), np.float32)
    texts = coo_array((ones, places), shape=(len(counted), len(squares))).tocsr()
    texts.data /= np.sqrt(np.maximum(texts @ squares, 1)).repeat(np.diff(texts.indptr))
    return texts
