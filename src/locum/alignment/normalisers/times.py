"""Times of day on a clock of 24 hours."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.shapes.shape import JsonScalar

__all__ = ["TIMES"]

_NAMED = {"noon": 12, "midday": 12, "midnight": 0}
_TIME = re.compile(
    r"(?<![0-9])(?<![0-9][.:])"
    r"(?:(?P<hour>[01]?[0-9]|2[0-4])"
    r"(?:(?P<mark>[:.h])(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?|(?P<bare>h))?"
    r"(?:\s?(?P<half>[ap])(?:\.\s?m\b\.?|m\b)|(?P<clock>\s?(?:Uhr|hrs|hours)\b))?"
    rf"|\b(?P<name>{'|'.join(_NAMED)})\b)(?![0-9])",
    re.IGNORECASE,
)
_WRITTEN = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_HALF_DAY = 12
_DAY = 24


def _read(text: str) -> JsonScalar:
    match = _TIME.fullmatch(text.strip())
    hour = _hour_of(match) if match else None
    return f"{hour:02}:{match['minute'] or '00'}" if match and hour is not None else None


def _read_seconds(text: str) -> JsonScalar:
    time = _read(text)
    match = _TIME.fullmatch(text.strip())
    return f"{time}:{match['second'] or '00'}" if match and time else None


def _hour_of(match: re.Match[str]) -> int | None:
    """Return the hour, 0 to 23; ``None`` where the match may be a mere number."""
    if match["name"]:
        return _NAMED.get(match["name"].casefold())
    hour = int(match["hour"])
    if match["half"]:
        right = 1 <= hour <= _HALF_DAY
        return hour % _HALF_DAY + _HALF_DAY * (match["half"] in "pP") if right else None
    says_time = match["clock"] or match["bare"] or (match["minute"] and match["mark"] != ".")
    return hour if says_time and hour < _DAY else None


def _mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _TIME.finditer(text) if _hour_of(match) is not None)


def _is_time(length: int, value: JsonScalar) -> bool:
    return isinstance(value, str) and len(value) == length and bool(_WRITTEN.fullmatch(value))


TIMES = (
    Normaliser("time", _read, partial(_is_time, len("HH:MM")), _mentions),
    Normaliser("time_seconds", _read_seconds, partial(_is_time, len("HH:MM:SS")), _mentions),
)
