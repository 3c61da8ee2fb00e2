"""How each field of an answer is to be had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.shapes.shape import FieldPath, JsonScalar

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
    """

    path: FieldPath
    kind: FieldKind
    normaliser: str | None
    values: tuple[JsonScalar, ...]
    in_list: bool
    reason: str
    reproduced: float
    seen: int


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
