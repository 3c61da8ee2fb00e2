"""How each field of an answer is to be had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from locum.alignment.leaf_values import value_key
from locum.shapes.shape import ITEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.shapes.shape import FieldPath, JsonScalar, JsonValue

__all__ = ["SPANNED_KINDS", "ExtractionPlan", "FieldKind", "FieldPlan"]

FieldKind: TypeAlias = Literal["closed", "copied", "normalised", "written"]
SPANNED_KINDS = frozenset[FieldKind]({"copied", "normalised"})


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is to be had.

    Args:
        path: Where it stands in the answer.
        kind: ``closed``, one of a few values; ``copied``, a span of the text; ``normalised``, what
            a normaliser reads in a span; ``written``, none of these: it is not imitated.
        normaliser: Name of the normaliser of a normalised field.
        values: Values of a closed field: in the schema's order, or the most frequent first.
        in_list: Whether an answer may hold several.
        reason: Why, in a clause that people read.
        reproduced: Share of the teacher's values, null left aside, that this kind reproduces; 0 for
            a written field.
        seen: How many values, null left aside, the teacher gave.
        nothing: The value by which the teacher says that there is none, such as an empty text; it
            is no value of the field. ``None`` where null, or no field at all, says so.
    """

    path: FieldPath
    kind: FieldKind
    normaliser: str | None
    values: tuple[JsonScalar, ...]
    in_list: bool
    reason: str
    reproduced: float
    seen: int
    nothing: JsonScalar = None


@dataclass(frozen=True)
class ExtractionPlan:
    """How all fields are to be had.

    Args:
        fields: One of each path, in the schema's order.
        answers: How many answers it was decided by.
    """

    fields: tuple[FieldPlan, ...]
    answers: int = 0

    @cached_property
    def spanned(self) -> Mapping[FieldPath, FieldPlan]:
        """The copied and the normalised fields, by path."""
        return {field.path: field for field in self.fields if field.kind in SPANNED_KINDS}

    @cached_property
    def constants(self) -> Mapping[FieldPath, JsonScalar]:
        """The values by which the teacher says that there is nothing, by path."""
        return {field.path: field.nothing for field in self.fields if field.nothing is not None}

    def without_constants(self, answers: Sequence[JsonValue]) -> Sequence[JsonValue]:
        """Return answers in which null stands for each constant that says nothing."""
        if not self.constants:
            return answers
        return [self._without(answer, ()) for answer in answers]

    def _without(self, value: JsonValue, path: FieldPath) -> JsonValue:
        if isinstance(value, dict):
            return {name: self._without(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._without(inner, (*path, ITEM)) for inner in value]
        constant = self.constants.get(path)
        says_nothing = constant is not None and value_key(value) == value_key(constant)
        return None if says_nothing else value
