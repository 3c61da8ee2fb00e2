"""The design matrix of tokens as a product of two that are far smaller.

A row of the design is a token: the columns of the words around it, each by the place where the
word stands, and of its pairs. So with ``G`` from words at places to columns and ``A`` from tokens
to words at places, the scores ``A (G W)`` take a multiplication for each word around a token, and
not one for each feature of each word.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.token_features import OFFSETS, PAIR_OFFSETS, WINDOW, Place, pair_name
from locum.extractors.token_table import pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy.sparse import csr_array

    from locum.extractors.token_table import TokenTable
    from locum.extractors.token_vocabulary import TokenVocabulary

__all__ = ["TokenDesign"]

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


class _Parts(NamedTuple):
    """Parts of one kind that tokens are made of.

    Args:
        columns: Of each part.
        rows: Rows of the design, ``[n]``; one may stand several times.
        items: Which part each of them has, ``[n]``.
    """

    columns: list[list[int]]
    rows: Indices
    items: Indices


class TokenDesign:
    """The design matrix ``X`` ``[N, D]`` of tokens, in factors.

    Args:
        table: The tokens.
        vocabulary: Its ``D`` columns.
        order: Which token stands in each row, ``[N]``.
    """

    def __init__(self, table: TokenTable, vocabulary: TokenVocabulary, order: Indices) -> None:
        kinds = [*_word_parts(table, vocabulary, order), *_pair_parts(table, vocabulary, order)]
        columns = [part for kind in kinds for part in kind.columns]
        known = np.array([bool(part) for part in columns], np.bool_)
        place = np.cumsum(known) - 1
        starts = np.cumsum([0, *(len(kind.columns) for kind in kinds)])
        rows = np.concatenate([kind.rows for kind in kinds])
        items = np.concatenate([k.items + start for k, start in zip(kinds, starts, strict=False)])
        found = known[items]
        shape = (len(order), int(known.sum()))
        self._columns = _build(
            np.repeat(np.arange(shape[1]), [len(part) for part in columns if part]),
            np.fromiter(chain.from_iterable(columns), np.int64),
            (shape[1], len(vocabulary)),
        )
        self._parts = _build(rows[found], place[items[found]], shape)
        self._columns_transposed = self._columns.T.tocsr()
        self._parts_transposed = self._parts.T.tocsr()

    def scores(self, weights: Floats) -> Floats:
        """Return ``X W``, ``[N, K]``, an array of its own."""
        scores: Floats = self._parts @ (self._columns @ weights)
        return scores

    def gradient(self, on_scores: Floats) -> Floats:
        """Return ``X^T R``, ``[D, K]``."""
        gradient: Floats = self._columns_transposed @ (self._parts_transposed @ on_scores)
        return gradient


def _build(rows: Indices, columns: Indices, shape: tuple[int, int]) -> csr_array:
    """Return a matrix that holds how often each place is named."""
    from scipy.sparse import coo_array

    places = (rows.astype(np.int32), columns.astype(np.int32))
    return coo_array((np.ones(len(rows), np.float32), places), shape=shape).tocsr()


def _word_parts(table: TokenTable, vocabulary: TokenVocabulary, order: Indices) -> Iterator[_Parts]:
    columns = [vocabulary.word_columns(word) for word in table.words]
    places = table.places[order]
    rows = np.arange(len(order))
    for place, offset in OFFSETS.items():
        yield _Parts([part[place] for part in columns], rows, table.items[places + offset])
    ends = np.cumsum(table.lengths)
    before = (np.arange(len(ends[table.texts])) - (ends - table.lengths)[table.texts])[order]
    after = (table.lengths[table.texts][order] - 1) - before
    for place, direction, room in ((Place.LEFT, -1, before), (Place.RIGHT, 1, after)):
        near = [np.flatnonzero(room >= distance) for distance in range(1, WINDOW + 1)]
        items = [
            table.items[places[tokens] + direction * distance]
            for distance, tokens in enumerate(near, start=1)
        ]
        parts = [part[place] for part in columns]
        yield _Parts(parts, np.concatenate(near), np.concatenate(items))


def _pair_parts(table: TokenTable, vocabulary: TokenVocabulary, order: Indices) -> Iterator[_Parts]:
    for place in PAIR_OFFSETS:
        pairs = pairs_of(table, place)
        found = (vocabulary.columns.get(pair_name(place, *pair)) for pair in pairs.words)
        columns = [[] if column is None else [column] for column in found]
        yield _Parts(columns, np.arange(len(order)), pairs.items[order])
