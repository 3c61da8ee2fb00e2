"""Values of log records: odd ones count as missing, since a log is not for its reader to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from locum.rows import BadRowError, to_number, to_time
from locum.traffic.strict_json import read_json

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = [
    "COSTS",
    "LATENCIES",
    "TIMES",
    "amount",
    "as_written",
    "decoded",
    "first",
    "milliseconds",
    "moment",
    "whole_number",
    "word",
]

TIMES = ("time", "timestamp", "created_at", "created", "start_time", "startTime", "ts", "date")
"""What applications call the moment of a call."""
LATENCIES = ("latency_ms", "duration_ms", "elapsed_ms", "response_time_ms")
"""What they call how long it took."""
COSTS = ("cost_usd", "cost", "response_cost", "total_cost")
"""What they call its price in US dollars."""
# A column of 64 bits takes it, and a sum of many is a number still.
_MOST = 1e15


def first(record: JsonObject, *names: str) -> object:
    """Return the first value that is neither missing nor empty."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def decoded(value: object) -> object:
    """Return what a JSON object or array in a text stands for; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return read_json(value.encode("utf-8", "surrogatepass"))
    except ValueError:
        return value


def word(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def amount(value: object) -> float | None:
    """Return a number from zero to 10**15, also one that is spelled as text."""
    number = None if isinstance(value, bool) else to_number(value)
    return number if number is not None and 0 <= number <= _MOST else None


def whole_number(value: object) -> int | None:
    """Return a number of zero or more without its fraction."""
    number = amount(value)
    return None if number is None else int(number)


def moment(value: object) -> float | None:
    """Return seconds since 1970, from ISO 8601 or from a number of s, ms, us or ns since then.

    MongoDB writes it as the one value of an object.
    """
    if isinstance(value, dict):
        value = value.get("$date")
    if value is None or isinstance(value, bool):
        return None
    try:
        return to_time(value)
    except BadRowError:
        return None


def milliseconds(start: float | None, end: float | None) -> float | None:
    """Return what passed between two times; ``None`` where one is missing or comes too early."""
    if start is None or end is None or end < start:
        return None
    return round((end - start) * 1000, 3)


def as_written(value: object) -> str:
    """Return text as it is, and any other JSON as the text that it is written as."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
