"""The parts of an answer that are told, compared and certified by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from locum.extractors.comparing import NOTHING_SAID, meaning
from locum.extractors.marks import list_of
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.alignment import ExtractionPlan, FieldPlan
    from locum.shapes import FieldPath, JsonValue

__all__ = ["Unit", "UnitKind", "find_units"]

UnitKind: TypeAlias = Literal["closed", "set", "spans", "written"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A field outside lists, or a whole list.

    Args:
        path: Of the field, or of the list.
        kind: ``closed``, told by a head; ``set``, a list of closed values, told by a head for each;
            ``spans``, read in the text, with the closed fields of a list's items; ``written``,
            not imitated.
        fields: How its fields are to be had.
    """

    path: FieldPath
    kind: UnitKind
    fields: tuple[FieldPlan, ...]

    @property
    def is_imitated(self) -> bool:
        """Whether a student can give it a value."""
        return self.kind != "written"

    @property
    def nothings(self) -> tuple[bytes, bytes]:
        """The meanings of values that say nothing: of null and of the teacher's constant."""
        return NOTHING_SAID, meaning(self.fields[0].nothing, ())

    def says(self, value: JsonValue) -> bool:
        """Tell whether a value of the unit says anything."""
        return meaning(value, ()) not in self.nothings


def find_units(plan: ExtractionPlan) -> tuple[Unit, ...]:
    """Return the units of an answer, in the schema's order.

    A list is written where one of its fields is, and the teacher ever gave that a value.
    """
    grouped: dict[FieldPath, list[FieldPlan]] = {}
    for field in plan.fields:
        grouped.setdefault(list_of(field.path), []).append(field)
    return tuple(Unit(path, _kind(fields), tuple(fields)) for path, fields in grouped.items())


def _kind(fields: Sequence[FieldPlan]) -> UnitKind:
    if any(field.kind == "written" and field.seen for field in fields) or _all_written(fields):
        return "written"
    first = fields[0]
    if len(fields) == 1 and first.kind == "closed":
        return "set" if ITEM in first.path else "closed"
    return "written" if any(map(_is_untold, fields)) else "spans"


def _is_untold(field: FieldPlan) -> bool:
    """Tell whether neither a head nor a span's mark can say the value of a field of several."""
    return field.kind == "closed" and bool(field.seen) and ITEM not in field.path[:-1]


def _all_written(fields: Iterable[FieldPlan]) -> bool:
    return all(field.kind == "written" for field in fields)
