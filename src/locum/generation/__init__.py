"""The loop for tasks whose answers are free text: from inputs and answers to a certified writer."""

from locum.generation.distill import distill_generation
from locum.generation.result import (
    GenerationDistillation,
    GenerationEvaluation,
    GenerationSummary,
    RefusedAnswer,
    RuleFacts,
    TextScores,
    WriterFacts,
)

__all__ = [
    "GenerationDistillation",
    "GenerationEvaluation",
    "GenerationSummary",
    "RefusedAnswer",
    "RuleFacts",
    "TextScores",
    "WriterFacts",
    "distill_generation",
]
