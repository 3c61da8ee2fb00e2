"""Which format a file is in, by its first records."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.traffic.imports.formats import FORMATS, detect_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.traffic.imports.items import LogFormat
    from locum.traffic.imports.records import Record

__all__ = ["format_of", "read_head"]

_MOST_RECORDS = 1000
_MOST_BYTES = 16_000_000
_ENOUGH = 20


def read_head(records: Iterator[Record]) -> list[Record]:
    """Return enough records to know the format by, and no more than fit in memory."""
    head: list[Record] = []
    readable = size = 0
    for record in islice(records, _MOST_RECORDS):
        head.append(record)
        readable += not record.problem
        size += record.size
        if readable >= _ENOUGH or size > _MOST_BYTES:
            break
    return head


def format_of(name: str, head: Sequence[Record]) -> LogFormat:
    """Return the format of a file that begins with these records.

    Raises:
        InputError: None of them can be read, or they are in no known format.
    """
    readable = [record.value for record in head if not record.problem]
    if not readable:
        raise InputError(f"{name} has no record that can be read: {head[0].problem}")
    found = detect_format(readable)
    if found is None:
        known = ", ".join(f"{f.name} ({f.title})" for f in FORMATS)
        fields = ", ".join(list(readable[0])[:10])
        raise InputError(
            f"{name}: its format is not known (fields of the first record: {fields}): expected one "
            f"of {known}; if it is one of them, say which: --format NAME"
        )
    return found
