"""The linear extractor: what it learns, and what it says of any text."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from locum.alignment import ExtractionPlan, FieldPlan, plan_fields
from locum.errors import UsageError
from locum.extractors import (
    LinearExtractor,
    find_units,
    judge_answers,
    load_extractor,
    save_extractor,
)
from locum.extractors.tag_lessons import OUTSIDE, tag_lessons
from locum.shapes import ITEM, read_schema
from locum.students import MAX_CHARACTERS
from tests.schema_samples import INTEGER, WORD, object_of
from tests.student_cases import ODD_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.alignment import FieldKind
    from locum.extractors.tag_lessons import TagLessons
    from locum.shapes import FieldPath, JsonValue

_STATUS = {"paid": "The bill is settled", "open": "We wait for money", "late": "It is overdue"}
_TOPICS = {"refund": "money back", "delay": "too slow", "praise": "great work"}
_GOODS = {"bread": "food", "cheese": "food", "apples": "food", "saws": "tool", "nails": "tool"}
_ENDS = ("ba", "do", "gu", "ki", "lo", "ma", "nu", "pe")
_NAMES = [
    f"{one}{two} {two.title()}{one.lower()}"
    for one in ("Ada", "Boris", "Chen", "Emi")
    for two in _ENDS
]
_LINE = object_of(
    {"what": WORD, "kind": {"enum": ["food", "tool"]}, "count": INTEGER}, "what", "kind"
)
_POST = object_of({"by": {"const": "post"}, "street": WORD}, "by", "street")
_SHOP = object_of({"by": {"const": "shop"}, "place": WORD}, "by", "place")
SCHEMA = object_of(
    {
        "status": {"enum": [*_STATUS]},
        "urgent": {"type": "boolean"},
        "customer": {"type": ["string", "null"]},
        "total": {"type": ["number", "null"]},
        "lines": {"type": "array", "items": _LINE},
        "topics": {"type": "array", "items": {"enum": [*_TOPICS]}},
        "caller": WORD,
        "sent": {"anyOf": [_POST, _SHOP]},
    },
    *("status", "urgent", "customer", "total", "lines", "topics", "sent"),
)
ODD = [*ODD_TEXTS, "\u202eabc \u200f", "x" * 1_000_000, "Send \ud800 , 3 boxes .", "{" * 99]


class Letters(NamedTuple):
    """Letters, and what a teacher reads in them."""

    texts: list[str]
    answers: list[JsonValue]


def make(count: int, seed: int) -> Letters:
    generator = random.Random(seed)  # noqa: S311 - letters, not keys
    letters = Letters([], [])
    for _ in range(count):
        sentences, answer = _letter(generator)
        letters.texts.append(" ".join(f"{sentence} ." for sentence in sentences))
        letters.answers.append(answer)
    return letters


def _letter(generator: random.Random) -> tuple[list[str], JsonValue]:
    pick, often = generator.choice, (True, True, False)
    status, urgent = pick([*_STATUS]), pick(often)
    customer = pick(_NAMES) if pick(often) else None
    total = generator.randrange(1_000, 99_999) / 4 if pick(often) else None
    topics = [topic for topic in _TOPICS if pick(often)]
    lines: list[JsonValue] = []
    said = [_STATUS[status], *["Please hurry"] * urgent, *[f"It was {_TOPICS[t]}" for t in topics]]
    said += [f"The customer is {customer}"] if customer else []
    said += [f"In all {total:,} euros"] if total else []
    for what in generator.sample([*_GOODS], generator.randrange(4)):
        count = generator.randrange(2, 99)
        counted = pick(often)
        said.append(f"Send {what} , {count} boxes" if counted else f"Send {what}")
        lines.append({"what": what, "kind": _GOODS[what], **({"count": count} if counted else {})})
    place = f"{generator.randrange(1, 99)} {pick(['Elm', 'Oak'])} Road"
    shop = pick(["Central", "Harbour", "North Gate"])
    by_post = pick(often)
    said.append(f"Mail it to {place}" if by_post else f"I fetch it at {shop}")
    answer: dict[str, JsonValue] = {
        "status": status,
        "urgent": urgent,
        "customer": customer,
        "total": total,
        "lines": lines,
        "topics": [*topics],
        "sent": {"by": "post", "street": place} if by_post else {"by": "shop", "place": shop},
    }
    if pick(often):
        answer["caller"] = pick(_NAMES)
        said.append(f"{answer['caller']} called")
    return said, answer


def learn(schema: dict[str, Any], letters: Letters) -> LinearExtractor:
    plan = plan_fields(read_schema(schema), letters.texts, letters.answers)
    return LinearExtractor(schema, plan, max_bytes=2_000_000).fit(letters.texts, letters.answers)


@pytest.fixture(scope="module")
def letters() -> Letters:
    """Letters to learn from."""
    return make(200, 1)


@pytest.fixture(scope="module")
def extractor(letters: Letters) -> LinearExtractor:
    """An extractor that knows them."""
    return learn(SCHEMA, letters)


def test_whole_objects_are_read_in_unseen_texts(extractor: LinearExtractor) -> None:
    kinds = {unit.path: unit.kind for unit in extractor.units}
    assert set(kinds.values()) == {"closed", "set", "spans"}
    assert extractor.learned_.left_out == 0
    test = make(200, 2)
    right = [extractor.read(t).value == a for t, a in zip(test.texts, test.answers, strict=True)]
    assert sum(right) >= 190


def test_what_the_training_texts_do_not_name_is_read(extractor: LinearExtractor) -> None:
    text = "Please hurry . The customer is Zoe Quill . Send saws , 100 boxes . Send bread ."
    value = extractor.read(f"{text} Mail it to 120 Birch Road .").value
    assert value is not None
    saws: JsonValue = {"what": "saws", "kind": "tool", "count": 100}
    assert value["lines"] == [saws, {"what": "bread", "kind": "food"}]
    assert (value["customer"], value["total"], value["topics"]) == ("Zoe Quill", None, [])
    assert value["sent"] == {"by": "post", "street": "120 Birch Road"}


def test_the_whole_is_at_most_as_sure_as_each_part(extractor: LinearExtractor) -> None:
    sure = []
    for text in [*make(50, 3).texts, *ODD]:
        reading = extractor.read(text)
        parts = reading.unit_confidences()
        assert list(parts) == [unit.path for unit in extractor.units]
        assert all(0 <= part <= 1 for part in parts.values())
        whole = math.exp(reading.log_confidence)
        assert 0 <= whole <= min(parts.values()) + 1e-9
        assert (reading.value is not None) or whole == 0 == max(parts.values())
        sure.append(whole > 0.5)
    assert sum(sure[:50]) > 45


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_give_valid_objects_or_none(extractor: LinearExtractor, text: str) -> None:
    reading = extractor.read(text)
    assert reading.value is None or extractor.checker.problem(reading.value) is None
    assert set(reading.unit_confidences()) == {unit.path for unit in extractor.units}


def test_odd_texts_can_be_learned_from(letters: Letters, extractor: LinearExtractor) -> None:
    texts = [*letters.texts[:60], *(text[:400] for text in ODD)]
    found = LinearExtractor(SCHEMA, extractor.plan).fit(texts, letters.answers[: len(texts)])
    values = [found.read(text).value for text in texts]
    assert all(value is None or found.checker.is_valid(value) for value in values)
    assert sum(value is not None for value in values[:60]) > 50


@pytest.mark.parametrize(("texts", "answers"), [(0, 0), (0, 1), (1, 0), (2, 3)])
def test_texts_without_as_many_answers_are_refused(
    extractor: LinearExtractor, texts: int, answers: int
) -> None:
    plain = LinearExtractor(SCHEMA, extractor.plan)
    with pytest.raises(UsageError, match=f"{texts} texts and {answers} answers"):
        plain.fit(["a"] * texts, [{}] * answers)


def _field(path: FieldPath, kind: FieldKind, seen: int = 9) -> FieldPlan:
    return FieldPlan(path, kind, None, (), ITEM in path, "", 1.0, seen)


def _lessons(
    schema: dict[str, Any], plan: Sequence[FieldPlan], rows: Sequence[tuple[str, JsonValue]]
) -> TagLessons:
    units = find_units(ExtractionPlan(tuple(plan)))
    texts, answers = [text for text, _ in rows], [answer for _, answer in rows]
    return tag_lessons(read_schema(schema), units, texts, answers)


_PAIRS = object_of({"pairs": {"type": "array", "items": object_of({"a": WORD, "b": WORD})}})
_PAIR_PLAN = [_field(("pairs", ITEM, "a"), "copied"), _field(("pairs", ITEM, "b"), "copied")]


def _pairs(*pairs: str) -> JsonValue:
    return {"pairs": [{"a": a, "b": b} for a, b in (pair.split() for pair in pairs)]}


def test_texts_whose_items_are_mixed_up_are_counted_and_left_out() -> None:
    rows = [("ant bee cat dog", _pairs("ant bee", "cat dog"))] * 3
    rows += [("ant cat bee dog", _pairs("ant bee", "cat dog"))] * 2
    lessons = _lessons(_PAIRS, _PAIR_PLAN, rows)
    assert (lessons.torn, lessons.rare, len(lessons.token_texts)) == (2, 0, 3)
    extractor = LinearExtractor(_PAIRS, ExtractionPlan(tuple(_PAIR_PLAN)))
    extractor.fit([text for text, _ in rows], [answer for _, answer in rows])
    assert extractor.learned_.left_out == 2
    assert extractor.read("ant bee cat dog").value == _pairs("ant bee", "cat dog")


def test_texts_with_marks_beyond_the_most_frequent_200_are_counted_and_left_out() -> None:
    item = object_of({"what": WORD, "kind": {"enum": [*range(230)]}})
    schema = object_of({"items": {"type": "array", "items": item}})
    plan = [_field(("items", ITEM, "what"), "copied"), _field(("items", ITEM, "kind"), "closed")]
    rows: list[tuple[str, JsonValue]] = [
        (f"word{kind}", {"items": [{"what": f"word{kind}", "kind": kind}]})
        for kind in [*range(200), *range(230)]
    ]
    lessons = _lessons(schema, plan, rows)
    assert (lessons.torn, lessons.rare, len(lessons.marks)) == (0, 30, 200)


@pytest.mark.parametrize(
    ("value", "free"),
    [
        ("International Bank", [False] * 5),  # stands there
        ("Internal Ban", [True] * 5),  # is only similar to what stands there
        ("Zebra", [False] * 5),  # is nowhere
    ],
)
def test_a_value_that_may_stand_anywhere_leaves_its_tags_open(value: str, free: list[bool]) -> None:
    rows: list[tuple[str, JsonValue]] = [
        ("see Oak Road", {"name": "Oak Road"}),
        ("pay the International Bank .", {"name": value}),
    ]
    lessons = _lessons(object_of({"name": WORD}), [_field(("name",), "copied")], rows)
    assert lessons.tags[0] == OUTSIDE
    assert (lessons.allowed[1].sum(axis=1) > 1).tolist() == free
    assert lessons.allowed[0].tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]


def test_without_spans_there_is_no_tagger_and_a_constant_needs_no_head(tmp_path: Path) -> None:
    schema = object_of({"good": {"type": "boolean"}, "kind": {"enum": ["a", "b"]}}, "kind")
    texts = ["fine day", "awful day", "fine work", "awful work"] * 5
    answers: list[JsonValue] = [{"kind": "b", "good": "fine" in text} for text in texts]
    extractor = learn(schema, Letters(texts, answers))
    assert extractor.learned_.marks == ()
    written = {path.parent.name for path in save_extractor(extractor, tmp_path)}
    assert written == {tmp_path.name, "head-0"}
    loaded = load_extractor(tmp_path)
    reading, proba = loaded.read("awful luck"), loaded.say("awful luck").proba[0]
    assert reading.value == {"good": False, "kind": "b"}
    assert reading.unit_confidences()["kind",] == 1
    assert reading.unit_confidences()["good",] == pytest.approx(proba[0]) != 1
    assert reading.log_confidence == math.log(reading.unit_confidences()["good",])


def test_one_answer_for_all_texts_is_always_given() -> None:
    answer: JsonValue = {"kind": "a", "tags": ["x", "y"], "sure": None}
    tags = {"type": "array", "items": {"enum": ["x", "y", "z"]}}
    sure = {"type": ["boolean", "null"]}
    schema = object_of({"kind": {"enum": ["a", "b"]}, "tags": tags, "sure": sure}, "sure")
    extractor = learn(schema, Letters(["one", "two", ""], [answer] * 3))
    for text in ["two", "three", *ODD]:
        reading = extractor.read(text)
        assert reading.value == answer
        if len(text) <= MAX_CHARACTERS:
            assert math.exp(reading.log_confidence) > 0.5
        else:
            assert reading.log_confidence == -math.inf


def test_a_written_field_is_left_out_and_its_confidence_is_that_of_nothing() -> None:
    schema = object_of({"why": WORD, "ok": {"type": "boolean"}}, "ok")
    texts = [f"{word} {number}" for number in range(20) for word in ("fail", "pass")]
    answers: list[JsonValue] = [
        {"ok": False, "why": f"since {text} broke"} if "fail" in text else {"ok": True}
        for text in texts
    ]
    extractor = learn(schema, Letters(texts, answers))
    assert [unit.kind for unit in extractor.units] == ["written", "closed"]
    failed, passed = extractor.read("fail 99"), extractor.read("pass 99")
    assert (failed.value, passed.value) == ({"ok": False}, {"ok": True})
    assert (failed.unit_confidences()["why",], failed.log_confidence) == (0, -math.inf)
    assert passed.unit_confidences()["why",] > 0.8


def test_constants_that_say_nothing_are_given_and_judged_as_nothing(tmp_path: Path) -> None:
    line = object_of({"what": WORD, "note": WORD}, "what", "note")
    lines = {"type": "array", "items": line}
    schema = object_of({"who": WORD, "why": WORD, "lines": lines}, "who", "why", "lines")
    texts: list[str] = []
    answers: list[dict[str, Any]] = []
    for row, who in enumerate(_NAMES * 3):
        named, noted, good = row % 3 > 0, row % 2 > 0, [*_GOODS][row % 5]
        by = f"for {who} " if named else ""
        how = f"( {who.split()[0]} style )" if noted else ""
        texts.append(f"{by}send {good} {how} please")
        item = {"what": good, "note": f"{who.split()[0]} style" if noted else "N/A"}
        why = f"since {who} wants {row}" if row % 50 == 7 else ""
        answers.append({"who": who if named else "", "why": why, "lines": [item]})
    save_extractor(learn(schema, Letters(texts, list(answers))), tmp_path)
    extractor = load_extractor(tmp_path)
    assert [unit.kind for unit in extractor.units] == ["spans", "written", "spans"]
    readings = [extractor.read(text) for text in texts]
    verdicts = judge_answers(extractor.units, readings, answers)
    assert verdicts.agrees.mean() > 0.9
    assert verdicts.unit_asked.tolist() == [
        [answer["who"] != "", answer["why"] != "", True] for answer in answers
    ]
    unnamed = next(r for r, a in zip(readings, answers, strict=True) if not a["who"])
    assert unnamed.value is not None
    assert (unnamed.value["who"], unnamed.value["why"]) == ("", "")
    assert min(unnamed.unit_confidences().values()) > 0.5


def test_whole_numbers_are_written_as_the_teacher_mostly_writes_them(tmp_path: Path) -> None:
    number = {"type": "number"}
    parts = {"type": "array", "items": object_of({"price": number}, "price")}
    schema = object_of(
        {"total": number, "boxes": INTEGER, "stars": {"enum": [1.0, 2.0]}, "parts": parts},
        *("total", "boxes", "stars", "parts"),
    )
    texts: list[str] = []
    answers: list[JsonValue] = []
    for row in range(90):
        total, boxes, good = 100 + 7 * row, 2 + row % 30, row % 2 > 0
        price = 1_000.0 + 3 * row
        half = 0.5 if row % 5 == 0 else 0.0
        texts.append(
            f"{'Great' if good else 'Bad'} : {total + half if half else total} euros for {boxes} "
            f"boxes , a part for {int(price)}"
        )
        answers.append(
            {
                # A few are written without.
                "total": total if row % 9 == 1 else total + half,
                "boxes": boxes,
                "stars": 2.0 if good else 1.0,
                "parts": [{"price": price}],
            }
        )
    save_extractor(learn(schema, Letters(texts, answers)), tmp_path)
    extractor = load_extractor(tmp_path)
    read = [extractor.read(text).value for text in texts]
    said: list[Any] = [value for value in read if value is not None]
    assert len(said) > 80
    for value in said:
        kinds = {name: type(value[name]) for name in ("total", "boxes", "stars")}
        assert kinds == {"total": float, "boxes": int, "stars": float}
        assert {type(part["price"]) for part in value["parts"]} <= {float}
    verdicts = judge_answers(extractor.units, [extractor.read(text) for text in texts], answers)
    assert verdicts.agrees.mean() > 0.9


def test_values_that_nothing_can_tell_make_a_unit_written() -> None:
    named = object_of({"n": {"type": "string"}}, "n")
    schema = object_of({"xs": {"type": "array", "items": {"anyOf": [{"enum": ["all"]}, named]}}})
    names = [f"{first}{second}" for first in "bdgklm" for second in "aeiou"]
    texts = [*(f"take {name}" for name in names), *30 * ["take all of it"]]
    answers: list[Any] = [*({"xs": [{"n": name}]} for name in names), *30 * [{"xs": ["all"]}]]
    plan = plan_fields(read_schema(schema), texts, answers)
    extractor = LinearExtractor(schema, plan).fit(texts, answers)
    assert [unit.kind for unit in extractor.units] == ["written"]
    assert extractor.read("take all of it").unit_confidences() == {("xs",): 0.0}


def test_a_list_that_no_text_taught_is_not_said_to_be_empty_for_sure() -> None:
    row = object_of({"a": {"type": "string"}, "b": {"type": "string"}})
    schema = object_of({"xs": {"type": "array", "items": row}})
    texts = ["mike lima then kilo hotel"] * 10
    answers: list[Any] = 10 * [{"xs": [{"a": "mike", "b": "kilo"}, {"a": "lima", "b": "hotel"}]}]
    plan = plan_fields(read_schema(schema), texts, answers)
    reading = LinearExtractor(schema, plan).fit(texts, answers).read(texts[0])
    assert reading.unit_confidences() == {("xs",): 0.0}
    assert reading.log_confidence == -math.inf


def test_one_and_true_are_not_the_same_kind() -> None:
    row = object_of({"a": {"type": "string"}, "k": {"enum": [1, True]}}, "a")
    schema = object_of({"xs": {"type": "array", "items": row}})
    texts = [*20 * ["one mike"], *20 * ["truly lima"]]
    answers: list[Any] = [
        *20 * [{"xs": [{"a": "mike", "k": 1}]}],
        *20 * [{"xs": [{"a": "lima", "k": True}]}],
    ]
    plan = plan_fields(read_schema(schema), texts, answers)
    extractor = LinearExtractor(schema, plan).fit(texts, answers)
    said = extractor.read("truly lima").value
    assert said is not None
    assert json.dumps(said) == '{"xs": [{"a": "lima", "k": true}]}'
