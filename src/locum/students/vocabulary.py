"""The n-grams, words and pairs of words that a student weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError
from locum.students.ngrams import word_ngrams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.students.word_counts import CountedTexts

__all__ = ["Vocabulary", "choose_vocabulary"]

Indices = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_IDF_STEPS = 16
_FEWEST_DOCUMENTS = 2
_BYTES_BESIDE_KEY = 2  # the separator and the weight


class Vocabulary:
    """What has a column, and how much the column weighs.

    N-grams come first, then words, then pairs of words near each other. A column weighs its inverse
    document frequency ``log((1 + N) / (1 + df)) + 1`` (Salton and Buckley 1988, smoothed as in
    scikit-learn), rounded to sixteenths; words and pairs are multiplied by a factor, as otherwise
    a word's many n-grams outweigh the word itself.

    Args:
        ngrams: Inside words, as `word_ngrams` returns them.
        words: As `split_words` returns them.
        pairs: As `word_pairs` returns them.
        weights: Of the columns, in sixteenths, uint8 ``[D]``.
        unknown: Weight of what no training text held, in sixteenths, uint8 ``[1]``.
        word_factor: What the weights of words and pairs are multiplied by, uint8 ``[1]``.
    """

    def __init__(
        self,
        ngrams: Sequence[str],
        words: Sequence[str],
        pairs: Sequence[tuple[str, str]],
        weights: Bytes,
        unknown: Bytes,
        word_factor: Bytes,
    ) -> None:
        self.ngrams = {ngram: column for column, ngram in enumerate(ngrams)}
        self.words = {word: column for column, word in enumerate(words, len(ngrams))}
        single = len(ngrams) + len(words)
        self.pairs = {pair: column for column, pair in enumerate(pairs, single)}
        self.weights = weights
        self.unknown = unknown
        self.word_factor = word_factor

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.ngrams) + len(self.words) + len(self.pairs)

    @property
    def values(self) -> NDArray[np.float32]:
        """Value of each column where a text has it, ``[D]``."""
        values: NDArray[np.float32] = self.weights.astype(np.float32) / np.float32(_IDF_STEPS)
        values[len(self.ngrams) :] *= self.word_factor
        return values

    @property
    def squares(self) -> NDArray[np.float32]:
        """What each column adds to the square of a text's length, whole numbers, ``[D]``."""
        return np.rint(self.values**2)

    @property
    def word_weights(self) -> Bytes:
        """Weights of the words alone."""
        return self.weights[len(self.ngrams) : len(self.ngrams) + len(self.words)]

    def pack(self) -> dict[str, Bytes]:
        """Return the tensors to save: keys in UTF-8, one a line, and the weights."""
        return {
            "ngrams": _pack(list(self.ngrams)),
            "words": _pack(list(self.words)),
            "pairs": _pack([" ".join(pair) for pair in self.pairs]),
            "weights": self.weights,
            "unknown": self.unknown,
            "word_factor": self.word_factor,
        }

    @classmethod
    def unpack(cls, tensors: dict[str, NDArray[Any]]) -> Self:
        """Read what `pack` returned.

        Raises:
            ArtefactError: It is not that.
            KeyError: A tensor is missing.
        """
        ngrams, words, pairs = (_unpack(tensors[name]) for name in ("ngrams", "words", "pairs"))
        weights, unknown, factor = (tensors[n] for n in ("weights", "unknown", "word_factor"))
        divided = [(first, second) for first, _, second in (pair.partition(" ") for pair in pairs)]
        found = cls(ngrams, words, divided, weights, unknown, factor)
        expected = len(ngrams) + len(words) + len(pairs)
        sound = (
            len(found) == expected
            and weights.dtype == unknown.dtype == factor.dtype == np.uint8
            and weights.shape == (expected,)
            and unknown.shape == factor.shape == (1,)
        )
        if not sound:
            raise ArtefactError(
                f"{expected} words and n-grams do not fit their weights: save the student again"
            )
        return found


class _Kind(NamedTuple):
    """Candidates of one kind: their names, and how many texts hold each."""

    names: list[Any]
    documents: Indices


def choose_vocabulary(
    counted: CountedTexts, bytes_of_row: int, most_bytes: int, word_factor: int
) -> Vocabulary:
    """Return what at least two texts hold, of too much what the most texts hold.

    Args:
        counted: The training texts.
        bytes_of_row: What the weights of a column for the labels take.
        most_bytes: What all columns may take.
        word_factor: What the weights of words and pairs are multiplied by, 1 to 255.
    """
    kinds = [_ngrams_of(counted), _words_of(counted), _pairs_of(counted)]
    held = np.concatenate([kind.documents for kind in kinds])
    names = [name for kind in kinds for name in kind.names]
    candidates = np.flatnonzero(held >= _FEWEST_DOCUMENTS)
    frequent = candidates[np.argsort(-held[candidates], kind="stable")]
    sizes = np.array([_size(names[index]) for index in frequent.tolist()], np.int64)
    fits = np.cumsum(sizes + bytes_of_row + _BYTES_BESIDE_KEY) <= most_bytes
    kept = np.sort(frequent[fits])
    ends = np.cumsum([len(kind.names) for kind in kinds])[:2]
    ngrams, words, pairs = (
        [names[index] for index in part.tolist()]
        for part in np.split(kept, np.searchsorted(kept, ends))
    )
    weights = _weights(held[kept], len(counted))
    unknown = _weights(np.zeros(1), len(counted))
    return Vocabulary(ngrams, words, pairs, weights, unknown, np.array([word_factor], np.uint8))


def _weights(documents: NDArray[np.number], texts: int) -> Bytes:
    idf = np.log((1 + texts) / (1 + documents)) + 1
    rounded: Bytes = np.clip(np.rint(idf * _IDF_STEPS), 1, 255).astype(np.uint8)
    return rounded


def _size(name: str | tuple[str, str]) -> int:
    text = name if isinstance(name, str) else " ".join(name)
    return len(text.encode("utf-8", "surrogatepass"))


def _ngrams_of(counted: CountedTexts) -> _Kind:
    """N-grams; one in several words of a text counts as many times, up to the number of texts."""
    column: dict[str, int] = {}
    found = [
        [column.setdefault(ngram, len(column)) for ngram in dict.fromkeys(word_ngrams(word))]
        for word in counted.vocabulary
    ]
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    flat = np.fromiter((c for columns in found for c in columns), np.int64, int(lengths.sum()))
    of_word = np.repeat(counted.word_documents, lengths)
    held = np.bincount(flat, of_word, minlength=len(column)).astype(np.int64)
    return _Kind(list(column), np.minimum(held, len(counted)))


def _words_of(counted: CountedTexts) -> _Kind:
    return _Kind(counted.vocabulary, counted.word_documents)


def _pairs_of(counted: CountedTexts) -> _Kind:
    return _Kind(counted.pair_words, counted.pair_documents)


def _pack(keys: list[str]) -> Bytes:
    return np.frombuffer("\n".join(keys).encode("utf-8", "surrogatepass"), np.uint8)


def _unpack(packed: NDArray[Any]) -> list[str]:
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise ArtefactError(f"keys of type {packed.dtype} {packed.shape}: save the student again")
    try:
        joined = packed.tobytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ArtefactError("the keys are no UTF-8: save the student again") from None
    return joined.split("\n") if joined else []
