"""Countries, as ISO 3166-1 names them."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from locum.alignment.folding import squeeze
from locum.alignment.normalisers.normaliser import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locum.shapes.shape import JsonScalar

__all__ = ["COUNTRIES"]

Form: TypeAlias = Literal["alpha_2", "alpha_3", "name"]

# The first is what people call it; ISO says something else, or more.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "AE": ("United Arab Emirates", "UAE", "the Emirates"),
    "BN": ("Brunei",),
    "CD": ("Democratic Republic of the Congo", "DR Congo", "DRC"),
    "CG": ("Republic of the Congo", "Congo"),
    "CI": ("Ivory Coast",),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic", "Czechia"),
    "FK": ("Falkland Islands",),
    "FM": ("Micronesia",),
    "GB": (
        "United Kingdom",
        "UK",
        "U.K.",
        "Great Britain",
        "Britain",
        "England",
        "Scotland",
        "Wales",
    ),
    "KP": ("North Korea",),
    "KR": ("South Korea", "Korea"),
    "LA": ("Laos",),
    "MK": ("North Macedonia", "Macedonia"),
    "MM": ("Myanmar", "Burma"),
    "NL": ("Netherlands", "Holland"),
    "PS": ("Palestine",),
    "RU": ("Russia",),
    "SZ": ("Eswatini", "Swaziland"),
    "TL": ("East Timor",),
    "TR": ("Turkey",),
    "US": ("United States", "United States of America", "USA", "U.S.A.", "U.S.", "America"),
    "VA": ("Vatican City", "Vatican"),
    "VN": ("Vietnam",),
}
_WORD = re.compile(r"[^\W\d_]+(?:[.'\u2019][^\W\d_]+)*\.?")
_MOST_WORDS = 8
_SHORTEST_NAME = 3  # letters; of two it counts in capitals, or where it is no other word
_NO_OTHER_WORD = frozenset({"uk"})
_CODES = {"alpha_2": re.compile("[A-Z]{2}"), "alpha_3": re.compile("[A-Z]{3}")}


class _Country(NamedTuple):
    """The forms of a country that a teacher may give."""

    alpha_2: str
    alpha_3: str
    name: str


class _Table(NamedTuple):
    """Countries by their names without case and signs, and by their codes."""

    names: Mapping[str, _Country]
    codes: Mapping[str, _Country]


@lru_cache(1)
def _table() -> _Table:
    import pycountry

    names: dict[str, _Country] = {}
    codes: dict[str, _Country] = {}
    for entry in pycountry.countries:
        short = getattr(entry, "common_name", entry.name)
        called = _CALLED.get(entry.alpha_2, (short,))
        country = _Country(entry.alpha_2, entry.alpha_3, called[0])
        codes |= {entry.alpha_2: country, entry.alpha_3: country}
        spellings = (*called, short, entry.name, getattr(entry, "official_name", short))
        names |= {squeeze(spelling): country for spelling in spellings}
    return _Table(names, codes)


def _find(text: str, form: str) -> _Country | None:
    """Return the country of a code or a name, given its letters alone as well."""
    table = _table()
    if text in table.codes:
        return table.codes[text]
    is_name = len(form) >= _SHORTEST_NAME or text.isupper() or form in _NO_OTHER_WORD
    return table.names.get(form) if is_name else None


def _read(form: Form, text: str) -> JsonScalar:
    name = text.strip().removeprefix("the ").removeprefix("The ")
    country = _find(name, squeeze(name))
    return getattr(country, form) if country else None


def _mentions(text: str) -> Iterator[tuple[int, int]]:
    """Yield the longest name or code at each word."""
    words = list(_WORD.finditer(text))
    forms = [squeeze(word[0]) for word in words]
    for index, word in enumerate(words):
        ends = range(min(index + _MOST_WORDS, len(words)), index, -1)
        spans = ((word.start(), words[end - 1].end(), "".join(forms[index:end])) for end in ends)
        longest = next((s for s in spans if _find(text[s[0] : s[1]], s[2])), None)
        if longest:
            yield longest[:2]


def _is_form(form: Form, value: JsonScalar) -> bool:
    if not isinstance(value, str):
        return False
    return form == "name" or _CODES[form].fullmatch(value) is not None


COUNTRIES = (
    Normaliser(
        "country_alpha_2",
        partial(_read, "alpha_2"),
        partial(_is_form, "alpha_2"),
        _mentions,
        "pycountry",
    ),
    Normaliser(
        "country_alpha_3",
        partial(_read, "alpha_3"),
        partial(_is_form, "alpha_3"),
        _mentions,
        "pycountry",
    ),
    Normaliser(
        "country_name", partial(_read, "name"), partial(_is_form, "name"), _mentions, "pycountry"
    ),
)
