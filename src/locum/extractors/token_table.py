"""Tokens of many texts as numbers of words, with a boundary on both sides of each text."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.token_features import BOUNDARY, OFFSETS, PAIR_OFFSETS, Place, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MARGIN", "Pairs", "TokenTable", "count_texts", "pairs_of", "tabulate"]

Indices = NDArray[np.int64]

MARGIN = max(OFFSETS.values())


class TokenTable(NamedTuple):
    """``N`` tokens of ``B`` texts, one text after another.

    Args:
        words: Different tokens as they are written, ``V``; the boundary is the first.
        folded_words: Different folded words, ``F``.
        folded: Which of them each word folds to, ``[V]``.
        items: Words of each text with `MARGIN` boundaries before and after, ``[N + 2 * B *
            MARGIN]``.
        places: Where among them a token is, ``[N]``.
        texts: Which text a token is of, ``[N]``.
        lengths: Tokens of each text, ``[B]``.
    """

    words: list[str]
    folded_words: list[str]
    folded: Indices
    items: Indices
    places: Indices
    texts: Indices
    lengths: Indices


class Pairs(NamedTuple):
    """A pair of neighbours for each token.

    Args:
        words: Different pairs of folded words, ``P``.
        items: Which of them each token has, ``[N]``.
    """

    words: list[tuple[str, str]]
    items: Indices


def tabulate(token_texts: Sequence[Sequence[str]]) -> TokenTable:
    """Return the table of these texts' tokens."""
    numbers = {BOUNDARY: 0}
    folded_numbers = {BOUNDARY: 0}
    margin = [0] * MARGIN
    lengths = np.fromiter(map(len, token_texts), np.int64, len(token_texts))
    size = int(lengths.sum()) + 2 * MARGIN * len(lengths)
    found = (
        (*margin, *(numbers.setdefault(token, len(numbers)) for token in tokens), *margin)
        for tokens in token_texts
    )
    items = np.fromiter(chain.from_iterable(found), np.int64, size)
    folds = map(fold, numbers)
    folded = [folded_numbers.setdefault(word, len(folded_numbers)) for word in folds]
    texts = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(texts)) + (2 * texts + 1) * MARGIN
    return TokenTable(
        list(numbers), list(folded_numbers), np.array(folded), items, places, texts, lengths
    )


def pairs_of(table: TokenTable, place: Place) -> Pairs:
    """Return each token's pair with the word before or after it."""
    first = table.places + PAIR_OFFSETS[place]
    words, size = table.folded_words, len(table.folded_words)
    codes = table.folded[table.items[first]] * size + table.folded[table.items[first + 1]]
    different, items = np.unique(codes, return_inverse=True)
    halves = (half.tolist() for half in np.divmod(different, size))
    return Pairs([(words[one], words[other]) for one, other in zip(*halves, strict=True)], items)


def count_texts(table: TokenTable, items: Indices, different: int) -> list[int]:
    """Return how many texts hold each of some different things, of which every token has one."""
    held = np.unique(table.texts * different + items) % different
    counts: list[int] = np.bincount(held, minlength=different).tolist()
    return counts
