"""Soft labels for recorded answers: bought where they matter most, with their gain measured."""

from locum.relabelling.advice import Advice
from locum.relabelling.gain import Gain, Gains, Measure
from locum.relabelling.output import check_output, write_labelled
from locum.relabelling.plan import RelabellingPlan, plan_relabelling
from locum.relabelling.relabel import Relabelled, relabel
from locum.relabelling.result_object import plan_object, result_object

__all__ = [
    "Advice",
    "Gain",
    "Gains",
    "Measure",
    "Relabelled",
    "RelabellingPlan",
    "check_output",
    "plan_object",
    "plan_relabelling",
    "relabel",
    "result_object",
    "write_labelled",
]
