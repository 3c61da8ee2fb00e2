"""How far probabilities can be believed: temperature, label bias, votes, pools, deferral."""

from locum.calibration.deferral import (
    DEFERRAL_FEATURES,
    PLAIN_SCORE,
    AgreementScore,
    DeferralScore,
    deferral_features,
    fit_agreement,
    fit_deferral,
    text_lengths,
)
from locum.calibration.dirichlet import (
    SelfAgreement,
    expected_gain,
    fit_dirichlet,
    posterior_mean,
    self_agreement,
)
from locum.calibration.folds import FEWEST_LABELS, predict_held_out
from locum.calibration.label_bias import (
    BiasKind,
    CalibrationChoice,
    CalibrationScore,
    LabelCalibration,
    batch_bias,
    choose_calibration,
    contextual_bias,
)
from locum.calibration.pooling import (
    Pool,
    PoolChoice,
    PoolKind,
    choose_pool,
    estimate_accuracies,
    fit_linear,
    fit_log_linear,
    odds_weights,
)
from locum.calibration.temperature import (
    Reliability,
    ReliabilityBin,
    fit_temperature,
    measure_reliability,
    reliability_bins,
)

__all__ = [
    "DEFERRAL_FEATURES",
    "FEWEST_LABELS",
    "PLAIN_SCORE",
    "AgreementScore",
    "BiasKind",
    "CalibrationChoice",
    "CalibrationScore",
    "DeferralScore",
    "LabelCalibration",
    "Pool",
    "PoolChoice",
    "PoolKind",
    "Reliability",
    "ReliabilityBin",
    "SelfAgreement",
    "batch_bias",
    "choose_calibration",
    "choose_pool",
    "contextual_bias",
    "deferral_features",
    "estimate_accuracies",
    "expected_gain",
    "fit_agreement",
    "fit_deferral",
    "fit_dirichlet",
    "fit_linear",
    "fit_log_linear",
    "fit_temperature",
    "measure_reliability",
    "odds_weights",
    "posterior_mean",
    "predict_held_out",
    "reliability_bins",
    "self_agreement",
    "text_lengths",
]
