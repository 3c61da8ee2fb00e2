"""The loop for tasks whose answers are JSON: from inputs and answers to a certified extractor."""

from locum.extraction.answers import AnswerPool, AnswerProblem, build_answer_pool
from locum.extraction.distill import MAX_BYTES, distill_extraction
from locum.extraction.result import (
    ExtractionDistillation,
    ExtractionEvaluation,
    ExtractionSummary,
    ExtractorFacts,
    ObjectDisagreement,
    UnitResult,
)

__all__ = [
    "MAX_BYTES",
    "AnswerPool",
    "AnswerProblem",
    "ExtractionDistillation",
    "ExtractionEvaluation",
    "ExtractionSummary",
    "ExtractorFacts",
    "ObjectDisagreement",
    "UnitResult",
    "build_answer_pool",
    "distill_extraction",
]
