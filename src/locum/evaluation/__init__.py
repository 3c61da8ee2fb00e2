"""Agreement, intervals and the certificate."""

from locum.evaluation.agreement import Share, share
from locum.evaluation.certificate import (
    Certificate,
    Promise,
    SelectivePoint,
    certify,
    inputs_needed,
    plan_thresholds,
    selective_point,
)
from locum.evaluation.intervals import Interval, clopper_pearson

__all__ = [
    "Certificate",
    "Interval",
    "Promise",
    "SelectivePoint",
    "Share",
    "certify",
    "clopper_pearson",
    "inputs_needed",
    "plan_thresholds",
    "selective_point",
    "share",
]
