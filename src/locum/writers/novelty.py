"""How unlike the texts that were learned from a text is: its pairs of tokens that none of them has.

What is known is a set of bits, one of which each pair of tokens that follow each other is hashed
to. Pairs that share a bit pass for known: of a million known pairs in 2^23 bits that is one in
nine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["KNOWN_BYTES", "know_pairs", "novelty_of"]

_BITS = 23
KNOWN_BYTES = 2**_BITS // 8
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth 1973, section 6.4)
_STEP = np.uint64(1_000_003)
_SHIFT = np.uint64(64 - _BITS)


def know_pairs(texts: Iterable[Sequence[int]]) -> NDArray[np.uint8]:
    """Return the set of the pairs of texts, each its tokens, ``[KNOWN_BYTES]``."""
    known = np.zeros(2**_BITS, np.bool_)
    for tokens in texts:
        known[_places(tokens)] = True
    return np.packbits(known)


def novelty_of(tokens: Sequence[int], known: NDArray[np.uint8]) -> float:
    """Return the share of the pairs of a text that are not known; 0 where it has none."""
    places = _places(tokens)
    if not len(places):
        return 0.0
    bits = known[places >> 3] >> (7 - (places & 7)) & 1
    return 1.0 - float(bits.mean())


def _places(tokens: Sequence[int]) -> NDArray[np.int64]:
    ids = np.asarray(tokens, np.uint64)
    mixed = (ids[:-1] * _STEP + ids[1:]) * _FACTOR
    return (mixed >> _SHIFT).astype(np.int64)
