"""The records of a log file: lines of JSON, entries of a JSON document, or rows of a table."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

from locum.rows import CsvRows, find_delimiter
from locum.traffic.imports.entries import find_list, split_entries
from locum.traffic.imports.sources import BrokenOffError
from locum.traffic.strict_json import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locum.schema import JsonObject
    from locum.traffic.imports.sources import Source

__all__ = ["Record", "Records", "read_records"]

# More than the gateway takes of a request and its answer together, so that each export is read.
_LONGEST_LINE = 100_000_000
# A quote that is not closed takes this much of a table with it.
_LONGEST_FIELD = 10_000_000
_TOO_LONG = f"longer than {_LONGEST_LINE // 1_000_000} MB"
_NO_OBJECT = "not a JSON object"
_BAD_TEXT = "not valid UTF-8"


class Record(NamedTuple):
    """One record, or why there is none.

    Args:
        place: The number of its line, of its last line in a table, or of its entry.
        value: Its fields.
        problem: The reason why it cannot be read; empty where it can.
        size: About how many bytes it takes.
    """

    place: int
    value: JsonObject
    problem: str
    size: int


class Records(NamedTuple):
    """The records of one file.

    Args:
        place: What the places of records count.
        records: One after the other.
    """

    place: str
    records: Iterator[Record]


def read_records(source: Source) -> Records:
    """Return the records of a file; what it holds decides how they are found.

    A record that cannot be read does not stop the others, as long as it can be told where it ends.
    """
    start = source.head.lstrip()[:1]
    if source.delimiter is not None or (not source.lined and start not in (b"", b"{", b"[")):
        return Records("line", _table_rows(source))
    found = find_list(source.head)
    if source.lined or not start or (found != b"" and _is_of_lines(source.head, found)):
        return Records("line", _json_lines(source.pieces))
    return Records("entry", _entries(source.pieces, found))


def _is_of_lines(head: bytes, found: bytes | None) -> bool:
    """Whether half of the lines are objects by themselves; one with a list in it is a document.

    Of a document with an entry a line, the last one alone may be such an object: commas follow the
    others.
    """
    lines = [line for line in head.split(b"\n") if line.strip()]
    if len(lines) == 1:
        return found is None
    return 2 * sum(map(_is_object, lines)) >= len(lines)


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{") or not line.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(read_json(line), dict)
    except ValueError:
        return False


def _json_lines(pieces: Iterable[bytes]) -> Iterator[Record]:
    for place, line, problem in _lines(pieces):
        if problem:
            yield Record(place, {}, problem, 0)
        elif line and not line.isspace():
            yield _to_record(place, line)


def _to_record(place: int, text: bytes) -> Record:
    try:
        value = read_json(text)
    except ValueError as error:
        return Record(place, {}, str(error), 0)
    if not isinstance(value, dict):
        return Record(place, {}, _NO_OBJECT, 0)
    return Record(place, value, "", len(text))


def _lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes, str]]:
    """Number, bytes and problem of each line, holding never more than the longest one."""
    number = 0
    rest: list[bytes] = []
    held = 0
    broken = ""
    try:
        for piece in pieces:
            *ended, last = piece.split(b"\n")
            for end in ended:
                number += 1
                too_long = held + len(end) > _LONGEST_LINE
                yield number, b"" if too_long else b"".join([*rest, end]), _TOO_LONG * too_long
                rest, held = [], 0
            held += len(last)
            if held > _LONGEST_LINE:
                rest = []
            else:
                rest.append(last)
    except BrokenOffError as error:
        broken = str(error)
    if held or broken:
        yield number + 1, b"".join(rest), broken or _TOO_LONG * (held > _LONGEST_LINE)


def _entries(pieces: Iterable[bytes], found: bytes | None) -> Iterator[Record]:
    for place, entry in enumerate(split_entries(pieces, found), start=1):
        if entry.problem:
            yield Record(place, {}, entry.problem, 0)
        else:
            yield _to_record(place, entry.text)


def _table_rows(source: Source) -> Iterator[Record]:
    header = source.head.lstrip(b"\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = find_delimiter(header, source.delimiter)
    broken: list[str] = []
    rows = CsvRows(_text_lines(source.pieces, broken), delimiter, _LONGEST_FIELD)
    while True:
        try:
            line, row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            yield Record(rows.line, {}, f"not valid CSV ({error})", 0)
            continue
        yield _to_row(line, row)
    if broken:
        yield Record(rows.line + 1, {}, broken[0], 0)


def _text_lines(pieces: Iterable[bytes], broken: list[str]) -> Iterator[str]:
    for _, line, problem in _lines(pieces):
        if problem:
            broken.append(problem)
        else:
            yield line.decode("utf-8", "surrogateescape") + "\n"


def _to_row(line: int, row: JsonObject | str) -> Record:
    if isinstance(row, str):
        return Record(line, {}, row, 0)
    texts = [text for pair in row.items() for text in pair]
    try:
        size = sum(len(text.encode()) for text in texts)
    except UnicodeEncodeError:
        return Record(line, {}, _BAD_TEXT, 0)
    return Record(line, row, "", size)
