"""Where the values of a field stand in one text."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from locum.alignment.leaf_values import value_key
from locum.alignment.normalisers import find_normaliser
from locum.alignment.spans import SpanFinder, SpanMatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.alignment.leaf_values import ValueKey
    from locum.alignment.normalisers import Normaliser
    from locum.alignment.tokens import Token
    from locum.shapes.shape import JsonScalar

__all__ = ["TextPlaces"]


class TextPlaces:
    """One text, and what can be read in it; each normaliser reads it once.

    Args:
        text: The text.
        tokens: Of the text, as `tokenize` returns them.
    """

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.finder = SpanFinder(text, tokens)
        self._found: dict[str, list[SpanMatch]] = {}
        self._read: dict[str, Mapping[ValueKey, list[SpanMatch]]] = {}

    def copies(self, value: JsonScalar) -> list[SpanMatch]:
        """Return the spans that say what a string says, the best first."""
        if not isinstance(value, str):
            return []
        if value not in self._found:
            self._found[value] = self.finder.find(value)
        return self._found[value]

    def readings(self, value: JsonScalar, normaliser: Normaliser) -> list[SpanMatch]:
        """Return the spans in which a normaliser reads a value, the best first.

        Of a normaliser that has mentions all are ``exact``; of the others the quality tells how
        the value stands there.
        """
        if normaliser.mentions is None:
            return [m for m in self.copies(value) if self._reads(normaliser, m) == value]
        if normaliser.name not in self._read:
            self._read[normaliser.name] = self._read_mentions(normaliser)
        return self._read[normaliser.name].get(value_key(value), [])

    def of_field(self, value: JsonScalar, normaliser: str | None) -> list[SpanMatch]:
        """Return the spans that a value of a field can come from, the best first.

        Args:
            value: The teacher's.
            normaliser: Name of the field's, ``None`` where the field is copied.
        """
        if normaliser is None:
            return self.copies(value)
        readings = self.readings(value, find_normaliser(normaliser))
        return readings or self.copies(value)

    def _reads(self, normaliser: Normaliser, match: SpanMatch) -> JsonScalar:
        return normaliser(self.finder.text_of(match.first_token, match.end_token))

    def _read_mentions(self, normaliser: Normaliser) -> Mapping[ValueKey, list[SpanMatch]]:
        assert normaliser.mentions is not None
        found: dict[ValueKey, list[SpanMatch]] = defaultdict(list)
        for start, end in sorted(set(normaliser.mentions(self.finder.text))):
            span = self.finder.span_of(start, end)
            value = normaliser(self.finder.text[start:end]) if span else None
            if span and value is not None:
                found[value_key(value)].append(SpanMatch(*span, "exact", 0.0))
        return found
