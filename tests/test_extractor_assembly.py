"""Objects from what was found: they satisfy the schema, and hold what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locum.alignment import leaf_values, value_key
from locum.extractors.assembly import Assembler, Findings, find_absences
from locum.extractors.comparing import NOTHING_SAID, meaning
from locum.extractors.options import NOTHING, SOMETHING, show_option
from locum.shapes import ITEM, Checker, Closed, infer_schema, leaves, read_schema
from tests.schema_samples import INTEGER, NULL, WORD, object_of
from tests.shape_strategies import TEXTS, ShapeCase, shapes_and_values

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from locum.extractors.marks import Place
    from locum.shapes import FieldPath, JsonScalar, JsonValue, Record

    _Rankings = Mapping[FieldPath, Sequence[tuple[str, float]]]

_SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]
_AT_LEISURE = settings(max_examples=80, suppress_health_check=_SLOW_TO_DRAW)


def _build(
    schema: dict[str, Any],
    rankings: _Rankings | None = None,
    values: Mapping[Place, JsonScalar] | None = None,
    members: Mapping[FieldPath, Sequence[JsonScalar]] | None = None,
    answers: Sequence[JsonValue] = (),
) -> JsonValue:
    """Build an object of a schema; ``answers`` show how the teacher says nothing."""
    shape = read_schema(schema)
    assembler = Assembler(shape, Checker(schema), find_absences(shape, answers, {}), {})
    built = assembler.build(Findings(rankings or {}, members or {}, values or {}))
    return built.value if built else None


def _plain_lists(shape: Record) -> set[FieldPath]:
    """Return the paths of the lists of plain values that heads can tell."""
    lists = {path[: path.index(ITEM) + 1] for path, _ in leaves(shape) if ITEM in path}
    others = {path[: len(inner)] for path, _ in leaves(shape) for inner in lists if path != inner}
    return {path[:-1] for path in lists - others}


def _findings_of(shape: Record, value: JsonValue, heads: Container[FieldPath]) -> Findings:
    """Return what heads and spans find where they find all of an answer."""
    found = {(path, item): v for path, item, v, _ in leaf_values(value, shape) if v is not None}
    rankings = {
        path: [(show_option(found.pop((path, ()), None)), 1.0)]
        for path in dict.fromkeys(path for path, _ in leaves(shape))
        if path in heads and ITEM not in path
    }
    members = {}
    for path in _plain_lists(shape):
        own = {place: v for place, v in found.items() if place[0] == (*path, ITEM)}
        if path in heads and len(set(map(value_key, own.values()))) == len(own):
            members[path] = [found.pop(place) for place in own]
    return Findings(rankings, members, found)


def _items_speak(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return all(map(_items_speak, value.values()))
    if isinstance(value, list):
        return all(meaning(item, ()) != NOTHING_SAID and _items_speak(item) for item in value)
    return True


def _heads(shape: Record) -> st.SearchStrategy[set[FieldPath]]:
    """Draw the paths that heads tell."""
    return st.sets(st.sampled_from(sorted({p for p, _ in leaves(shape)} | _plain_lists(shape))))


@_AT_LEISURE
@given(shapes_and_values(), st.data())
def test_what_was_found_of_an_answer_says_the_same(case: ShapeCase, data: st.DataObject) -> None:
    checker, heads = Checker(case.schema), data.draw(_heads(case.shape))
    sets = _plain_lists(case.shape) & heads
    for value in case.values:
        if _items_speak(value):
            assembler = Assembler(case.shape, checker, find_absences(case.shape, [value], {}), {})
            built = assembler.build(_findings_of(case.shape, value, heads))
            assert built is not None
            assert not built.unused
            assert meaning(built.value, sets) == meaning(value, sets)


def _listed(shape: Record) -> list[tuple[FieldPath, JsonScalar]]:
    """Return the values that closed fields may have."""
    closed = ((path, leaf.values) for path, leaf in leaves(shape) if isinstance(leaf, Closed))
    return [(path, value) for path, values in closed for value in values if value is not None]


_SCALARS = TEXTS | st.integers(-9, 99) | st.booleans() | st.floats(allow_nan=False)


@st.composite
def _any_findings(draw: st.DrawFn, case: ShapeCase) -> Findings:
    """Draw findings: those of an answer, or none, with some of any kind in their place."""
    known = Findings({}, {}, {})
    if draw(st.booleans()):
        heads, answer = draw(_heads(case.shape)), draw(st.sampled_from(case.values))
        known = _findings_of(case.shape, answer, heads)
    rankings, members, values = dict(known.rankings), dict(known.members), dict(known.values)
    listed = [value for _, value in _listed(case.shape)]
    scalars = st.sampled_from(listed) | _SCALARS if listed else _SCALARS
    options = scalars.map(show_option) | st.sampled_from([NOTHING, SOMETHING])
    for path, _ in draw(st.lists(st.sampled_from([*leaves(case.shape)]), max_size=4)):
        if ITEM not in path and draw(st.booleans()):
            named = draw(st.lists(options, min_size=1, max_size=4, unique=True))
            rankings[path] = list(zip(named, (0.6, 0.3, 0.1, 0.0), strict=False))
        item = tuple(draw(st.integers(0, 2)) for name in path if name == ITEM)
        values[path, item] = draw(scalars)
    for path in _plain_lists(case.shape):
        if draw(st.booleans()):
            members[path] = draw(st.lists(scalars, max_size=3))
    return Findings(rankings, members, values)


def _all_values(findings: Findings) -> Iterator[tuple[FieldPath, JsonScalar]]:
    """Yield all that was found."""
    yield from ((path, value) for (path, _), value in findings.values.items())
    for path, values in findings.members.items():
        yield from (((*path, ITEM), value) for value in values)
    for path, ranking in findings.rankings.items():
        options = [option for option, _ in ranking if option not in {NOTHING, SOMETHING}]
        yield from ((path, json.loads(option)) for option in options)


@_AT_LEISURE
@given(shapes_and_values(), st.data())
def test_any_findings_make_a_valid_object_of_them_or_none(
    case: ShapeCase, data: st.DataObject
) -> None:
    findings, checker = data.draw(_any_findings(case)), Checker(case.schema)
    assembled = Assembler(
        case.shape, checker, find_absences(case.shape, case.values, {}), {}
    ).build(findings)
    built = assembled.value if assembled else None
    assert built is None or checker.problem(built) is None
    said = [(path, value) for path, _, value, _ in leaf_values(built, case.shape)]
    known = {(path, value_key(v)) for path, v in [*_all_values(findings), *_listed(case.shape)]}
    assert {(path, value_key(value)) for path, value in said if value is not None} <= known


_INNER = object_of({"street": WORD, "floor": INTEGER}, "street")
_NESTED = object_of({"to": object_of({"name": WORD, "place": _INNER}, "name")}, "to")


def test_nested_records_hold_what_was_found() -> None:
    name, street = ("to", "name"), ("to", "place", "street")
    found: dict[Place, JsonScalar] = {(name, ()): "Ada", (street, ()): "Elm Road"}
    both = {"to": {"name": "Ada", "place": {"street": "Elm Road"}}}
    assert _build(_NESTED, values=found) == both
    assert _build(_NESTED, values={(name, ()): "Ada"}) == {"to": {"name": "Ada"}}


def test_without_a_required_field_there_is_no_object_or_no_optional_record() -> None:
    assert _build(_NESTED) is None
    assert _build(_NESTED, values={(("to", "place", "street"), ()): "Elm Road"}) is None
    found: dict[Place, JsonScalar] = {
        (("to", "name"), ()): "Ada",
        (("to", "place", "floor"), ()): 3,
    }
    assert _build(_NESTED, values=found) == {"to": {"name": "Ada"}}


_MAYBE = {"anyOf": [object_of({"name": WORD}), NULL]}


@pytest.mark.parametrize(
    ("required", "answers", "built"),
    [
        ([], [], {"to": None}),
        ([], [{}], {}),
        ([], [{"to": {}}], {"to": {}}),
        ([], [{"to": {}}, {}, {}], {}),
        (["to"], [{"to": {}}], {"to": {}}),
        (["to"], [{}], {"to": None}),
    ],
)
def test_nothing_is_said_as_the_teacher_mostly_says_it(
    required: list[str], answers: list[JsonValue], built: JsonValue
) -> None:
    schema = object_of({"to": _MAYBE}, *required)
    assert _build(schema, answers=answers) == built
    found = {"to": {"name": "Ada"}}
    assert _build(schema, values={(("to", "name"), ()): "Ada"}, answers=answers) == found


_POST = object_of({"by": {"const": "post"}, "street": WORD}, "by", "street")
_SHOP = object_of({"by": {"const": "shop"}, "name": WORD, "floor": INTEGER}, "by")
_TAGGED = object_of({"sent": {"anyOf": [_POST, _SHOP]}})


@pytest.mark.parametrize(
    ("post", "found", "built"),
    [
        (0.9, {"street": "Elm Road"}, {"by": "post", "street": "Elm Road"}),
        (0.9, {}, {"by": "shop"}),  # the likelier one needs a street
        (0.1, {"street": "Elm Road", "name": "A"}, {"by": "shop", "name": "A"}),
        (0.1, {"street": "Elm Road"}, {"by": "post", "street": "Elm Road"}),  # it is found
        (0.9, {"street": "Elm", "name": "A", "floor": 2}, {"by": "shop", "name": "A", "floor": 2}),
    ],
)
def test_a_union_is_told_by_its_tag_and_by_what_was_found(
    post: float, found: dict[str, JsonScalar], built: JsonValue
) -> None:
    ranked = sorted([('"post"', post), ('"shop"', 1 - post)], key=lambda pair: -pair[1])
    values: dict[Place, JsonScalar] = {(("sent", name), ()): value for name, value in found.items()}
    assert _build(_TAGGED, {("sent", "by"): ranked}, values) == {"sent": built}


@pytest.mark.parametrize(
    ("values", "built"),
    [
        ({(("x",), ()): "a word"}, "a word"),
        ({(("x",), ()): 3}, 3),
        ({(("x",), ()): 3.5}, None),
        ({(("x", ITEM), (0,)): "b", (("x", ITEM), (4,)): "a"}, ["b", "a"]),
        ({(("x", "name"), ()): "Ada"}, {"name": "Ada"}),
        ({(("x",), ()): 3, (("x", ITEM), (0,)): "a", (("x", ITEM), (1,)): "b"}, ["a", "b"]),
    ],
)
def test_a_union_is_told_by_its_type(values: dict[Place, JsonScalar], built: JsonValue) -> None:
    words = {"type": "array", "items": WORD}
    schema = object_of({"x": {"anyOf": [WORD, INTEGER, words, object_of({"name": WORD})]}})
    assert _build(schema, values=values) == ({} if built is None else {"x": built})


def test_lists_hold_their_items_in_order_without_those_that_lack_something() -> None:
    line = object_of({"what": WORD, "kind": {"enum": ["new", "old"]}, "n": INTEGER}, "what", "kind")
    schema = object_of({"lines": {"type": "array", "items": line, "maxItems": 3}}, "lines")
    what, kind, number = (("lines", ITEM, name) for name in ("what", "kind", "n"))
    found: dict[Place, JsonScalar] = {
        (what, (5,)): "saw",
        (kind, (5,)): "old",
        (number, (5,)): 2,
        (number, (3,)): 9,
        (what, (1,)): "nail",
        (kind, (1,)): "other",
    }
    lines = [{"what": "nail", "kind": "new"}, {"what": "saw", "kind": "old", "n": 2}]
    assert _build(schema, values=found) == {"lines": lines}
    assert _build(schema) == {"lines": []}
    assert _build(schema, values={(what, (n,)): "saw" for n in range(4)}) is None


def test_members_are_the_values_of_a_list() -> None:
    tags = {"type": "array", "items": {"enum": ["a", 1, "b"]}, "minItems": 1}
    assert _build(object_of({"tags": tags}), members={("tags",): ["b", 1]}) == {"tags": ["b", 1]}
    assert _build(object_of({"tags": tags}, "tags"), members={("tags",): []}) is None
    maybe = object_of({"tags": {"type": ["array", "null"], "items": WORD}})
    assert _build(maybe, answers=[{"tags": []}]) == {"tags": []}


_SIZE = {"enum": ["small", "large", None]}


@pytest.mark.parametrize(
    ("ranking", "optional", "required"),
    [
        ([('"large"', 0.6), ('"small"', 0.4)], {"size": "large"}, {"size": "large"}),
        ([('"huge"', 0.6), ('"small"', 0.4)], {"size": "small"}, {"size": "small"}),
        ([(NOTHING, 0.6), ('"small"', 0.4)], {}, {"size": None}),
        ([(SOMETHING, 1.0)], {}, {"size": None}),
    ],
)
def test_of_a_closed_field_the_best_option_that_the_shape_allows_is_taken(
    ranking: list[tuple[str, float]], optional: JsonValue, required: JsonValue
) -> None:
    path = ("size",)
    answers: list[JsonValue] = [{}]
    assert _build(object_of({"size": _SIZE}), {path: ranking}, answers=answers) == optional
    assert _build(object_of({"size": _SIZE}, "size"), {path: ranking}) == required


def test_a_closed_field_that_has_to_be_there_is_the_likeliest_of_its_values() -> None:
    schema = object_of({"size": {"enum": ["small", "large"]}}, "size")
    ranking = [(NOTHING, 0.6), ('"large"', 0.3), ('"small"', 0.1)]
    assert _build(schema, {("size",): ranking}) == {"size": "large"}


def test_a_written_field_is_never_made_up() -> None:
    ranking: _Rankings = {("why",): [(SOMETHING, 0.9), (NOTHING, 0.1)]}
    assert _build(object_of({"why": WORD}), ranking) == {}
    assert _build(object_of({"why": WORD}, "why"), ranking) is None


def test_an_empty_value_in_a_union_makes_nothing_up() -> None:
    flagged = object_of({"flag": {"type": "boolean"}}, "flag")
    words = {"type": "array", "items": WORD}
    schema = object_of({"x": {"anyOf": [words, flagged]}}, "x")
    assert _build(schema, answers=[{"x": []}]) == {"x": []}
    one = object_of({"by": {"const": "a"}, "n": words}, "by")
    other = object_of({"by": {"const": "b"}, "n": {"type": "boolean"}}, "by")
    answers: list[Any] = [*2 * [{"u": {"by": "a", "n": []}}], {"u": {"by": "b"}}]
    rankings: dict[FieldPath, list[tuple[str, float]]] = {
        ("u", "by"): [('"b"', 1.0)],
        ("u", "n"): [("", 1.0)],
    }
    schema = object_of({"u": {"anyOf": [one, other]}})
    assert _build(schema, rankings, answers=answers) == {"u": {"by": "b"}}


def test_what_is_always_empty_is_written_as_it_was() -> None:
    answers: list[JsonValue] = [
        {"a": word, "b": [], "c": {"d": []}, "e": {}, "f": None if word == "x" else []}
        for word in ("x", "y", "z")
    ]
    schema = infer_schema(answers).schema
    built = _build(schema, values={(("a",), ()): "w"}, answers=answers)
    assert built == {"a": "w", "b": [], "c": {"d": []}, "e": {}, "f": []}
