"""Whether answers satisfy a schema, and what is said of those that do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from locum.errors import UsageError
from locum.shapes import Checker, UnexpectedField, admits, read_schema
from tests.schema_samples import INTEGER, NULL, WORD, object_of, with_field

if TYPE_CHECKING:
    from locum.shapes import JsonValue

LINE = {**object_of({"n": INTEGER}, "n"), "additionalProperties": False}
ORDER = object_of(
    {
        "when": {"type": "string", "format": "date", "pattern": "^[0-9]"},
        "lines": {"type": "array", "items": {"anyOf": [LINE, NULL]}},
        "note": WORD,
    },
    "when",
)


def deep(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"when": "2024-02-30"}, None),
        ({"when": "2024", "more": deep(90)}, None),
        ({}, 'the answer: "when" is a required property'),
        ([], 'the answer: [] is not of type "object"'),
        ({"when": "today"}, 'when: "today" does not match "^[0-9]"'),
        ({"when": "1", "lines": [None, {"n": "x"}]}, 'lines[1].n: "x" is not of type "integer"'),
        ({"when": "1", "lines": [{}]}, 'lines[0]: "n" is a required property'),
        ({"when": "1", "lines": 3 * [None] + [2]}, "lines[3]: 2 is not valid under any of the"),
        ({"when": "1", "note": math.nan}, "is no JSON ("),
        ({"when": "1", "more": math.inf}, "is no JSON ("),
        ({"when": "1", "note": "\udfff"}, "holds half a surrogate pair"),
        ({"when": "1", "more": deep(100_000)}, "nested more than 100 deep"),
        ({"when": "1", "more": {1, 2}}, "is no JSON ("),
    ],
)
def test_problems_say_where_and_what(value: Any, problem: str | None) -> None:  # noqa: ANN401
    checker = Checker(ORDER)
    said = checker.problem(value)
    assert checker.is_valid(value) == (said is None) == (problem is None)
    assert (said or "").startswith(problem or "")
    assert bool(said) == bool(problem)


def test_problems_are_short() -> None:
    checker = Checker(ORDER)
    secret = "x" * 79 + "secret"
    for value in (secret, {"when": secret}, {"when": "1", "lines": [secret]}):
        said = checker.problem(value)  # type: ignore[arg-type]
        assert said is not None
        assert "secret" not in said
        assert "x…" in said
    many = {f"{n}{secret}": 1 for n in "abcde"}
    said = checker.problem({"when": "1", "lines": [{"n": 1, **many}]})
    assert said is not None
    assert said.startswith("lines[0]: the schema forbids the fields axxx")
    assert "secret" not in said
    assert len(said) == 300


def test_fields_that_the_schema_forbids_are_told_from_within_options() -> None:
    value: JsonValue = {"when": "1", "x": 1, "lines": [{"n": 1}, {"n": 2, "p": 1, "q": 2}]}
    place = ("lines", 1)
    checker = Checker(ORDER)
    assert checker.unexpected(value) == [UnexpectedField(place, "p"), UnexpectedField(place, "q")]
    assert checker.unexpected({"when": "1", "x": 1}) == []
    assert checker.unexpected(math.nan) == []
    closed = Checker({**ORDER, "unevaluatedProperties": False})
    assert closed.unexpected({"when": "1", "x": 1}) == [UnexpectedField((), "x")]


def test_a_pattern_that_takes_forever_ends() -> None:
    checker = Checker(with_field({"type": "string", "pattern": "^(a|a)*(?=b)$"}))
    assert not checker.is_valid({"a": "a" * 5000})


def test_a_schema_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(UsageError, match="may be anything"):
        Checker(with_field({}))
    with pytest.raises(UsageError, match="correct it"):
        Checker({**with_field({"$ref": "#/$defs/%"}), "$defs": {"%": WORD}})


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "pattern": "@"},
        {"type": "string", "minLength": 40},
        {"type": ["string", "null"], "maxLength": 4, "pattern": "^[0-9]+$"},
        {"anyOf": [{"type": "string", "pattern": "@"}, {"type": "null"}]},
    ],
)
def test_what_redaction_put_in_place_of_a_text_passes_its_bounds(field: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"email": field, "size": {"type": "integer"}}}
    checker, shape = Checker(schema), read_schema(schema)
    hidden: dict[str, JsonValue] = {"email": "[EMAIL_1]"}
    assert checker.is_valid(hidden)
    assert checker.problem(hidden) is None
    assert admits(shape, hidden)
    others: list[JsonValue] = [{"email": "EMAIL_1"}, {**hidden, "size": "[PHONE_1]"}]
    for other in others:
        assert not checker.is_valid(other)
        assert checker.problem(other) is not None
