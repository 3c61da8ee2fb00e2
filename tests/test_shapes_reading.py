"""JSON Schemas as shapes, and what is refused."""

from __future__ import annotations

import enum
import json
import math
from datetime import date  # noqa: TC003 - pydantic reads it when the class is made
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, conlist

from locum.errors import UsageError
from locum.shapes import (
    ITEM,
    Checker,
    Closed,
    ListOf,
    Number,
    OneOf,
    Record,
    Shape,
    Text,
    admits,
    leaves,
    option_of,
    read_schema,
    schema_of,
)
from locum.shapes import Field as FieldOf
from tests.schema_samples import INTEGER, NULL, WORD, JsonSchema, object_of, with_field
from tests.shape_strategies import TEXTS, ShapeCase, shapes_and_values

_SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def shape_of(field: JsonSchema, beside: dict[str, Any] | None = None) -> Shape:
    """The shape of the field ``a``."""
    return read_schema({**with_field(field), **(beside or {})}).fields["a"].shape


def always(shape: Shape) -> FieldOf:
    return FieldOf(shape, required=True)


@given(shapes_and_values())
@_SLOW
def test_a_schema_is_read_as_the_shape_that_it_describes(case: ShapeCase) -> None:
    assert read_schema(case.schema) == case.shape
    checker = Checker(case.schema)
    for value in case.values:
        assert checker.problem(value) is None
        assert admits(case.shape, value)


@given(shapes_and_values(most_values=1), st.data())
@_SLOW
def test_whatever_the_checker_takes_has_the_shape(case: ShapeCase, data: st.DataObject) -> None:
    checker = Checker(case.schema)
    kept = {name: st.just(value) | _JSON for name, value in case.values[0].items()}
    value = data.draw(st.fixed_dictionaries({}, optional=kept))
    assert admits(case.shape, value) or not checker.is_valid(value)


class Colour(enum.Enum):
    """Of a thing."""

    RED = "red"
    BLUE = "blue"


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"]
    digits: str = Field(pattern="^[0-9]{4}$")


class Cash(BaseModel):
    """Paid in cash."""

    kind: Literal["cash"]
    amount: float = Field(gt=0)


class Line(BaseModel):
    """Of an order."""

    name: str = Field(min_length=1, max_length=80, description="As printed.")
    quantity: int = Field(gt=0, le=99)
    price: int | float | None = None


class Order(BaseModel):
    """What a customer ordered."""

    colour: Colour
    second_colour: Colour | None = None
    placed: date
    gift: bool | None
    lines: conlist(Line, min_length=1)  # type: ignore[valid-type]
    tags: set[str]
    payment: Annotated[Card | Cash, Field(discriminator="kind")]
    refund: Cash | None
    reference: int | str
    grade: Literal[1, "A"] | None


def test_a_pydantic_model() -> None:
    card = Record(
        {
            "kind": always(Closed(("card",))),
            "digits": always(Text(pattern="^[0-9]{4}$")),
        }
    )
    above_zero = Number(least=math.ulp(0.0))
    cash = {"kind": always(Closed(("cash",))), "amount": always(above_zero)}
    line = Record(
        {
            "name": always(Text(shortest=1, longest=80)),
            "quantity": always(Number(whole=True, least=1, most=99)),
            "price": FieldOf(Number(nullable=True), required=False),
        }
    )
    expected = Record(
        {
            "colour": always(Closed(("red", "blue"))),
            "second_colour": FieldOf(Closed(("red", "blue", None)), required=False),
            "placed": always(Text(form="date")),
            "gift": always(Closed((False, True, None))),
            "lines": always(ListOf(line, fewest=1)),
            "tags": always(ListOf(Text(), distinct=True)),
            "payment": always(OneOf((card, Record(cash)))),
            "refund": always(Record(cash, nullable=True)),
            "reference": always(OneOf((Number(whole=True), Text()))),
            "grade": always(Closed((1, "A", None))),
        }
    )
    shape = read_schema(schema_of(Order))
    assert shape == expected
    assert list(shape.fields) == list(expected.fields)
    assert read_schema(schema_of(json.dumps(Order.model_json_schema()))) == expected


def test_a_strict_schema_of_openai() -> None:
    # From the guide to structured outputs: nested objects, a definition, every field required.
    step = {
        "type": "object",
        "properties": {"explanation": WORD, "output": WORD},
        "required": ["explanation", "output"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "final_answer": {"type": ["string", "null"], "description": "The result."},
            "unit": {"type": "string", "enum": ["F", "C"]},
        },
        "$defs": {"step": step},
        "required": ["steps", "final_answer", "unit"],
        "additionalProperties": False,
    }
    assert [*leaves(read_schema(schema))] == [
        (("steps", ITEM, "explanation"), Text()),
        (("steps", ITEM, "output"), Text()),
        (("final_answer",), Text(nullable=True)),
        (("unit",), Closed(("F", "C"))),
    ]


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ({"const": 3}, Closed((3,))),
        ({"type": "boolean"}, Closed((False, True))),
        (NULL, Closed((None,))),
        ({"enum": [None, "a", "a", 1, True, 1.0]}, Closed((None, "a", 1, True))),
        ({"type": ["string", "null"], "enum": ["a", 1, None]}, Closed(("a", None))),
        ({"type": "integer", "enum": [1, 2.0, 2.5, 7], "maximum": 5}, Closed((1, 2.0))),
        ({"enum": ["ab", "b"], "pattern": "^a"}, Closed(("ab",))),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}, NULL]}, Closed(("a", "b", None))),
        ({"anyOf": [{"enum": ["a"]}, {"type": "boolean"}]}, Closed(("a", False, True))),
        (
            {"type": "integer", "minimum": 0.5, "exclusiveMaximum": 9.5},
            Number(whole=True, least=1, most=9),
        ),
        ({"type": "integer", "exclusiveMinimum": 1, "minimum": 1}, Number(whole=True, least=2)),
        ({"type": "integer", "exclusiveMaximum": -1}, Number(whole=True, most=-2)),
        ({"type": "number", "multipleOf": 5}, Number(whole=True)),
        ({"type": "number", "multipleOf": 0.01, "minimum": 0.5}, Number(least=0.5)),
        ({"type": "number", "exclusiveMaximum": 1}, Number(most=math.nextafter(1, 0))),
        ({"type": ["integer", "number", "null"]}, Number(nullable=True)),
        ({"type": ["integer", "string"]}, OneOf((Number(whole=True), Text()))),
        ({"type": "string", "minLength": 2.0, "contentMediaType": "x"}, Text(shortest=2)),
        ({"anyOf": [{"type": "string", "format": "date"}, WORD]}, Text()),
        ({"anyOf": [{"enum": ["x", None]}, WORD]}, Text(nullable=True)),
        (
            {"anyOf": [{"type": "string", "format": "date"}, {"const": "unknown"}]},
            OneOf((Text(form="date"), Closed(("unknown",)))),
        ),
        (
            {"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1}, {"const": 0}, NULL]},
            OneOf((Closed(("all", 0)), Number(whole=True, least=1)), nullable=True),
        ),
        ({"anyOf": [INTEGER, {"type": "integer", "minimum": 3}]}, Number(whole=True)),
        ({"type": "string", "anyOf": [{"maxLength": 3}, NULL]}, Text(longest=3)),
        (
            {"type": "array", "items": {"type": ["number", "null"]}, "maxItems": 3},
            ListOf(Number(nullable=True), most=3),
        ),
    ],
)
def test_fields_of_every_kind(field: dict[str, Any], shape: Shape) -> None:
    assert shape_of(field) == shape


def test_references_are_followed_with_what_stands_beside_them() -> None:
    definitions = {"a/b ~ü": {"$ref": "#/$defs/word"}, "word": WORD, "any": True}
    beside = {"$ref": "#/$defs/a~1b%20~0%C3%BC", "description": "x", "default": 1, "maxLength": 3}
    assert shape_of(beside, {"$defs": definitions}) == Text(longest=3)
    plain = {"$ref": "#/$defs/a~1b ~0ü"}
    assert shape_of(plain, {"$defs": definitions}) == Text()
    assert Checker({**with_field(plain), "$defs": definitions}).is_valid({"a": "x"})
    seven = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"w": WORD}}
    beside = {"$ref": "#/definitions/w", "maxLength": 3}
    assert shape_of(beside, seven) == Text(), "draft 7 ignores what stands beside a reference"
    assert Checker({**with_field(beside), **seven}).is_valid({"a": "long enough"})
    whole = {"$ref": "#/$defs/all", "$defs": {"all": with_field(WORD)}}
    assert read_schema(whole).fields == {"a": always(Text())}


def test_parts_that_hold_together_are_merged() -> None:
    first = object_of({"a": {"type": ["integer", "null"]}, "b": WORD}, "a", "b")
    second = object_of({"a": {"minimum": 2}, "c": {"type": "boolean"}}, "c")
    both = {"allOf": [{"$ref": "#/$defs/first"}, second], "$defs": {"first": first}}
    assert read_schema(both).fields == {
        "a": always(Number(nullable=True, whole=True, least=2)),
        "b": always(Text()),
        "c": always(Closed((False, True))),
    }
    closed = {
        "allOf": [
            {**object_of({"a": WORD}, "a"), "additionalProperties": False},
            object_of({"b": WORD}),
        ]
    }
    assert list(read_schema(closed).fields) == ["a"], "the first part forbids the other's field"


def test_an_object_may_have_no_field_where_all_are_forbidden() -> None:
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    assert shape_of(nothing) == Record({})
    with pytest.raises(UsageError, match="is an object without properties"):
        read_schema(nothing)
    with pytest.raises(UsageError, match="is an object without properties"):
        shape_of({"allOf": [object_of({"a": WORD}), nothing]})


def test_options_share_what_stands_beside_them() -> None:
    base = {
        **object_of({"id": INTEGER}, "id"),
        "anyOf": [object_of({"x": WORD}, "x"), object_of({"y": WORD}, "y")],
    }
    shape = shape_of(base)
    assert isinstance(shape, OneOf)
    assert [list(option.fields) for option in shape.options if isinstance(option, Record)] == [
        ["id", "x"],
        ["id", "y"],
    ]
    assert option_of(shape, {"id": 1, "y": "v"}) == shape.options[1]
    assert option_of(shape, {"id": 1, "y": "v", "x": 0}) == shape.options[1]
    assert option_of(shape, {"id": 1}) is None
    assert option_of(shape, None) is None


def test_a_listed_value_counts_before_a_text() -> None:
    shape = shape_of({"anyOf": [{"type": "string", "format": "date"}, {"const": "unknown"}]})
    assert isinstance(shape, OneOf)
    assert option_of(shape, "unknown") == Closed(("unknown",))
    assert option_of(shape, "2024-02-29") == Text(form="date")


def test_the_schema_of_whatever_can_tell_one() -> None:
    schema = with_field(WORD)
    assert schema_of(schema) is schema
    assert schema_of(json.dumps(schema)) == schema
    assert schema_of(Line) == Line.model_json_schema()


class Untold:
    """Has the method."""

    @staticmethod
    def model_json_schema() -> None:
        """Tell nothing."""


class Failing:
    """Has the method, too."""

    @staticmethod
    def model_json_schema() -> None:
        """Fail."""
        raise KeyError("no schema for this type")


@pytest.mark.parametrize("model", ["{", "[1]", '"' * 3000, 3, None, int, Untold, Failing, [WORD]])
def test_what_has_no_schema_is_refused(model: object) -> None:
    with pytest.raises(UsageError, match="pydantic") as caught:
        schema_of(model)
    assert len(str(caught.value)) < 400
