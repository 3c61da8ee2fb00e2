"""Shapes of JSON answers: read from a schema, inferred from answers, and checked."""

from locum.shapes.shape import (
    ITEM,
    Closed,
    Field,
    FieldPath,
    JsonScalar,
    JsonValue,
    Leaf,
    ListOf,
    Number,
    OneOf,
    Record,
    Shape,
    Text,
    leaves,
    show_path,
)

__all__ = [
    "ITEM",
    "Closed",
    "Field",
    "FieldPath",
    "JsonScalar",
    "JsonValue",
    "Leaf",
    "ListOf",
    "Number",
    "OneOf",
    "Record",
    "Shape",
    "Text",
    "leaves",
    "show_path",
]
