"""The features that a tagger weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError
from locum.extractors.token_features import OFFSETS, PAIR_OFFSETS, Place, pair_name, word_names
from locum.extractors.token_table import count_texts, pairs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.extractors.token_table import TokenTable

__all__ = ["TokenVocabulary", "choose_features"]

Indices = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_FEWEST_TEXTS = 2


class TokenVocabulary:
    """Features with a column each.

    Args:
        names: As `word_names` and `pair_names` return them, each once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.columns = {name: column for column, name in enumerate(names)}

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.columns)

    def word_columns(self, word: str) -> dict[Place, list[int]]:
        """Return the columns that a word gives to the tokens around it."""
        return {
            place: [self.columns[name] for name in names if name in self.columns]
            for place, names in word_names(word).items()
        }

    def pairs(self) -> set[tuple[str, str]]:
        """Return the pairs of folded words that have a column."""
        heads = tuple(f"{place:d}=" for place in PAIR_OFFSETS)
        named = (name[2:].partition(" ") for name in self.columns if name.startswith(heads))
        return {(first, second) for first, _, second in named}

    def pack(self) -> Bytes:
        """Return the names in UTF-8, one a line."""
        joined = "\n".join(self.columns).encode("utf-8", "surrogatepass")
        return np.frombuffer(joined, np.uint8)

    @classmethod
    def unpack(cls, packed: NDArray[Any]) -> Self:
        """Read what `pack` returned.

        Raises:
            ArtefactError: It is not that.
        """
        if packed.dtype != np.uint8 or packed.ndim != 1:
            raise ArtefactError(
                f"names are {packed.dtype} {packed.shape}, expected bytes: save the tagger again"
            )
        try:
            joined = packed.tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise ArtefactError("the names are no UTF-8: save the tagger again") from None
        names = joined.split("\n") if joined else []
        found = cls(names)
        if len(found) != len(names):
            raise ArtefactError("a name stands twice: save the tagger again")
        return found


def choose_features(table: TokenTable, most: int) -> TokenVocabulary:
    """Return the features that at least two texts hold, of too many those that the most hold.

    A feature that several words of a text have, such as a prefix, counts once for each.

    Args:
        table: The training texts.
        most: Bound on the number of features.
    """
    counts = _count_words(table)
    counts.update(_count_pairs(table))
    names = [name for name, held in counts.items() if held >= _FEWEST_TEXTS and "\n" not in name]
    names.sort(key=counts.__getitem__, reverse=True)
    return TokenVocabulary(names[:most])


def _count_words(table: TokenTable) -> dict[str, int]:
    """Return how many texts hold each feature of single words."""
    words = len(table.words)
    held = {
        place: count_texts(table, table.items[table.places + offset], words)
        for place, offset in OFFSETS.items()
    }
    held[Place.LEFT] = held[Place.RIGHT] = held[Place.OWN]
    counts: dict[str, int] = {}
    for number, word in enumerate(table.words):
        for place, names in word_names(word).items():
            for name in names:
                counts[name] = counts.get(name, 0) + held[place][number]
    return counts


def _count_pairs(table: TokenTable) -> dict[str, int]:
    """Return how many texts hold each feature of a pair; words with a space have none."""
    counts: dict[str, int] = {}
    for place in PAIR_OFFSETS:
        pairs = pairs_of(table, place)
        held = count_texts(table, pairs.items, len(pairs.words))
        for words, texts in zip(pairs.words, held, strict=True):
            if " " not in "".join(words):
                counts[pair_name(place, *words)] = texts
    return counts
