"""Numbers and percentages as texts write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from locum.alignment.normalisers.figures import NUMBER, as_json_number, is_number, value_of
from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.shapes.shape import JsonScalar

__all__ = ["NUMBERS"]

_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_UNIT = r"\s?(?:%|\uff05|(?:percent|per\s?cent|pct|Prozent)\b)"
_PERCENT = re.compile(NUMBER + _UNIT, re.IGNORECASE)
_WRITTEN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_HUNDRED = Decimal(100)


def _whole(pattern: re.Pattern[str], text: str, point: str) -> Decimal | None:
    match = pattern.fullmatch(text.strip())
    return value_of(match, point) if match else None


def _numbers(point: str) -> Callable[[str], JsonScalar]:
    def read(text: str) -> JsonScalar:
        number = _whole(_NUMBER, text, point)
        return None if number is None else as_json_number(number)

    return read


def _written_numbers(point: str) -> Callable[[str], JsonScalar]:
    def read(text: str) -> JsonScalar:
        number = _whole(_NUMBER, text, point)
        return None if number is None else f"{number:f}"

    return read


def _percentages(divisor: Decimal) -> Callable[[str], JsonScalar]:
    def read(text: str) -> JsonScalar:
        number = _whole(_PERCENT, text, ".")
        return None if number is None else as_json_number(number / divisor)

    return read


def _mentions(text: str) -> Iterator[tuple[int, int]]:
    """Yield numbers with their scale and without: "5m" may be five of something."""
    for match in _NUMBER.finditer(text):
        yield match.span("number")
        if match["scale"]:
            yield match.span()


def _percent_mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _PERCENT.finditer(text))


def _is_written_number(value: JsonScalar) -> bool:
    return isinstance(value, str) and _WRITTEN.fullmatch(value) is not None


NUMBERS = (
    Normaliser("number", _numbers("."), is_number, _mentions),
    Normaliser("number_comma", _numbers(","), is_number, _mentions),
    Normaliser("plain_number", _written_numbers("."), _is_written_number, _mentions),
    Normaliser("plain_number_comma", _written_numbers(","), _is_written_number, _mentions),
    Normaliser("percent", _percentages(Decimal(1)), is_number, _percent_mentions),
    Normaliser("percent_share", _percentages(_HUNDRED), is_number, _percent_mentions),
)
