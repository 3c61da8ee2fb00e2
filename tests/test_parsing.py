"""From written answers to labels."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.schema import label_key
from locum.teachers.parsing import LabelParser

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
        '{"answer": "Card arrival", "label_of_the_bank": "fee"}',
        '{" Class ": "Card arrival", "x": "fee"}',
        '{"category": "fee", "label": "Card arrival", "answer": "cash"}',
        '{"answer": "Card arrival", "details": {"label": "fee"}}',
        '{"result": {"label": "Card arrival", "class": "fee"}, "note": "cash"}',
        '{"answer": {"label": "Card arrival"}}',
        '{"verdict": "Card arrival", "why": "as \\"cash\\" is not meant", "sure": true}',
        '{"a": {"b": {"c": "Card arrival"}}, "d": ["fee"], "e": [{"label": "fee"}], "f": 0.5}',
        '{"label": "C\\u0061rd\\narrival"}',
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
        '{"a": {"label": "cash"}, "b": {"label": "fee"}}',
        '{"label": "cash", "label": "fee"}',
        '{"label": null, "answer": "cash"}',
        '{"answer": 1, "other": "cash"}',
        '{"a": ["cash"]}',
        '{"a": {"label": "cash"}',
        '{"label": "cash"} because',
        '"cheque"',
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


@pytest.mark.parametrize(("depth", "expected"), [(3, 0), (900, 0), (1_500, None)])
def test_objects_are_read_to_the_depth_that_json_readers_take(
    depth: int, expected: int | None
) -> None:
    assert parse('{"a":' * depth + '"cash"' + "}" * depth) == expected


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


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (
            ("<50K", ">50K"),
            ('"%s"', "%s.", "**%s**", "`%s`", "**%s**.", '{"label": "%s"}', '"%s".'),
        ),
        (("C", "C?", "C!"), ('"%s"', "%s.", "**%s**", "```\n%s\n```", '{"grade": "%s"}')),
        (("A", "A*"), ('"%s"', "`%s`", "'%s'", '{"grade": "%s"}')),
        (("5", ".5"), ('"%s"', "%s.", "**%s**")),
        (("a", "(a)", "[a]"), ('"%s"', "%s.", "*%s*")),
        (("5", "5."), ('"%s"', "**%s**")),
    ],
    ids=lambda value: value[0],
)
def test_labels_that_differ_in_marks_around_them_are_not_swapped(
    labels: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    parse_mark = LabelParser(labels)
    for index, label in enumerate(labels):
        assert [parse_mark(answer % label) for answer in answers] == [index] * len(answers)


def test_what_two_labels_may_be_is_no_label() -> None:
    parse_bound = LabelParser(["<50K", ">50K", "unknown"])
    answers = ["50K", '"50K"', "[50K]", "=50K", "(unknown)", "unknown!"]
    assert [parse_bound(answer) for answer in answers] == [None, None, None, None, 2, 2]


MARKED = st.text("<>?!()*.\"' ", max_size=3)


def labels_in(marks: str) -> st.SearchStrategy[list[str]]:
    """Labels that differ in few letters, and in some marks around them."""
    around = st.text(marks, max_size=3)
    return st.lists(
        st.tuples(around, st.sampled_from("ab"), around).map("".join), unique_by=label_key
    )


@given(labels_in("<>?!()"), st.sampled_from(['"%s"', "`%s`", "'%s'", "**%s**", "%s.", '"%s."']))
def test_quotes_asterisks_and_a_full_stop_never_change_a_label(
    labels: list[str], around: str
) -> None:
    parse_any = LabelParser(labels)
    assert [parse_any(around % label) for label in labels] == list(range(len(labels)))


@given(labels_in("<>?!()*.\"' "), st.sampled_from("ab"), MARKED, MARKED)
@example(["a", "*a!"], "a", "", "!")
@example(["*a", "a!"], "a", "*", "!")
@example(['"a', "a"], "a", '""', '"')
def test_a_label_that_is_found_stands_in_the_answer_or_is_the_only_one_of_its_letters(
    labels: list[str], letter: str, before: str, after: str
) -> None:
    parse_any, answer = LabelParser(labels), f"{before}{letter}{after}"
    assert [parse_any(label) for label in labels] == list(range(len(labels)))
    index = parse_any.find(answer)
    alone = sum(letter in label for label in labels) == 1
    assert index is not None or not alone
    if index is not None and not alone:
        assert label_key(labels[index]) in label_key(answer)


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


@pytest.mark.parametrize(
    "answer", ['{"label": "%s"}', ' ```json\n{"a": "x", "label":  "%s" }\n``` ', '{"one": "%s"}']
)
@pytest.mark.parametrize("value", ["cash", "cheque", 'a \\"fee\\"', ""])
def test_what_is_located_is_what_is_read(answer: str, value: str) -> None:
    text = answer % value
    spoken = parse.locate(text)
    assert spoken is not None
    assert text[spoken.start : spoken.end] == value
    assert spoken.text == json.loads(f'"{value}"')
    assert parse(text) == parse.find(spoken.text)


@pytest.mark.parametrize("answer", ["cash", "cheque", '"cash"', "```\ncash\n```", '{"a": 1}', ""])
def test_nothing_is_located_where_the_answer_is_read_as_it_stands(answer: str) -> None:
    assert parse.locate(answer) is None


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["cash", "fee", "cheque", 'a"\\}', "\u00e9"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["label", "class", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["answer", "a", 'b":']), JSON, max_size=3),
    st.sampled_from([None, 1]),
)
def test_what_is_located_in_any_object_is_one_of_its_strings(
    document: dict[str, object], indent: int | None
) -> None:
    text = json.dumps(document, indent=indent)
    spoken = parse.locate(text)
    if spoken is None:
        assert parse(text) is None
    else:
        assert json.loads(text[spoken.start - 1 : spoken.end + 1]) == spoken.text
        assert parse(text) == parse.find(spoken.text)
