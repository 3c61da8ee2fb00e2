"""Agreement, intervals, the certificate, and what it is foreseen to cover."""

from locum.evaluation.agreement import Share, share, share_of_pairs
from locum.evaluation.certificate import (
    Certificate,
    Promise,
    SelectivePoint,
    certify,
    inputs_needed,
    plan_thresholds,
    selective_point,
)
from locum.evaluation.deferral import DeferralChoice, ScoreChoice, choose_deferral, choose_score
from locum.evaluation.foreseen import (
    CoverageDifference,
    certified_coverages,
    coverage_difference,
    foreseen_coverage,
)
from locum.evaluation.intervals import Interval, binomial_lower_tail, clopper_pearson

__all__ = [
    "Certificate",
    "CoverageDifference",
    "DeferralChoice",
    "Interval",
    "Promise",
    "ScoreChoice",
    "SelectivePoint",
    "Share",
    "binomial_lower_tail",
    "certified_coverages",
    "certify",
    "choose_deferral",
    "choose_score",
    "clopper_pearson",
    "coverage_difference",
    "foreseen_coverage",
    "inputs_needed",
    "plan_thresholds",
    "selective_point",
    "share",
    "share_of_pairs",
]
