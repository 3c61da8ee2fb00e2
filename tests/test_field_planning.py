"""Which kind a field is, decided by what the teacher answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from locum.alignment import NORMALISERS, FieldPlan, plan_fields
from locum.errors import UsageError
from locum.extractors import Unit
from locum.shapes.shape import Closed, Field, ListOf, Number, OneOf, Record, Text, show_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.shapes.shape import JsonValue, Shape

NAMES = [f"{first}{second}" for first in "bdgklmnprt" for second in "aeiouyvwxz"]
ROWS = 200


def record(**fields: Shape) -> Record:
    return Record({name: Field(shape, required=False) for name, shape in fields.items()})


def plan_one(
    shape: Shape,
    value: Callable[[int], JsonValue],
    text: Callable[[int], str] = lambda row: f"row {row}",
    rows: int = ROWS,
) -> FieldPlan:
    """Plan an answer of one field: its value and its text by the number of the row."""
    texts = [text(row) for row in range(rows)]
    answers: list[JsonValue] = [{"field": value(row)} for row in range(rows)]
    (field,) = plan_fields(record(field=shape), texts, answers).fields
    return field


def name(row: int) -> str:
    return NAMES[row % 100] + NAMES[row * 7 // 10 % 100]


def test_what_the_schema_lists_is_closed_whether_it_was_seen_or_not() -> None:
    field = plan_one(Closed(("b", "a", None)), lambda row: "a" if row else None)
    assert field == FieldPlan(
        path=("field",),
        kind="closed",
        normaliser=None,
        values=("b", "a", None),
        in_list=False,
        reason="the schema lists 3 values",
        reproduced=1.0,
        seen=ROWS - 1,
    )
    unseen = plan_one(Closed((True, False)), lambda _: None, rows=3)
    assert (unseen.kind, unseen.seen, unseen.reproduced) == ("closed", 0, 0.0)


def test_what_stands_in_the_text_is_copied() -> None:
    field = plan_one(Text(), name, lambda row: f"for {name(row)} please")
    assert (field.kind, field.reproduced, field.seen) == ("copied", 1.0, ROWS)
    assert field.reason == "100.0% of its values stand in the text as they are"


def test_nulls_and_absent_values_are_left_aside() -> None:
    texts = [f"for {name(row)}" for row in range(9)]
    answers: list[JsonValue] = [{"field": name(row)} for row in range(3)]
    answers += [{"field": None}, {}, {"field": None}, {}, {}, {}]
    (field,) = plan_fields(record(field=Text(nullable=True)), texts, answers).fields
    assert (field.kind, field.reproduced, field.seen) == ("copied", 1.0, 3)


@pytest.mark.parametrize(("wrong", "kind"), [(ROWS // 10, "copied"), (ROWS // 10 + 1, "written")])
def test_nine_tenths_have_to_stand_in_the_text(wrong: int, kind: str) -> None:
    field = plan_one(Text(), name, lambda row: "nothing" if row < wrong else f"for {name(row)}")
    assert field.kind == kind
    assert field.reproduced == (0.9 if kind == "copied" else 0.0)


@pytest.mark.parametrize(
    ("shape", "value", "text", "normaliser"),
    [
        (Text(), lambda row: name(row).upper(), lambda row: f"for {name(row)}", "upper"),
        (
            Text(),
            lambda row: f"{name(row)} Jos\u00e9",
            lambda row: f"for {name(row)} Jose\u0301",
            "composed",
        ),
        (Text(), lambda row: name(row).title(), lambda row: f"for {name(row)}", "capitalised"),
        (Number(), lambda row: row, lambda row: f"all {row} of them", "number"),
        (Number(), lambda row: 1000 + row, lambda row: f"{1000 + row:,} of them", "number"),
        (Number(), lambda row: row / 4 + 0.25, lambda row: f"{row / 4 + 0.25}%", "number"),
        (Number(), lambda row: row / 100, lambda row: f"{row}%", "percent_share"),
        (
            Number(),
            lambda row: 1000 + row,
            lambda row: f"{1000 + row:,} x".replace(",", "."),
            "number_comma",
        ),
        (
            Text(form="date"),
            lambda row: f"20{row // 28 + 10}-05-{row % 28 + 1:02}",
            lambda row: f"on {row % 28 + 1}/5/20{row // 28 + 10}",
            "date_day_first",
        ),
        (
            Text(form="date"),
            lambda row: f"20{row // 28 + 10}-05-{row % 28 + 1:02}",
            lambda row: f"on May {row % 28 + 1}, 20{row // 28 + 10}",
            "date_month_first",
        ),
        (
            Text(),
            lambda row: f"+1212555{row:04}",
            lambda row: f"call (212) 555-{row:04}",
            "phone_e164_us",
        ),
    ],
)
def test_what_a_normaliser_reads_is_normalised(
    shape: Shape,
    value: Callable[[int], JsonValue],
    text: Callable[[int], str],
    normaliser: str,
) -> None:
    field = plan_one(shape, value, text, rows=40)
    assert (field.kind, field.normaliser) == ("normalised", normaliser)
    assert field.reproduced == 1.0
    assert field.reason == f"{normaliser} reads 100.0% of its values in the text"


def test_copying_goes_before_a_normaliser_that_is_hardly_better() -> None:
    def text(wrong: int) -> Callable[[int], str]:
        return lambda row: f"for {name(row).upper() if row < wrong else name(row)}"

    assert plan_one(Text(), name, text(1)).kind == "copied"
    better = plan_one(Text(), name, text(10))
    assert (better.kind, better.normaliser, better.reproduced) == ("normalised", "lower", 1.0)


def test_few_values_that_recur_are_closed() -> None:
    values = ["refund", "exchange", "other"]
    field = plan_one(Text(nullable=True), lambda row: values[min(row % 7, 2)])
    assert field.kind == "closed"
    assert field.values == ("other", "exchange", "refund", None)
    assert field.reproduced == 1.0
    assert field.reason == "3 values recur: 100.0% of held-out values are among them"


def test_values_seen_once_are_not_among_the_closed_ones() -> None:
    field = plan_one(Text(), lambda row: "rare" if row == 5 else f"common {row % 2}")
    assert (field.kind, len(field.values)) == ("closed", 2)


@pytest.mark.parametrize(
    "value",
    [
        lambda row: f"value {row % 51}",
        lambda row: f"value {row if row % 20 == 0 else 0}",
    ],
    ids=["51 values", "a twentieth never recurs"],
)
def test_too_many_or_too_new_values_are_written(value: Callable[[int], str]) -> None:
    field = plan_one(Text(), value, lambda row: f"text {'abc'[row % 3]}{row}", rows=1_000)
    assert (field.kind, field.values, field.reproduced) == ("written", (), 0.0)
    assert "different; 0.0% of its values stand in the text as they are, fewer than" in field.reason


def test_fifty_values_that_recur_are_closed() -> None:
    field = plan_one(Text(), lambda row: f"value {row % 50}", lambda row: f"a{row}", rows=1_000)
    assert (field.kind, len(field.values)) == ("closed", 50)


def test_a_few_answers_are_too_few_to_close_a_field() -> None:
    field = plan_one(Text(), lambda row: f"common {row % 2}", lambda row: f"a{row}", rows=60)
    assert field.kind == "written"


def test_a_span_goes_before_few_values() -> None:
    sizes = ["small", "large"]
    field = plan_one(Text(), lambda row: sizes[row % 2], lambda row: f"{row} {sizes[row % 2]}")
    assert field.kind == "copied"


def test_few_values_go_before_a_span_that_explains_clearly_less() -> None:
    def text(row: int) -> str:
        return f"no. {row}" if row % 12 == 0 else f"no. {row} {'ab'[row % 2]}b"

    field = plan_one(Text(), lambda row: f"{'ab'[row % 2]}b", text)
    assert (field.kind, field.values) == ("closed", ("ab", "bb"))


def test_values_keep_their_type() -> None:
    shape = OneOf((Number(), Closed((True, False)), Text()))
    kinds: Sequence[JsonValue] = [1, True, "1", 1.0, False]
    field = plan_one(shape, lambda row: kinds[row % 5], lambda row: f"text {'xyz'[row % 3]}{row}x")
    assert field.kind == "closed"
    assert [(type(value), value) for value in field.values] == [
        (int, 1),
        (str, "1"),
        (bool, False),
        (bool, True),
    ]


def test_closed_fields_within_items_are_those_whose_values_do_not_stand_there() -> None:
    item = record(
        product=Text(),
        amount=Number(),
        size=Closed(("S", "L")),
        shade=Closed(("red", "blue")),
        kind=Closed(("line",)),
        mood=Text(),
    )
    sizes, shades = ["S", "L"], ["red", "blue"]
    texts: list[str] = []
    answers: list[JsonValue] = []
    for row in range(ROWS):
        texts.append(f"{row + 2} {shades[row % 2]} {name(row)}")
        line: JsonValue = {
            "product": name(row),
            "amount": row + 2,
            "size": sizes[row // 2 % 2],
            "shade": shades[row % 2],
            "kind": "line",
            "mood": "good",
        }
        answers.append({"lines": [line]})
    fields = plan_fields(record(lines=ListOf(item)), texts, answers).fields
    assert [(field.path[-1], field.kind) for field in fields] == [
        ("product", "copied"),
        ("amount", "normalised"),
        ("size", "closed"),
        ("shade", "copied"),
        ("kind", "closed"),
        ("mood", "closed"),
    ]
    assert all(field.in_list for field in fields)


def test_closed_fields_of_items_of_which_nothing_stands_in_the_text_are_written() -> None:
    item = record(size=Closed(("S", "L")), tags=ListOf(Closed(("a", "b"))), product=Text())
    other = record(size=Closed(("S", "L")))
    shape = record(lines=ListOf(item), others=ListOf(other))
    texts = [name(row) for row in range(ROWS)]
    answers: list[JsonValue] = [
        {
            "lines": [{"size": "S", "tags": ["a"], "product": name(row)}],
            "others": [{"size": "L"}],
        }
        for row in range(ROWS)
    ]
    fields = {show_path(f.path): f for f in plan_fields(shape, texts, answers).fields}
    kinds = {path: field.kind for path, field in fields.items()}
    assert kinds == {
        "lines[].size": "closed",
        "lines[].tags[]": "written",
        "lines[].product": "copied",
        "others[].size": "written",
    }
    assert fields["others[].size"].reason.endswith("in the text to tell items by")
    assert fields["lines[].tags[]"].reason.endswith("within the items of a list is not offered")


def test_plain_items_of_a_list_may_be_closed() -> None:
    tags = ["billing", "refund", "other"]
    for shape in (Closed(tuple(tags)), Text()):
        field = plan_one(ListOf(shape), lambda row: [tags[row % 3], tags[row % 2]])
        assert (field.kind, field.in_list, set(field.values)) == ("closed", True, set(tags))


def test_a_value_that_stands_there_once_is_copied_once() -> None:
    def twice(row: int) -> JsonValue:
        return [name(row), name(row)]

    field = plan_one(ListOf(Text()), twice, lambda row: f"for {name(row)}")
    assert field.kind == "written"
    assert "50.0% of its values stand in the text" in field.reason
    both = plan_one(ListOf(Text()), twice, lambda row: f"for {name(row)} and {name(row)}")
    assert both.kind == "copied"


def test_values_of_another_shape_are_reproduced_by_nothing() -> None:
    field = plan_one(
        Text(), lambda row: name(row) if row % 8 else row, lambda row: f"{name(row)} {row}"
    )
    assert field.kind == "written"
    assert field.seen == ROWS
    listed = plan_one(Closed(("a",)), lambda row: "a" if row % 4 else "b")
    assert listed.reproduced == 0.75


def test_a_field_without_values_is_written() -> None:
    field = plan_one(Text(), lambda _: None)
    assert (field.kind, field.reason) == ("written", "the teacher never gave it a value")
    assert plan_fields(record(a=Text()), [], []).fields[0].kind == "written"


def test_a_missing_library_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locum.alignment.normalisers.normaliser.find_spec", lambda _name: None)
    assert not NORMALISERS["date_day_first"].available()
    field = plan_one(
        Text(), lambda row: f"{row + 1000}-05-01", lambda row: f"1/5/{row + 1000}", rows=30
    )
    assert field.kind == "written"


def test_the_plan_is_the_same_in_any_order_of_the_rows() -> None:
    rows = list(range(ROWS))
    shape = record(name=Text(), kind=Text(), count=Number(), mood=Closed(("good", "bad")))
    plans = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)  # noqa: S311 - no secret depends on it
        texts = [f"{row} for {name(row)}" for row in rows]
        answers: list[JsonValue] = [
            {"name": name(row), "kind": "cab"[row % 3], "count": row, "mood": "bad"} for row in rows
        ]
        plans.append(plan_fields(shape, texts, answers))
    assert plans[0] == plans[1] == plans[2]
    assert [field.kind for field in plans[0].fields] == ["copied", "closed", "normalised", "closed"]
    assert list(plans[0].spanned) == [("name",), ("count",)]


@pytest.mark.parametrize(
    ("texts", "answers", "held_out"), [(["a"], [], 0.5), ([], [], 0.0), ([], [], 1.0)]
)
def test_what_cannot_be_planned_is_refused(
    texts: list[str], answers: list[JsonValue], held_out: float
) -> None:
    with pytest.raises(UsageError, match="expected one answer a text, and a share between 0 and 1"):
        plan_fields(record(a=Text()), texts, answers, held_out)


@pytest.mark.parametrize("constant", ["", "N/A", "Not specified"])
def test_a_constant_that_is_not_in_the_text_says_that_there_is_none(constant: str) -> None:
    field = plan_one(
        Text(),
        lambda row: name(row) if row % 5 < 3 else constant,
        lambda row: f"for {name(row)}" if row % 5 < 3 else f"row {row}",
    )
    assert (field.kind, field.nothing, field.seen) == ("copied", constant, ROWS * 3 // 5)
    assert field.reason == (
        f'100.0% of its values stand in the text as they are; "{constant}" where it holds none'
    )
    unit = Unit(field.path, "spans", (field,))
    assert not any(map(unit.says, (constant, None, [])))
    assert unit.says("Ann")


def test_an_empty_text_is_told_behind_any_number_of_other_values() -> None:
    field = plan_one(Text(), lambda row: "" if row == 7 else f"another {row % 60}")
    assert (field.kind, field.nothing) == ("written", "")


def test_one_of_few_values_that_may_be_all_stands_for_itself() -> None:
    labels = ("billing", "refunds", "shipping")
    field = plan_one(Text(), lambda row: labels[row % 3], rows=60)
    assert (field.kind, field.nothing, field.seen) == ("written", None, 60)
    assert field.reason.startswith("60 values, 3 different; 0.0% of its values stand in the text")
    assert field.reason.endswith("if these are all, list them as an enum")


def test_a_number_that_is_not_in_the_text_says_that_there_is_none() -> None:
    field = plan_one(
        Number(),
        lambda row: 1000 + row if row % 5 < 3 else -1,
        lambda row: f"all {1000 + row:,} of them" if row % 5 < 3 else "nothing of the kind",
    )
    assert (field.kind, field.normaliser, field.nothing) == ("normalised", "number", -1)


def test_an_empty_text_is_no_free_text_however_rare_it_is() -> None:
    field = plan_one(Text(), lambda row: f"{name(row)}, I think" if row else "")
    assert (field.kind, field.nothing, field.seen) == ("written", "", ROWS - 1)


def test_a_frequent_value_that_stands_in_its_texts_in_another_spelling_is_one() -> None:
    field = plan_one(
        Text(),
        lambda row: "ACME" if row % 4 == 0 else name(row).upper(),
        lambda row: "for acme" if row % 4 == 0 else f"for {name(row)}",
    )
    assert (field.kind, field.normaliser, field.nothing) == ("normalised", "upper", None)


def test_a_constant_of_a_closed_field_is_one_of_its_values() -> None:
    field = plan_one(Text(), lambda row: ("calm", "angry", "N/A")[row % 3])
    assert (field.kind, field.nothing, len(field.values)) == ("closed", None, 3)


def test_what_redaction_put_in_place_of_values_is_not_closed() -> None:
    field = plan_one(Text(), lambda _: "[PHONE_1]", lambda row: f"call {2125550000 + row}")
    assert (field.kind, field.reproduced) == ("written", 0.0)
    assert f"{ROWS} are placeholders of redaction" in field.reason
    seen = plan_one(Text(), lambda _: "[PHONE_1]", lambda row: f"{row} has [PHONE_1]")
    assert seen.kind == "copied"


def test_what_redaction_put_in_place_of_values_is_no_constant() -> None:
    field = plan_one(
        Text(), lambda row: "[PHONE_1]" if row % 3 else name(row), lambda row: f"for {name(row)}"
    )
    assert (field.kind, field.nothing) == ("written", None)
