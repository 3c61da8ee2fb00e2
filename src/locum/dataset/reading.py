"""Read inputs and recorded calls from CSV, TSV, JSONL and plain text files."""

from __future__ import annotations

import csv
import io
import math
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson

from locum.dataset.written import WrittenExample
from locum.errors import InputError, UsageError
from locum.rows import (
    COLUMNS,
    BadRowError,
    CsvRows,
    SkippedRows,
    find_delimiter,
    find_usual_columns,
    optional,
    to_amount,
    to_answer,
    to_number,
    to_text,
    to_time,
)
from locum.schema import Example
from locum.traffic import split_thought

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from locum.rows import NumberedRow, Row

__all__ = [
    "COLUMNS",
    "ReadResult",
    "SkippedRows",
    "decode_file",
    "is_of_json_lines",
    "is_soft_label",
    "numbered_rows",
    "read_examples",
    "read_texts",
]

_JSON_LINES = (".jsonl", ".ndjson")
_FORMATS = (".csv", ".tsv", *_JSON_LINES, ".txt")
_SUM_TOLERANCE = 0.01
_LONGEST_FIELD = 2**31 - 1
_SHOWN_CHARACTERS = 60
_YES, _NO = {"true", "1", "yes"}, {"false", "0", "no"}


T = TypeVar("T")


class ReadResult(NamedTuple):
    """What a file held.

    Args:
        examples: The usable rows, in the order of the file.
        columns: Which column of the file each kind of value was read from.
        skipped: The rows that were not usable.
        unread: What counts as missing though something is there, a sentence a column.
    """

    examples: list[Example]
    columns: dict[str, str]
    skipped: SkippedRows
    unread: list[str]


class _Unread:
    """Values of columns that may mean something else, as they were found by their names alone."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, column: str, value: object, line: int, reason: str) -> None:
        shown = repr(value)[:_SHOWN_CHARACTERS]
        self._counts[column] += 1
        self._first.setdefault(column, f"such as {shown} on line {line}: {reason}")

    def describe(self) -> list[str]:
        return [
            f"column {column!r}: {count:,} value{'s' * (count > 1)} that cannot be read count as "
            f"missing, {self._first[column]}"
            for column, count in self._counts.items()
        ]


def read_examples(
    path: str | Path, columns: Mapping[str, str] | None = None, encoding: str = "utf-8"
) -> ReadResult:
    """Read one example a row.

    A value that cannot be read makes its row unusable where its column was named, or is that of
    texts or answers; in a column that was found by its usual name it counts as missing.

    A row whose column ``synthetic`` is true is a `WrittenExample`: it is learned from, and never
    certified or tested on.

    Args:
        path: ``.csv`` and ``.tsv`` with a header, parted by commas, semicolons or tabs, ``.jsonl``
            with one object a line, or ``.txt`` with one input a line.
        columns: Which column holds which kind of value (a key of `COLUMNS`); what is not named is
            found among the other columns by its usual names, but for ``split``: it is used only
            where it is asked for, and then its rows named ``test`` stay the test set.
        encoding: How the bytes of the file spell text, unless a byte order mark says that they are
            UTF-16; the mark is dropped.

    Raises:
        InputError: The file cannot be read, is empty, lacks a column, or has no usable row.
        UsageError: ``columns`` names an unknown kind, or the encoding does not exist.
    """
    numbered = list(numbered_rows(path, encoding))
    if not numbered:
        raise InputError(f"{path} is empty: expected at least one row with a text")
    found = _find_columns(path, numbered, columns or {})
    examples: list[Example] = []
    skipped, unread = SkippedRows(), _Unread()
    strict = {"text", "answer", *(columns or {})}
    for line, row in numbered:
        try:
            examples.append(_to_example(row, line, found, strict, unread))
        except BadRowError as error:
            skipped.add(str(error), line)
    if not examples:
        reasons = "; ".join(skipped.describe())
        raise InputError(f"{path} has no usable row: {reasons}")
    return ReadResult(examples, found, skipped, unread.describe())


def read_texts(
    path: str | Path, columns: Mapping[str, str] | None = None, encoding: str = "utf-8"
) -> list[str]:
    """Return the text of every row of a file in the formats of `read_examples`, empty ones too.

    Raises:
        InputError: As `read_examples`, or a row holds no text: a prediction must not be lost.
        UsageError: As `read_examples`.
    """
    numbered = list(numbered_rows(path, encoding))
    if not numbered:
        raise InputError(f"{path} is empty: expected at least one row with a text")
    column = _find_columns(path, numbered, columns or {}).get("text", "")
    texts = []
    for line, row in numbered:
        text = row.get(column) if isinstance(row, dict) else None
        if not isinstance(text, str):
            reason = row if isinstance(row, str) else "the text is missing or is not a string"
            raise InputError(f"{path}, line {line}: {reason}: mend or remove it")
        texts.append(text)
    return texts


def numbered_rows(path: str | Path, encoding: str) -> Iterator[NumberedRow]:
    """Yield the rows of a file, each with the line on which it ends.

    Raises:
        InputError: The file cannot be read, is no valid CSV, or its ending is not known.
        UsageError: The encoding does not exist.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise InputError(
            f"{path}: the ending {path.suffix or '(none)'!r} is not known: expected one of "
            f"{', '.join(_FORMATS)}"
        )
    text = decode_file(path, encoding)
    if is_of_json_lines(path):
        return _json_rows(text)
    if ending == ".txt":
        lines = enumerate(text.removesuffix("\n").split("\n") if text else (), start=1)
        return ((number, {"text": line.rstrip("\r")}) for number, line in lines)
    usual = "\t" if ending == ".tsv" else ","
    return _csv_rows(path, text, find_delimiter(text.lstrip("\r\n").partition("\n")[0], usual))


def is_of_json_lines(path: Path) -> bool:
    """Tell by its name whether a file holds one JSON object a line."""
    return path.suffix.lower() in _JSON_LINES


def decode_file(path: Path, encoding: str) -> str:
    """Return the text of a file: of one that a byte order mark says to be UTF-16 by that.

    Raises:
        InputError: The file cannot be read, or is of another encoding.
        UsageError: The encoding does not exist.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and not content.startswith(BOM_UTF32_LE):
        encoding = "utf-16"
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path} is not {encoding}: byte 0x{content[error.start]:02x} on line {line}; if it "
            "was written in another encoding, say so: --encoding cp1252"
        ) from None
    except (LookupError, ValueError):
        raise UsageError(f"there is no encoding {encoding!r}: try utf-8 or cp1252") from None


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[NumberedRow]:
    rows = CsvRows(io.StringIO(text, newline=""), delimiter, _LONGEST_FIELD)
    try:
        yield from rows
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line}: not valid CSV: {error}") from None


def _json_rows(text: str) -> Iterator[NumberedRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line.encode("utf-8", "surrogatepass"))
        except orjson.JSONDecodeError as error:
            yield number, f"not valid JSON ({error.msg.split(':')[0]})"
            continue
        yield number, row if isinstance(row, dict) else "not a JSON object"


def _find_columns(
    path: str | Path, numbered: list[NumberedRow], chosen: Mapping[str, str]
) -> dict[str, str]:
    for kind in chosen:
        if kind not in COLUMNS:
            kinds = ", ".join(COLUMNS)
            raise UsageError(f"{kind!r} is no kind of column: expected one of {kinds}")
    present = dict.fromkeys(name for _, row in numbered if isinstance(row, dict) for name in row)
    for kind, name in chosen.items():
        if name not in present:
            raise InputError(
                f"{path} has no column {name!r} for {kind} (columns: {', '.join(present)})"
            )
    # A column that is asked for as one kind is no other one by its name.
    free = [name for name in present if name not in chosen.values()]
    found = find_usual_columns(free) | dict(chosen)
    if present and "text" not in found:
        raise InputError(
            f"{path} has no column of texts (columns: {', '.join(present)}): name one of them "
            f"{COLUMNS['text'][0]!r}, or say which it is: --column text=NAME"
        )
    return found


def _to_example(
    row: Row | str, line: int, columns: Mapping[str, str], strict: Collection[str], unread: _Unread
) -> Example:
    if isinstance(row, str):
        raise BadRowError(row)
    value = {kind: row.get(name) for kind, name in columns.items()}

    def read(kind: str, convert: Callable[[object], T]) -> T | None:
        try:
            return optional(value.get(kind), convert)
        except BadRowError as error:
            if kind in strict:
                raise
            unread.add(columns[kind], value[kind], line, str(error))
            return None

    example = Example(
        text=to_text(value.get("text")),
        answer=read("answer", _spoken),
        distribution=read("soft_label", _distribution),
        human=read("human", to_answer),
        time=read("time", to_time),
        latency_ms=read("latency_ms", to_amount),
        cost_usd=read("cost_usd", to_amount),
        held_out=str(value.get("split") or "").strip().casefold() == "test",
    )
    return _to_written(example, row) if _is_synthetic(row) else example


def _spoken(value: object) -> str:
    return split_thought(to_answer(value)).text


def _is_synthetic(row: Row) -> bool:
    said = str(row.get("synthetic") or "false").strip().casefold()
    if said not in _YES | _NO:
        raise BadRowError("synthetic is neither true nor false")
    return said in _YES


def _to_written(example: Example, row: Row) -> WrittenExample:
    asked, seeds, by = (row.get(name) for name in ("asked_label", "seeds", "labelled_by"))
    return WrittenExample(
        text=example.text,
        answer=example.answer,
        distribution=example.distribution,
        asked_label=asked if isinstance(asked, str) else None,
        seeds=tuple(map(str, seeds)) if isinstance(seeds, list) else (),
        labelled_by=by if isinstance(by, str) else None,
    )


def is_soft_label(value: object) -> bool:
    """Tell whether a value is read as a soft label, and not as a missing one."""
    try:
        return optional(value, _distribution) is not None
    except BadRowError:
        return False


def _distribution(value: object) -> dict[str, float]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise BadRowError("a soft label is not valid JSON (NaN is not)") from None
    if not isinstance(value, dict) or not value:
        raise BadRowError("a soft label is not an object of probabilities by label")
    numbers = {str(label): to_number(probability) for label, probability in value.items()}
    if any(p is None or not math.isfinite(p) or p < 0 for p in numbers.values()):
        raise BadRowError("a soft label holds something else than probabilities of zero or more")
    probabilities = {label: p for label, p in numbers.items() if p is not None}
    total = sum(probabilities.values())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise BadRowError("a soft label does not sum to one")
    return {label: p / total for label, p in probabilities.items()}
