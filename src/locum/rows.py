"""Rows of tables and logs: their usual columns, their values, and the ones that cannot be used."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "COLUMNS",
    "BadRowError",
    "CsvRows",
    "NumberedRow",
    "Row",
    "SkippedRows",
    "find_delimiter",
    "find_usual_columns",
    "optional",
    "to_amount",
    "to_answer",
    "to_number",
    "to_text",
    "to_time",
]

COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text", "input", "prompt", "question", "query", "message", "content"),
    "answer": ("teacher", "answer", "teacher_answer", "output", "completion", "response", "label"),
    "soft_label": ("soft_label", "soft_labels", "distribution", "probabilities"),
    "human": ("human", "human_label", "gold", "truth", "ground_truth"),
    "time": ("time", "timestamp", "created", "created_at"),
    "latency_ms": ("latency_ms",),
    "cost_usd": ("cost_usd", "cost"),
    "split": (),
}
_SHOWN_LINES = 3
# From where on a number of a time counts parts of a second: the year 5138 in seconds is 1973 in ms.
_FINER = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))

_DELIMITERS = ",;\t"
_NOTE = "sep="
_NAMED_UTC = re.compile(r"(?<=\d) ?(UTC|GMT)$")
_QUOTED = re.compile(r'"[^"]*"')

T = TypeVar("T")
Row = dict[str, Any]
NumberedRow = tuple[int, Row | str]
"""A line number with the row, or with the reason why there is none."""


class BadRowError(ValueError):
    """The reason why one row cannot be used."""


@dataclass
class SkippedRows:
    """Rows that could not be used: how many by reason, and where the first ones are.

    Args:
        counts: Rows by reason.
        lines: Places of the first rows by reason.
        place: What places count.
    """

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    place: str = "line"

    def add(self, reason: str, line: int) -> None:
        """Count one row."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        lines = self.lines.setdefault(reason, [])
        if len(lines) < _SHOWN_LINES:
            lines.append(line)

    @property
    def total(self) -> int:
        """All skipped rows."""
        return sum(self.counts.values())

    def describe(self) -> list[str]:
        """One line a reason, the most frequent first."""
        ordered = sorted(self.counts.items(), key=lambda item: -item[1])
        return [
            f"{count:,} row{'s' * (count > 1)} skipped: {reason} ({self._places(reason)})"
            for reason, count in ordered
        ]

    def _places(self, reason: str) -> str:
        more = ", ..." * (self.counts[reason] > _SHOWN_LINES)
        return f"{self.place} {', '.join(map(str, self.lines[reason]))}{more}"


class CsvRows:
    """The rows of a table with a header, each with the line on which it ends.

    After a row that is no valid CSV (``csv.Error``) the next one can be asked for.

    Args:
        lines: The text with its line ends.
        delimiter: What stands between fields.
        longest_field: How many characters a field may have.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, longest_field: int) -> None:
        self.line = 0
        csv.field_size_limit(longest_field)
        self._reader = csv.reader(self._counted(lines), delimiter=delimiter, strict=True)
        self._header: list[str] | None = None

    def _counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.line += 1
            yield line

    @cached_property
    def _repeated(self) -> list[str]:
        """Names of several columns, of which a row would hold the last one's field alone."""
        counts = Counter(self._header or ())
        return [name for name, count in counts.items() if count > 1 and name.strip()]

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> NumberedRow:
        """Return the next row.

        Raises:
            csv.Error: It is not valid CSV, or the header names a column twice.
        """
        while not self._header:
            self._header = _without_note(next(self._reader))
        header, values = self._header, next(self._reader)
        while not values and len(header) != 1:
            values = next(self._reader)
        if self._repeated:
            raise csv.Error(f"the header names {self._repeated[0]!r} more than once: rename one")
        # Where rows have one field, a blank line is one whose field is empty.
        values = values or [""]
        if len(values) != len(header):
            return self.line, f"expected {len(header)} fields, as in the header"
        return self.line, dict(zip(header, values, strict=True))


def _without_note(header: list[str]) -> list[str]:
    """Nothing, where the line before a header says what stands between fields, as Excel's does."""
    return [] if header and header[0].startswith(_NOTE) else header


def find_delimiter(header: str, usual: str | None) -> str:
    """Return what stands between the fields of a table, by its header.

    Args:
        header: Its first line, or one before it that says so (``sep=;``).
        usual: What stands there in tables of this kind; it is taken where the header has it.
    """
    if header.startswith(_NOTE) and header[len(_NOTE) :][:1] in _DELIMITERS:
        return header[len(_NOTE)]
    plain = _QUOTED.sub("", header)
    if usual is not None and usual in plain:
        return usual
    best = max(_DELIMITERS, key=plain.count)
    return best if best in plain else usual or _DELIMITERS[0]


def find_usual_columns(present: Iterable[str]) -> dict[str, str]:
    """Return which of the columns holds which kind of value, by their usual names."""
    by_key = {name.strip().casefold(): name for name in reversed(list(present))}
    usual = {
        kind: next((by_key[name] for name in names if name in by_key), None)
        for kind, names in COLUMNS.items()
    }
    return {kind: name for kind, name in usual.items() if name is not None}


def optional(value: object, convert: Callable[[object], T]) -> T | None:
    """Return what a value stands for; ``None`` for a missing or an empty one."""
    return None if value is None or value == "" else convert(value)


def to_text(value: object) -> str:
    """Return an input.

    Raises:
        BadRowError: It is no string, is empty, or holds a NUL character.
    """
    if not isinstance(value, str):
        raise BadRowError("the text is missing or is not a string")
    if "\0" in value:
        raise BadRowError("the text holds a NUL character")
    if not value.strip():
        raise BadRowError("the text is empty")
    return value


def to_answer(value: object) -> str:
    """Return an answer as it would be written.

    Raises:
        BadRowError: It is a list.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    raise BadRowError("an answer is neither a string, a number nor an object")


def to_amount(value: object) -> float:
    """Return a latency or a cost.

    Raises:
        BadRowError: It is not a number of zero or more.
    """
    number = to_number(value)
    if number is None or not math.isfinite(number) or number < 0:
        raise BadRowError("a latency or a cost is not a number of zero or more")
    return number


def to_time(value: object) -> float:
    """Return a time in seconds since 1970; without a time zone it is UTC.

    A number counts milliseconds, microseconds or nanoseconds where its size says so.

    Raises:
        BadRowError: It is neither ISO 8601, nor as e-mail writes times, nor a number.
    """
    number = to_number(value)
    if number is not None and math.isfinite(number):
        return number * next((scale for least, scale in _FINER if abs(number) >= least), 1.0)
    moment = _read_time(str(value).strip())
    if moment is None:
        raise BadRowError(
            "a time is neither ISO 8601 nor seconds since 1970: write it as 2026-01-31T09:30:00Z"
        )
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read_time(text: str) -> datetime | None:
    """Read ISO 8601, also with UTC by name as BigQuery writes it, or what RFC 2822 says."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(_NAMED_UTC.sub("+00:00", text))
        except ValueError:
            continue
    return None


def to_number(value: object) -> float | None:
    """Return a number, also one that is spelled as text; ``None`` for anything else."""
    if not isinstance(value, (str, int, float)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
