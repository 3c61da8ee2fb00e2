"""The search for a student's settings on validation inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from locum.calibration import fit_temperature
from locum.losses import soften
from locum.selective_risk import selective_risk_area
from locum.students import check_judgement
from locum.training.trials import CurvePoint, SyntheticGain, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.students import Judgement, Student
    from locum.training.labelled import Labelled

__all__ = ["Candidate", "Search", "fit_trial", "for_other_size", "prepare", "score_student"]

_L2_START = 5e-6
_L2_STEP = 3.0
_L2_MOST_STEPS = 2
_TEMPERATURES = (2.0, 4.0)
_HUMAN_WEIGHTS = (0.2,)
_CURVE_SHARES = (0.25, 0.5)


class Candidate(NamedTuple):
    """A trial with what its student says of the validation inputs, and its temperature there."""

    trial: Trial
    judged: Judgement
    temperature: float


@runtime_checkable
class _Preparing(Protocol):
    """A student that goes through inputs once for several of its kind to learn from."""

    def prepare(self, inputs: Sequence[str]) -> Sequence[str]:
        """Return the inputs, with what was found in them."""
        ...


def prepare(student: Student, labelled: Labelled) -> Labelled:
    """Return inputs that students like this one can learn from several times."""
    if not isinstance(student, _Preparing):
        return labelled
    return labelled._replace(texts=student.prepare(labelled.texts))


def for_other_size(trial: Trial, chosen_on: int, used: int) -> Trial:
    """Scale the penalty with the number of inputs: it weighs against the mean loss over them."""
    l2 = trial.settings["l2"] * chosen_on / used
    return trial._replace(settings=trial.settings | {"l2": l2})


def fit_trial(make_student: Callable[..., Student], trial: Trial, labelled: Labelled) -> Student:
    """Return a student of a trial's settings that learned from some inputs."""
    used = labelled if trial.soft else labelled.hardened()
    return make_student(**trial.settings).fit(used.texts, used.soft_labels, used.human)


def score_student(student: Student, trial: Trial, validation: Labelled) -> Candidate:
    """Judge the validation inputs and fill in the trial's figures."""
    judged = student.judge(validation.texts)
    check_judgement(judged, student.family, *validation.soft_labels.shape)
    agrees = judged.proba.argmax(axis=1) == validation.answers
    temperature = fit_temperature(judged.proba, validation.answers)
    area = selective_risk_area(soften(judged.proba, temperature).max(axis=1), agrees)
    scored = trial._replace(risk_area=area, agreement=float(agrees.mean()))
    return Candidate(scored, judged, temperature)


class Search:
    """Settings that are tried one after the other, each judged on the validation inputs.

    Args:
        make_student: Takes ``l2``, ``temperature``, ``human_weight`` and what is tried besides.
        training: Inputs to learn from, prepared.
        validation: Inputs to judge by.
        progress: Is told what is being done.
        tried: Settings of the family's own that are tried; by default as the family says.
    """

    def __init__(
        self,
        make_student: Callable[..., Student],
        training: Labelled,
        validation: Labelled,
        progress: Callable[[str], None],
        tried: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._make_student = make_student
        self._own = make_student().tried if tried is None else tried
        self._training = training
        self._validation = validation
        self._progress = progress
        self._tried: list[Candidate] = []

    def run(self) -> None:
        """Try the settings, the most telling first: the family's own, then those that all have.

        Once the student errs nowhere, nothing more is tried.
        """
        first = {"l2": _L2_START, "temperature": 1.0, "human_weight": 0.0}
        self._attempt(first, soft=not self._training.is_hard)
        for name in dict.fromkeys([*self._own, "l2"]):
            if name == "l2" and not self._own.get(name):
                self._search_penalty()
            else:
                self._try_all(name, self._own[name])
        if not self._training.is_hard:
            self._try_all("temperature", _TEMPERATURES)
            self._attempt_hard()
        if (self._training.human >= 0).any():
            self._try_all("human_weight", _HUMAN_WEIGHTS)

    @property
    def best(self) -> Candidate:
        """The candidate with the smallest risk-coverage area; of equals the first."""
        return min(self._tried, key=lambda candidate: candidate.trial.risk_area)

    @property
    def trials(self) -> list[Trial]:
        """All that was tried, the best first."""
        return sorted((tried.trial for tried in self._tried), key=lambda trial: trial.risk_area)

    def curve(self) -> list[CurvePoint]:
        """Return how the best settings do with a quarter and a half of the inputs, and with all."""
        best = self.best.trial
        points = [self._curve_point(share) for share in _CURVE_SHARES]
        return [*points, CurvePoint(len(self._training.texts), best.agreement)]

    def try_synthetic(self, synthetic: Labelled) -> SyntheticGain:
        """Try the best settings with inputs that a model wrote besides."""
        self._progress(f"trying with {len(synthetic.texts):,} synthetic inputs besides")
        alone, both = self.best.trial, self._training.joined(synthetic)
        trial = for_other_size(alone, len(self._training.texts), len(both.texts))
        trial = trial._replace(synthetic=True)
        self._tried.append(self._score(trial, both))
        return SyntheticGain(len(synthetic.texts), self._tried[-1].trial, alone)

    def _search_penalty(self) -> None:
        self._walk("l2", _L2_START, 1 / _L2_STEP)
        if self.best.trial.settings["l2"] == _L2_START:
            self._walk("l2", _L2_START, _L2_STEP)

    def _walk(self, name: str, start: float, factor: float) -> None:
        """Go on in steps as long as each is the best yet."""
        for step in range(1, _L2_MOST_STEPS + 1):
            self._try_all(name, [start * factor**step])
            if self.best.trial.settings[name] != start * factor**step:
                return

    def _try_all(self, name: str, values: Sequence[float]) -> None:
        for value in values:
            best = self.best.trial
            if best.risk_area:
                self._attempt(best.settings | {name: value}, soft=best.soft)

    def _attempt_hard(self) -> None:
        best = self.best.trial
        if best.risk_area:
            self._attempt(best.settings | {"temperature": 1.0}, soft=False)

    def _attempt(self, settings: dict[str, float], *, soft: bool) -> None:
        shown = ", ".join(f"{name} {value:.3g}" for name, value in settings.items() if value)
        self._progress(f"trying {shown}, {'soft' if soft else 'hard'} labels")
        self._tried.append(self._score(Trial(settings, soft, 0.0, 0.0), self._training))

    def _curve_point(self, share: float) -> CurvePoint:
        count = max(2, round(share * len(self._training.texts)))
        self._progress(f"learning curve: {count:,} inputs")
        fewer = self._training.thinned(count)
        trial = for_other_size(self.best.trial, len(self._training.texts), count)
        return CurvePoint(count, self._score(trial, fewer).trial.agreement)

    def _score(self, trial: Trial, labelled: Labelled) -> Candidate:
        student = fit_trial(self._make_student, trial, labelled)
        return score_student(student, trial, self._validation)
