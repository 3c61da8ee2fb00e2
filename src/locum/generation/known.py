"""What is known of a generation task before a student is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.generation.result import GenerationDistillation

if TYPE_CHECKING:
    from locum.dataset import Surroundings
    from locum.distillation import Decision, TeacherCosts
    from locum.evaluation import Promise
    from locum.generation.result import GenerationSummary, RuleFacts
    from locum.schema import GenerationTask

__all__ = ["Known"]


class Known(NamedTuple):
    """What is known of it; the fields are as those of a `GenerationDistillation`."""

    task: GenerationTask
    promise: Promise
    data: GenerationSummary
    teacher: str
    costs: TeacherCosts
    rule: RuleFacts
    surroundings: Surroundings
    newer: int

    def without_student(self, decision: Decision) -> GenerationDistillation:
        """Return what was found out so far: there is no student in it."""
        return GenerationDistillation(
            self.task,
            self.promise,
            decision,
            self.data,
            self.teacher,
            self.costs,
            self.rule,
        )
