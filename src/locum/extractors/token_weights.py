"""Weights of features in whole units of 8 bits, most of which are zero."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError
from locum.extractors.token_vocabulary import TokenVocabulary

if TYPE_CHECKING:
    from locum.extractors.chain_fitting import FittedChain

__all__ = ["MOST", "TokenWeights", "round_weights"]

Floats = NDArray[np.float32]
Units = NDArray[np.int8]

MOST = 1e6
_LARGEST = 127
_MOST_TAGS = 65_535
_BYTES_BESIDE_NAME = 3  # the separator, and how many entries the column has


class TokenWeights(NamedTuple):
    """What the features of a token add to the score of each tag.

    Args:
        vocabulary: ``D`` columns.
        units: Weights of the columns in units of their tag, ``[D, K]``.
        scale: Unit of each tag, a power of two, ``[K]``.
        intercept: ``[K]``.
    """

    vocabulary: TokenVocabulary
    units: Units
    scale: Floats
    intercept: Floats

    def pack(self) -> dict[str, NDArray[Any]]:
        """Return the tensors to save: of the weights, column by column, those that are not zero."""
        columns, tags = np.nonzero(self.units)
        return {
            "names": self.vocabulary.pack(),
            "counts": np.bincount(columns, minlength=len(self.units)).astype(np.uint16),
            "tags": tags.astype(_type_of_tags(len(self.scale))),
            "units": self.units[columns, tags],
            "scale": self.scale,
            "intercept": self.intercept,
        }

    @classmethod
    def unpack(cls, tensors: dict[str, NDArray[Any]], tags: int) -> Self:
        """Read what `pack` returned.

        Args:
            tensors: By name.
            tags: How many tags there are, ``K``.

        Raises:
            ArtefactError: It is not that.
            KeyError: A tensor is missing.
        """
        vocabulary = TokenVocabulary.unpack(tensors["names"])
        counts, places, units = (tensors[name] for name in ("counts", "tags", "units"))
        scale, intercept = tensors["scale"], tensors["intercept"]
        sound = (
            counts.dtype == np.uint16
            and counts.shape == (len(vocabulary),)
            and places.dtype == _type_of_tags(tags)
            and units.dtype == np.int8
            and places.shape == units.shape == (int(counts.sum(dtype=np.int64)),)
            and bool((places < tags).all())
            and all(t.dtype == np.float32 and t.shape == (tags,) for t in (scale, intercept))
            and bool(((scale > 0) & (scale < MOST) & (np.abs(intercept) < MOST)).all())
        )
        if not sound:
            raise ArtefactError(
                f"the weights do not fit {len(vocabulary)} features and {tags} tags, or are not "
                "finite or too large: save the tagger again"
            )
        dense = np.zeros((len(vocabulary), tags), np.int8)
        dense[np.repeat(np.arange(len(vocabulary)), counts), places] = units
        return cls(vocabulary, dense, scale, intercept)


def _type_of_tags(tags: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if tags <= 256 else np.uint16


def round_weights(
    vocabulary: TokenVocabulary, fitted: FittedChain, most_bytes: int
) -> TokenWeights:
    """Return the weights rounded to whole units, so many of the largest that they fit.

    Most weights of most features are rounded to zero; a feature that has no other is left out.

    Args:
        vocabulary: ``D`` columns.
        fitted: Their weights.
        most_bytes: What names and weights may take when they are saved.
    """
    largest = np.abs(fitted.weights).max(axis=0, initial=0)
    largest[largest == 0] = _LARGEST
    scale = np.exp2(np.ceil(np.log2(largest / _LARGEST)))
    units = np.rint(fitted.weights / scale).astype(np.int8)
    names = list(vocabulary.columns)
    sizes = np.array([len(name.encode("utf-8", "surrogatepass")) for name in names], np.int64)
    magnitudes = np.abs(units) * scale
    units[magnitudes < _find_threshold(magnitudes, sizes + _BYTES_BESIDE_NAME, most_bytes)] = 0
    kept = np.flatnonzero(units.any(axis=1))
    chosen = TokenVocabulary([names[column] for column in kept.tolist()])
    return TokenWeights(chosen, units[kept], scale, fitted.intercept)


def _find_threshold(magnitudes: Floats, sizes: NDArray[np.int64], most_bytes: int) -> float:
    """Return the least magnitude to keep; those that are zero take nothing."""
    entry = 1 + np.dtype(_type_of_tags(magnitudes.shape[1])).itemsize
    steps = np.unique(magnitudes[magnitudes > 0]).tolist()

    def size(threshold: float) -> int:
        kept = magnitudes >= threshold
        return entry * int(kept.sum()) + int(sizes[kept.any(axis=1)].sum())

    place = bisect_left(steps, -most_bytes, key=lambda step: -size(step))
    return steps[place] if place < len(steps) else np.inf
