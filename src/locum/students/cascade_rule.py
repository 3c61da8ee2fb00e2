"""When a cascade asks its second student, and how it combines the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.errors import UsageError
from locum.losses import soften, softmax
from locum.selective_risk import selective_risk_area
from locum.students.joined import bring_to_scale, typical_novelty
from locum.students.protocol import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CascadeRule", "choose_rule"]

_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_STEPS = 40
_RELATIVE_TOLERANCE, _LEAST_TOLERANCE = 0.02, 0.0005
_LEAST_COVERAGE = 0.5
_SMALLEST = 1e-9


class CascadeRule(NamedTuple):
    """What binds two students into a cascade.

    Args:
        threshold: The first answers where its calibrated probability of its best label is at
            least this; above 1 it never does.
        weight: Of the first's log-probabilities in the mix where the second is asked, 0 to 1; the
            second's have the rest.
        first_temperature: At which the first is calibrated.
        second_temperature: At which the second is.
        mixed_temperature: At which the mix of both is.
        first_novelty: Mean novelty of held-out inputs to the first, by which it is divided.
        second_novelty: Likewise to the second.
        asked_second: Share of the held-out inputs that the second was asked.
    """

    threshold: float
    weight: float
    first_temperature: float
    second_temperature: float
    mixed_temperature: float
    first_novelty: float
    second_novelty: float
    asked_second: float

    def check(self) -> None:
        """Refuse numbers that no rule can have.

        Raises:
            UsageError: A number is out of its range, or is none.
        """
        positive = (self.threshold, *self[2:7])
        sound = (
            all(0 < number < np.inf for number in positive)
            and 0 <= self.weight <= 1
            and 0 <= self.asked_second <= 1
        )
        if not sound:
            raise UsageError(f"{self} is no rule of a cascade: a number is out of its range")

    def unsure(self, first: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether the second is to be asked, by the first's calibrated ``[N, C]``."""
        unsure: NDArray[np.bool_] = ~(first.max(axis=1) >= self.threshold)
        return unsure

    def calibrate_first(self, judgement: Judgement) -> Judgement:
        """Bring the first's probabilities and novelty to the cascade's scales."""
        return bring_to_scale(judgement, self.first_temperature, self.first_novelty)

    def join(self, first: Judgement, ask: Callable[[NDArray[np.intp]], Judgement]) -> Judgement:
        """Judge inputs by the first, and those that it is unsure of by both.

        Args:
            first: The first's own judgement of ``N`` inputs.
            ask: Is told the places of the unsure inputs, ``[M]``, in order, and returns the
                second's judgement of them; not called where there is none.
        """
        joined = self.calibrate_first(first)
        unsure = np.flatnonzero(self.unsure(joined.proba))
        if unsure.size:
            mixed = self.combine(Judgement(*(part[unsure] for part in joined)), ask(unsure))
            joined.proba[unsure] = mixed.proba
            joined.novelty[unsure] = mixed.novelty
        return joined

    def combine(self, first: Judgement, second: Judgement) -> Judgement:
        """Mix both where the second was asked: ``p ~ (first^w * second^(1 - w))^(1 / T)``.

        This is a log-linear pool (Genest and Zidek 1986) with a temperature of its own, as two
        that agree deserve more belief than either. Probabilities under 1e-9 count as 1e-9 in it,
        so that a class that one student rules out is not lost. Novelty is the second's, whose
        answer this mostly is.

        Args:
            first: What `calibrate_first` made of the first's judgement of these inputs.
            second: The second's own judgement of them.
        """
        own = bring_to_scale(second, self.second_temperature, self.second_novelty)
        pooled = _pool(first.proba, own.proba, self.weight)
        return Judgement(soften(pooled, self.mixed_temperature).astype(np.float32), own.novelty)


def _pool(
    first: NDArray[np.float32], second: NDArray[np.float32], weight: float
) -> NDArray[np.float64]:
    logs = weight * np.log(np.maximum(first, _SMALLEST, dtype=np.float64))
    logs += (1 - weight) * np.log(np.maximum(second, _SMALLEST, dtype=np.float64))
    return softmax(logs)


def choose_rule(first: Judgement, second: Judgement, answers: NDArray[np.integer]) -> CascadeRule:
    """Choose temperatures, weight and threshold by what both students say of held-out inputs.

    Judged is by the area under the risk-coverage curve over coverages from a half to all: what few
    inputs are surest of all is of no account where the student is to answer many. The weight is the
    one of 0, 0.1, ... 0.5, 0 being the second alone, with the smallest area where the second is
    asked every time. Then the threshold falls as far as that area grows by no more than 2%, or by
    0.0005 where that is more: the first answers as much as it can at next to no loss.

    Args:
        first: Judgement of the cheap student, uncalibrated, of ``N`` inputs.
        second: Of the other student, of the same inputs.
        answers: Index of the teacher's label of each, ``[N]``.
    """
    always = CascadeRule(
        threshold=2.0,
        weight=0.0,
        first_temperature=fit_temperature(first.proba, answers),
        second_temperature=fit_temperature(second.proba, answers),
        mixed_temperature=1.0,
        first_novelty=typical_novelty(first.novelty),
        second_novelty=typical_novelty(second.novelty),
        asked_second=1.0,
    )
    sure = always.calibrate_first(first)
    mixes = [_calibrated(always._replace(weight=w), sure, second, answers) for w in _WEIGHTS]
    areas = [_area(rule.combine(sure, second).proba, answers) for rule in mixes]
    best = int(np.argmin(areas))
    mixed = mixes[best].combine(sure, second).proba
    allowed = areas[best] + max(_RELATIVE_TOLERANCE * areas[best], _LEAST_TOLERANCE)
    threshold = _lowest_threshold(sure.proba, mixed, answers, allowed)
    rule = mixes[best]._replace(threshold=threshold)
    return rule._replace(asked_second=float(rule.unsure(sure.proba).mean()))


def _calibrated(
    rule: CascadeRule, sure: Judgement, second: Judgement, answers: NDArray[np.integer]
) -> CascadeRule:
    mixed = rule.combine(sure, second).proba
    return rule._replace(mixed_temperature=fit_temperature(mixed, answers))


def _area(proba: NDArray[np.float32], answers: NDArray[np.integer]) -> float:
    agrees = proba.argmax(axis=1) == answers
    return selective_risk_area(proba.max(axis=1), agrees, _LEAST_COVERAGE)


def _lowest_threshold(
    first: NDArray[np.float32],
    mixed: NDArray[np.float32],
    answers: NDArray[np.integer],
    largest_area: float,
) -> float:
    """Of thresholds at each fortieth of the first's confidences, the lowest that is good enough."""
    confidence = first.max(axis=1)
    shares = np.arange(_STEPS + 1) / _STEPS
    for threshold in np.unique(np.quantile(confidence, shares, method="lower")).tolist():
        sure = confidence >= threshold
        if _area(np.where(sure[:, np.newaxis], first, mixed), answers) <= largest_area:
            return float(threshold)
    return 2.0
