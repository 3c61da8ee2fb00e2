"""The loop from inputs and a teacher to a certified student."""

from locum.distillation.answers import buy_answers
from locum.distillation.assess import some_share
from locum.distillation.attempt import Latency, measure_latency
from locum.distillation.decide import decide, least_certify_inputs, too_few
from locum.distillation.distill import check_texts, distill
from locum.distillation.progress import Progress, Silent
from locum.distillation.result import Decision, Distillation, RungFigures, RungResult
from locum.distillation.rungs import DEFAULT_ENCODER, DEFAULT_SECONDS
from locum.distillation.teacher_facts import TeacherCosts, measure_costs

__all__ = [
    "DEFAULT_ENCODER",
    "DEFAULT_SECONDS",
    "Decision",
    "Distillation",
    "Latency",
    "Progress",
    "RungFigures",
    "RungResult",
    "Silent",
    "TeacherCosts",
    "buy_answers",
    "check_texts",
    "decide",
    "distill",
    "least_certify_inputs",
    "measure_costs",
    "measure_latency",
    "some_share",
    "too_few",
]
