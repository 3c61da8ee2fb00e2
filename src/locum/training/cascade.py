"""Join two trained students into a cascade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.calibration import fit_temperature
from locum.losses import soften
from locum.selective_risk import selective_risk_area
from locum.students import Judgement
from locum.students.cascade import CascadeStudent
from locum.students.cascade_rule import choose_rule
from locum.training.classification import TrainedStudent, Trial

if TYPE_CHECKING:
    from locum.training.classification import Labelled

__all__ = ["combine"]


def combine(first: TrainedStudent, second: TrainedStudent, validation: Labelled) -> TrainedStudent:
    """Let one trained student answer what it is sure of, and ask the other for the rest.

    Weight and threshold are chosen on the validation inputs, by what students said of them that
    had not learned from them (see `choose_rule`). Nothing is trained.

    Args:
        first: The cheap one.
        second: The other.
        validation: The validation inputs that both were trained with.

    Returns:
        The cascade. Its one trial has the settings ``threshold``, ``weight`` and
        ``asked_second``, the share of validation inputs that the second is asked; there is no
        learning curve. What synthetic inputs gained is told as of the first.
    """
    cheap, other = _judged(first), _judged(second)
    rule = choose_rule(cheap, other, validation.answers)
    judgement = rule.join(cheap, lambda rows: Judgement(other.proba[rows], other.novelty[rows]))
    temperature = fit_temperature(judgement.proba, validation.answers)
    agrees = judgement.proba.argmax(axis=1) == validation.answers
    confidence = soften(judgement.proba, temperature).max(axis=1)
    chosen = Trial(
        settings={
            "threshold": rule.threshold,
            "weight": rule.weight,
            "asked_second": rule.asked_second,
        },
        soft=second.trials[0].soft,
        risk_area=selective_risk_area(confidence, agrees),
        agreement=float(agrees.mean()),
    )
    return TrainedStudent(
        student=CascadeStudent.of(first.student, second.student, rule),
        temperature=temperature,
        raw_validation_proba=judgement.proba,
        raw_validation_novelty=judgement.novelty,
        trials=[chosen],
        curve=[],
        synthetic=first.synthetic,
    )


def _judged(trained: TrainedStudent) -> Judgement:
    return Judgement(trained.raw_validation_proba, trained.raw_validation_novelty)
