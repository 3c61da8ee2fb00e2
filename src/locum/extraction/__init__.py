"""The loop for tasks whose answers are JSON: from inputs and answers to a certified extractor."""

from locum.extraction.answers import (
    AnswerPool,
    AnswerProblem,
    build_answer_pool,
    find_objects,
    schema_of_answers,
)
from locum.extraction.distill import distill_extraction
from locum.extraction.result import (
    ExtractionDistillation,
    ExtractionEvaluation,
    ExtractionSummary,
    ExtractorFacts,
    FamilyResult,
    ObjectDisagreement,
    UnitResult,
)
from locum.extraction.surroundings import without_values

__all__ = [
    "AnswerPool",
    "AnswerProblem",
    "ExtractionDistillation",
    "ExtractionEvaluation",
    "ExtractionSummary",
    "ExtractorFacts",
    "FamilyResult",
    "ObjectDisagreement",
    "UnitResult",
    "build_answer_pool",
    "distill_extraction",
    "find_objects",
    "schema_of_answers",
    "without_values",
]
