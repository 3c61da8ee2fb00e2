"""Parts of JSON that may be odd or missing: what is not of the wished kind counts as empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = ["as_count", "as_object", "as_text", "objects", "without"]

# Whole numbers up to here are the same to all readers of JSON. A column of 64 bits takes them, and
# the sum of a few.
_MOST = 2**53 - 1


def as_object(value: object) -> JsonObject:
    """Return an object as it is, anything else as ``{}``."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[JsonObject]:
    """Return the objects of a list; none of anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a string as it is, anything else as ``""``."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Return a whole number from zero to 2**53 - 1; a float counts where it is whole."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST else None


def without(body: JsonObject, *names: str) -> JsonObject:
    """Return the object without some of its keys."""
    return {name: value for name, value in body.items() if name not in names}
