"""Amounts of money and their currency."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.alignment.normalisers.figures import FIGURE, SCALE, as_json_number, is_number, scale_of
from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.shapes.shape import JsonScalar

__all__ = ["MONEY"]

# What each mark means where nothing is said of the country.
_CODES = {
    **dict.fromkeys(("$", "US$", "dollar", "dollars", "buck", "bucks"), "USD"),
    **dict.fromkeys(("\u20ac", "euro", "euros"), "EUR"),
    **dict.fromkeys(("\u00a3", "pound", "pounds", "quid"), "GBP"),
    **dict.fromkeys(("\u00a5", "\uffe5", "\u5186", "yen"), "JPY"),
    **dict.fromkeys(("\u5143", "CN\u00a5", "yuan", "renminbi"), "CNY"),
    **dict.fromkeys(("\u20b9", "Rs", "Rs.", "rupee", "rupees"), "INR"),
    **dict.fromkeys(("\u20a9", "won"), "KRW"),
    **dict.fromkeys(("\u20bd", "rouble", "roubles", "ruble", "rubles"), "RUB"),
    **dict.fromkeys(("A$", "AU$"), "AUD"),
    **dict.fromkeys(("C$", "CA$"), "CAD"),
    **dict.fromkeys(("z\u0142", "z\u0142oty"), "PLN"),
    **dict.fromkeys(("R$", "reais"), "BRL"),
    **dict.fromkeys(("Fr.", "francs"), "CHF"),
    **dict.fromkeys(("K\u010d", "koruna", "korun"), "CZK"),
    **dict.fromkeys(("S$", "SG$"), "SGD"),
    "NZ$": "NZD",
    "HK$": "HKD",
    "MX$": "MXN",
    "\u20ba": "TRY",
    "\u20ab": "VND",
    "\u0e3f": "THB",
    "\u20b4": "UAH",
    "\u20a6": "NGN",
    "\u20b1": "PHP",
    "\u20aa": "ILS",
}
_BY_MARK = {mark.casefold(): code for mark, code in _CODES.items()}
_NAMED = "|".join(re.escape(mark) for mark in sorted(_CODES, key=len, reverse=True))
_MARK = rf"(?:[A-Z]{{3}}|(?i:{_NAMED}))"
_LETTER = r"[^\W\d_]"
_PRICE = re.compile(
    rf"(?:(?<!{_LETTER})(?P<before>{_MARK})\s?)?"
    rf"{FIGURE}(?i:{SCALE})(?:\s?(?P<after>{_MARK})(?!{_LETTER}))?"
)
_ALONE = re.compile(rf"(?<!{_LETTER}){_MARK}(?!{_LETTER})")
_CODE = re.compile("[A-Z]{3}")


def _prices(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _PRICE.finditer(text) if match["before"] or match["after"])


def _amount(text: str) -> JsonScalar:
    """Return the amount; of one mark before three digits price-parser takes it to part groups."""
    from price_parser import Price

    match = _PRICE.fullmatch(text.strip())
    if not (match and (match["before"] or match["after"])):
        return None
    amount, scale = Price.fromstring(match["figure"]).amount, scale_of(match)
    return None if amount is None or scale is None else as_json_number(amount * scale)


def _currency(text: str) -> JsonScalar:
    """Return the ISO 4217 code; a sign that many currencies share means the largest of them."""
    match = _PRICE.fullmatch(text.strip())
    mark = (match["before"] or match["after"]) if match else text.strip()
    return _code_of(mark) if mark and _ALONE.fullmatch(mark) else None


def _code_of(mark: str) -> str | None:
    from price_parser import Price

    is_code = _CODE.fullmatch(mark) and Price.fromstring(mark).currency == mark
    return _BY_MARK.get(mark.casefold(), mark if is_code else None)


def _amount_mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _prices(text))


def _currency_mentions(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _ALONE.finditer(text))


def _is_code(value: JsonScalar) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


MONEY = (
    Normaliser("amount", _amount, is_number, _amount_mentions, "price_parser"),
    Normaliser("currency", _currency, _is_code, _currency_mentions, "price_parser"),
)
