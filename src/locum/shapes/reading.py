"""A JSON Schema as the shape of the answers that it describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.shapes.bounds import closed_values, list_within, number_within, text_within
from locum.shapes.constraints import Constraints, alternatives
from locum.shapes.document import SchemaDocument
from locum.shapes.problems import UnfitError, refusal
from locum.shapes.shape import ITEM, Closed, Field, ListOf, OneOf, Record, Text
from locum.shapes.source import schema_of
from locum.shapes.unions import join_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locum.shapes.document import Part
    from locum.shapes.shape import FieldPath, Shape

__all__ = ["read_schema", "schema_of"]

_MOST_FIELDS = 500
_DEEPEST = 50
_UNREAD = Text()  # stands for what has a problem, which is told at the end


def read_schema(schema: Mapping[str, Any]) -> Record:
    """Return the shape of the answers that a schema describes.

    Draft 2020-12 unless ``$schema`` names draft 2019-09, 7 or 6; what pydantic's
    ``model_json_schema()`` returns, and what OpenAI takes as the schema of a ``response_format``
    or the ``parameters`` of a tool. ``format`` is kept as a hint, and ``multipleOf`` is not kept.

    Raises:
        UsageError: The schema is no JSON or not well formed, has more than 500 fields or is
            nested too deep, or describes what no shape expresses. Of the last kind, all fields
            are named at once, each with its reason and a cure.
    """
    reader = _Reader(SchemaDocument(schema))
    shape = reader.read_root()
    if reader.problems:
        raise refusal(reader.problems)
    assert isinstance(shape, Record), "the root is a record, or a problem"
    return shape


class _Reader:
    """Reads the places of a document, and gathers what is wrong with them."""

    def __init__(self, document: SchemaDocument) -> None:
        self.problems: dict[FieldPath, UnfitError] = {}
        self._document = document
        self._fields = 0

    def read_root(self) -> Shape:
        shape = self._read([self._document.root], ())
        if not self.problems and (shape.nullable or not isinstance(shape, Record)):
            self.problems[()] = UnfitError(
                "is not always an object", "describe an object, and let this be one of its fields"
            )
        return shape

    def _read(self, parts: Sequence[Part], path: FieldPath) -> Shape:
        """Return the shape of a place; where it has none, tell its problem and return another."""
        known = len(self.problems)
        try:
            shapes = self._possible(parts, path)
            return join_shapes(shapes) if len(self.problems) == known else _UNREAD
        except UnfitError as problem:
            self.problems.setdefault(path, problem)
            return _UNREAD

    def _possible(self, parts: Sequence[Part], path: FieldPath) -> list[Shape]:
        if len(path) > _DEEPEST:
            raise UnfitError(f"lies more than {_DEEPEST} levels deep", "leave it out")
        shapes = [
            shape
            for constraints in alternatives(self._document, parts)
            for shape in self._shapes_of(constraints, path)
        ]
        if not shapes:
            raise UnfitError("can hold nothing: its keywords contradict each other", "correct them")
        return shapes

    def _shapes_of(self, constraints: Constraints, path: FieldPath) -> Iterable[Shape]:
        if constraints.values is not None:
            return _listed(constraints)
        if constraints.kinds is None:
            raise UnfitError("may be anything", "say what it is by `type`, `enum` or `const`")
        return [self._shape_of(name, constraints, path) for name in constraints.types]

    def _shape_of(self, name: str, constraints: Constraints, path: FieldPath) -> Shape:
        match name:
            case "null":
                return Closed((None,))
            case "boolean":
                return Closed((False, True))
            case "string":
                return text_within(constraints.limits)
            case "integer" | "number":
                return number_within(constraints.limits, whole=name == "integer")
            case "array":
                return self._list(constraints, path)
            case _:
                return self._record(constraints, path)

    def _list(self, constraints: Constraints, path: FieldPath) -> Shape:
        if not constraints.items:
            raise UnfitError("is a list of anything", "describe its `items`")
        item = self._read(constraints.items, (*path, ITEM))
        options = item.options if isinstance(item, OneOf) else (item,)
        if any(isinstance(option, ListOf) for option in options):
            raise UnfitError("is a list of lists", "describe a list of objects that hold a list")
        return list_within(constraints.limits, item)

    def _record(self, constraints: Constraints, path: FieldPath) -> Shape:
        if not constraints.properties and not (path and constraints.empty):
            raise UnfitError("is an object without properties", "name its `properties`")
        return Record(
            {
                name: Field(self._field(parts, (*path, name)), name in constraints.required)
                for name, parts in constraints.properties.items()
            }
        )

    def _field(self, parts: Sequence[Part], path: FieldPath) -> Shape:
        self._fields += 1
        if self._fields > _MOST_FIELDS:
            raise UsageError(
                f"the schema has more than {_MOST_FIELDS} fields: leave out those that are not "
                "needed, or split the task"
            )
        if path[-1] == ITEM:
            self.problems.setdefault(
                path, UnfitError(f"is a field with the name {ITEM!r}", "call it something else")
            )
        return self._read(parts, path)


def _listed(constraints: Constraints) -> list[Shape]:
    typed = {} if constraints.kinds is None else {"type": list(constraints.types)}
    values = closed_values(constraints.values or (), {**constraints.limits, **typed})
    return [Closed(values)] if values else []
