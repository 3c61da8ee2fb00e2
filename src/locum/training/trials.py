"""What comes out of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from locum.students import Student

__all__ = ["CurvePoint", "SyntheticGain", "TrainedStudent", "Trial"]


class Trial(NamedTuple):
    """One setting that was tried.

    Args:
        settings: What the student's constructor got.
        soft: Whether it learned from distributions, and not from single answers.
        risk_area: Area under its risk-coverage curve on the validation inputs; smaller is better.
        agreement: With the teacher on all validation inputs.
        synthetic: Whether it learned from inputs that a model wrote, too.
    """

    settings: dict[str, float]
    soft: bool
    risk_area: float
    agreement: float
    synthetic: bool = False


class SyntheticGain(NamedTuple):
    """What inputs that a model wrote did to the best student, on real validation inputs.

    Args:
        inputs: How many there were.
        helped: The same settings with them.
        alone: And without.
    """

    inputs: int
    helped: Trial
    alone: Trial

    @property
    def used(self) -> bool:
        """Whether the student learned from them in the end: the risk-coverage area fell."""
        return self.helped.risk_area < self.alone.risk_area


class CurvePoint(NamedTuple):
    """How a student of the chosen settings does that learned from fewer inputs."""

    inputs: int
    agreement: float


class TrainedStudent(NamedTuple):
    """A student, how its settings were found, and what it said of the validation inputs.

    Args:
        student: Of a searched family one of the best settings, trained on the train and validation
            inputs; of another the only one, trained on the train inputs, and refitted to both where
            it can be.
        temperature: The student's own, fitted on the validation inputs as the student sees them
            that was trained on the train inputs alone.
        raw_validation_proba: Probabilities of a student of the same settings that was trained on
            the train inputs alone, ``[N, C]``.
        raw_validation_novelty: What the same student makes of their novelty, ``[N]``.
        trials: All settings that were tried, the best first.
        curve: Agreement on the validation inputs by the number of real inputs learned from.
        synthetic: What inputs that a model wrote changed; ``None`` where there were none, or the
            family is not searched.
    """

    student: Student
    temperature: float
    raw_validation_proba: NDArray[np.float32]
    raw_validation_novelty: NDArray[np.float32]
    trials: list[Trial]
    curve: list[CurvePoint]
    synthetic: SyntheticGain | None = None
