"""The loop from inputs and a teacher to a certified student."""

from locum.distillation.distill import distill
from locum.distillation.progress import Progress
from locum.distillation.result import Decision, Distillation

__all__ = ["Decision", "Distillation", "Progress", "distill"]
