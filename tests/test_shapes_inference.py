"""The schema that recorded answers share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from locum.errors import UsageError
from locum.shapes import (
    ITEM,
    Checker,
    Closed,
    Number,
    OneOf,
    Text,
    admits,
    infer_schema,
    leaves,
    read_schema,
)
from locum.traffic.json_answers import read_answer
from locum.traffic.json_mending import mend
from tests.shape_strategies import ShapeCase, shapes_and_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.shapes import InferredSchema, JsonValue

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
) | st.text(max_size=3)


def _objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("abcd"), values, max_size=3)


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: _objects(inner) | st.lists(_SCALARS | _objects(inner), max_size=3),
    max_leaves=6,
)


def refused(answers: list[JsonValue]) -> str:
    with pytest.raises(UsageError) as caught:
        infer_schema(answers)
    return str(caught.value)


def infer(answers: Sequence[JsonValue]) -> InferredSchema | None:
    """The schema of answers; ``None`` where they hold nothing but empty lists and objects."""
    try:
        return infer_schema(answers)
    except UsageError as error:
        problem = str(error)
    assert "show no field that holds something" in problem
    return None


@given(st.lists(_objects(_VALUES), min_size=1, max_size=5))
@example([{"a": []}, {"a": [{"b": []}], "b": 1}, {"b": 1.5}])
@example([{"a": {"b": 1}}, {"a": []}, {"a": [{}]}])
@example([{"a": ["x", {"b": {}}]}, {"a": {}}])
@example([{"a": [None]}, {"a": {"b": {}}}, {"a": {"b": True}}])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_every_answer_satisfies_the_schema_and_has_its_shape(answers: list[dict[str, Any]]) -> None:
    inferred = infer(answers)
    if inferred is None:
        return
    schema, notes = inferred
    checker, shape = Checker(schema), read_schema(schema)
    for answer in answers:
        read = mend(answer, shape)
        assert set(read.repairs) <= {"empty as null"}
        assert read.repairs or read.value == answer
        assert checker.problem(read.value) is None
        assert admits(shape, read.value)
    seen = {name for answer in answers for name in answer}
    left_out = {name for name in seen if any(note.startswith(f"{name} is left") for note in notes)}
    assert left_out == seen - shape.fields.keys()
    for name, field in shape.fields.items():
        assert field.required == all(name in answer for answer in answers)


@given(shapes_and_values())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_answers_of_any_readable_shape_can_be_learned_from(case: ShapeCase) -> None:
    inferred = infer(case.values)
    if inferred is None:
        return
    shape, checker = read_schema(inferred.schema), Checker(inferred.schema)
    assert all(checker.is_valid(mend(value, shape).value) for value in case.values)


def test_answers_by_hand() -> None:
    answers: list[JsonValue] = [
        {
            "id": 1,
            "price": 2,
            "note": None,
            "lines": [{"sku": "x", "n": 1}, {"n": 2.5, "sku": "y", "gift": True}],
            "tags": [],
            "buyer": None,
        },
        {"note": "a", "price": 2.5, "id": 7, "code": "A1", "tags": ["t", None], "buyer": {"n": ""}},
        {
            "note": "a",
            "price": 3,
            "id": 2**70,
            "code": 17,
            "tags": ["t"],
            "void": None,
            "buyer": {},
        },
    ]
    assert infer_schema(answers) == (
        {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "price": {"type": "number"},
                "note": {"type": ["null", "string"]},
                "lines": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "sku": {"type": "string"},
                            "n": {"type": "number"},
                            "gift": {"type": "boolean"},
                        },
                        "required": ["sku", "n"],
                    },
                },
                "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                "buyer": {
                    "type": ["null", "object"],
                    "properties": {"n": {"type": "string"}},
                    "required": [],
                },
                "code": {"type": ["string", "integer"]},
                "void": {"type": "null"},
            },
            "required": ["id", "price", "note", "tags", "buyer"],
        },
        (),
    )
    shape = read_schema(infer_schema(answers).schema)
    assert list(shape.fields) == ["id", "price", "note", "lines", "tags", "buyer", "code", "void"]
    assert shape.fields["code"].shape == OneOf((Text(), Number(whole=True)))
    assert dict(leaves(shape))["void",] == Closed((None,))
    assert dict(leaves(shape))["tags", ITEM] == Text(nullable=True)


def test_fields_that_are_always_empty_stay_so() -> None:
    answers: list[JsonValue] = [
        {"a": 1, "b": [], "c": {"d": []}, "f": None, "g": {}, "h": [{"i": 1, "j": []}]},
        {"a": 1, "b": [], "e": [{}], "f": [], "g": {}, "h": []},
    ]
    schema, notes = infer_schema(answers)
    empty = {"items": {"type": "string"}, "maxItems": 0}
    assert schema["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "array", **empty},
        "c": {
            "type": "object",
            "properties": {"d": {"type": "array", **empty}},
            "required": ["d"],
        },
        "f": {"type": ["null", "array"], **empty},
        "g": {"type": "object", "additionalProperties": False},
        "h": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"i": {"type": "integer"}, "j": {"type": "array", **empty}},
                "required": ["i", "j"],
            },
        },
    }
    assert schema["required"] == ["a", "b", "f", "g", "h"]
    assert notes == (
        "b is empty in all answers, and in the student's",
        "c.d is empty in all answers, and in the student's",
        "f is empty in all answers, and in the student's",
        "g is empty in all answers, and in the student's",
        "h[].j is empty in all answers, and in the student's",
        "e is left out: no answer shows what its lists hold",
    )
    checker = Checker(schema)
    assert checker.is_valid({"a": 1, "b": [], "f": [], "g": {}, "h": []})
    assert not checker.is_valid({"a": 1, "b": ["x"], "f": [], "g": {}, "h": []})


@pytest.mark.parametrize(
    ("usual", "empty", "schema"),
    [
        ({"x": "a"}, [], {"properties": {"x": {"type": "string"}}, "required": ["x"]}),
        (["a"], {}, {"items": {"type": "string"}}),
        ("a", [], {}),
        ("a", {"x": []}, {}),
        ({"x": "a"}, [{}], {"properties": {"x": {"type": "string"}}, "required": ["x"]}),
    ],
)
def test_one_empty_answer_of_another_type_drops_no_field(
    usual: JsonValue, empty: JsonValue, schema: dict[str, Any]
) -> None:
    inferred = infer_schema([*([{"a": usual}] * 5), {"a": empty}])
    name = "object" if isinstance(usual, dict) else "array" if isinstance(usual, list) else "string"
    assert inferred.schema["properties"] == {"a": {"type": [name, "null"], **schema}}
    assert not any(note.startswith("a is left out") for note in inferred.notes)
    shape, checker = read_schema(inferred.schema), Checker(inferred.schema)
    read = read_answer(json.dumps({"a": empty}), shape, checker)
    assert (read.value, read.repairs) == ({"a": None}, ("empty as null",))


def test_keys_that_look_like_data_are_refused() -> None:
    def answers(shared: int) -> list[JsonValue]:
        """Five objects with four keys of their own each, and some that all have."""
        common = {f"c{number}": 1 for number in range(shared)}
        return [{"of": {**common, **{f"{n}/{k}": 1 for k in range(4)}}} for n in range(5)]

    assert refused(answers(19)) == (
        "the schema cannot be used, because of one field:\n- of has keys that look like data (39 "
        "different ones in 5 objects): ask for a list of objects with a name and a value, or give "
        "a schema without it"
    )
    for plain in (answers(20), answers(0)[:4]):
        assert len(infer_schema(plain).schema["properties"]["of"]["properties"]) >= 16


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([], "0 of 0 answers are no JSON objects"),
        ([{"a": 1}, [1], None], "2 of 3 answers are no JSON objects"),
        ([{}], "the 1 answers show no field"),
        ([{"a": [[1]], "b": {"c": [[2]]}}], "- b.c is a list of lists"),
        ([{ITEM: 1}], "is a field with the name '[]'"),
        ([{f"f{number}": 1 for number in range(501)}], "more than 500 fields"),
        ([{"\ud800": 1}], "the schema is no JSON"),
    ],
)
def test_answers_without_a_schema_are_refused(answers: list[JsonValue], problem: str) -> None:
    assert problem in refused(answers)


def test_answers_of_any_depth_are_refused_in_good_order() -> None:
    deep: JsonValue = 1
    for _ in range(5000):
        deep = {"a": deep}
    assert "lies more than 50 levels deep" in refused([deep])
