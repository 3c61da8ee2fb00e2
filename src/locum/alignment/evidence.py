"""What a teacher's answers show of each field."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.alignment.leaf_values import leaf_values, value_key
from locum.alignment.normalisers import NORMALISERS
from locum.alignment.places import TextPlaces
from locum.alignment.tokens import tokenize
from locum.shapes.shape import leaves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.alignment.leaf_values import ValueKey
    from locum.alignment.normalisers import Normaliser
    from locum.shapes.shape import FieldPath, JsonScalar, JsonValue, Leaf, Record

__all__ = ["FieldEvidence", "SeenValue", "gather_evidence", "shares_read"]

_AS_IS = NORMALISERS["as_is"]
_MOST_VALUES = 2_000  # of a field that normalisers are tried on


class SeenValue(NamedTuple):
    """A value that the teacher gave.

    Args:
        row: Of the answer.
        value: Its own.
        fits: Whether it is of its field's shape; where not, nothing reproduces it.
        copied: Whether it stands in the text character for character, as often as in the answer.
    """

    row: int
    value: JsonScalar
    fits: bool
    copied: bool


class FieldEvidence(NamedTuple):
    """A field, and the values that the teacher gave it, null left aside.

    Args:
        path: Of the field.
        leaves: Its shapes; several in a union.
        seen: In order of the rows.
    """

    path: FieldPath
    leaves: tuple[Leaf, ...]
    seen: tuple[SeenValue, ...]

    @property
    def copied(self) -> float:
        """Share of the values that stand in their text; 0 where there are none."""
        return sum(value.copied for value in self.seen) / len(self.seen) if self.seen else 0.0

    def without(self, constant: JsonScalar) -> FieldEvidence:
        """Return the field without a value that says nothing; ``None`` is none of its values."""
        if constant is None:
            return self
        key = value_key(constant)
        return self._replace(seen=tuple(s for s in self.seen if value_key(s.value) != key))


def gather_evidence(
    shape: Record, texts: Sequence[str], answers: Sequence[JsonValue]
) -> list[FieldEvidence]:
    """Return the evidence on every field, in the schema's order."""
    kinds: dict[FieldPath, list[Leaf]] = defaultdict(list)
    for path, leaf in leaves(shape):
        kinds[path].append(leaf)
    seen: dict[FieldPath, list[SeenValue]] = {path: [] for path in kinds}
    for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
        reader = _Reader(text)
        for path, _, value, fits in leaf_values(answer, shape):
            if value is not None and path in seen:
                copied = fits and reader.reads(path, value, _AS_IS)
                seen[path].append(SeenValue(row, value, fits, copied))
    return [FieldEvidence(path, tuple(kinds[path]), tuple(seen[path])) for path in kinds]


def shares_read(
    fields: Sequence[FieldEvidence], texts: Sequence[str]
) -> dict[FieldPath, Mapping[str, float]]:
    """Return which share of each field's values the normalisers reproduce.

    They are tried on at most 2,000 values of a field, evenly spaced.

    Returns:
        By path, the shares of ``as_is`` and of every normaliser that is available and whose kind
        of value most of the field's are; empty for a field without values.
    """
    tried = {field.path: _spaced(field.seen) for field in fields if field.seen}
    offered = {path: _offered(values) for path, values in tried.items()}
    by_row: dict[int, list[tuple[FieldPath, SeenValue]]] = defaultdict(list)
    for path, values in tried.items():
        for seen in values:
            by_row[seen.row].append((path, seen))
    hits: Counter[tuple[FieldPath, str]] = Counter()
    for row, wanted in by_row.items():
        reader = _Reader(texts[row])
        for path, (_, value, fits, _) in wanted:
            names = [n.name for n in offered[path] if fits and reader.reads(path, value, n)]
            hits.update((path, name) for name in names)
    return {
        path: {n.name: hits[path, n.name] / len(values) for n in offered[path]}
        for path, values in tried.items()
    }


class _Reader:
    """Tells whether the values of one answer can be read in its text."""

    def __init__(self, text: str) -> None:
        self._places = TextPlaces(text, tokenize(text))
        self._asked: Counter[tuple[FieldPath, ValueKey, str]] = Counter()

    def reads(self, path: FieldPath, value: JsonScalar, normaliser: Normaliser) -> bool:
        """Tell whether a value of a field stands there once more than was asked for."""
        key = (path, value_key(value), normaliser.name)
        self._asked[key] += 1
        return len(self._places.readings(value, normaliser)) >= self._asked[key]


def _spaced(seen: Sequence[SeenValue]) -> Sequence[SeenValue]:
    step = -(-len(seen) // _MOST_VALUES)
    return seen[::step]


def _offered(values: Sequence[SeenValue]) -> list[Normaliser]:
    """Return the normalisers that could give more than half of the values."""
    available = (n for n in NORMALISERS.values() if n.available())
    return [n for n in available if 2 * sum(n.gives(v.value) for v in values) > len(values)]
