"""Small JSON Schemas that tests put together."""

from __future__ import annotations

from typing import Any

__all__ = ["INTEGER", "NULL", "WORD", "JsonSchema", "object_of", "with_field"]

JsonSchema = dict[str, Any] | bool

WORD: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
NULL: dict[str, Any] = {"type": "null"}


def object_of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with some properties."""
    return {"type": "object", "properties": properties, "required": [*required]}


def with_field(field: JsonSchema) -> dict[str, Any]:
    """An object with the field ``a`` alone, which must be there."""
    return object_of({"a": field}, "a")
