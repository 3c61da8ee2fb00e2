"""From written answers to labels."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.teachers import LabelParser

LABELS = ("cash", "Card arrival", "n/a", "fee")
parse = LabelParser(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_exact_labels(label: str) -> None:
    assert parse(label) == LABELS.index(label)


@pytest.mark.parametrize(
    "answer",
    [
        "card arrival",
        "CARD ARRIVAL",
        "  Card   arrival\n",
        "Card arrival.",
        "Card arrival!",
        '"Card arrival"',
        "'card arrival'",
        "\u201cCard arrival\u201d",
        "`Card arrival`",
        "**Card arrival**",
        "_Card arrival_",
        "[Card arrival]",
        "(Card arrival).",
        "```\nCard arrival\n```",
        "```Card arrival```",
        "```text\nCard arrival.\n```\n",
        '{"label": "Card arrival"}',
        '{"label": "card arrival", "reason": "it is about a card"}',
        '{"reason": "fee", "label": "Card arrival"}',
        '{"category": "Card arrival"}',
        '"Card arrival\\n"',
        '```json\n{"label": "Card arrival"}\n```',
    ],
)
def test_other_spellings(answer: str) -> None:
    assert parse(answer) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " ",
        "...",
        "``````",
        "```",
        "cheque",
        "The label is cash",
        "cash or fee",
        "cash, fee",
        "not cash",
        "cash\nfee",
        "cardarrival",
        "{}",
        "{oops",
        '{"label": "cheque"}',
        '{"label": 1}',
        '{"label": null}',
        '{"label": ["cash"]}',
        '{"a": "cash", "b": "fee"}',
        '{"a": "cash", "b": "cash"}',
        '{"label": "cheque", "other": "cash"}',
        '{"label": "\\ud800"}',
        '{"\ud800',
        "\0",
    ],
)
def test_what_is_no_label(answer: str) -> None:
    assert parse(answer) is None


def test_very_long_answers_are_refused() -> None:
    assert parse("cash" + " " * 5_000) == 0
    assert parse("cash" + " " * 10_000) is None


@pytest.mark.parametrize("depth", [3, 1_500])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert parse('{"a":' * depth + '"cash"' + "}" * depth) is None


def test_labels_of_punctuation_alone_parse_exactly() -> None:
    parse_sign = LabelParser(["+", "-", "*", "!"])
    assert [parse_sign(answer) for answer in ("+", " - ", "*", "!")] == [0, 1, 2, 3]
    assert parse_sign("```\n-\n```") == 1
    assert parse_sign('{"label": "+"}') == 0
    assert parse_sign("?") is None
    assert parse_sign("") is None


def test_labels_that_differ_in_punctuation_alone_keep_apart() -> None:
    parse_name = LabelParser(["c", "c!", "(c)"])
    assert [parse_name(answer) for answer in ("c", "C!", "(c)")] == [0, 1, 2]
    assert parse_name("**c**") == 0


@given(
    st.sampled_from(LABELS),
    st.text(" \t\n*\"'`.", max_size=5),
    st.text(" \t\n*\"'.!", max_size=5),
)
def test_decoration_does_not_change_the_label(label: str, before: str, after: str) -> None:
    assert parse(before + label + after) == LABELS.index(label)


@given(st.text(max_size=30))
def test_any_answer_gives_a_label_that_it_contains_or_none(answer: str) -> None:
    index = parse(answer)
    if index is not None:
        assert LABELS[index].split()[0].casefold() in answer.casefold()


@given(st.sampled_from(LABELS), st.dictionaries(st.text(), st.text(), max_size=3))
def test_the_label_of_an_object_counts(label: str, others: dict[str, str]) -> None:
    assert parse(json.dumps(others | {"label": label})) == LABELS.index(label)
