"""Watching what is served: does the promise still hold, is traffic still what it was."""

from locum.monitoring.agreement import AgreementWatch
from locum.monitoring.baseline import Change, MixWatch, ScoreWatch
from locum.monitoring.confidence_sequence import anytime_interval
from locum.monitoring.exchangeability import CategoryShare, ExchangeabilityWatch
from locum.monitoring.score_bins import ScoreBins, bin_reference

__all__ = [
    "AgreementWatch",
    "CategoryShare",
    "Change",
    "ExchangeabilityWatch",
    "MixWatch",
    "ScoreBins",
    "ScoreWatch",
    "anytime_interval",
    "bin_reference",
]
