"""When two answers say the same.

Null, a field that is missing, an empty list and an object without values all say that there is
nothing. Numbers are compared by their value, and a list of closed values as a set. All else counts:
the order of other lists, and every character of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.shapes import ITEM
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Container

    from locum.shapes import FieldPath, JsonValue

__all__ = ["NOTHING_SAID", "meaning", "value_at"]

NOTHING_SAID = b"null"


def meaning(value: JsonValue, sets: Container[FieldPath], path: FieldPath = ()) -> bytes:
    """Return what is equal for values that say the same; `NOTHING_SAID` where they say nothing.

    Args:
        value: A whole answer, or the part of one at ``path``.
        sets: Paths of lists in which order does not count.
        path: Where the value stands.
    """
    return canonical_json(_plain(value, sets, path))


def value_at(value: JsonValue, path: FieldPath) -> JsonValue:
    """Return the part of an answer at a path outside lists; ``None`` where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _plain(value: JsonValue, sets: Container[FieldPath], path: FieldPath) -> JsonValue:
    if isinstance(value, dict):
        fields = {name: _plain(inner, sets, (*path, name)) for name, inner in value.items()}
        return {name: inner for name, inner in fields.items() if inner is not None} or None
    if isinstance(value, list):
        items = [_plain(inner, sets, (*path, ITEM)) for inner in value]
        if path in sets:
            items = [item for _, item in sorted({canonical_json(i): i for i in items}.items())]
        return items or None
    return int(value) if isinstance(value, float) and value.is_integer() else value
