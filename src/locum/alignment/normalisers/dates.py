"""Dates as ISO 8601 writes them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.shapes.shape import JsonScalar

__all__ = ["DATES"]

Order: TypeAlias = Literal["day", "month"]

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS = re.compile(r"[0-9]+")
_SPACES = re.compile(r"\s+")
_YEAR_FIRST = re.compile(
    r"[0-9]{4}(?:([-/.])[0-9]{1,2}\1[0-9]{1,2}|\u5e74[0-9]{1,2}\u6708[0-9]{1,2}\u65e5)"
)
_YEAR_LAST = re.compile(r"[0-9]{1,2}([-/.]) ?[0-9]{1,2}\1 ?(?:[0-9]{4}|[0-9]{2})")
_DAY = r"(?:[12][0-9]|3[01]|0?[1-9])"
_NAME = r"[^\W\d_]{3,12}"  # of a month, in whatever language
_OF = r"(?:(?:of|de|del|di) )?"
_NAMED = re.compile(
    rf"{_DAY}(?:st|nd|rd|th|er|\.|\u00ba)?[ -]{_OF}{_NAME}\.?,?[ -]{_OF}(?:19|20)[0-9]{{2}}"
    rf"|{_NAME}\.? {_DAY}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{{2}}",
    re.IGNORECASE,
)
# As above, with any white space, and not cut out of a longer figure.
_SEARCHED = tuple(
    re.compile(
        rf"(?<![0-9])(?<![0-9][./-])(?:{pattern.pattern})(?![0-9])(?![./-][0-9])".replace(
            " ", r"\s"
        ),
        pattern.flags,
    )
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _NAMED)
)
_LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "cs", "ru"]
_FIRST_SHORT_YEAR = 69  # of the last century; two digits below it are of this one, as in POSIX
_LAST_MONTH = 12
_KEPT_DATES = 65_536


def _read(first: Order, text: str) -> JsonScalar:
    """Return the date; one without a year has none, as that would depend on the day of reading."""
    text = _SPACES.sub(" ", text).strip()
    if _YEAR_FIRST.fullmatch(text):
        year, month, day = map(int, _DIGITS.findall(text))
        return _iso(year, month, day)
    if _YEAR_LAST.fullmatch(text):
        return _read_year_last(first, text)
    return _read_named(text) if _NAMED.fullmatch(text) else None


def _read_year_last(first: Order, text: str) -> str | None:
    one, two, year = _DIGITS.findall(text)
    full = (
        int(year)
        if len(year) > 2
        else int(year) + (1900 if int(year) >= _FIRST_SHORT_YEAR else 2000)
    )
    day, month = (int(one), int(two)) if first == "day" else (int(two), int(one))
    return _iso(full, day, month) if month > _LAST_MONTH else _iso(full, month, day)


@lru_cache(_KEPT_DATES)
def _read_named(text: str) -> str | None:
    import dateparser

    found = dateparser.parse(
        text,
        languages=_LANGUAGES,
        settings={
            "PARSERS": ["absolute-time"],
            "REQUIRE_PARTS": ["day", "month", "year"],
            "STRICT_PARSING": True,
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
    return found.date().isoformat() if found else None


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for pattern in _SEARCHED for match in pattern.finditer(text))


def _is_iso(value: JsonScalar) -> bool:
    return isinstance(value, str) and _ISO.fullmatch(value) is not None


DATES = (
    Normaliser("date_month_first", partial(_read, "month"), _is_iso, _mentions, "dateparser"),
    Normaliser("date_day_first", partial(_read, "day"), _is_iso, _mentions, "dateparser"),
)
