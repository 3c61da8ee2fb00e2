"""Where the values of a JSON answer stand in its text, and how each field is to be had."""

from locum.alignment.alignment_report import (
    AlignmentReport,
    FieldAlignment,
    LostValues,
    measure_alignment,
)
from locum.alignment.crossing import find_crossing
from locum.alignment.leaf_values import LeafValue, leaf_values, show_value, value_key
from locum.alignment.normalisers import NORMALISERS, Normaliser, find_normaliser
from locum.alignment.objects import (
    AlignedAnswer,
    AlignedSpan,
    LossReason,
    LostValue,
    align_answer,
)
from locum.alignment.overlaps import PartedSpans, part_spans
from locum.alignment.plan import SPANNED_KINDS, ExtractionPlan, FieldKind, FieldPlan
from locum.alignment.planning import plan_fields
from locum.alignment.spans import QUALITIES, Quality, SpanFinder, SpanMatch, find_spans
from locum.alignment.tokens import Token, tokenize

__all__ = [
    "NORMALISERS",
    "QUALITIES",
    "SPANNED_KINDS",
    "AlignedAnswer",
    "AlignedSpan",
    "AlignmentReport",
    "ExtractionPlan",
    "FieldAlignment",
    "FieldKind",
    "FieldPlan",
    "LeafValue",
    "LossReason",
    "LostValue",
    "LostValues",
    "Normaliser",
    "PartedSpans",
    "Quality",
    "SpanFinder",
    "SpanMatch",
    "Token",
    "align_answer",
    "find_crossing",
    "find_normaliser",
    "find_spans",
    "leaf_values",
    "measure_alignment",
    "part_spans",
    "plan_fields",
    "show_value",
    "tokenize",
    "value_key",
]
