"""When two answers say the same, and what stands at a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locum.extractors import NOTHING_SAID, meaning, value_at
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.shapes import FieldPath, JsonValue

_NAMES = st.sampled_from(["a", "b", "", ITEM, "é"])
_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text(max_size=3)
_VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)
_NOTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.sampled_from([None, [], {}]),
    lambda inner: st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": None}, {"a": 1}),
        ({"a": 1, "b": []}, {"a": 1}),
        ({"a": 1, "b": {}}, {"a": 1, "b": None}),
        ({"a": {"b": {"c": None}}}, {}),
        ([{"a": 1, "b": None}, {"a": []}], [{"a": 1}, None]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (1, 1.0),
        (0, -0.0),
        ([{"a": 2.0}], [{"a": 2}]),
        (10**22, 1e22),
        (2**70, float(2**70)),
    ],
)
def test_values_that_say_the_same_are_alike(one: JsonValue, other: JsonValue) -> None:
    assert meaning(one, ()) == meaning(other, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1.0, True),
        (0, None),
        (False, None),
        ("", None),
        ("1", 1),
        ("null", None),
        ("a", "A"),
        ("a", "a "),
        ("é", "e\u0301"),
        (1.5, 1),
        (2**53, 2**53 + 1),
        ([1, 2], [2, 1]),
        ([1, 1], [1]),
        ([None], []),
        ([[]], []),
        (["a"], "a"),
        ({"a": 1}, {"b": 1}),
        ({"a": {"b": 1}}, {"a": 1}),
        ([{"a": 1}, {"b": 2}], [{"a": 1, "b": 2}]),
    ],
)
def test_values_that_say_something_else_are_not_alike(one: JsonValue, other: JsonValue) -> None:
    assert meaning(one, ()) != meaning(other, ())
    assert meaning({"x": [{"y": one}]}, ()) != meaning({"x": [{"y": other}]}, ())


@given(_NOTHING)
def test_null_missing_and_empty_say_nothing(value: JsonValue) -> None:
    assert meaning(value, ()) == NOTHING_SAID


@given(_VALUES)
def test_what_is_equal_as_json_is_alike_and_what_is_said_can_be_read(value: JsonValue) -> None:
    said = meaning(value, ())
    assert meaning(orjson.loads(orjson.dumps(value)), ()) == said
    assert meaning(orjson.loads(said), ()) == said


@given(_VALUES, st.data())
def test_what_says_nothing_can_be_added_anywhere(value: JsonValue, data: st.DataObject) -> None:
    assert meaning(_padded(value, data), ()) == meaning(value, ())


def _padded(value: JsonValue, data: st.DataObject) -> JsonValue:
    """Add fields without meaning to all objects, and say whole numbers in another way."""
    if isinstance(value, list):
        return [_padded(item, data) for item in value]
    if isinstance(value, dict):
        more = data.draw(st.dictionaries(st.sampled_from(["x", "y"]), _NOTHING, max_size=2))
        return {**more, **{name: _padded(inner, data) for name, inner in value.items()}}
    if isinstance(value, int) and not isinstance(value, bool):
        return data.draw(st.sampled_from([value, float(value)]))
    return value


_ITEMS = st.lists(st.sampled_from(["a", "b", 1, 2.0, True, None]), max_size=4)


@given(_ITEMS, st.data())
def test_in_a_set_neither_order_nor_repetition_counts(
    items: list[JsonValue], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(items + items[:2]))
    answer: JsonValue = {"tags": items, "rows": [{"tags": items}]}
    other: JsonValue = {"tags": again, "rows": [{"tags": again}]}
    sets: list[FieldPath] = [("tags",), ("rows", ITEM, "tags")]
    assert meaning(answer, sets) == meaning(other, sets)
    assert meaning(items, sets, ("tags",)) == meaning(again, sets, ("tags",))
    alike = [str(item) for item in items] == [str(item) for item in again]
    assert (meaning(answer, sets[:1]) == meaning(other, sets[:1])) == alike


@given(_ITEMS, _ITEMS)
def test_sets_with_other_members_are_not_alike(
    one: Sequence[JsonValue], other: Sequence[JsonValue]
) -> None:
    assume({*map(str, one)} != {*map(str, other)})
    sets: list[FieldPath] = [("tags",)]
    assert meaning([*one], sets, ("tags",)) != meaning([*other], sets, ("tags",))


def test_the_members_of_a_set_are_compared_by_what_they_say() -> None:
    sets: list[FieldPath] = [("tags",)]
    assert meaning({"tags": [1, 1.0, True]}, sets) == meaning({"tags": [True, 1]}, sets)
    assert meaning({"tags": [1]}, sets) != meaning({"tags": [True]}, sets)
    assert meaning({"tags": []}, sets) == NOTHING_SAID


def test_other_lists_keep_their_order_beside_a_set() -> None:
    sets: list[FieldPath] = [("tags",)]
    one: dict[str, JsonValue] = {"tags": ["a", "b"], "names": ["a", "b"]}
    assert meaning(one, sets) == meaning({"tags": ["b", "a"], "names": ["a", "b"]}, sets)
    assert meaning(one, sets) != meaning({"tags": ["a", "b"], "names": ["b", "a"]}, sets)
    # A path names a place: elsewhere a list of that name is no set.
    assert meaning({"x": one}, sets) != meaning({"x": {**one, "tags": ["b", "a"]}}, sets)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), {"a": {"b": [1], "": 0}, "c": None}),
        (("a",), {"b": [1], "": 0}),
        (("a", "b"), [1]),
        (("a", ""), 0),
        (("c",), None),
        (("c", "d"), None),
        (("z",), None),
        (("a", "b", ITEM), None),
        (("a", "b", "0"), None),
        (("a", "", "x"), None),
    ],
)
def test_the_part_at_a_path_is_found(path: FieldPath, value: JsonValue) -> None:
    answer: JsonValue = {"a": {"b": [1], "": 0}, "c": None}
    found = value_at(answer, path)
    assert found == value
    assert type(found) is type(value)


@given(st.lists(_NAMES, max_size=4), _VALUES)
def test_what_was_put_at_a_path_is_found_there(names: list[str], value: JsonValue) -> None:
    answer = value
    for name in reversed(names):
        answer = {"other": 1, name: answer}
    assert value_at(answer, tuple(names)) is value
    assert value_at(None, (*names, "a")) is None
