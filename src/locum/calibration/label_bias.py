"""Contextual and batch calibration: what a model prefers to say before it has read the input.

A model that scores label words leans to some of them whatever the input is. Both methods estimate
that lean and divide it out, ``q_c ~ p_c / b_c``, without labels:

* contextual (Zhao et al. 2021, "Calibrate Before Use"): ``b`` is what the model says of inputs
  without content, such as ``N/A`` and the empty text;
* batch (Zhou et al. 2023, "Batch Calibration"): ``b`` is what it says of real inputs on average.

Either can harm: batch calibration, for one, evens out classes that really are of unequal size. So
each is used only where labels of people show that it helps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from locum.calibration.folds import FEWEST_LABELS, predict_held_out
from locum.calibration.temperature import (
    Reliability,
    fit_temperature,
    log_losses,
    measure_reliability,
)
from locum.losses import soften

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "BiasKind",
    "CalibrationChoice",
    "CalibrationScore",
    "LabelCalibration",
    "batch_bias",
    "choose_calibration",
    "contextual_bias",
]

BiasKind = Literal["none", "contextual", "batch"]
_BY_SIMPLICITY: tuple[BiasKind, ...] = ("none", "contextual", "batch")
_SMALLEST_MEAN = 1e-6


class LabelCalibration(NamedTuple):
    """A correction of a model's probabilities of the labels.

    Args:
        kind: How the bias was estimated; ``none`` where there is no correction of it.
        bias: Logarithm of the bias, ``[C]``, to be taken from the log-probabilities.
        temperature: What the result is then divided by.
    """

    kind: BiasKind
    bias: NDArray[np.float64]
    temperature: float = 1.0

    def apply(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return ``s softmax((log p - bias) / T)`` for each row, ``s`` being the row's sum.

        What a row lacks to one lies outside the label set, and stays there.

        Args:
            probabilities: ``[N, C]``, non-negative; rows sum to one at most, zero included.
        """
        mass = probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
        usable = np.where(mass > 0, probabilities, 1.0)
        corrected = soften(usable * np.exp(-self.bias), self.temperature)
        corrected *= mass
        return corrected


class CalibrationScore(NamedTuple):
    """How one way to correct the bias did on inputs with a person's label.

    Args:
        kind: The way.
        accuracy: Share of inputs whose most probable label is the person's.
        before: Reliability at temperature 1.
        after: Reliability at temperatures that were fitted without the inputs judged.
        temperature: The one that all inputs give.
    """

    kind: BiasKind
    accuracy: float
    before: Reliability
    after: Reliability
    temperature: float


class CalibrationChoice(NamedTuple):
    """What to use, and what it was chosen by.

    Args:
        calibration: What to use.
        reason: Why, in words.
        scores: One for each way that was tried, the simplest first; none where labels were too few.
    """

    calibration: LabelCalibration
    reason: str
    scores: tuple[CalibrationScore, ...] = ()


class _Option(NamedTuple):
    calibration: LabelCalibration
    losses: NDArray[np.float64]


def contextual_bias(content_free: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of a model's mean distribution over inputs without content, ``[C]``.

    Args:
        content_free: Its probabilities of the labels for such inputs, ``[M, C]``; each row is
            scaled to sum to one. A mean under 1e-6 counts as 1e-6, as it would be mostly noise.
    """
    mean: NDArray[np.float64] = np.maximum(_scaled(content_free).mean(axis=0), _SMALLEST_MEAN)
    return np.log(mean)


def batch_bias(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of a model's mean distribution over real inputs, ``[C]``.

    Args:
        probabilities: Its probabilities of the labels, ``[N, C]``, labelled by people or not; as
            for `contextual_bias`.
    """
    return contextual_bias(probabilities)


def choose_calibration(
    probabilities: NDArray[np.floating],
    human: NDArray[np.integer],
    candidates: Mapping[BiasKind, NDArray[np.float64]],
) -> CalibrationChoice:
    """Choose which bias to take out, and the temperature, by labels of people.

    Compared are no correction and each candidate, at temperature 1 and at a fitted one, by the
    negative log-likelihood of the label (NLL), in five folds. Of those within one standard error of
    the best the simplest is taken (Breiman et al. 1984, section 3.4.3), the error being that of the
    paired difference: an earlier kind before a later one, temperature 1 before a fitted one.

    Args:
        probabilities: ``[N, C]``, of the inputs that people labelled; rows are scaled to one.
        human: Their labels, ``[N]``; under 50 nothing is corrected.
        candidates: The bias of ``contextual`` and ``batch``, or of one of them.
    """
    classes = probabilities.shape[1]
    nothing = LabelCalibration("none", np.zeros(classes))
    if len(human) < FEWEST_LABELS:
        reason = (
            f"no correction: {len(human)} inputs have a person's label, and under "
            f"{FEWEST_LABELS} cannot tell whether one helps"
        )
        return CalibrationChoice(nothing, reason)
    options, scores = [], []
    for kind in _BY_SIMPLICITY:
        if kind != "none" and kind not in candidates:
            continue
        bias = nothing.bias if kind == "none" else candidates[kind]
        tried, score = _try(LabelCalibration(kind, bias), _scaled(probabilities), human)
        options += tried
        scores.append(score)
    chosen = _simplest_good(options)
    return CalibrationChoice(
        chosen.calibration, _explain(chosen, options[0], len(human)), tuple(scores)
    )


def _scaled(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows that sum to one; one without any mass becomes uniform."""
    empty = probabilities.sum(axis=1, keepdims=True) == 0
    scaled: NDArray[np.float64] = np.where(empty, 1.0, probabilities)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def _try(
    calibration: LabelCalibration,
    probabilities: NDArray[np.float64],
    human: NDArray[np.integer],
) -> tuple[list[_Option], CalibrationScore]:
    corrected = calibration.apply(probabilities)
    tempered = predict_held_out(
        human,
        lambda seen, held_out: soften(
            corrected[held_out], fit_temperature(corrected[seen], human[seen])
        ),
    )
    temperature = fit_temperature(corrected, human)
    options = [
        _Option(calibration, log_losses(corrected, human)),
        _Option(calibration._replace(temperature=temperature), log_losses(tempered, human)),
    ]
    score = CalibrationScore(
        calibration.kind,
        float((corrected.argmax(axis=1) == human).mean()),
        measure_reliability(corrected, human),
        measure_reliability(tempered, human),
        temperature,
    )
    return options, score


def _simplest_good(options: list[_Option]) -> _Option:
    best = min(options, key=lambda option: float(option.losses.mean()))
    return next(option for option in options if _within_one_error(option, best))


def _within_one_error(option: _Option, best: _Option) -> bool:
    difference = option.losses - best.losses
    return bool(difference.mean() <= difference.std(ddof=1) / np.sqrt(len(difference)))


def _explain(chosen: _Option, simplest: _Option, labels: int) -> str:
    kind, _, temperature = chosen.calibration
    before, after = simplest.losses.mean(), chosen.losses.mean()
    if chosen is simplest:
        return (
            f"no correction: none lowers the NLL of {before:.3f} on {labels} labels of people by "
            "more than a standard error"
        )
    corrected = f"{kind} calibration" if kind != "none" else "no correction of the bias"
    return (
        f"{corrected} at temperature {temperature:.2f}: cross-validated NLL {after:.3f} against "
        f"{before:.3f} without, on {labels} labels of people"
    )
