"""The families of extractors by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.extractors.encoder import EncoderExtractor
from locum.extractors.linear import LinearExtractor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.extractors.protocol import Extractor

__all__ = ["EXTRACTOR_FAMILIES", "find_extractor_family"]

EXTRACTOR_FAMILIES: Mapping[str, type[Extractor]] = {
    family.family: family for family in (LinearExtractor, EncoderExtractor)
}


def find_extractor_family(name: str) -> type[Extractor]:
    """Return the class of a family.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in EXTRACTOR_FAMILIES:
        known = ", ".join(EXTRACTOR_FAMILIES)
        raise UsageError(f"there is no family of extractors {name!r} (known: {known})")
    return EXTRACTOR_FAMILIES[name]
