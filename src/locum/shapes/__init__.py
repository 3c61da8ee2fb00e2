"""Shapes of JSON answers: read from a schema, inferred from answers, and checked."""

from locum.shapes.checking import Checker, UnexpectedField
from locum.shapes.extraction_task import ExtractionTask
from locum.shapes.fitting import admits, option_of
from locum.shapes.inference import InferredSchema, infer_schema
from locum.shapes.loading import load_schema
from locum.shapes.reading import read_schema
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
from locum.shapes.source import schema_of

__all__ = [
    "ITEM",
    "Checker",
    "Closed",
    "ExtractionTask",
    "Field",
    "FieldPath",
    "InferredSchema",
    "JsonScalar",
    "JsonValue",
    "Leaf",
    "ListOf",
    "Number",
    "OneOf",
    "Record",
    "Shape",
    "Text",
    "UnexpectedField",
    "admits",
    "infer_schema",
    "leaves",
    "load_schema",
    "option_of",
    "read_schema",
    "schema_of",
    "show_path",
]
