"""The plain typed data that flows from calls to predictions."""

from locum.schema.calls import (
    Call,
    CallFacts,
    CallMarks,
    Endpoint,
    MarkedCall,
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
from locum.schema.kept_labels import KeptSoftLabel
from locum.schema.placeholders import ANY_PLACEHOLDER, is_placeholder
from locum.schema.predictions import Extraction, FieldValue, Generation, Prediction
from locum.schema.tasks import (
    MARKS,
    GenerationTask,
    JsonObject,
    Marks,
    Task,
    check_name,
    is_one_line,
    is_task_name,
    label_key,
    plain_key,
)

__all__ = [
    "ANY_PLACEHOLDER",
    "MANIFEST",
    "MARKS",
    "SPLITS",
    "Call",
    "CallFacts",
    "CallMarks",
    "Endpoint",
    "Example",
    "Extraction",
    "FieldValue",
    "Generation",
    "GenerationTask",
    "JsonObject",
    "KeptSoftLabel",
    "MarkedCall",
    "Marks",
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
    "check_name",
    "is_one_line",
    "is_placeholder",
    "is_task_name",
    "label_key",
    "plain_key",
]

MANIFEST = "manifest.json"
