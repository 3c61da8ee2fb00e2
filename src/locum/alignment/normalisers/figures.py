"""Figures, words and scales of numbers, and what they amount to."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.shapes.shape import JsonScalar

__all__ = ["FIGURE", "NUMBER", "SCALE", "as_json_number", "is_number", "scale_of", "value_of"]

_WORDS = {
    word: Decimal(number)
    for number, word in enumerate(
        [
            *("zero", "one", "two", "three", "four", "five", "six"),
            *("seven", "eight", "nine", "ten", "eleven", "twelve"),
        ]
    )
}
_SCALES = {
    **dict.fromkeys(("k", "thousand"), 10**3),
    **dict.fromkeys(("m", "mn", "million"), 10**6),
    **dict.fromkeys(("b", "bn", "billion"), 10**9),
}
_MINUS = frozenset("-\u2212")
_BLANKS = "'\u2019\u00a0\u202f"  # between groups of digits they mean nothing else
_REMOVED = dict.fromkeys(map(ord, _BLANKS))
_GROUP = 3

_GROUPED = "|".join(rf"[0-9]{{1,3}}(?:[{mark}][0-9]{{3}})+" for mark in (",", ".", _BLANKS))
# A figure as it stands, not cut out of a longer one such as a time or a version.
FIGURE = (
    r"(?<![0-9])(?<![0-9][.,:])"
    rf"(?P<figure>(?:{_GROUPED}|[0-9]{{1,18}})(?:[.,][0-9]{{1,12}})?|\.[0-9]{{1,12}})"
    r"(?![0-9])(?![.,:][0-9])"
)
SCALE = rf"(?:\s?(?P<scale>{'|'.join(sorted(_SCALES, key=len, reverse=True))})\b)?"
# The named groups ``sign``, ``figure``, ``word`` and ``scale`` are what `value_of` reads.
NUMBER = (
    rf"(?P<number>(?P<sign>(?<!\w)[+\u2212-])?{FIGURE}|\b(?P<word>{'|'.join(_WORDS)})\b){SCALE}"
)


def is_number(value: JsonScalar) -> bool:
    """Tell a number from a boolean, which Python takes for one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_json_number(number: Decimal) -> int | float:
    """Return a whole number as such, and any other as the nearest float."""
    return int(number) if number == number.to_integral_value() else float(number)


def value_of(match: re.Match[str], point: str) -> Decimal | None:
    """Return the number that a match of `NUMBER` says; ``None`` where its digits are none.

    Args:
        match: Of a pattern that holds `NUMBER`.
        point: The decimal mark: ``.`` or ``,``.
    """
    word, scale = match["word"], scale_of(match)
    number = _WORDS.get(word.casefold()) if word else _read_figure(match["figure"], point)
    if number is None or scale is None:
        return None
    return (-number if match["sign"] in _MINUS else number) * scale


def scale_of(match: re.Match[str]) -> int | None:
    """Return what a match's ``scale`` multiplies by; ``None`` for letters that only look like it.

    Python takes the Turkish dotless i for an i where it disregards case.
    """
    return _SCALES.get(match["scale"].casefold()) if match["scale"] else 1


def _read_figure(figure: str, point: str) -> Decimal | None:
    """Return the number of a figure.

    Of two marks the last is the decimal mark. One that stands alone is, where it is ``point`` or
    where it cannot part groups of three digits; one that stands several times is not.
    """
    figure = figure.translate(_REMOVED)
    marks = re.sub("[0-9]", "", figure)
    whole, mark, rest = figure.rpartition(marks[-1:] or ".")
    parts_groups = len(rest) == _GROUP and whole.lstrip("0") != ""
    if not marks:
        return Decimal(figure)
    if len(marks) == 1 and (mark == point or not parts_groups or len(whole) > _GROUP):
        return Decimal(f"{whole or 0}.{rest}")
    if len(set(marks)) == 1:
        return Decimal(figure.replace(mark, "")) if parts_groups else None
    return Decimal(f"{re.sub('[.,]', '', whole)}.{rest}")
