"""The plain typed data that flows from calls to predictions."""

from locum.schema.calls import (
    Call,
    CallFacts,
    Endpoint,
    Outcome,
    OwnPrice,
    TokenPosition,
    Usage,
)
from locum.schema.examples import (
    SPLITS,
    Example,
    SoftLabels,
    SoftLabelSource,
    Split,
    TeacherAnswer,
)
from locum.schema.predictions import Extraction, FieldValue, Generation, Prediction
from locum.schema.tasks import (
    AROUND,
    GenerationTask,
    JsonObject,
    Task,
    bare_key,
    check_name,
    label_key,
)

__all__ = [
    "AROUND",
    "MANIFEST",
    "SPLITS",
    "Call",
    "CallFacts",
    "Endpoint",
    "Example",
    "Extraction",
    "FieldValue",
    "Generation",
    "GenerationTask",
    "JsonObject",
    "Outcome",
    "OwnPrice",
    "Prediction",
    "SoftLabelSource",
    "SoftLabels",
    "Split",
    "Task",
    "TeacherAnswer",
    "TokenPosition",
    "Usage",
    "bare_key",
    "check_name",
    "label_key",
]

MANIFEST = "manifest.json"
