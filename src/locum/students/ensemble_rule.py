"""How an ensemble weighs its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.calibration.pooling import Pool, fit_log_linear
from locum.errors import UsageError
from locum.students.joined import bring_to_scale, typical_novelty
from locum.students.protocol import Judgement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["EnsembleRule", "choose_members", "fit_rule"]

_LEAST_WEIGHT = 1e-3


class EnsembleRule(NamedTuple):
    """What binds students into an ensemble, one number a member.

    Args:
        weights: Of the members' log-probabilities.
        temperatures: At which the members are calibrated.
        novelties: Mean novelties of held-out inputs, by which a member's is divided.
    """

    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    novelties: tuple[float, ...]

    def check(self, members: int) -> None:
        """Refuse numbers that no rule can have.

        Raises:
            UsageError: A number is out of its range or none, or there are not as many as members.
        """
        sound = [len(part) for part in self] == [members] * 3 and all(
            0 < number < np.inf for part in self for number in part
        )
        if not sound:
            raise UsageError(f"{self} is no rule of an ensemble of {members}: expected numbers > 0")

    def join(self, judged: Sequence[Judgement]) -> Judgement:
        """Pool what the members say of ``N`` inputs: ``q ~ prod_m p_m^w_m``.

        See `locum.calibration.pooling.Pool`. Novelty is the members' mean by weight.

        Args:
            judged: Each member's own judgement.
        """
        scaled = [
            bring_to_scale(*member)
            for member in zip(judged, self.temperatures, self.novelties, strict=True)
        ]
        weights = np.array(self.weights)
        proba = Pool("log-linear", weights).apply(np.stack([one.proba for one in scaled]))
        novelty = np.average([one.novelty for one in scaled], axis=0, weights=weights)
        return Judgement(proba.astype(np.float32), novelty.astype(np.float32))


def fit_rule(judged: Sequence[Judgement], answers: NDArray[np.integer]) -> EnsembleRule:
    """Fit an ensemble's rule to what its members say of held-out inputs.

    Weights are those of `locum.calibration.pooling.fit_log_linear`, and at least a thousandth.

    Args:
        judged: Each member's judgement of ``N`` inputs, uncalibrated.
        answers: Index of the teacher's label of each, ``[N]``.
    """
    temperatures = tuple(fit_temperature(one.proba, answers) for one in judged)
    calibrated = [
        bring_to_scale(one, temperature, 1.0).proba
        for one, temperature in zip(judged, temperatures, strict=True)
    ]
    weights = fit_log_linear(np.stack(calibrated).astype(np.float64), answers).weights
    return EnsembleRule(
        tuple(np.maximum(weights, _LEAST_WEIGHT).tolist()),
        temperatures,
        tuple(typical_novelty(one.novelty) for one in judged),
    )


def choose_members(judged: Sequence[Judgement], answers: NDArray[np.integer]) -> list[int]:
    """Return which members are worth asking, the first ones the sooner.

    Of all, the one is left out without which the log-likelihood of the answers falls least, as long
    as that is no more than a standard error of the difference.

    Args:
        judged: Each candidate's judgement of ``N`` inputs, uncalibrated; at least one.
        answers: Index of the teacher's label of each, ``[N]``.
    """
    chosen = list(range(len(judged)))
    losses = _losses(judged, answers)
    while len(chosen) > 1:
        without = {
            place: _losses([judged[other] for other in chosen if other != place], answers)
            for place in chosen
        }
        least = min(reversed(chosen), key=lambda place: without[place].mean())
        lost = without[least] - losses
        if lost.mean() > lost.std() / np.sqrt(len(lost)):
            break
        chosen.remove(least)
        losses = without[least]
    return chosen


def _losses(judged: Sequence[Judgement], answers: NDArray[np.integer]) -> NDArray[np.float64]:
    """Negative log-likelihood of each answer, in nats, ``[N]``."""
    proba = fit_rule(judged, answers).join(judged).proba
    losses: NDArray[np.float64] = -np.log(
        proba[np.arange(len(answers)), answers].astype(np.float64)
    )
    return losses
