"""The scores of a text's tokens: a word is looked up once with all its features added up.

Weights are small whole numbers of units in float32. Their sums are exact in any order: a text
gives the same alone and among others, and whatever was asked before.
"""

from __future__ import annotations

from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from locum.extractors.token_features import BOUNDARY, OFFSETS, WINDOW, Place, fold, pair_name
from locum.extractors.token_table import MARGIN
from locum.forking import REMEMBERING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.extractors.token_weights import TokenWeights

__all__ = ["TokenRows"]

Rows = NDArray[np.float32]
Units = NDArray[np.int8]

_FIRST_WORDS = 256
_MOST_FLOATS = 4_000_000
_PLACES = (*OFFSETS, Place.LEFT, Place.RIGHT)


class _KnownWords(dict[str, int]):
    """The row of each word that was met: its sums for the tokens around it.

    Several threads may look words up: a row is written before a word points to it, and is not
    changed afterwards. Whoever reads the table after looking up finds every row in it.
    """

    def __init__(self, weights: TokenWeights) -> None:
        super().__init__()
        self._vocabulary = weights.vocabulary
        nothing = np.zeros((1, len(weights.scale)), np.int8)
        self._units: Units = np.concatenate([weights.units, nothing])
        self.folded: list[str] = []
        self.table = np.zeros((_FIRST_WORDS, len(_PLACES), len(weights.scale)), np.float32)
        self.__missing__(BOUNDARY)

    def __missing__(self, word: str) -> int:
        columns = self._vocabulary.word_columns(word)
        nothing = len(self._units) - 1
        # Each place begins with a column of zeros, so that none is empty.
        rows = [row for place in _PLACES for row in (nothing, *columns[place])]
        starts = np.cumsum([0, *(1 + len(columns[place]) for place in _PLACES[:-1])])
        sums = np.add.reduceat(self._units.take(rows, axis=0), starts, axis=0, dtype=np.float32)
        with REMEMBERING:
            return self.setdefault(word, self._keep(word, sums))

    def _keep(self, word: str, sums: Rows) -> int:
        row = len(self.folded)
        if row == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self.table[row] = sums
        self.folded.append(fold(word))
        return row


class TokenRows:
    """What tokens score.

    Args:
        weights: Of ``K`` tags.
    """

    def __init__(self, weights: TokenWeights) -> None:
        self._weights = weights
        self._most_words = max(_FIRST_WORDS, _MOST_FLOATS // (len(_PLACES) * len(weights.scale)))
        self._known = _KnownWords(weights)
        pairs = sorted(weights.vocabulary.pairs())
        self._pairs = {pair: row for row, pair in enumerate(pairs, start=1)}
        self._before = self._pair_units(Place.PAIR_BEFORE)
        self._after = self._pair_units(Place.PAIR_AFTER)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the words met since the beginning, which other threads may be adding."""
        return {name: part for name, part in self.__dict__.items() if name != "_known"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew with what a copy was made of."""
        self.__dict__.update(state)
        self._known = _KnownWords(self._weights)

    @property
    def known_words(self) -> int:
        """How many words are looked up whole at present, the boundary among them."""
        return len(self._known)

    def _pair_units(self, place: Place) -> Units:
        """Return the units of each pair at a place; row 0 is for pairs that have none."""
        columns = self._weights.vocabulary.columns
        units = np.zeros((len(self._pairs) + 1, len(self._weights.scale)), np.int8)
        for pair, row in self._pairs.items():
            column = columns.get(pair_name(place, *pair))
            if column is not None:
                units[row] = self._weights.units[column]
        return units

    def scores(self, tokens: Sequence[str]) -> Rows:
        """Return the score of each tag at each token, ``[T, K]``."""
        known = self._ready()
        margin = [known[BOUNDARY]] * MARGIN
        rows = [*margin, *map(known.__getitem__, tokens), *margin]
        words = known.table.take(rows, axis=0)
        scores = words[MARGIN:-MARGIN, Place.OWN].copy()
        for place, offset in OFFSETS.items():
            if offset:
                scores += words[MARGIN + offset : len(words) - MARGIN + offset, place]
        inner = words[MARGIN:-MARGIN]
        _add_window(scores, inner[:, Place.LEFT])
        _add_window(scores[::-1], inner[::-1, Place.RIGHT])
        near = pairwise(map(known.folded.__getitem__, rows[MARGIN - 1 : 1 - MARGIN]))
        found = np.fromiter(map(self._pairs.get, near, repeat(0)), np.int64, len(tokens) + 1)
        scores += self._before.take(found[:-1], axis=0)
        scores += self._after.take(found[1:], axis=0)
        scores *= self._weights.scale
        scores += self._weights.intercept
        return scores

    def _ready(self) -> _KnownWords:
        """Return what is known of words; begin anew where that is too much."""
        known = self._known
        if len(known) > self._most_words:
            self._known = known = _KnownWords(self._weights)
        return known


def _add_window(scores: Rows, words: Rows) -> None:
    """Add to each token's scores what each of the eight words before it gives."""
    sums = np.add.accumulate(words[:-1], axis=0, dtype=np.float64)
    further = sums[:-WINDOW].copy()
    sums[WINDOW:] -= further
    scores[1:] += sums
