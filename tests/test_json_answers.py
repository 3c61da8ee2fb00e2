"""A teacher's answer as the object that it means, or a problem."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locum.shapes import Checker, admits, read_schema
from locum.traffic.json_answers import ReadAnswer, read_answer
from tests.schema_samples import object_of
from tests.shape_strategies import TEXTS, ShapeCase, shapes_and_values

if TYPE_CHECKING:
    from locum.shapes import JsonValue

_SLOW = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_PROSE = st.text(st.characters(exclude_characters='{}[]"')) | st.sampled_from(
    ["Here's the answer:\n", "\ufeff", "```json\n", "\n```", "Use {name}, not {{x}}.", "\ud800 :{ "]
)
_HALF = st.integers(0, 9).map(lambda number: "x" if number else "\ud800")
# Whatever JSON may hold, and more that only looks like it.
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | _HALF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def schema_of_field(field: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """A closed object with the field ``a`` alone."""
    schema = object_of({"a": field}, *(["a"] if required else []))
    return {**schema, "additionalProperties": False}


def read(text: str, schema: dict[str, Any]) -> ReadAnswer:
    return read_answer(text, read_schema(schema), Checker(schema))


def read_field(value: JsonValue, field: dict[str, Any], *, required: bool = True) -> ReadAnswer:
    return read(json.dumps({"a": value}), schema_of_field(field, required=required))


ANY_NUMBER = object_of({"a": {"type": "number"}}, "a")
INNER = schema_of_field({"type": "integer"})


@given(shapes_and_values(), _PROSE, _PROSE)
@_SLOW
def test_a_valid_object_comes_back_as_it_is(case: ShapeCase, before: str, after: str) -> None:
    checker = Checker(case.schema)
    for value, ascii_alone in product(case.values, (True, False)):
        text = json.dumps(value, ensure_ascii=ascii_alone)
        for answer in (text, f"{before}{text}{after}", f"```json\n{text}\n```"):
            assert read_answer(answer, case.shape, checker) == ReadAnswer(value, (), None)


@st.composite
def damaged_answers(draw: st.DrawFn) -> tuple[ShapeCase, str]:
    """A valid answer in which something was replaced; some are cut off."""
    case = draw(shapes_and_values(most_values=1))
    value = draw(damaged_fields(case.values[0]))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    kept = draw(st.sampled_from([*9 * [len(text)], len(text) // 2]))
    return case, text[:kept]


def damaged(value: JsonValue) -> st.SearchStrategy[Any]:
    if isinstance(value, dict):
        return st.one_of(*3 * [damaged_fields(value)], _ODD)
    if isinstance(value, list):
        return st.one_of(*3 * [st.tuples(*map(damaged, value)).map(list)], _ODD)
    written = [str(value), f" {value} ".title(), json.dumps(value), [value]]
    return st.sampled_from([*6 * [value], *written]) | _ODD


def damaged_fields(value: dict[str, JsonValue]) -> st.SearchStrategy[dict[str, JsonValue]]:
    @st.composite
    def fields(draw: st.DrawFn) -> dict[str, JsonValue]:
        found = {}
        for name, inner in value.items():
            spelled = draw(st.sampled_from([*5 * [name], name.upper(), f"{name}_", None]))
            if spelled is not None:
                found[spelled] = draw(damaged(inner))
        return found | draw(st.sampled_from([{}, {}, {"b": None}, {"kind": "A"}]))

    return fields()


@given(damaged_answers())
@_SLOW
def test_what_is_returned_is_valid_and_nothing_raises(damage: tuple[ShapeCase, str]) -> None:
    case, text = damage
    checker = Checker(case.schema)
    answer = read_answer(text, case.shape, checker)
    assert (answer.value is None) == (answer.problem is not None)
    assert len(set(answer.repairs)) == len(answer.repairs)
    if answer.value is not None:
        assert checker.is_valid(answer.value)
        assert admits(case.shape, answer.value)
        again = read_answer(json.dumps(answer.value), case.shape, checker)
        assert again == ReadAnswer(answer.value, (), None)


@given(st.text(st.sampled_from('{}[]":,\\ a1\n\ud800tnN'), max_size=30))
@settings(max_examples=100)
def test_no_text_raises(text: str) -> None:
    checker = Checker(ANY_NUMBER)
    answer = read_answer(text, read_schema(ANY_NUMBER), checker)
    assert (answer.value is None) == (answer.problem is not None)


INVOICE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "total": {"type": "number"},
        "items": {"type": "integer"},
        "is_paid": {"type": "boolean"},
        "status": {"enum": ["in stock", "Sold Out", "zurück"]},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 9}},
        "due": {"type": ["integer", "null"]},
    },
    "required": ["invoice_number", "total", "items", "is_paid", "status", "tags", "due"],
    "additionalProperties": False,
}


@given(
    st.fixed_dictionaries(
        {
            "invoice_number": st.integers().map(str),
            "total": st.floats(allow_nan=False, allow_infinity=False),
            "items": st.integers(),
            "is_paid": st.booleans(),
            "status": st.sampled_from(INVOICE["properties"]["status"]["enum"]),
            "tags": st.lists(st.text(min_size=9), min_size=1, max_size=1),
            "due": st.none(),
        }
    )
)
@settings(max_examples=40)
def test_a_value_that_was_written_carelessly_is_found_again(value: dict[str, Any]) -> None:
    careless = {
        "Invoice Number": int(value["invoice_number"]),
        "TOTAL": f" {value['total']!r}",
        "items ": f"{value['items']:+}",
        "isPaid": "Yes" if value["is_paid"] else "no",
        "Status": f" {value['status'].upper()}\n",
        "tags": value["tags"][0],
        "Remarks": {"total": 0},
    }
    answer = read(json.dumps(careless), INVOICE)
    assert answer.value == value
    assert set(answer.repairs) == {
        *("key spelling", "text as number", "number as text", "boolean as text"),
        *("enum spelling", "bare value", "missing null", "unexpected field"),
    }


@pytest.mark.parametrize(
    ("given_value", "field", "value", "repair"),
    [
        ("3", {"type": "integer"}, 3, "number as text"),
        (" 3.0 ", {"type": "integer"}, 3, "number as text"),
        ("-3.50", {"type": "number"}, -3.5, "number as text"),
        ("1,200.5", {"type": "number"}, 1200.5, "number as text"),
        ("1.200,5", {"type": "number"}, 1200.5, "number as text"),
        ("1,234,567", {"type": "integer"}, 1234567, "number as text"),
        ("2", {"enum": [1, 2]}, 2, "number as text"),
        (12, {"type": "string"}, "12", "text as number"),
        (1, {"enum": ["1", "2"]}, "1", "text as number"),
        ("Yes", {"type": "boolean"}, True, "boolean as text"),
        ("false", {"type": ["boolean", "null"]}, False, "boolean as text"),
        ("N/A", {"type": ["integer", "null"]}, None, "null as text"),
        ("", {"enum": ["x", None]}, None, "null as text"),
        ("None", {"anyOf": [INNER, {"type": "null"}]}, None, "null as text"),
        (" In  Stock", {"enum": ["in stock", "sold"]}, "in stock", "enum spelling"),
        ("none", {"enum": ["None", None]}, "None", "enum spelling"),
        ("x", {"type": "array", "items": {"type": "string"}}, ["x"], "bare value"),
        ({"a": 1}, {"type": "array", "items": INNER}, [{"a": 1}], "bare value"),
        ({"A": 1}, INNER, {"a": 1}, "key spelling"),
        ({"a": 1, "b": 2}, INNER, {"a": 1}, "unexpected field"),
        ([{"a": "1"}, {"a": 2}], {"type": "array", "items": INNER}, None, "number as text"),
        ("4", {"anyOf": [{"type": "integer"}, INNER]}, 4, "number as text"),
        ({"a": "4"}, {"anyOf": [{"type": "integer"}, INNER]}, {"a": 4}, "number as text"),
    ],
)
def test_one_thing_is_put_right(
    given_value: JsonValue, field: dict[str, Any], value: JsonValue, repair: str
) -> None:
    if repair == "number as text" and value is None:
        value = [{"a": 1}, {"a": 2}]
    assert read_field(given_value, field) == ReadAnswer({"a": value}, (repair,), None)


@pytest.mark.parametrize(
    ("given_value", "field"),
    [
        ("1,200", {"type": "number"}),
        ("1.200", {"type": "integer"}),
        ("007", {"type": "integer"}),
        ("3.5", {"type": "integer"}),
        ("5 EUR", {"type": "number"}),
        ("1e999", {"type": "number"}),
        ("\u0663", {"type": "integer"}),
        ("12", {"type": "integer", "maximum": 9}),
        (1, {"type": "boolean"}),
        (True, {"type": "string"}),
        (None, {"type": "string"}),
        ("N/A", {"type": "integer"}),
        ("N/A", {"type": "array", "items": {"type": "string"}}),
        ("maybe", {"type": "boolean"}),
        ("1", {"enum": [1, "1 ", " 1"]}),
        ("3", {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
    ],
)
def test_what_may_mean_several_things_is_a_problem(
    given_value: JsonValue, field: dict[str, Any]
) -> None:
    answer = read_field(given_value, field)
    assert answer.value is None
    assert answer.repairs == ()
    assert answer.problem is not None
    assert answer.problem.startswith("a: ")


@pytest.mark.parametrize(
    "wrapped",
    [
        {"answer": {"a": 1, "b": "x"}},
        {"type": "object", "properties": {"a": 1, "b": "x"}, "required": ["a", "b"]},
        {"Answer": {"A": "1", "b": "x"}, "thoughts": "none", "usage": {"tokens": 7}},
    ],
)
def test_an_object_in_a_field_of_another_is_found(wrapped: dict[str, Any]) -> None:
    schema = object_of({"a": {"type": "integer"}, "b": {"type": "string"}}, "a", "b")
    answer = read(json.dumps(wrapped), schema | {"additionalProperties": False})
    assert answer.value == {"a": 1, "b": "x"}
    assert answer.repairs[0] == "wrapped object"


@pytest.mark.parametrize(
    ("wrapped", "problem"),
    [
        ({"one": {"a": 1}, "two": {"a": 2}}, "none of its fields is one of the schema's"),
        ({"one": {"two": {"a": 1}}}, "none of its fields is one of the schema's"),
        ({"c": 1}, "none of its fields is one of the schema's"),
        ({"properties": {"a": {"type": "integer"}}}, "a: "),
    ],
)
def test_what_may_be_wrapped_or_nothing_is_a_problem(wrapped: JsonValue, problem: str) -> None:
    optional = schema_of_field({"type": "integer"}, required=False)
    assert read("{}", optional) == ReadAnswer({}, (), None)
    nullable = schema_of_field({"type": ["integer", "null"]})
    assert read("{}", nullable) == ReadAnswer({"a": None}, ("missing null",), None)
    for schema in (optional, nullable):
        answer = read(json.dumps(wrapped), schema)
        assert answer.value is None
        assert answer.problem is not None
        assert answer.problem.startswith(problem)


def test_an_object_is_unwrapped_where_the_schema_allows_other_fields() -> None:
    lax = object_of({"a": {"type": "integer"}})
    assert read('{"answer": {"a": 1}}', lax) == ReadAnswer({"a": 1}, ("wrapped object",), None)
    assert read('{"note": {"b": 1}}', lax) == ReadAnswer({"note": {"b": 1}}, (), None)


def test_fields_that_do_not_count_are_left_out() -> None:
    schema = INNER
    shape, checker = read_schema(schema), Checker(schema)
    for text in ('{"a": 1, "b": NaN}', '{"a": 1}'):
        assert read_answer(text.replace("NaN", "2"), shape, checker, ["b"]).value == {"a": 1}
    assert read_answer('{"a": 1, "b": 2}', shape, checker, ["b"]).repairs == ()
    reasons = '{"b": {"a": 7}, "error": "x"}'
    assert read_answer(reasons, shape, checker, ["b"]).value is None
    assert read_answer(reasons[:-1] + ', "c": {"a": 8}}', shape, checker, ["b"]).value == {"a": 8}
    wrapped = read_answer('{"x": {"a": "1", "b": 2}}', shape, checker, ["b"])
    assert wrapped == ReadAnswer({"a": 1}, ("wrapped object", "number as text"), None)


def test_text_stays_as_it_is_even_where_it_may_be_null() -> None:
    for text in ("N/A", "", " x\u202f", "null"):
        assert read_field(text, {"type": ["string", "null"]}) == ReadAnswer({"a": text}, (), None)


def test_a_number_becomes_the_text_that_was_written() -> None:
    answer = read('{"a": 1.50}', schema_of_field({"type": "string"}))
    assert answer == ReadAnswer({"a": "1.50"}, ("text as number",), None)


def test_numbers_are_plain_after_repairs() -> None:
    schema = {**INNER, "properties": {"a": {"type": "integer"}, "b": {"type": "number"}}}
    answer = read('{"a": "1", "b": 1.50}', schema)
    assert answer.value == {"a": 1, "b": 1.5}
    assert [type(number) for number in answer.value.values()] == [int, float]


def test_missing_and_blank_fields() -> None:
    nullable = {"type": ["integer", "null"]}
    assert read("{}", schema_of_field(nullable)) == ReadAnswer({"a": None}, ("missing null",), None)
    assert read("{}", schema_of_field(nullable, required=False)).value == {}
    blank = read_field(None, {"type": "integer"}, required=False)
    assert blank == ReadAnswer({}, ("null left out",), None)
    assert read("{}", INNER).problem == 'the answer: "a" is a required property'


def test_names_are_taken_for_each_other_only_where_one_can_be_meant() -> None:
    fields = {"order_id": {"type": "integer"}, "x": {"type": "integer"}}
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    for name in ("Order ID", "orderId", "ORDER-ID", " order__id "):
        answer = read(json.dumps({"x": 1, name: 2}), schema)
        assert answer == ReadAnswer({"x": 1, "order_id": 2}, ("key spelling",), None)
        assert list(answer.value or {}) == ["x", "order_id"]
    both = read('{"Order ID": 1, "orderId": 2}', schema)
    assert both == ReadAnswer(None, (), "none of its fields is one of the schema's")
    beside = read('{"order_id": 1, "orderId": 2}', schema)
    assert beside == ReadAnswer({"order_id": 1}, ("unexpected field",), None)


def test_fields_that_the_schema_allows_stay() -> None:
    text = '{"a": 1, "b": {"c": [1]}}'
    assert read(text, ANY_NUMBER) == ReadAnswer(json.loads(text), (), None)
    beside = read('{"a": "1", "b": [1.50]}', ANY_NUMBER)
    assert beside == ReadAnswer({"a": 1, "b": [1.5]}, ("number as text",), None)


def test_unexpected_fields_go_from_the_option_that_the_object_has() -> None:
    def option(tag: str, name: str) -> dict[str, Any]:
        named = {"kind": {"const": tag}, name: {"type": "integer"}}
        required = ["kind", name]
        return {**INNER, "properties": named, "required": required}

    union = {"oneOf": [option("p", "x"), option("q", "y")]}
    field = {"type": "array", "items": {"anyOf": [union, {"type": "null"}]}}
    given_value: JsonValue = [
        {"kind": "q", "x": 1, "y": 2, "z": 3},
        None,
        {"kind": "P", "x": "1", "y": 2},
    ]
    assert read_field(given_value, field) == ReadAnswer(
        {"a": [{"kind": "q", "y": 2}, None, {"kind": "p", "x": 1}]},
        ("enum spelling", "number as text", "unexpected field"),
        None,
    )


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ('{"a": 2, "a": 1}', ("duplicate key",)),
        ('[{"a": 1}]', ("object in a list",)),
        ('Draft: {"a": 1}. Final: {"a":1}', ("repeated object",)),
        ('First {"a": ...}. Final: {"a": 1}', ("sketch before it",)),
        ('{"a": 1,} or [{"a": 1}]', ("sketch before it", "object in a list")),
        ('{"a": 1, "b": "x\ny"}', ("control character",)),
        ('{"b": {"c": 1, "c": 1}, "A": "1"}', ("duplicate key", "key spelling", "number as text")),
    ],
)
def test_odd_ways_of_writing_are_named(text: str, repairs: tuple[str, ...]) -> None:
    answer = read(text, ANY_NUMBER)
    assert answer.repairs == repairs
    assert answer.value is not None
    assert answer.value["a"] == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no JSON object in the answer"),
        ("I cannot help with {this}.", "there is no JSON object in the answer"),
        ("{'a': 1}", "there is no JSON object in the answer"),
        ("[1]", "there is no JSON object in the answer"),
        ('{"a": 1', "the JSON object is cut off"),
        ('{"a": {"a": 1}, "b": "x', "the JSON object is cut off"),
        ('{"a": {"a": 1}, "b": "\\"\\"\\"', "the JSON object is cut off"),
        ('{"a": 1} {"a": 2}', "there are several different JSON objects in the answer"),
        ('[{"a": 1}, {"a": true}]', "there are several different JSON objects in the answer"),
        ('{"a": 1,}', "the JSON object is not valid: "),
        ('{"a": 1} or rather {"a": 2,}', "the JSON object is not valid: "),
        ('{"a": NaN}. Final: {"a": 1}', "NaN is no JSON number"),
        ('{"a": ]1}', "the JSON object is not valid: "),
        ('{"a": 1 "b": 2}', "the JSON object is not valid: "),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1e999}', "a number is beyond 1.8e308: 1e999"),
        ('{"a": ' + 5000 * "9" + "}", "a number has 5,000 digits, and at most 308 are read"),
        ('{"a": 1, "b": "\\ud800"}', "the JSON object holds half a surrogate pair"),
        ('{"a": 1, "\ud800": 1}', "the JSON object holds half a surrogate pair"),
        ('{"a": ' + 101 * "[", "the JSON object is nested more than 100 deep"),
        ('{"a": ' * 5000, "the JSON object is nested more than 100 deep"),
        ('{"a": "' + 2_000_000 * "x" + '"}', "the answer has 2,000,009 characters, and at most"),
    ],
)
def test_what_cannot_be_read_has_a_problem(text: str, problem: str) -> None:
    answer = read(text, ANY_NUMBER)
    assert answer[:2] == (None, ())
    assert answer.problem is not None
    assert answer.problem.startswith(problem)
    assert len(answer.problem) < 300


@pytest.mark.parametrize(
    "text", ['{"' * 300_000, '{"a":"' + '\\"' * 400_000, "{ " * 400_000, "{}" * 100_000]
)
def test_long_answers_are_read_in_linear_time(text: str) -> None:
    assert read(text, ANY_NUMBER).problem
