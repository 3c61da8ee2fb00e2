"""Train a student: choose its settings on validation inputs, then learn from all it may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.losses import soften
from locum.selective_risk import selective_risk_area

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from locum.students import Student

__all__ = ["CurvePoint", "Labelled", "SyntheticGain", "TrainedStudent", "Trial", "train"]

_L2_START = 5e-6
_L2_STEP = 3.0
_L2_MOST_STEPS = 2
_TEMPERATURES = (2.0, 4.0)
_HUMAN_WEIGHTS = (0.2,)
_CURVE_SHARES = (0.25, 0.5)


class Labelled(NamedTuple):
    """Inputs with what a student learns from.

    Args:
        texts: ``N`` inputs.
        soft_labels: Teacher's distributions, ``[N, C]``.
        answers: Index of the label that the teacher answered, ``[N]``.
        human: Index of a person's label, or -1 where there is none, ``[N]``.
    """

    texts: list[str]
    soft_labels: NDArray[np.float64]
    answers: NDArray[np.int64]
    human: NDArray[np.int64]

    def joined(self, other: Labelled) -> Labelled:
        """These inputs followed by others."""
        return Labelled(
            self.texts + other.texts,
            np.concatenate([self.soft_labels, other.soft_labels]),
            np.concatenate([self.answers, other.answers]),
            np.concatenate([self.human, other.human]),
        )

    def thinned(self, count: int) -> Labelled:
        """So many of these inputs, evenly spaced."""
        rows = np.arange(count) * len(self.texts) // count
        texts = [self.texts[row] for row in rows.tolist()]
        return Labelled(texts, self.soft_labels[rows], self.answers[rows], self.human[rows])

    def hardened(self) -> Labelled:
        """These inputs with the teacher's answer alone in the place of its distribution."""
        one_hot = np.zeros_like(self.soft_labels)
        one_hot[np.arange(len(one_hot)), self.answers] = 1.0
        return self._replace(soft_labels=one_hot)

    @property
    def is_hard(self) -> bool:
        """Whether every distribution is a single answer."""
        return bool((self.soft_labels.max(axis=1) == 1).all())


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
        student: Trained on the train and validation inputs with the best settings.
        temperature: The student's own, fitted on the validation inputs as the student sees them
            that was trained on the train inputs alone.
        raw_validation_proba: Probabilities of a student of the same settings that was trained on
            the train inputs alone, ``[N, C]``.
        trials: All settings that were tried, the best first.
        curve: Agreement on the validation inputs by the number of real inputs learned from.
        synthetic: What inputs that a model wrote changed; ``None`` where there were none.
    """

    student: Student
    temperature: float
    raw_validation_proba: NDArray[np.float32]
    trials: list[Trial]
    curve: list[CurvePoint]
    synthetic: SyntheticGain | None = None


class _Candidate(NamedTuple):
    trial: Trial
    proba: NDArray[np.float32]
    temperature: float


def train(
    make_student: Callable[..., Student],
    training: Labelled,
    validation: Labelled,
    progress: Callable[[str], None],
    synthetic: Labelled | None = None,
) -> TrainedStudent:
    """Choose settings one after the other, each by the risk-coverage area on validation inputs.

    First the penalty, by steps of a factor of three in the direction that improves. Where there
    are distributions, then the distillation temperature, and whether single answers do better
    after all. Where there are human labels, then how much they count. At last, where a model wrote
    inputs, whether they help.

    Args:
        make_student: Takes ``l2``, ``temperature`` and ``human_weight``.
        training: Inputs to learn from.
        validation: Inputs to choose by; the final student learns from them too.
        progress: Is told what is being done.
        synthetic: Inputs that a model wrote, to learn from if that helps.
    """
    search = _Search(make_student, training, validation, progress)
    search.walk("l2", _L2_START, 1 / _L2_STEP)
    if search.best.trial.settings["l2"] == _L2_START:
        search.walk("l2", _L2_START, _L2_STEP)
    if not training.is_hard:
        search.try_all("temperature", _TEMPERATURES)
        search.attempt(search.best.trial.settings | {"temperature": 1.0}, soft=False)
    if (training.human >= 0).any():
        search.try_all("human_weight", _HUMAN_WEIGHTS)
    curve = [search.curve_point(share) for share in _CURVE_SHARES]
    curve.append(CurvePoint(len(training.texts), search.best.trial.agreement))
    gain = search.try_synthetic(synthetic) if synthetic is not None else None
    learned = training.joined(synthetic) if synthetic and gain and gain.used else training
    both = learned.joined(validation)
    progress(f"training on all {len(both.texts):,} inputs it may see")
    best = search.best
    student = search.fit(_for_other_size(best.trial, learned, both), both)
    return TrainedStudent(student, best.temperature, best.proba, search.trials, curve, gain)


def _for_other_size(trial: Trial, chosen_on: Labelled, used: Labelled) -> Trial:
    """Scale the penalty with the number of inputs: it weighs against the mean loss over them."""
    l2 = trial.settings["l2"] * len(chosen_on.texts) / len(used.texts)
    return trial._replace(settings=trial.settings | {"l2": l2})


class _Search:
    def __init__(
        self,
        make_student: Callable[..., Student],
        training: Labelled,
        validation: Labelled,
        progress: Callable[[str], None],
    ) -> None:
        self._make_student = make_student
        self._training = training
        self._validation = validation
        self._progress = progress
        self._tried: list[_Candidate] = []
        first = {"l2": _L2_START, "temperature": 1.0, "human_weight": 0.0}
        self.attempt(first, soft=not training.is_hard)

    @property
    def best(self) -> _Candidate:
        """The candidate with the smallest risk-coverage area; of equals the first."""
        return min(self._tried, key=lambda candidate: candidate.trial.risk_area)

    @property
    def trials(self) -> list[Trial]:
        return sorted((tried.trial for tried in self._tried), key=lambda trial: trial.risk_area)

    def walk(self, name: str, start: float, factor: float) -> None:
        """Go on in steps as long as each is the best yet."""
        for step in range(1, _L2_MOST_STEPS + 1):
            self.try_all(name, [start * factor**step])
            if self.best.trial.settings[name] != start * factor**step:
                return

    def try_all(self, name: str, values: Sequence[float]) -> None:
        for value in values:
            best = self.best.trial
            self.attempt(best.settings | {name: value}, soft=best.soft)

    def attempt(self, settings: dict[str, float], *, soft: bool) -> None:
        shown = ", ".join(f"{name} {value:.3g}" for name, value in settings.items() if value)
        self._progress(f"trying {shown}, {'soft' if soft else 'hard'} labels")
        self._tried.append(self._score(Trial(settings, soft, 0.0, 0.0), self._training))

    def try_synthetic(self, synthetic: Labelled) -> SyntheticGain:
        self._progress(f"trying with {len(synthetic.texts):,} synthetic inputs besides")
        alone, both = self.best.trial, self._training.joined(synthetic)
        trial = _for_other_size(alone, self._training, both)._replace(synthetic=True)
        self._tried.append(self._score(trial, both))
        return SyntheticGain(len(synthetic.texts), self._tried[-1].trial, alone)

    def curve_point(self, share: float) -> CurvePoint:
        count = max(2, round(share * len(self._training.texts)))
        self._progress(f"learning curve: {count:,} inputs")
        fewer = self._training.thinned(count)
        scored = self._score(_for_other_size(self.best.trial, self._training, fewer), fewer)
        return CurvePoint(count, scored.trial.agreement)

    def fit(self, trial: Trial, labelled: Labelled) -> Student:
        used = labelled if trial.soft else labelled.hardened()
        student = self._make_student(**trial.settings)
        return student.fit(used.texts, used.soft_labels, used.human)

    def _score(self, trial: Trial, labelled: Labelled) -> _Candidate:
        proba = self.fit(trial, labelled).predict_proba(self._validation.texts)
        agrees = proba.argmax(axis=1) == self._validation.answers
        temperature = fit_temperature(proba, self._validation.answers)
        area = selective_risk_area(soften(proba, temperature).max(axis=1), agrees)
        scored = trial._replace(risk_area=area, agreement=float(agrees.mean()))
        return _Candidate(scored, proba, temperature)
