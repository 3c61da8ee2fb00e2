"""Phone numbers."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonenumbers import PhoneNumber

    from locum.shapes.shape import JsonScalar

__all__ = ["PHONES"]

_E164 = re.compile(r"\+[0-9]{3,17}")
_NUMBER = re.compile(
    r"(?<![\w+])[+(]{0,2}[0-9](?:[ \t\u00a0().\u2010-\u2015/-]{0,3}[0-9]){6,16}(?!\w)"
)
# Of a number without the code of its country.
_COUNTRIES = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR")


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    import phonenumbers

    if not _NUMBER.fullmatch(text.strip()):
        return None
    written = re.sub(r"^\s*00(?=[1-9])", "+", text)
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _international(country: str | None, text: str) -> JsonScalar:
    import phonenumbers

    number = _parse(text, country)
    return (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else None
    )


def _national(text: str) -> JsonScalar:
    """Return the digits after the code of the country."""
    import phonenumbers

    number = _parse(text, None)
    return phonenumbers.national_significant_number(number) if number else None


def _mentions(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _NUMBER.finditer(text))


def _is_international(value: JsonScalar) -> bool:
    return isinstance(value, str) and _E164.fullmatch(value) is not None


def _is_national(value: JsonScalar) -> bool:
    return isinstance(value, str) and value.isdecimal()


PHONES = (
    Normaliser("phone_e164", partial(_international, None), _is_international, _mentions),
    *(
        Normaliser(
            f"phone_e164_{country.lower()}",
            partial(_international, country),
            _is_international,
            _mentions,
        )
        for country in _COUNTRIES
    ),
    Normaliser("phone_national", _national, _is_national, _mentions),
)
