"""The schema that recorded answers share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.shapes.problems import UnfitError, refusal
from locum.shapes.reading import read_schema
from locum.shapes.shape import ITEM, show_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.shapes.shape import FieldPath, JsonValue

__all__ = ["InferredSchema", "infer_schema"]

_DEEPEST = 50
_NO_OBJECTS = "no answer shows what its objects hold"
_NO_LISTS = "no answer shows what its lists hold"
# What the items of a list are that has none does not matter.
_NO_ITEMS = {"items": {"type": "string"}, "maxItems": 0}
_FEWEST_OBJECTS = 5
_FEWEST_DATA_KEYS = 20
_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


class InferredSchema(NamedTuple):
    """A JSON Schema that answers satisfy once they are read, and what it leaves out.

    Args:
        schema: Draft 2020-12; `read_schema` reads it.
        notes: A sentence on each field that is always empty, or that is left out, as the answers do
            not show what it holds.
    """

    schema: dict[str, Any]
    notes: tuple[str, ...]


def infer_schema(answers: Sequence[JsonValue]) -> InferredSchema:
    """Return the schema that recorded answers share: each of them satisfies it once it is read.

    Properties stand in the order in which they first occur, and are required if every object has
    them. A field of several types lists them; integers beside other numbers are numbers. A field
    that is an empty list or an empty object in all of them, or null, has to be so. Where it is one,
    or holds an object without values, beside something of another type, that says nothing: the
    schema has null in its place, as which such an answer is read. Values are not listed, and
    further fields are not forbidden: one that a later answer has would otherwise be dropped without
    a trace.

    Args:
        answers: JSON objects, at least one.

    Raises:
        UsageError: There is no answer, or one is no object, or they hold what `read_schema`
            refuses, or objects whose keys look like data: at least 20 keys of which more than half
            occur in a single object, in 5 objects or more. All such fields are named at once.
    """
    strange = [answer for answer in answers if not isinstance(answer, dict)]
    if strange or not answers:
        raise UsageError(
            f"{len(strange)} of {len(answers)} answers are no JSON objects: a schema is inferred "
            "from objects alone, and from at least one; leave out the others, or give a schema"
        )
    inference = _Inference()
    schema = inference.describe(answers, ())
    if inference.problems:
        raise refusal(inference.problems)
    if schema is None:
        raise UsageError(
            f"the {len(answers)} answers show no field that holds something: give a schema"
        )
    read_schema(schema)
    return InferredSchema(schema, tuple(inference.notes))


class _Inference:
    """Describes places of answers, and gathers what is noteworthy or wrong about them."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.problems: dict[FieldPath, UnfitError] = {}

    def describe(self, values: Sequence[JsonValue], path: FieldPath) -> dict[str, Any] | None:
        """Return the schema of a place; ``None`` where it is to be left out."""
        if len(path) > _DEEPEST:
            self.problems[path] = UnfitError(f"lies more than {_DEEPEST} levels deep", "drop it")
            return None
        told = [value for value in values if not _is_hollow(value)]
        if len(told) < len(values) and all(value is None for value in told):
            return self._describe_hollow(values, path)
        described: dict[str, Any] = {}
        unshown: dict[str, str] = {}
        objects = [value for value in values if isinstance(value, dict)]
        lists = [value for value in values if isinstance(value, list)]
        if objects and (
            all(map(_is_hollow, objects)) or not self._describe_objects(objects, path, described)
        ):
            unshown["object"] = _NO_OBJECTS
        if lists and (
            all(map(_is_hollow, lists)) or not self._describe_lists(lists, path, described)
        ):
            unshown["array"] = _NO_LISTS
        types = [name for name in _types_of(values) if name not in unshown]
        if unshown and types in ([], ["null"]):
            self._leave_out(path, next(iter(unshown.values())))
            return None
        if unshown and "null" not in types:
            types.append("null")
        return {"type": types if len(types) > 1 else types[0], **described}

    def _describe_hollow(
        self, values: Sequence[JsonValue], path: FieldPath
    ) -> dict[str, Any] | None:
        """Return the schema of a field that is always empty; ``None`` where none says so."""
        objects = [value for value in values if isinstance(value, dict)]
        lists = [value for value in values if isinstance(value, list)]
        types = _types_of(values)
        described: dict[str, Any] = {"type": types if len(types) > 1 else types[0]}
        if not path or path[-1] == ITEM or any(lists):
            self._leave_out(path, _NO_LISTS if lists else _NO_OBJECTS)
            return None
        if lists:
            described |= _NO_ITEMS
        if any(objects):
            return described if self._describe_objects(objects, path, described) else None
        if objects:
            described |= {"additionalProperties": False}
        self.notes.append(f"{show_path(path)} is empty in all answers, and in the student's")
        return described

    def _describe_objects(
        self, objects: Sequence[dict[str, JsonValue]], path: FieldPath, schema: dict[str, Any]
    ) -> bool:
        """Describe objects, and return whether they show what they hold."""
        counts = Counter(name for value in objects for name in value)
        if _are_data(counts, len(objects)):
            self.problems[path] = UnfitError(
                f"has keys that look like data ({len(counts):,} different ones in "
                f"{len(objects):,} objects)",
                "ask for a list of objects with a name and a value, or give a schema without it",
            )
            return False
        properties = {
            name: self.describe([value[name] for value in objects if name in value], (*path, name))
            for name in counts
        }
        known = {name: inner for name, inner in properties.items() if inner is not None}
        if known:
            schema["properties"] = known
            schema["required"] = [name for name in known if counts[name] == len(objects)]
        return bool(known)

    def _describe_lists(
        self, lists: Sequence[list[JsonValue]], path: FieldPath, schema: dict[str, Any]
    ) -> bool:
        """Describe lists, and return whether they show what they hold."""
        items = [item for value in lists for item in value]
        item = self.describe(items, (*path, ITEM)) if items else None
        if item is not None:
            schema["items"] = item
        return item is not None

    def _leave_out(self, path: FieldPath, reason: str) -> None:
        self.notes.append(f"{show_path(path)} is left out: {reason}")


def _is_hollow(value: JsonValue) -> bool:
    """Tell whether a list or an object holds nothing but such, not even null."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, list | dict):
            return False
        waiting += inner.values() if isinstance(inner, dict) else inner
    return True


def _types_of(values: Sequence[JsonValue]) -> list[str]:
    types = dict.fromkeys(_TYPES[type(value)] for value in values)
    if "number" in types:
        types.pop("integer", None)
    return list(types)


def _are_data(counts: Counter[str], objects: int) -> bool:
    once = sum(count == 1 for count in counts.values())
    many = len(counts) >= _FEWEST_DATA_KEYS and objects >= _FEWEST_OBJECTS
    return many and 2 * once > len(counts)
