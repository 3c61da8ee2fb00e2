"""The loop from inputs and a teacher to a certified student."""

from locum.distillation.distill import distill
from locum.distillation.progress import Progress
from locum.distillation.result import Decision, Distillation, RungFigures, RungResult
from locum.distillation.rungs import DEFAULT_ENCODER

__all__ = [
    "DEFAULT_ENCODER",
    "Decision",
    "Distillation",
    "Progress",
    "RungFigures",
    "RungResult",
    "distill",
]
