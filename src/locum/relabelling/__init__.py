"""Soft labels for recorded answers: bought where they matter most, with their gain measured."""

from locum.relabelling.advice import Advice
from locum.relabelling.gain import Gain, Gains, Measure
from locum.relabelling.output import FileOfCalls, check_output, read_purchases, write_labelled
from locum.relabelling.plan import RelabellingPlan, plan_relabelling
from locum.relabelling.purchases import Purchase
from locum.relabelling.relabel import Relabelled, SoftLabelled, relabel
from locum.relabelling.result_object import plan_object, result_object

__all__ = [
    "Advice",
    "FileOfCalls",
    "Gain",
    "Gains",
    "Measure",
    "Purchase",
    "Relabelled",
    "RelabellingPlan",
    "SoftLabelled",
    "check_output",
    "plan_object",
    "plan_relabelling",
    "read_purchases",
    "relabel",
    "result_object",
    "write_labelled",
]
