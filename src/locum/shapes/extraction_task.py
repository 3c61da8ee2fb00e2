"""Tasks whose answers are JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.schema import check_name
from locum.shapes.reading import read_schema
from locum.shapes.source import schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject

__all__ = ["ExtractionTask"]

_FORBIDDING = ("additionalProperties", "unevaluatedProperties")


class ExtractionTask:
    """Calls that share one instruction, and whose answers are JSON objects of one schema.

    Args:
        name: As that of a `Task`.
        schema: JSON Schema of the answers as a dict or as text, or a pydantic model.
        instruction: What the teacher is asked to do.
        leave_out: Fields of the object itself that the student's answers need not have, such as
            the reasons that a teacher gives; also those that the schema allows and does not name.

    Raises:
        UsageError: The name cannot be used, the schema has no such field, or it describes what no
            student can answer with; then all fields are named, each with its reason.
    """

    def __init__(
        self,
        name: str,
        schema: object,
        instruction: str = "Answer with a JSON object.",
        leave_out: Sequence[str] = (),
    ) -> None:
        check_name(name)
        self.name = name
        self.schema: JsonObject = schema_of(schema)
        self.instruction = instruction
        self.leave_out = tuple(leave_out)
        self.answer_schema: JsonObject = self._without_fields()
        self.shape = read_schema(self.answer_schema)
        self._check_left_out()

    def _without_fields(self) -> JsonObject:
        """Return the schema without the fields that are left out."""
        if not self.leave_out:
            return self.schema
        known = self._properties()
        left = {name: inner for name, inner in known.items() if name not in self.leave_out}
        required = [name for name in self.schema.get("required", ()) if name in left]
        return {**self.schema, "properties": left, "required": required}

    def _properties(self) -> dict[str, Any]:
        properties: Any = self.schema.get("properties")
        return properties if isinstance(properties, dict) else {}

    def _check_left_out(self) -> None:
        """Refuse to leave out what answers cannot have, or what is described elsewhere."""
        known = self._properties()
        allowed = not any(self.schema.get(name) is False for name in _FORBIDDING)
        for field in self.leave_out:
            if field not in known and field in self.shape.fields:
                raise UsageError(
                    f"task {self.name!r} is to leave out {field!r}, which the schema describes "
                    "elsewhere than in its own properties, such as behind a $ref: put it there"
                )
            if field not in known and not allowed:
                raise UsageError(
                    f"task {self.name!r} is to leave out {field!r}, which the schema's object does "
                    f"not have (it has {', '.join(known) or 'no properties of its own'})"
                )

    def __eq__(self, other: object) -> bool:
        """Tell whether two tasks are the same."""
        return isinstance(other, ExtractionTask) and self._key() == other._key()

    def __hash__(self) -> int:
        """Return what is the same for equal tasks."""
        return hash(self.name)

    def __repr__(self) -> str:
        """Show the name and the fields."""
        return f"ExtractionTask({self.name!r}, fields={', '.join(self.shape.fields)})"

    def _key(self) -> tuple[object, ...]:
        return self.name, self.schema, self.instruction, self.leave_out
