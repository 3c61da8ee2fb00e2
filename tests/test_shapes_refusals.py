"""Schemas that no shape expresses, or that would take forever to read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from locum.errors import UsageError
from locum.shapes import ITEM, Checker, OneOf, read_schema
from tests.schema_samples import INTEGER, NULL, WORD, JsonSchema, object_of, with_field

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(schema: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        read_schema(schema)
    return str(caught.value)


FIELD_REFUSALS: dict[str, tuple[JsonSchema, str]] = {
    "away": ({"$ref": "https://example.org/a.json#/x"}, "lies in another document"),
    "nowhere": ({"$ref": "#/$defs/none"}, "refers to what is not there"),
    "anchor": ({"$ref": "#none"}, "refers to what is not there"),
    "no_schema": ({"$ref": "#/required"}, "refers to what is not there"),
    "bad_schema": ({"$ref": "#/x-odd"}, "refers to what is not there"),
    "map": ({"type": "object", "additionalProperties": WORD}, "has open keys"),
    "pattern_map": ({"type": "object", "patternProperties": {"a": WORD}}, "has open keys"),
    "any_map": ({"type": "object", "additionalProperties": True}, "is an object without prop"),
    "no_fields": ({"type": "object"}, "is an object without properties"),
    "tuple": ({"type": "array", "prefixItems": [WORD]}, "gives each place of a list"),
    "old_tuple": ({"type": "array", "items": [WORD]}, "gives each place of a list"),
    "any_list": ({"type": "array"}, "is a list of anything"),
    "lists": ({"type": "array", "items": {"type": "array", "items": WORD}}, "is a list of lists"),
    "not": ({"type": "string", "not": {"const": "a"}}, "says what must not be"),
    "if": ({"type": "string", "if": {"const": "a"}}, "depends on a condition"),
    "dependent": ({**with_field(WORD), "dependentSchemas": {}}, "depends on a condition"),
    "anything": ({}, "may be anything"),
    "true": (True, "may be anything"),
    "untyped": ({"properties": {"a": WORD}}, "may be anything"),
    "false": (False, "can hold nothing"),
    "empty_enum": ({"enum": []}, "lists no value"),
    "enum_of_objects": ({"enum": [{"a": 1}]}, "lists objects or lists"),
    "const_list": ({"const": [1]}, "lists objects or lists"),
    "bounds": ({"type": "integer", "minimum": 3, "maximum": 2}, "must be at least 3 and at most 2"),
    "open_bounds": ({"type": "integer", "exclusiveMinimum": 2, "maximum": 2}, "must be at least 3"),
    "lengths": ({"type": "string", "minLength": 3, "maxLength": 2}, "at most 2 characters"),
    "items": ({"type": "array", "items": WORD, "minItems": 3, "maxItems": 2}, "at most 2 items"),
    "never": ({"type": "string", "const": 1}, "its keywords contradict each other"),
    "never_typed": ({"allOf": [WORD, INTEGER]}, "its keywords contradict each other"),
    "pattern": ({"type": "string", "pattern": "("}, "which is no regular expression"),
    "patterns": ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}, "has two values for `pattern`"),
    "required": ({"type": "object", "required": ["x"]}, "requires 'x'"),
    "texts": (
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "time"}]},
        "a string of the format date or a string of the format time",
    ),
    "objects": (
        {"anyOf": [object_of({"x": WORD, "y": WORD}, "x"), object_of({"x": WORD, "z": WORD}, "x")]},
        "an object with x, y or an object with x, z",
    ),
    "two_lists": (
        {"anyOf": [{"type": "array", "items": WORD}, {"type": "array", "items": INTEGER}]},
        "a list or a list",
    ),
    "numbers": (
        {"anyOf": [{"type": "integer", "maximum": 3}, {"type": "number", "minimum": 2}]},
        "a number or a number",
    ),
    "patterned": (
        {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "a$"}]},
        "a string or a string",
    ),
    "any_target": ({"$ref": "#/$defs/any"}, "may be anything"),
    "own_id": ({"$id": "https://example.org/a", "type": "string"}, "has an `$id` of its own"),
    "recursive": ({"$ref": "#"}, "contains itself"),
    "dynamic": ({"$dynamicRef": "#"}, "uses `$dynamicRef`"),
    "counted": ({**with_field(WORD), "minProperties": 1}, "counts its fields"),
    "contains": ({"type": "array", "items": WORD, "contains": {"const": "a"}}, "what one of its"),
}


def test_all_fields_that_cannot_be_read_are_named_at_once() -> None:
    properties = {name: field for name, (field, _) in FIELD_REFUSALS.items()}
    inner = object_of({"good": WORD, **properties})
    message = refused(
        {
            **object_of({"lines": {"type": "array", "items": inner}}),
            "x-odd": {"type": 7},
            "$defs": {"any": True},
        }
    )
    first, *lines = message.split("\n")
    assert first == (f"the schema cannot be used, because of {len(FIELD_REFUSALS)} fields:")
    for (name, (_, reason)), line in zip(FIELD_REFUSALS.items(), lines, strict=True):
        assert line.startswith(f"- lines[].{name} ")
        assert reason in line
        assert line.rpartition(": ")[2], "there is a cure"


@pytest.mark.parametrize(
    "schema",
    [
        WORD,
        {"anyOf": [with_field(WORD), NULL]},
        {**with_field(WORD), "type": ["object", "null"]},
        {"type": "array", "items": with_field(WORD)},
    ],
)
def test_the_whole_answer_is_an_object(schema: dict[str, Any]) -> None:
    assert "- (the whole answer) is not always an object" in refused(schema)


def test_a_field_may_not_be_called_as_items_are() -> None:
    assert "is a field with the name '[]'" in refused(object_of({ITEM: WORD}))


def test_options_with_a_required_field_or_constant_of_their_own_are_told_apart() -> None:
    by_type = [object_of({"v": WORD}, "v"), object_of({"v": INTEGER}, "v")]
    by_field = [object_of({"v": WORD}, "v"), object_of({"w": WORD})]
    by_value = [
        object_of({"v": {"const": 1}}, "v"),
        object_of({"v": {"type": "number", "minimum": 2}}, "v"),
    ]
    for options in (by_type, by_field, by_value, by_value[::-1]):
        shape = read_schema(with_field({"anyOf": options})).fields["a"].shape
        assert isinstance(shape, OneOf)
    both_null = [object_of({"v": {"type": [kind, "null"]}}, "v") for kind in ("string", "integer")]
    optional = [object_of({"v": {"const": 1}}), object_of({"v": {"const": 2}})]
    for options in (both_null, optional):
        assert "does not tell apart" in refused(with_field({"anyOf": options}))


def test_malformed_keywords_are_all_named() -> None:
    message = refused(
        {**object_of({"x": {"type": "strin"}, "y": {"minLength": -1}}), "required": "x"}
    )
    for place in ("properties.x.type: ", "properties.y.minLength: -1 ", "required: "):
        assert f"\n- {place}" in message


CIRCLE: dict[str, Any] = {"type": "object", "properties": {}}
CIRCLE["properties"]["a"] = CIRCLE
DEEP = WORD
for _ in range(3000):
    DEEP = {"type": "object", "properties": {"a": DEEP}}
DEEPER = WORD
for _ in range(120):
    DEEPER = object_of({"a": DEEPER})
LEVELS = WORD
for _ in range(60):
    LEVELS = object_of({"a": LEVELS})


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (CIRCLE, "the schema is no JSON"),
        (DEEP, "the schema is"),
        (object_of({"a": LEVELS, "b": LEVELS, "c": DEEPER}), "nested more than 200 deep"),
        (LEVELS, "lies more than 50 levels deep"),
        (with_field({"type": "integer", "minimum": math.nan}), "the schema is no JSON"),
        (with_field({"const": 10**400}), "beyond 1.8e308"),
        (with_field({"const": "\ud800"}), "the schema is no JSON"),
        (with_field({"enum": {1, 2}}), "the schema is no JSON"),
        ({**with_field(WORD), "description": "x" * 1_000_000}, "at most 1,000,000 are read"),
        ({**with_field(WORD), "$schema": "http://json-schema.org/draft-04/schema#"}, "`$schema`"),
        (object_of({f"f{number}": WORD for number in range(501)}), "more than 500 fields"),
    ],
)
def test_schemas_out_of_bounds_are_refused(schema: dict[str, Any], problem: str) -> None:
    assert problem in refused(schema)


def fan(width: int, join: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Definitions each of which refers to the next one twice."""
    levels = {f"d{n}": join({"$ref": f"#/$defs/d{n + 1}"}) for n in range(width)}
    return {"$ref": "#/$defs/d0", "$defs": {**levels, f"d{width}": with_field(WORD)}}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (fan(40, lambda target: object_of({"a": target, "b": target})), "more than 500 fields"),
        (fan(40, lambda target: {"allOf": [target, target]}), "more than 10,000 parts"),
        (fan(40, lambda target: {"anyOf": [target, target]}), "more than 10,000 parts"),
        (fan(2000, lambda target: target), "leads over more than 100 references"),
        (fan(95, lambda target: {"anyOf": [{"anyOf": [target]}]}), "choices deep"),
        ({"allOf": 300 * [{"anyOf": [with_field(WORD)]}]}, "10,000 parts"),
        (with_field({"anyOf": 9 * [{"anyOf": 9 * [{"anyOf": 200 * [WORD]}]}]}), "10,000 parts"),
    ],
)
def test_schemas_that_would_grow_beyond_measure_are_refused(
    schema: dict[str, Any], problem: str
) -> None:
    assert problem in refused(schema)
    with pytest.raises(UsageError, match=problem):
        Checker(schema)
