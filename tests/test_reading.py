"""Reading of inputs and recorded calls."""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING

import pytest

from locum.dataset import ReadResult, read_examples, read_texts
from locum.errors import InputError, UsageError
from locum.schema import Example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_lines(
    tmp_path: Path, *rows: object, columns: Mapping[str, str] | None = None
) -> ReadResult:
    content = "".join(f"{json.dumps(row)}\n" for row in rows)
    return read_examples(write(tmp_path, "calls.jsonl", content), columns)


def refusal(path: Path, columns: Mapping[str, str] | None = None, encoding: str = "utf-8") -> str:
    with pytest.raises(InputError) as caught:
        read_examples(path, columns, encoding)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize(("name", "between"), [("a.csv", ","), ("a.TSV", "\t")])
def test_tables(tmp_path: Path, name: str, between: str) -> None:
    rows = [["text", "label", "gold"], ["where is it", "card", ""], ["a fee?", "fee", "cash"]]
    path = write(tmp_path, name, "\r\n".join(between.join(row) for row in rows))
    result = read_examples(path)
    assert result.examples == [
        Example("where is it", answer="card"),
        Example("a fee?", answer="fee", human="cash"),
    ]
    assert result.columns == {"text": "text", "answer": "label", "human": "gold"}
    assert result.skipped.total == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    row = {
        "prompt": "where is it",
        "completion": "card",
        "distribution": {"card": 0.75, "fee": 0.25},
        "truth": "fee",
        "created_at": 12.5,
        "latency_ms": 300,
        "cost": 0.001,
        "other": [1],
    }
    path = write(tmp_path, name, json.dumps(row) + "\n\n" + json.dumps({"prompt": "b"}))
    expected = Example(
        "where is it",
        answer="card",
        distribution={"card": 0.75, "fee": 0.25},
        human="fee",
        time=12.5,
        latency_ms=300.0,
        cost_usd=0.001,
    )
    assert read_examples(path).examples == [expected, Example("b")]


def test_plain_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "one, two\r\n\n  three\u2028still three\nfour")
    result = read_examples(path)
    assert [example.text for example in result.examples] == [
        "one, two",
        "  three\u2028still three",
        "four",
    ]


def test_the_place_may_be_a_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\na fee?,fee")
    assert read_examples(str(path)) == read_examples(path)
    assert read_texts(str(path)) == ["a fee?"]


def test_column_names_are_found_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", " Question ,TEACHER\nwhat,a\n")
    result = read_examples(path)
    assert result.examples == [Example("what", answer="a")]
    assert result.columns == {"text": " Question ", "answer": "TEACHER"}


def test_the_first_usual_name_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "label,teacher,content,text\nl,t,c,x\n")
    assert read_examples(path).examples == [Example("x", answer="t")]


def test_columns_that_are_named_win(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,body,label,verdict\nt,b,l,v\n")
    result = read_examples(path, {"text": "body", "answer": "verdict"})
    assert result.examples == [Example("b", answer="v")]
    assert result.columns == {"text": "body", "answer": "verdict"}


def test_a_column_that_is_named_as_one_kind_is_no_other(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,gold\nt,g\n")
    assert read_examples(path, {"answer": "gold"}).examples == [Example("t", answer="g")]
    path = write(tmp_path, "a.csv", "text,gold,truth\nt,g,h\n")
    found = read_examples(path, {"answer": "gold"})
    assert found.examples == [Example("t", answer="g", human="h")]
    both = read_examples(path, {"answer": "gold", "human": "gold"})
    assert both.examples == [Example("t", answer="g", human="g")]


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,teacher,note,teacher\na,b,x,c\n")
    assert "the header names 'teacher' more than once" in refusal(path)
    # As spreadsheets end their rows.
    path = write(tmp_path, "a.csv", "text,teacher,,\na,b,,\n")
    assert read_examples(path).examples == [Example("a", answer="b")]


def test_split_is_used_only_where_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,split\na,test\nb,train\nc, TEST \nd,\n")
    assert [example.held_out for example in read_examples(path).examples] == [False] * 4
    asked = read_examples(path, {"split": "split"})
    assert [example.held_out for example in asked.examples] == [True, False, True, False]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_a_byte_order_mark_is_dropped(tmp_path: Path, name: str) -> None:
    content = {"a.csv": "text\nhello\n", "a.jsonl": '{"text": "hello"}\n', "a.txt": "hello\n"}[name]
    path = write(tmp_path, name, b"\xef\xbb\xbf" + content.encode())
    assert read_examples(path).examples == [Example("hello")]


def test_latin_1_bytes_are_refused_with_their_line_and_the_cure(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text\nplain\nna\u00efve\n".encode("latin-1"))
    message = refusal(path)
    assert "is not utf-8: byte 0xef on line 3" in message
    assert "--encoding cp1252" in message
    assert read_texts(path, encoding="latin-1") == ["plain", "na\u00efve"]


def test_utf_16_is_read_where_it_is_named_or_marked(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "caf\u00e9\n".encode("utf-16-le"))
    assert read_texts(path, encoding="utf-16-le") == ["caf\u00e9"]
    for mark in ("utf-16-le", "utf-16-be"):
        path = write(tmp_path, "a.txt", "\ufeffcaf\u00e9\n".encode(mark))
        assert read_texts(path) == ["caf\u00e9"]
    path = write(tmp_path, "a.txt", "caf\u00e9\n".encode("utf-32"))
    assert read_texts(path, encoding="utf-32") == ["caf\u00e9"]
    cut = write(tmp_path, "a.txt", "caf\u00e9".encode("utf-16")[:-1])
    assert "is not utf-16" in refusal(cut)


@pytest.mark.parametrize(
    ("name", "header", "between"),
    [
        ("a.csv", "text;label", ";"),
        ("a.csv", "text\tlabel", "\t"),
        ("a.tsv", "text,label", ","),
        ("a.csv", '"text";"label"', ";"),
        ("a.csv", '"text","label (a;b;c)"', ","),
        ("a.csv", "text,label;kind", ","),
    ],
)
def test_what_parts_fields_is_found_in_the_header(
    tmp_path: Path, name: str, header: str, between: str
) -> None:
    path = write(tmp_path, name, f"{header}\nHow much?{between}cost\n")
    assert read_texts(path) == ["How much?"]


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no encoding 'latin-9000'"):
        read_examples(write(tmp_path, "a.txt", "x\n"), encoding="latin-9000")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ""),
        ("a.tsv", "\ufeff"),
        ("a.jsonl", "\n \n"),
        ("a.txt", "\n\n"),
        ("a.csv", "text,label\n"),
    ],
    ids=["csv", "mark alone", "blank lines of JSON", "blank lines of text", "header alone"],
)
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert "is empty" in refusal(write(tmp_path, name, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "a.csv")


@pytest.mark.parametrize(("name", "shown"), [("a.xlsx", "'.xlsx'"), ("calls", "'(none)'")])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str, shown: str) -> None:
    message = refusal(write(tmp_path, name, "text\nx\n"))
    assert f"the ending {shown} is not known" in message
    assert ".jsonl" in message


def test_what_is_packed_is_told_by_its_ending(tmp_path: Path) -> None:
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"text\nx\n"))
    assert "the ending '.gz' is not known" in refusal(packed)


def test_a_column_that_is_missing_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\na,b\n")
    message = refusal(path, {"answer": "verdict"})
    assert "no column 'verdict' for answer (columns: text, label)" in message


def test_no_column_of_texts_is_refused_with_those_there_are(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "a.csv", "body,label\na,b\n"))
    assert "(columns: body, label)" in message
    assert "--column text=NAME" in message


def test_an_unknown_kind_of_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'texts' is no kind of column: expected one of text, "):
        read_examples(write(tmp_path, "a.csv", "text\na\n"), {"texts": "text"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("text,label\na\0b,x\nfine,x\n", "the text holds a NUL character"),
        ("text,label\n,x\nfine,x\n", "the text is empty"),
        ('text,label\n" \t",x\nfine,x\n', "the text is empty"),
        ("text,label\na,x,y\nfine,x\n", "expected 2 fields, as in the header"),
        ("text,label\na\nfine,x\n", "expected 2 fields, as in the header"),
    ],
    ids=["NUL", "empty", "spaces", "too many fields", "too few fields"],
)
def test_rows_of_tables_that_are_not_usable_are_counted(
    tmp_path: Path, content: str, reason: str
) -> None:
    result = read_examples(write(tmp_path, "a.csv", content))
    assert result.examples == [Example("fine", answer="x")]
    assert result.skipped.counts == {reason: 1}
    assert result.skipped.lines == {reason: [2]}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{oops", "not valid JSON"),
        ('["a"]', "not a JSON object"),
        ('"a"', "not a JSON object"),
        ('{"label": "x"}', "the text is missing or is not a string"),
        ('{"text": 7}', "the text is missing or is not a string"),
        ('{"text": "\\u0000"}', "the text holds a NUL character"),
        ('{"text": "\\ud800"}', "not valid JSON"),
        ("[" * 5000 + "]" * 5000, "not valid JSON"),
        ('{"text": "a", "label": ["x"]}', "an answer is neither a string, a number nor an object"),
    ],
)
def test_rows_of_json_that_are_not_usable_are_counted(
    tmp_path: Path, row: str, reason: str
) -> None:
    content = f'{{"text": "first", "cost": 1, "time": 1}}\n\n{row}\n{{"text": "last"}}\n'
    content += '{"text": "all", "label": "x", "latency_ms": 1}\n'
    result = read_examples(write(tmp_path, "a.jsonl", content))
    assert [example.text for example in result.examples] == ["first", "last", "all"]
    (found,) = result.skipped.counts
    assert found.startswith(reason)
    assert result.skipped.lines == {found: [3]}
    assert result.skipped.total == 1


NO_TIME = "a time is neither ISO 8601 nor seconds since 1970: write it as 2026-01-31T09:30:00Z"


@pytest.mark.parametrize(
    ("kind", "column", "value", "reason"),
    [
        ("latency_ms", "latency_ms", -1, "a latency or a cost is not a number of zero or more"),
        ("cost_usd", "cost", "$0.0031", "a latency or a cost is not a number of zero or more"),
        ("cost_usd", "cost", "inf", "a latency or a cost is not a number of zero or more"),
        ("time", "created", "3/14/2026 10:00", NO_TIME),
        ("time", "time", "nan", NO_TIME),
        ("human", "gold", ["x"], "an answer is neither a string, a number nor an object"),
        (
            "soft_label",
            "distribution",
            "north depot",
            "a soft label is not valid JSON (NaN is not)",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_missing_unless_its_column_was_named(
    tmp_path: Path, kind: str, column: str, value: object, reason: str
) -> None:
    rows = [{"text": "a", column: value}, {"text": "b"}, {"text": "c", column: value}]
    result = read_lines(tmp_path, *rows)
    assert result.examples == [Example("a"), Example("b"), Example("c")]
    assert result.skipped.total == 0
    [told] = result.unread
    assert told == (
        f"column {column!r}: 2 values that cannot be read count as missing, such as {value!r} on "
        f"line 1: {reason}"
    )
    named = read_examples(tmp_path / "calls.jsonl", {kind: column})
    assert named.examples == [Example("b")]
    assert named.skipped.lines == {reason: [1, 3]}
    assert named.unread == []


@pytest.mark.parametrize(
    ("soft_label", "reason"),
    [
        ('{"a": 0.5, "b": 0.4}', "does not sum to one"),
        ('{"a": 0.5, "b": 0.52}', "does not sum to one"),
        ('{"a": 0, "b": 0}', "does not sum to one"),
        ('{"a": 1.25, "b": -0.25}', "something else than probabilities"),
        ('{"a": NaN, "b": 1}', "not valid JSON"),
        ('{"a": "NaN", "b": 1}', "something else than probabilities"),
        ('{"a": "inf", "b": 1}', "something else than probabilities"),
        ('{"a": null, "b": 1}', "something else than probabilities"),
        ('{"a": [1], "b": 0}', "something else than probabilities"),
        ("{}", "not an object of probabilities"),
        ("[0.5, 0.5]", "not an object of probabilities"),
        ("1", "not an object of probabilities"),
        ('"NaN"', "not valid JSON"),
        ('"{\\"a\\": NaN}"', "not valid JSON"),
    ],
)
def test_bad_soft_labels_are_counted_and_never_used(
    tmp_path: Path, soft_label: str, reason: str
) -> None:
    bad = f'{{"text": "bad", "label": "a", "soft_label": {soft_label}}}'
    good = '{"text": "good", "soft_label": {"a": 1.0}}'
    path = write(tmp_path, "a.jsonl", f"{good}\n{bad}\n")
    usual = read_examples(path)
    is_json = "NaN, " not in bad
    assert usual.examples[1:] == ([Example("bad", "a")] if is_json else [])
    assert [reason in told for told in usual.unread] == ([True] if is_json else [])
    result = read_examples(path, {"soft_label": "soft_label"})
    assert [example.text for example in result.examples] == ["good"]
    (found,) = result.skipped.counts
    assert reason in found
    assert result.skipped.lines[found] == [2]


def test_soft_labels_near_one_are_scaled(tmp_path: Path) -> None:
    result = read_lines(
        tmp_path,
        {"text": "a", "soft_label": {"x": 0.5, "y": 0.495}},
        {"text": "b", "soft_label": {"x": 0.605, "y": 0.403}},
        {"text": "c", "soft_label": ""},
        {"text": "d", "soft_label": None},
    )
    first, second, third, fourth = (example.distribution for example in result.examples)
    assert first == {"x": 0.5 / 0.995, "y": 0.495 / 0.995}
    assert second is not None
    assert math.isclose(sum(second.values()), 1.0, abs_tol=1e-15)
    assert third is fourth is None


def test_soft_labels_in_a_table_are_json(tmp_path: Path) -> None:
    content = 'text,probabilities\na,"{""x"": 0.25, ""y"": 0.75}"\nb,\n'
    result = read_examples(write(tmp_path, "a.csv", content))
    assert [e.distribution for e in result.examples] == [{"x": 0.25, "y": 0.75}, None]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1_700_000_000, 1_700_000_000.0),
        ("1700000000.5", 1_700_000_000.5),
        (1_700_000_000_500, 1_700_000_000.5),
        ("1700000000000000", 1_700_000_000.0),
        (1_700_000_000_000_000_000, 1_700_000_000.0),
        (0, 0.0),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14 22:13:20", 1_700_000_000.0),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000.0),
        ("2023-11-14", 1_699_920_000.0),
        ("", None),
        (None, None),
    ],
)
def test_times(tmp_path: Path, written: object, seconds: float | None) -> None:
    result = read_lines(tmp_path, {"text": "a", "time": written})
    assert result.examples == [Example("a", time=seconds)]


def test_labels_that_are_numbers_or_booleans_become_text(tmp_path: Path) -> None:
    result = read_lines(
        tmp_path, {"text": "a", "label": 3}, {"text": "b", "label": True}, {"text": "c", "label": 0}
    )
    assert [example.answer for example in result.examples] == ["3", "true", "0"]


def test_a_text_of_a_megabyte_is_read_whole(tmp_path: Path) -> None:
    long = "word " * 200_000
    path = write(tmp_path, "a.csv", f"text,label\n{long},x\nshort,y\n")
    assert [len(text) for text in read_texts(path)] == [1_000_000, 5]
    assert read_examples(path).examples[0].text == long


def test_quoted_newlines_count_as_lines(tmp_path: Path) -> None:
    content = 'text,label\n"one\ntwo\nthree",a\n,b\n"x\ny",c\nextra,d,e\n'
    result = read_examples(write(tmp_path, "a.csv", content))
    assert [example.text for example in result.examples] == ["one\ntwo\nthree", "x\ny"]
    assert result.skipped.lines == {
        "the text is empty": [5],
        "expected 2 fields, as in the header": [8],
    }


def test_broken_quotes_are_refused_with_their_line(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "a.csv", 'text,label\nfine,a\n"x"y,b\n'))
    assert "line 3: not valid CSV" in message


def test_a_file_without_a_usable_row_is_refused_with_the_reasons(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": ""}\n{"text": " "}\n{oops\n')
    message = refusal(path)
    assert "has no usable row: 2 rows skipped: the text is empty (line 1, 2)" in message
    assert "1 row skipped: not valid JSON" in message


def test_skipped_rows_show_their_first_lines(tmp_path: Path) -> None:
    result = read_examples(write(tmp_path, "a.csv", "text,label\nok,x\n" + ",x\n" * 5))
    assert result.skipped.describe() == [
        "5 rows skipped: the text is empty (line 3, 4, 5, ...)",
    ]


def test_read_texts_returns_all_rows(tmp_path: Path) -> None:
    assert read_texts(write(tmp_path, "a.txt", "a\nb\na\n")) == ["a", "b", "a"]


def test_read_texts_keeps_empty_ones_in_their_place(tmp_path: Path) -> None:
    assert read_texts(write(tmp_path, "a.txt", "a\n\nb\n")) == ["a", "", "b"]
    assert read_texts(write(tmp_path, "a.csv", "text,time\nfine,yesterday\n,x\n")) == ["fine", ""]


def test_read_texts_refuses_when_any_row_holds_none(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "fine"}\n{"text": 7}\n')
    with pytest.raises(InputError, match="line 2: the text is missing or is not a string"):
        read_texts(path)
    path = write(tmp_path, "a.csv", "query,label\nfine,x\n")
    assert read_texts(path, {"text": "query"}) == ["fine"]


def test_a_blank_line_of_a_table_of_one_column_is_a_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text\nfine\n\n"two\n\nlines"\nlast\n')
    assert read_texts(path) == ["fine", "", "two\n\nlines", "last"]
    read = read_examples(path)
    assert [example.text for example in read.examples] == ["fine", "two\n\nlines", "last"]
    assert read.skipped.lines == {"the text is empty": [3]}
    wider = write(tmp_path, "b.csv", "text,label\nfine,a\n\nlast,b\n")
    assert read_texts(wider) == ["fine", "last"]


def test_a_table_with_excels_note_before_its_header(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "sep=;\ntext;answer\nWhere is it, please?;shipping\n")
    assert read_examples(path).examples == [Example("Where is it, please?", answer="shipping")]
