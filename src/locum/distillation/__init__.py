"""The loop from inputs and a teacher to a certified student."""

from locum.distillation.answers import buy_answers, place_of_answers
from locum.distillation.assess import some_share, surest_wrong
from locum.distillation.attempt import Latency, measure_latency, saved_size
from locum.distillation.choice import Choice, Foreseen, choose_cheapest, why_enough
from locum.distillation.decide import decide, least_certify_inputs, refuse_too_few, too_few
from locum.distillation.distill import distill
from locum.distillation.given import check_kinds, to_examples
from locum.distillation.input_facts import count_inputs, hash_learned_from, repeated_rows
from locum.distillation.input_warnings import warn_of_inputs
from locum.distillation.progress import Progress, Silent
from locum.distillation.result import Decision, Distillation, RungFigures, RungResult
from locum.distillation.search import (
    AUTO,
    DEFAULT_ENCODER,
    DEFAULT_SECONDS,
    SearchSettings,
    check_promise,
    is_above_zero,
)
from locum.distillation.splitting import Divided, divide
from locum.distillation.summary import describe_surroundings
from locum.distillation.teacher_facts import TeacherCosts, measure_costs
from locum.distillation.written import Wanted, WrittenAnswers, collect_written, leave_out_synthetic

__all__ = [
    "AUTO",
    "DEFAULT_ENCODER",
    "DEFAULT_SECONDS",
    "Choice",
    "Decision",
    "Distillation",
    "Divided",
    "Foreseen",
    "Latency",
    "Progress",
    "RungFigures",
    "RungResult",
    "SearchSettings",
    "Silent",
    "TeacherCosts",
    "Wanted",
    "WrittenAnswers",
    "buy_answers",
    "check_kinds",
    "check_promise",
    "choose_cheapest",
    "collect_written",
    "count_inputs",
    "decide",
    "describe_surroundings",
    "distill",
    "divide",
    "hash_learned_from",
    "is_above_zero",
    "least_certify_inputs",
    "leave_out_synthetic",
    "measure_costs",
    "measure_latency",
    "place_of_answers",
    "refuse_too_few",
    "repeated_rows",
    "saved_size",
    "some_share",
    "surest_wrong",
    "to_examples",
    "too_few",
    "warn_of_inputs",
    "why_enough",
]
