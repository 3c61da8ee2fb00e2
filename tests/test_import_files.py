"""Files of logs: how they are packed, cut off, and wrong."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import tracemalloc
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.dataset import examples_of_calls
from locum.errors import InputError, UsageError
from locum.store import CallFilter, CallStore, Naming, open_database
from locum.traffic import input_text
from locum.traffic.imports import FORMATS, import_calls, records
from locum.traffic.imports.entries import _Scanner, find_list, split_entries
from tests.importing import REDACTOR, calls_of, lines, pair, take, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locum.schema import Call, JsonObject, KeptSoftLabel


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with open_database(tmp_path / "calls.db") as database:
        yield CallStore(database)


def test_packed_and_marked_files(store: CallStore, tmp_path: Path) -> None:
    text = "\ufeff" + lines(pair("a"), pair("b")).replace("\n", "\r\n") + "\n\n"
    packed = gzip.compress(text.encode())
    paths = [write(tmp_path / "a.jsonl", text), write(tmp_path / "b.jsonl.gz", packed)]
    report = take(store, *paths)
    assert [file.read for file in report.files] == [2, 2]
    assert (report.added, report.known, report.skipped) == (2, 2, 0)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_files_in_utf_16(store: CallStore, tmp_path: Path, encoding: str) -> None:
    text = "\ufeff" + lines(pair("a"), pair("\u00e9")) + "{}"
    content = text.encode(encoding)
    paths = [
        write(tmp_path / "a.jsonl", content),
        write(tmp_path / "b.json.gz", gzip.compress(content)),
        write(tmp_path / "c.csv", "\ufefftext,answer\na,x\n".encode(encoding)),
        write(tmp_path / "d.csv", "\ufefftext;answer\na;x\nb;x\n".encode(encoding)),
    ]
    report = take(store, *paths)
    found = [(file.added, file.known) for file in report.files]
    assert found == [(2, 0), (0, 2), (1, 0), (1, 1)]
    (cut,) = take(store, write(tmp_path / "d.jsonl", content[:-1])).files
    assert cut.known == 2
    assert cut.skipped.counts == {"the file ends here: it is cut off or damaged": 1}


def test_standard_input(store: CallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.compress(lines(pair("a")).encode())
    stream = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(content)))
    monkeypatch.setattr("sys.stdin", stream)
    report = take(store, Path("-"))
    assert (report.files[0].name, report.added) == ("standard input", 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([pair("a"), pair("b")])),
        ("a.json", json.dumps([pair("a"), pair("b")], indent=2)),
        ("a.json", json.dumps({"object": "list", "data": [pair("a"), pair("b")]})),
        ("a.json", f'{{"data": [\n{json.dumps(pair("a"))},\n{json.dumps(pair("b"))}\n]}}\n'),
        ("a.json", '{"cut off": "\n' + lines(pair("a"), pair("b"))),
        ("a.json", json.dumps(pair("a"), indent=1) + json.dumps(pair("b"), indent=1)),
        ("a.json", lines(pair("a"), pair("b"))),
        ("a.log", lines(pair("a"), pair("b"))),
        ("a.ndjson", json.dumps(pair("a")) + "\n" + json.dumps(pair("b"))),
        ("a.jsonl", '{"request": \n' + lines(pair("a"), pair("b"))),
    ],
)
def test_documents_and_lines(store: CallStore, tmp_path: Path, name: str, content: str) -> None:
    take(store, write(tmp_path / name, content))
    assert {input_text(call.request) for call in calls_of(store)} == {"a", "b"}


BAD_LINES = {
    "not valid UTF-8": b'{"request": "\xff"}',
    "NaN": b'{"request": NaN}',
    "half a surrogate pair": b'{"request": "\\ud800"}',
    "a key twice": b'{"request": 1, "request": 2}',
    "200 deep": b'{"request":' * 100_000 + b"1" + b"}" * 100_000,
    "no object": b"[1]",
    "control character": b'{"request": "\x01"}',
    "5,000 digits": b'{"request": ' + b"9" * 5000 + b"}",
    "empty": b"{}",
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_counted_and_stops_nothing(
    store: CallStore, tmp_path: Path, name: str
) -> None:
    content = b"\n".join(
        [orjson.dumps(pair("a")), BAD_LINES[name], orjson.dumps(pair("b")), BAD_LINES[name]]
    )
    (file,) = take(store, write(tmp_path / "a.jsonl", content)).files
    assert file.added == 2
    assert list(file.skipped.lines.values()) == [[2, 4]]


def test_a_line_of_all_that_the_gateway_takes_is_read(store: CallStore, tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 33_000_000}}
    record = pair("a")
    record["request"]["messages"][0]["content"] = [{"type": "text", "text": "a"}, image]
    (file,) = take(store, write(tmp_path / "a.jsonl", lines(record, pair("b")))).files
    assert (file.added, file.skipped.total) == (2, 0)


def test_a_line_that_is_too_long_is_counted_and_stops_nothing(
    store: CallStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_LONGEST_LINE", 1_000_000)
    long = pair("x" * 1_000_000)
    path = write(tmp_path / "a.jsonl", lines(pair("a"), long, pair("b"), long))
    (file,) = take(store, path).files
    assert (file.added, list(file.skipped.lines.values())) == (2, [[2, 4]])


def test_a_bad_line_stops_a_strict_import(store: CallStore, tmp_path: Path) -> None:
    content = lines(pair("a"), pair("b"), 7, pair("c"))
    path = write(tmp_path / "a.jsonl", content)
    with pytest.raises(InputError, match="line 3: not a JSON object; 2 new calls before it"):
        take(store, path, strict=True)
    assert {input_text(call.request) for call in calls_of(store)} == {"a", "b"}


def test_numbers_that_are_too_large_are_kept_as_they_can(store: CallStore, tmp_path: Path) -> None:
    record = pair("a")
    record["request"]["seed"] = 10**30
    assert take(store, write(tmp_path / "a.jsonl", lines(record))).added == 1
    assert calls_of(store)[0].request["seed"] == 1e30


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_packed_file_that_is_cut_off_gives_what_is_there(
    store: CallStore, tmp_path: Path, share: float
) -> None:
    noise = random.Random(1)  # noqa: S311 - no secret
    texts = [f"{noise.getrandbits(400):x}" for _ in range(2000)]
    packed = gzip.compress(lines(*(pair(text) for text in texts)).encode())
    path = write(tmp_path / "a.jsonl.gz", packed[: int(len(packed) * share)])
    (file,) = take(store, path).files
    assert file.added > 2000 * share * 0.8
    assert file.skipped.counts == {"the file ends here: it is cut off or damaged": 1}


@pytest.mark.parametrize(
    ("content", "added", "reason"),
    [
        (b"input,output\na,x\n\xff,x\nb,x\n", 2, "not valid UTF-8"),
        (b'input,output\na,x\n"b"c,x\nb,x\n', 2, "not valid CSV (',' expected after '\"')"),
        (b"input,output\na,x\nb,x,y\nc,x\n", 2, "expected 2 fields, as in the header"),
        (b'input,output\na,x\n"b,x\nc,x\n', 1, "not valid CSV (unexpected end of data)"),
        (b"input,output\na,x\n,x\n", 1, "the text is empty"),
        (b"input,output,time\na,x,1\nb,x,soon\n", 1, "a time is neither ISO 8601 nor seconds"),
    ],
)
def test_bad_rows_of_tables(
    store: CallStore, tmp_path: Path, content: bytes, added: int, reason: str
) -> None:
    (file,) = take(store, write(tmp_path / "a.csv", content)).files
    assert file.added == added
    (found,) = file.skipped.counts
    assert found.startswith(reason)


def test_a_table_that_names_a_column_twice_is_refused(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"input,output,output\na,x,y\nb,x,y\n")
    with pytest.raises(InputError, match="the header names 'output' more than once"):
        take(store, path)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b'{"request": NaN}', "not valid JSON (expected value)"),
        (b'{"request": "\xff"}', "not valid JSON (invalid unicode code point)"),
        (b'{"request": 1, "request": 2}', "an object names a key twice"),
        (b"7", "not a JSON object"),
        (b"NaN", "not a JSON object"),
        (b"[7]", "not a JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "nested more than 200 deep"),
    ],
)
@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b'{"meta": [{}], "data": [', b"]}")])
def test_a_bad_entry_of_a_document_is_counted_and_stops_nothing(
    store: CallStore, tmp_path: Path, before: bytes, after: bytes, entry: bytes, reason: str
) -> None:
    one, other = (orjson.dumps(pair(text)) for text in "ab")
    content = before + b", ".join([one, entry, other]) + after
    (file,) = take(store, write(tmp_path / "a.json", content)).files
    assert file.added == 2
    assert file.skipped.lines == {reason: [2]}
    assert file.skipped.describe() == [f"1 row skipped: {reason} (entry 2)"]


def test_a_document_that_is_cut_off_gives_what_is_there(store: CallStore, tmp_path: Path) -> None:
    content = json.dumps([pair("a"), pair("b")])[:-9]
    (file,) = take(store, write(tmp_path / "a.json", content)).files
    assert file.added == 1
    assert file.skipped.lines == {"the file ends in the middle of it": [2]}


TEXTS = st.text(st.sampled_from('ab"\\[]{},:\u00e9\n'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=4),
    st.sampled_from(["list", "data", "objects"]),
    st.none() | st.integers(0, 2),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_entries_are_what_a_parser_finds(
    entries: list[JsonObject], kind: str, indent: int | None, places: list[int]
) -> None:
    document: object = entries
    if kind == "data":
        document = {"object": "data", "meta": {"data": [{}]}, "data": entries, "more": [{"a": 1}]}
    content = json.dumps(document, indent=indent)
    if kind == "objects":
        content = "\n".join(json.dumps(entry, indent=indent) for entry in entries)
    raw = content.encode()
    ends = sorted({min(place, len(raw)) for place in places} | {0, len(raw)})
    pieces = [raw[start:end] for start, end in pairwise(ends)]
    found = {"list": b"", "data": b'"data"', "objects": None}[kind]
    if entries:
        assert find_list(raw) == found
    split = list(split_entries(pieces, found))
    assert [json.loads(entry.text) for entry in split] == entries
    assert all(entry.problem == "" for entry in split)


def test_a_string_is_searched_once_however_often_it_goes_on() -> None:
    scanner = _Scanner(b"")
    pieces = [b'[{"a": "', b"bcd", b"\\", b'"e', b"\\\\"]
    for read, searched in zip(pieces, (8, 11, 11, 14, 16), strict=True):
        assert list(scanner.feed(read)) == []
        # A bracket before the entry is forgotten.
        assert scanner._searched == searched - 1  # noqa: SLF001 - what is not read again
    assert [entry.text for entry in scanner.feed(b'"}]')] == [b"".join(pieces)[1:] + b'"}']


def test_an_empty_file_holds_nothing(store: CallStore, tmp_path: Path) -> None:
    (file,) = take(store, write(tmp_path / "a.jsonl", "\n \n")).files
    assert (file.format, file.read) == ("", 0)


def test_a_missing_file(store: CallStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl cannot be read"):
        take(store, tmp_path / "none.jsonl")


def test_a_file_in_no_known_format(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines({"level": "info", "event": "started"}))
    with pytest.raises(InputError) as caught:
        take(store, path)
    message = str(caught.value)
    assert "level, event" in message
    assert "--format" in message
    assert all(log_format.name in message for log_format in FORMATS)


def test_a_file_without_a_readable_record(store: CallStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no record that can be read: not valid JSON"):
        take(store, write(tmp_path / "a.jsonl", '{"a": \n{"b": \n'))


def test_a_file_packed_in_another_way(store: CallStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unpack it first"):
        take(store, write(tmp_path / "a.jsonl.zst", b"\x28\xb5\x2f\xfd rest"))


def test_an_unknown_format(store: CallStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format 'nonsense': expected one of calls, "):
        take(store, tmp_path / "a.jsonl", format="nonsense")


def test_a_wrong_format_refuses_every_record(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines(pair("a"), pair("b")))
    (file,) = take(store, path, format="bedrock").files
    assert file.added == 0
    assert file.skipped.counts == {"not an entry of a log of model invocations": 2}


def test_a_time_that_is_the_files_is_no_time_of_a_call(store: CallStore, tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", "input,output\na text,a\nother,b\n")
    two = write(tmp_path / "two.csv", "input,output\nthird,a\n")
    os.utime(one, (1_700_000_000.25, 1_700_000_000.25))
    os.utime(two, (1_700_000_060.0, 1_700_000_060.0))
    timed = write(tmp_path / "timed.jsonl", lines(pair("fourth", time=1_700_000_030)))
    take(store, one, two, timed)
    calls = list(store.iterate(CallFilter()))
    examples, _ = examples_of_calls(calls, (), store.untimed())
    assert {one.text: one.time for one in examples} == {
        "a text": None,
        "other": None,
        "third": None,
        "fourth": 1_700_000_030,
    }


def test_a_call_that_is_known_by_its_time_keeps_it(store: CallStore, tmp_path: Path) -> None:
    known = pair("a text", id="0123456789abcdef0123456789abcdef")
    take(store, write(tmp_path / "timed.jsonl", lines({**known, "time": 1_700_000_030})))
    take(store, write(tmp_path / "later.jsonl", lines(known)))
    calls = list(store.iterate(CallFilter()))
    assert len(calls) == 1
    [example], _ = examples_of_calls(calls, (), store.untimed())
    assert example.time == 1_700_000_030


def test_progress_counts_records(store: CallStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines(*(pair(str(n)) for n in range(2500))))
    told: list[int] = []
    take(store, path, progress=told.append)
    assert told == [1000, 2000, 2500]


class Discarding:
    """A store that keeps nothing, so that what is measured is the import."""

    def add(self, calls: Sequence[Call]) -> int:
        """Say that all of them are new."""
        return len(calls)

    def note_deferred(self, links: Sequence[tuple[str, str]]) -> None:
        """Forget them."""

    def name(self, calls: Sequence[Call], task: str) -> Naming:
        """Never asked for, as none is known."""
        raise AssertionError(f"{len(calls)} calls are known, and named {task}")

    def note_untimed(self, calls: Sequence[Call]) -> None:
        """Forget them."""

    def note_soft_labels(self, bought: Mapping[str, KeptSoftLabel]) -> None:
        """Forget them."""


def most_memory(path: Path) -> int:
    tracemalloc.start()
    try:
        report = import_calls([path], Discarding(), REDACTOR)
        assert report.skipped == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
def test_memory_does_not_grow_with_the_log(tmp_path: Path, ending: str) -> None:
    def content(count: int) -> str:
        texts = [f"{number} " + "x" * 300 for number in range(count)]
        if ending == "csv":
            return "input,output\n" + "".join(f"{text},a\n" for text in texts)
        records = [pair(text) for text in texts]
        return lines(*records) if ending == "jsonl" else json.dumps(records)

    small = write(tmp_path / f"small.{ending}", content(1500))
    large = write(tmp_path / f"large.{ending}", content(6000))
    most_memory(small)
    assert most_memory(large) < 1.2 * most_memory(small)
