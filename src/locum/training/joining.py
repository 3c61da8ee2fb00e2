"""Join trained students into one; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.calibration import fit_temperature
from locum.losses import soften
from locum.selective_risk import selective_risk_area
from locum.students import Judgement
from locum.students.cascade import CascadeStudent
from locum.students.cascade_rule import choose_rule
from locum.students.ensemble import EnsembleStudent
from locum.students.ensemble_rule import choose_members, fit_rule
from locum.training.classification import TrainedStudent, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.students import Student
    from locum.training.classification import Labelled

__all__ = ["JoinedEnsemble", "join_cascade", "join_ensemble"]


def join_cascade(
    first: TrainedStudent, second: TrainedStudent, validation: Labelled
) -> TrainedStudent:
    """Let one trained student answer what it is sure of, and ask the other for the rest.

    Weight and threshold are chosen on the validation inputs, by what students said of them that
    had not learned from them (see `choose_rule`).

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
    settings = {
        "threshold": rule.threshold,
        "weight": rule.weight,
        "asked_second": rule.asked_second,
    }
    judgement = rule.join(cheap, lambda rows: Judgement(other.proba[rows], other.novelty[rows]))
    student = CascadeStudent.of(first.student, second.student, rule)
    joined = _trained(student, judgement, settings, validation, soft=second.trials[0].soft)
    return joined._replace(synthetic=first.synthetic)


class JoinedEnsemble(NamedTuple):
    """An ensemble, and the names of the students in it.

    Args:
        student: The ensemble. Its one trial has the weight of each member by name; there is no
            learning curve. What synthetic inputs gained is told as of the first.
        members: Their names.
    """

    student: TrainedStudent
    members: tuple[str, ...]


def join_ensemble(
    members: Mapping[str, TrainedStudent], validation: Labelled
) -> JoinedEnsemble | None:
    """Pool the probabilities of trained students.

    Members and weights are chosen on the validation inputs, by what students said of them that had
    not learned from them (see `choose_members` and `fit_rule`).

    Args:
        members: The students by name; at least two.
        validation: The validation inputs that all were trained with.

    Returns:
        The ensemble; ``None`` where one student explains the answers as well as all together.
    """
    names = list(members)
    judged = [_judged(member) for member in members.values()]
    chosen = choose_members(judged, validation.answers)
    if len(chosen) < 2:
        return None
    kept = [members[names[place]] for place in chosen]
    judged = [judged[place] for place in chosen]
    rule = fit_rule(judged, validation.answers)
    weights = dict(zip((names[place] for place in chosen), rule.weights, strict=True))
    student = EnsembleStudent.of([member.student for member in kept], rule)
    soft = any(member.trials[0].soft for member in kept)
    joined = _trained(student, rule.join(judged), weights, validation, soft=soft)
    return JoinedEnsemble(joined._replace(synthetic=kept[0].synthetic), tuple(weights))


def _trained(
    student: Student,
    judgement: Judgement,
    settings: Mapping[str, float],
    validation: Labelled,
    *,
    soft: bool,
) -> TrainedStudent:
    temperature = fit_temperature(judgement.proba, validation.answers)
    agrees = judgement.proba.argmax(axis=1) == validation.answers
    confidence = soften(judgement.proba, temperature).max(axis=1)
    trial = Trial(
        settings=dict(settings),
        soft=soft,
        risk_area=selective_risk_area(confidence, agrees),
        agreement=float(agrees.mean()),
    )
    return TrainedStudent(
        student=student,
        temperature=temperature,
        raw_validation_proba=judgement.proba,
        raw_validation_novelty=judgement.novelty,
        trials=[trial],
        curve=[],
    )


def _judged(trained: TrainedStudent) -> Judgement:
    return Judgement(trained.raw_validation_proba, trained.raw_validation_novelty)
