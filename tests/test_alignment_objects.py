"""Which span each value of an answer comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.alignment import (
    ExtractionPlan,
    FieldKind,
    FieldPlan,
    align_answer,
    leaf_values,
    measure_alignment,
    tokenize,
    value_key,
)
from locum.errors import UsageError
from locum.shapes.shape import (
    ITEM,
    Closed,
    Field,
    FieldPath,
    JsonValue,
    ListOf,
    Number,
    OneOf,
    Record,
    Shape,
    Text,
    leaves,
)

if TYPE_CHECKING:
    from locum.alignment import AlignedAnswer


def record(**fields: Shape) -> Record:
    return Record({name: Field(shape, required=False) for name, shape in fields.items()})


def plan(shape: Record, **normalisers: str) -> ExtractionPlan:
    """Every text is copied, and every field that is named is normalised."""
    fields = []
    for path in dict.fromkeys(path for path, _ in leaves(shape)):
        name = normalisers.get(path[-1])
        kind: FieldKind = "normalised" if name else "copied"
        fields.append(FieldPlan(path, kind, name, (), ITEM in path, "given", 1.0, 1))
    return ExtractionPlan(tuple(fields))


def align(text: str, answer: JsonValue, shape: Record, **normalisers: str) -> AlignedAnswer:
    return align_answer(text, tokenize(text), answer, shape, plan(shape, **normalisers))


def shown(text: str, aligned: AlignedAnswer) -> list[tuple[str, int, str, str]]:
    """Field with its item, where its span starts, its text and quality."""
    tokens = tokenize(text)
    found: list[tuple[str, int, str, str]] = []
    for path, item, first, end, quality in aligned.spans:
        start = tokens[first].start
        name = ".".join([path[0], *map(str, item), *path[-1:][: path[-1] not in {path[0], ITEM}]])
        found.append((name, start, text[start : tokens[end - 1].end], quality))
    return found


ORDER = record(
    customer=Text(nullable=True),
    lines=ListOf(record(product=Text(), quantity=Number(), price=Number())),
)


def test_an_order_is_aligned_line_by_line() -> None:
    text = "Anna wants 2 pens at $2.00, 2 red pens at $3.50 and two cups at $3.50."
    answer: JsonValue = {
        "customer": "Anna",
        "lines": [
            {"product": "pens", "quantity": 2, "price": 2},
            {"product": "Red pens", "quantity": 2, "price": 3.5},
            {"product": "cup", "quantity": 2, "price": 3.5},
        ],
    }
    aligned = align(text, answer, ORDER, quantity="number", price="number")
    assert shown(text, aligned) == [
        ("customer", 0, "Anna", "exact"),
        ("lines.0.product", 13, "pens", "exact"),
        ("lines.0.quantity", 11, "2", "exact"),
        ("lines.0.price", 22, "2.00", "exact"),
        ("lines.1.product", 30, "red pens", "case"),
        ("lines.1.quantity", 28, "2", "exact"),
        ("lines.1.price", 43, "3.50", "exact"),
        ("lines.2.quantity", 52, "two", "exact"),
        ("lines.2.price", 65, "3.50", "exact"),
    ]
    # "cup" is like "cups", but three letters are too few to look for edits.
    assert [value[1:] for value in aligned.lost] == [("only similar", "cup")]


def test_items_that_say_the_same_get_a_place_each_in_their_order() -> None:
    text = "tags: red, blue, red, Red"
    shape = record(tags=ListOf(Text()))
    aligned = align(text, {"tags": ["red", "red", "blue", "red", "red"]}, shape)
    assert shown(text, aligned) == [
        ("tags.0", 6, "red", "exact"),
        ("tags.1", 17, "red", "exact"),
        ("tags.2", 11, "blue", "exact"),
        ("tags.3", 22, "Red", "case"),
    ]
    assert aligned.lost == ((("tags", ITEM), "overlaps", "red"),)


def test_items_keep_their_order_where_they_can() -> None:
    text = "from Bonn to Ulm, then from Ulm to Bonn"
    shape = record(stops=ListOf(Text()))
    aligned = align(text, {"stops": ["Ulm", "Bonn"]}, shape)
    assert [span[:2] for span in shown(text, aligned)] == [("stops.0", 13), ("stops.1", 35)]


def test_a_value_takes_no_part_of_another_fields_span() -> None:
    text = "the Irish Navy met an Irish boat"
    shape = record(adjective=Text(), body=Text())
    aligned = align(text, {"adjective": "Irish", "body": "Irish Navy"}, shape)
    assert [span[:2] for span in shown(text, aligned)] == [("adjective", 22), ("body", 4)]


def test_fields_of_a_record_stand_near_each_other_in_whatever_order_records_come() -> None:
    text = "Ann, 5 May, Bonn. Bob, 7 May, Rome. Cid, 5 May, Bonn. Dan, 5 May, Bonn."
    shape = record(guests=ListOf(record(name=Text(), town=Text(), day=Text())))
    answer: JsonValue = {
        "guests": [
            {"name": "Cid", "town": "Bonn", "day": "5 May"},
            {"name": "Ann", "town": "Bonn", "day": "5 May"},
        ]
    }
    aligned = align(text, answer, shape)
    assert [span[:2] for span in shown(text, aligned)] == [
        ("guests.0.name", 36),
        ("guests.0.town", 48),
        ("guests.0.day", 41),
        ("guests.1.name", 0),
        ("guests.1.town", 12),
        ("guests.1.day", 5),
    ]


def test_records_inside_the_answer_are_near_themselves_too() -> None:
    text = "From Ann Lee, Rome. To Bob Ray, Rome."
    person = record(name=Text(), town=Text())
    shape = record(sender=person, receiver=person)
    answer: JsonValue = {
        "sender": {"name": "Ann Lee", "town": "Rome"},
        "receiver": {"name": "Bob Ray", "town": "Rome"},
    }
    starts = [span[1] for span in shown(text, align(text, answer, shape))]
    assert starts == [5, 14, 23, 32]


def test_lists_of_lists_are_told_apart_by_two_indices() -> None:
    text = "a1 b1 / a2 b2"
    shape = record(rows=ListOf(ListOf(Text())))
    aligned = align(text, {"rows": [["a1", "b1"], ["a2", "b2"]]}, shape)
    assert [span.item for span in aligned.spans] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {span.path for span in aligned.spans} == {("rows", ITEM, ITEM)}


def test_a_union_is_read_by_the_option_that_fits() -> None:
    by_mail = record(kind=Closed(("mail",)), at=Text())
    by_phone = record(kind=Closed(("phone",)), number=Text())
    shape = record(contact=OneOf((by_mail, by_phone)), size=OneOf((Text(), Number())))
    answer: JsonValue = {"contact": {"kind": "phone", "number": "555 0123"}, "size": 4}
    assert [leaf[::2] for leaf in leaf_values(answer, shape)] == [
        (("contact", "kind"), "phone"),
        (("contact", "number"), "555 0123"),
        (("size",), 4),
    ]
    text = "call 555-0123, size 4"
    aligned = align(text, answer, shape, size="number", kind="lower")
    assert shown(text, aligned) == [
        ("contact.number", 5, "555-0123", "punctuation"),
        ("size", 20, "4", "exact"),
    ]


def test_a_normalised_field_stands_where_its_normaliser_reads_it() -> None:
    text = "born 5 May 1990 (not 6 May 1990), pays 1.200 EUR in MUNICH"
    shape = record(born=Text(), town=Text(), pay=Number(), currency=Text())
    answer: JsonValue = {"born": "1990-05-05", "town": "Munich", "pay": 1200, "currency": "EUR"}
    aligned = align(
        text,
        answer,
        shape,
        born="date_day_first",
        town="title",
        pay="number_comma",
        currency="currency",
    )
    assert shown(text, aligned) == [
        ("born", 5, "5 May 1990", "exact"),
        ("town", 52, "MUNICH", "case"),
        ("pay", 39, "1.200", "exact"),
        ("currency", 45, "EUR", "exact"),
    ]


def test_what_is_lost_says_why() -> None:
    text = "Anna Maria Schmidt ordered 3"
    shape = record(a=Text(), b=Text(), c=Number(), d=Text(), e=Text(), f=ListOf(Text()), g=Text())
    answer: JsonValue = {
        "a": "Zoe Quux",
        "b": "Anna Mary Smith",
        "c": 4,
        "d": 5,
        "e": None,
        "f": "Anna",
        "g": "x" * 60,
        "unknown": "Anna",
    }
    aligned = align(text, answer, shape, c="number")
    assert aligned.spans == ()
    assert aligned.lost == (
        (("a",), "not in the text", "Zoe Quux"),
        (("b",), "only similar", "Anna Mary Smith"),
        (("c",), "read otherwise", "4"),
        (("d",), "not of its shape", "5"),
        (("g",), "not in the text", "x" * 39 + "\u2026"),
    )


def test_what_is_no_record_at_all_is_not_of_the_shape() -> None:
    shape = record(a=record(b=Text()), c=Text())
    assert list(leaf_values({"a": "x", "c": ["x"]}, shape)) == [
        (("a",), (), "x", False),
        (("c",), (), "['x']", False),
    ]
    assert list(leaf_values(None, Record({}, nullable=True))) == []
    assert list(leaf_values([None], ListOf(Number(nullable=True)))) == [((ITEM,), (0,), None, True)]


@pytest.mark.parametrize(
    ("shape", "value", "fits"),
    [
        (Closed((1, None)), 1.0, True),
        (Closed((1,)), True, False),
        (Closed((True,)), True, True),
        (Number(whole=True), 2.0, True),
        (Number(whole=True), 2.5, False),
        (Number(), True, False),
        (Number(), "2", False),
        (Text(), "2", True),
        (Text(), 2, False),
    ],
)
def test_values_fit_their_shape_or_not(shape: Shape, value: JsonValue, *, fits: bool) -> None:
    assert [leaf.fits for leaf in leaf_values(value, shape)] == [fits]


def test_equal_values_have_equal_keys() -> None:
    assert value_key(1) == value_key(1.0)
    assert len({value_key(value) for value in (1, True, "1", None, 0, False, "")}) == 7


def test_fields_that_the_plan_does_not_span_are_left_aside() -> None:
    shape = record(a=Text(), b=Text())
    closed = FieldPlan(
        ("b",), "closed", None, ("x",), in_list=False, reason="given", reproduced=1.0, seen=1
    )
    given_plan = ExtractionPlan((*plan(record(a=Text())).fields, closed))
    aligned = align_answer("x y", tokenize("x y"), {"a": "y", "b": "x"}, shape, given_plan)
    assert [span.path for span in aligned.spans] == [("a",)]
    assert aligned.lost == ()


WORDS = st.sampled_from(["red", "Red", "blue", "red blue", "2", "green"])


@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=4))
def test_every_value_has_one_span_or_one_loss_and_no_field_shares_a_token(
    text_words: list[str], tags: list[str], names: list[str]
) -> None:
    text = ", ".join(text_words)
    shape = record(tags=ListOf(Text()), people=ListOf(record(name=Text())))
    answer: JsonValue = {"tags": [*tags], "people": [{"name": name} for name in names]}
    aligned = align(text, answer, shape)
    assert len(aligned.spans) + len(aligned.lost) == len(tags) + len(names)
    taken: dict[FieldPath, set[int]] = {}
    for path, _, first, end, _ in aligned.spans:
        assert first < end
        assert taken.setdefault(path, set()).isdisjoint(range(first, end))
        taken[path].update(range(first, end))
    given_values = dict.fromkeys(aligned.spans)
    assert len(given_values) == len(aligned.spans)


@given(st.permutations(["ant", "bee", "cow", "dog", "elk"]), st.integers(0, 5))
def test_items_in_the_order_of_the_text_are_found_in_it(words: list[str], repeat: int) -> None:
    listed = [*words, *words[:repeat]]
    text = " and ".join(listed)
    aligned = align(text, {"tags": [*listed]}, record(tags=ListOf(Text())))
    assert [span.first_token for span in aligned.spans] == [2 * i for i in range(len(listed))]


def test_a_report_counts_by_field_and_reason() -> None:
    shape = record(name=Text(), tags=ListOf(Text()))
    texts = ["Ann is red", "bob is Red", "Cid", "Dan"]
    answers: list[JsonValue] = [
        {"name": "Ann", "tags": ["red", "odd"]},
        {"name": "Bob", "tags": ["red", "red"]},
        {"name": "Quux", "tags": []},
        {"name": None, "tags": ["odd", "p1", "p2", "p3"]},
    ]
    report = measure_alignment(shape, texts, answers, plan(shape))
    assert (report.answers, report.whole) == (4, 0)
    name, tags = report.fields
    assert name.path == ("name",)
    assert name.values == 3
    assert name.aligned == {"exact": 1, "case": 1, "punctuation": 0, "edited": 0}
    assert name.lost == (("not in the text", 1, ("Quux",)),)
    assert tags.values == 8
    assert tags.aligned == {"exact": 1, "case": 1, "punctuation": 0, "edited": 0}
    assert tags.lost == (("not in the text", 5, ("odd", "p1", "p2")), ("overlaps", 1, ("red",)))


def test_a_report_counts_values_that_stand_inside_others() -> None:
    shape = record(name=Text(), first=Text(), town=Text())
    texts = ["Ann Lee of Rome", "Bob Ray of Bonn", "Lee is here"]
    answers: list[JsonValue] = [
        {"name": "Ann Lee", "first": "Ann", "town": "Rome"},
        {"name": "Bob Ray", "first": "Bob", "town": "Bonn"},
        {"name": "Lee", "first": None, "town": "Lee"},
    ]
    report = measure_alignment(shape, texts, answers, plan(shape))
    crossed = {field.path: dict(field.crossed) for field in report.fields}
    assert crossed == {("name",): {}, ("first",): {("name",): 2}, ("town",): {("name",): 1}}


def test_a_report_needs_an_answer_to_each_text() -> None:
    shape = record(name=Text())
    with pytest.raises(UsageError, match="2 texts and 1 answers"):
        measure_alignment(shape, ["a", "b"], [{}], plan(shape))
