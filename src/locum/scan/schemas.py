"""Shapes of answers by the schema that a request gives, in all its forms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.json_texts import from_json
from locum.scan.shapes import BOOLEAN, OPEN, Shape, closed, enumerated, record
from locum.scan.type_shapes import class_shape, type_shape
from locum.scan.values import (
    Fields,
    Items,
    Made,
    Reference,
    Scalar,
    Step,
    Text,
    Value,
    as_text,
    constant_text,
    plain,
    words,
)
from locum.scan.zod import zod_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.scan.evaluation import Evaluator

__all__ = ["schema_shape"]

_DEEPEST = 12
# Where a schema stands within what surrounds it.
_AROUND = (
    *("jsonschema", "schema", "format", "function", "inputschema", "parameters", "toolspec"),
    *("json", "ofjsonschema", "responseformat", "functiondeclarations", "tools", "ofjsonobject"),
    *("oftool", "output", "outputschema", "textformat", "responseschema", "structure"),
)


def schema_shape(value: Value, ev: Evaluator, depth: int = 0) -> Shape | None:  # noqa: PLR0911 - one for each form
    """Return the shape that a value describes; ``None`` where it describes none.

    Args:
        value: A JSON Schema, a class, a zod schema, or any of them within what an SDK wants.
        ev: Knows the classes of the file.
        depth: How deep it stands in another.
    """
    if depth > _DEEPEST:
        return None
    match value:
        case Fields():
            return _of_fields(value, ev, depth)
        case Reference():
            return _of_reference(value, ev)
        case Made():
            return _of_made(value, ev, depth)
        case Text():
            parsed = from_json(value)
            return schema_shape(parsed, ev, depth + 1) if parsed is not None else None
        case Items(items=items):
            shapes = [schema_shape(one, ev, depth + 1) for one in items]
            return next((shape for shape in shapes if shape is not None), None)
        case _:
            return None


def _of_reference(value: Reference, ev: Evaluator) -> Shape | None:
    path = re.sub(r"\.(class|model_json_schema|schema|json_schema)$", "", value.path)
    if value.defined is not None:
        owner = ev if value.module in {None, ev.module} else ev.project.evaluator(value.module)
        return class_shape(value.defined, owner)
    if re.search(r"[\[<|\"]", path) or path in {"bool", "boolean", "Boolean"}:
        return type_shape(path, ev)
    name = path.rsplit(".", 1)[-1]
    shape = type_shape(name, ev)
    if shape.is_closed or shape.fields:
        return shape
    looks_like_class = name[:1].isupper() and not name.isupper() and name not in _NO_SCHEMAS
    return OPEN if looks_like_class else None


_NO_SCHEMAS = frozenset({"String", "Integer", "Object", "Any", "T", "Response", "JsonNode", "JSON"})


def _of_fields(value: Fields, ev: Evaluator, depth: int) -> Shape | None:
    entries = {plain(key): one for key, one in value.entries.items()}
    if entries.keys() & {"properties", "enum", "items", "anyof", "const"}:
        return _json_schema(value, ev, depth)
    for key in _AROUND:
        if key in entries:
            shape = schema_shape(entries[key], ev, depth + 1)
            if shape is not None:
                return shape
    if value.type_name and not entries:
        return _of_reference(_class_named(value.type_name, ev), ev)
    kind = _type_name(entries.get("type"))
    return BOOLEAN if kind == "boolean" else None


def _json_schema(value: Value, ev: Evaluator, depth: int) -> Shape:  # noqa: PLR0911 - one for each form
    """The shape of a part of a JSON Schema."""
    if not isinstance(value, Fields) or depth > _DEEPEST:
        return schema_shape(value, ev, depth + 1) or OPEN
    entries = {plain(key): one for key, one in value.entries.items()}
    if "enum" in entries:
        return enumerated(entries["enum"])
    if "const" in entries:
        return closed([words(as_text(entries["const"]))])
    if "properties" in entries:
        return _properties(entries["properties"], ev, depth)
    if "items" in entries:
        return _json_schema(entries["items"], ev, depth + 1)
    options = entries.get("anyof") or entries.get("oneof")
    if isinstance(options, Items):
        shapes = [_json_schema(one, ev, depth + 1) for one in options.items]
        if all(shape.is_closed for shape in shapes):
            return closed(one for shape in shapes for one in shape.answers)
        return OPEN
    return BOOLEAN if _type_name(entries.get("type")) == "boolean" else OPEN


def _properties(value: Value, ev: Evaluator, depth: int) -> Shape:
    if isinstance(value, Fields):
        return record({key: _json_schema(one, ev, depth + 1) for key, one in value.entries.items()})
    return OPEN


def _type_name(value: Value | None) -> str:
    if isinstance(value, Reference):
        return plain(value.path.rsplit(".", 1)[-1]).removeprefix("type")
    return plain(constant_text(value) or "")


def _of_made(value: Made, ev: Evaluator, depth: int) -> Shape | None:  # noqa: PLR0911 - one for each form
    name = plain(value.name.rsplit(".", 1)[-1])
    first = value.arguments[0] if value.arguments else None
    if plain(value.name).startswith(("z", "v", "zod")) and "." in value.name:
        shape = zod_shape(value, lambda one: schema_shape(one, ev, depth + 1))
        if shape is not None:
            return shape
    if name.endswith(("enumschema", "enumproperty")):
        return _listed(value)
    if name in {"booleanschema", "boolean"}:
        return BOOLEAN
    if name in {"stringschema", "numberschema", "integerschema", "string", "number"}:
        return OPEN
    if name in {"objectschema", "fromresponseschemas"}:
        return _object_schema(value, ev, depth)
    if name == "fromnamesanddescriptions" and isinstance(first, Fields):
        return record(dict.fromkeys(first.entries, OPEN))
    if name in {"choice", "enum"}:
        return _listed(value)
    if value.named and name in {"schema", "object", "definition"}:
        return _of_fields(Fields(value.named), ev, depth)
    built = _built(value, ev, depth)
    return built if built is not None else _within(value, ev, depth)


def _listed(value: Made) -> Shape:
    given = [*value.arguments, *value.named.values()]
    for one in given:
        if isinstance(one, Items):
            return enumerated(one)
        if isinstance(one, Fields):
            lists = [
                enumerated(inner) for inner in one.entries.values() if isinstance(inner, Items)
            ]
            if lists:
                return lists[0]
        if isinstance(one, Reference) and one.defined is not None and one.defined.members:
            return enumerated(one)
    return OPEN


def _object_schema(value: Made, ev: Evaluator, depth: int) -> Shape:
    given = [*value.arguments, *value.named.values()]
    lists = [one for one in given if isinstance(one, Items)]
    shapes: dict[str, Shape] = {}
    for one in lists[0].items if lists else ():
        if isinstance(one, Made):
            label = one.named.get("name") or (one.arguments[0] if one.arguments else None)
            shapes[constant_text(label) or one.name] = schema_shape(one, ev, depth + 1) or OPEN
    return record(shapes) if shapes else OPEN


def _built(value: Made, ev: Evaluator, depth: int) -> Shape | None:
    """A builder whose methods say what an object has, such as ``addEnumProperty``."""
    shapes: dict[str, Shape] = {}
    for step in value.steps:
        name = plain(step.name)
        if name.startswith("add") and name.endswith("property") and step.arguments:
            label = constant_text(step.arguments[0]) or name
            shapes[label] = _property(step, name, ev, depth)
        elif name in {"enumvalues", "enum"} and step.arguments:
            first = step.arguments[0]
            return enumerated(first if isinstance(first, Items) else Items(step.arguments))
        elif name in {"properties", "additionalproperty"} and step.arguments:
            entries = [one for one in step.arguments if isinstance(one, Fields)]
            if entries:
                return _properties(entries[0], ev, depth)
    return record(shapes) if shapes else None


def _property(step: Step, name: str, ev: Evaluator, depth: int) -> Shape:
    if "enum" in name:
        lists = [one for one in step.arguments if isinstance(one, Items)]
        return enumerated(lists[0]) if lists else OPEN
    if "boolean" in name:
        return BOOLEAN
    shapes = [schema_shape(one, ev, depth + 1) for one in step.arguments[1:]]
    return next((shape for shape in shapes if shape is not None), OPEN)


def _within(value: Made, ev: Evaluator, depth: int) -> Shape | None:
    """The schema among all that a call is given."""
    given: list[Value] = [*value.arguments, *_by_meaning(value.named)]
    given += [Reference(one) for one in value.types]
    for step in value.steps:
        given += [
            *step.arguments,
            *_by_meaning(step.named),
            *(Reference(one) for one in step.types),
        ]
    for one in given:
        if isinstance(one, Scalar):
            continue
        shape = schema_shape(one, ev, depth + 1)
        if shape is not None:
            return shape
    path = re.sub(r"\.(model_json_schema|schema|json_schema|jsonSchema)$", "", value.name)
    return _of_reference(_class_named(path, ev), ev) if path != value.name else None


def _class_named(path: str, ev: Evaluator) -> Reference:
    """Return the class that a path names."""
    found = ev.global_value(path)
    return found if isinstance(found, Reference) else Reference(path)


def _by_meaning(named: Mapping[str, Value]) -> Iterable[Value]:
    first = [one for key, one in named.items() if plain(key) in _AROUND or "schema" in plain(key)]
    return [*first, *(one for one in named.values() if one not in first)]
