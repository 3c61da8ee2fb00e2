"""The normalisers by name."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from locum.alignment.normalisers.addresses import ADDRESSES
from locum.alignment.normalisers.casing import CASING
from locum.alignment.normalisers.countries import COUNTRIES
from locum.alignment.normalisers.dates import DATES
from locum.alignment.normalisers.money import MONEY
from locum.alignment.normalisers.numbers import NUMBERS
from locum.alignment.normalisers.phones import PHONES
from locum.alignment.normalisers.times import TIMES
from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.alignment.normalisers.normaliser import Normaliser

__all__ = ["NORMALISERS", "find_normaliser"]

# The simpler ones first: of two that reproduce as much the first is taken.
NORMALISERS: Mapping[str, Normaliser] = MappingProxyType(
    {
        normaliser.name: normaliser
        for kind in (CASING, NUMBERS, MONEY, DATES, TIMES, PHONES, ADDRESSES, COUNTRIES)
        for normaliser in kind
    }
)


@lru_cache
def find_normaliser(name: str) -> Normaliser:
    """Return a normaliser that can be used.

    Raises:
        UsageError: There is none of that name, or the library that it needs is not installed.
    """
    if name not in NORMALISERS:
        known = ", ".join(NORMALISERS)
        raise UsageError(f"no normaliser is called {name!r}: expected one of {known}")
    normaliser = NORMALISERS[name]
    if not normaliser.available():
        package = (normaliser.library or "").replace("_", "-")
        raise UsageError(f"the normaliser {name} needs {package}: pip install {package}")
    return normaliser
