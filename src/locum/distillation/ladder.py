"""Climb the ladder: train one student after the other, and note why others were not."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation.attempt import measure_attempt, saved_size
from locum.distillation.choice import why_enough
from locum.distillation.least_size import least_bytes
from locum.distillation.rungs import LADDER, Rung
from locum.errors import LocumError, UsageError
from locum.students import find_family, naming_family
from locum.students.encoder import EncoderStudent
from locum.students.joined import extras_of
from locum.training import train
from locum.training.joining import join_cascade, join_ensemble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locum.distillation.attempt import Attempt
    from locum.distillation.search import SearchSettings
    from locum.evaluation import Promise
    from locum.schema import Split
    from locum.students import Student
    from locum.training import Labelled, TrainedStudent

__all__ = ["NOT_TUNED", "Climb", "climb", "was_tuned"]

NOT_TUNED = "fine-tuning did no better than the encoder as it is on inputs held out"

_CASCADE, _ENSEMBLE = "cascade", "ensemble"
_JOINED = (_ENSEMBLE, _CASCADE)
_FIRST = "linear"
_ENCODERS = ("frozen-encoder", "encoder")
_ENCODERS_EXTRA = "onnx"


class Climb(NamedTuple):
    """What came of the ladder.

    Args:
        rungs: All that could be tried, the cheapest to ask first.
        attempts: Those that were tried, by name.
        omitted: Why the others were not, by name.
    """

    rungs: Sequence[Rung]
    attempts: Mapping[str, Attempt]
    omitted: Mapping[str, str]

    @property
    def tried(self) -> list[Attempt]:
        """The attempts, the cheapest to ask first: those without an encoder."""
        found = [self.attempts[rung.name] for rung in self.rungs if rung.name in self.attempts]
        return sorted(found, key=lambda one: _ENCODERS_EXTRA in extras_of(one.trained.student))


def climb(
    settings: SearchSettings,
    classes: Sequence[str],
    labelled: Mapping[Split, Labelled],
    synthetic: Labelled | None,
    promise: Promise,
    told: Callable[[str], None],
) -> Climb:
    """Try the students that the settings ask for.

    A rung that cannot be tried is left out with the reason, but where it alone was asked for.

    Args:
        settings: What is tried, and what ends the search.
        classes: The labels.
        labelled: The inputs of each split; of the certify split only the size is looked at, and on
            the texts of the test split students are timed.
        synthetic: Inputs that a model wrote, for students that are cheap enough to try with them.
        promise: What the student will be certified for.
        told: Is told how it goes on.

    Raises:
        UsageError: The student that was asked for cannot be had, or all are too large.
    """
    climber = _Climber(settings, classes, labelled, synthetic, promise, told)
    found = climber.try_all() if settings.is_race else climber.try_one(*settings.names)
    if not found.tried:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.omitted.items())
        raise UsageError(f"no student could be tried ({reasons})")
    return found


def was_tuned(student: Student) -> bool:
    """Whether fine-tuning changed a student that asked for it."""
    return not (isinstance(student, EncoderStudent) and student.epochs and not student.epochs_)


class _Trained(NamedTuple):
    student: TrainedStudent
    seconds: float


class _Climber:
    def __init__(
        self,
        settings: SearchSettings,
        classes: Sequence[str],
        labelled: Mapping[Split, Labelled],
        synthetic: Labelled | None,
        promise: Promise,
        told: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._classes = classes
        self._labelled = labelled
        self._synthetic = synthetic
        self._promise = promise
        self._told = told
        self._deadline = time.monotonic() + settings.seconds
        self._rungs = _rungs(settings.names)
        self._attempts: dict[str, Attempt] = {}
        self._omitted: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._pooled: Sequence[str] = ()

    def try_all(self) -> Climb:
        """Go up from the cheapest; those that are made of others come last."""
        self._try_members(self._rungs)
        asked_for = {rung.name for rung in self._rungs}
        if _ENSEMBLE in asked_for:
            self._try_ensemble()
        if _CASCADE in asked_for:
            self._try_cascade()
        return Climb(self._rungs, self._attempts, self._omitted)

    def try_one(self, name: str) -> Climb:
        """Try one alone; what stands in its way is an error."""
        (rung,) = self._rungs
        too_large = self._too_large(self._least_bytes(rung))
        if too_large:
            self._omitted[name] = too_large
        elif name == _CASCADE:
            second, first = (self._train(_rung(part)) for part in (_ENCODERS[-1], _FIRST))
            self._join_cascade(first.student, second.student, first.seconds + second.seconds)
        elif name == _ENSEMBLE:
            self._try_members(LADDER)
            self._try_ensemble()
        else:
            self._train_and_measure(rung)
        return Climb(self._rungs, self._attempts, self._omitted)

    def _try_members(self, rungs: Sequence[Rung]) -> None:
        for rung in rungs:
            if rung.name not in _JOINED:
                self._try(rung)

    def _try(self, rung: Rung) -> None:
        reason = self._enough() or self._failed.get(rung.family) or self._no_time(rung)
        reason = reason or self._too_large(self._least_bytes(rung))
        if reason:
            self._omitted[rung.name] = reason
            return
        try:
            self._train_and_measure(rung)
        except LocumError as error:
            self._omitted[rung.name] = self._failed[rung.family] = str(error)

    def _train_and_measure(self, rung: Rung) -> None:
        with naming_family(rung.family):
            trained = self._train(rung)
            as_it_is = _ENCODERS[0] in self._attempts and rung.name == _ENCODERS[1]
            if as_it_is and not was_tuned(trained.student.student):
                self._omitted[rung.name] = f"{NOT_TUNED}: it is {_ENCODERS[0]}"
                return
            self._measure(rung, trained)

    def _enough(self) -> str:
        """Why no further rung is needed."""
        return why_enough(self._attempts, self._settings.coverage)

    def _no_time(self, rung: Rung) -> str:
        if self._left(rung) > 0:
            return ""
        return f"no time was left of {self._settings.seconds:.0f} seconds: allow more with --time"

    def _least_bytes(self, rung: Rung) -> int:
        return least_bytes(self._settings.encoder) if rung.name in {*_ENCODERS, _CASCADE} else 0

    def _too_large(self, size_bytes: int) -> str:
        most = self._settings.max_bytes
        if most is None or size_bytes <= most:
            return ""
        return f"it has at least {size_bytes:,} bytes, and {most:,} are allowed"

    def _left(self, rung: Rung) -> float:
        """Seconds that a rung may train; to be trained, an encoder is first tried as it is."""
        frozen = self._attempts.get(_ENCODERS[0])
        again = frozen.train_seconds if frozen and rung.name == _ENCODERS[1] else 0.0
        return self._deadline - time.monotonic() - again

    def _train(self, rung: Rung) -> _Trained:
        family = find_family(rung.family)
        settings = rung.settings(
            self._settings, len(self._labelled["train"].texts), self._left(rung)
        )
        source = settings.get("embeddings") or settings.get("encoder")
        self._told(f"student {rung.name}{f', made from {source}' if source else ''}")
        started = time.perf_counter()
        trained = train(
            partial(family, self._classes, **settings),
            self._labelled["train"],
            self._labelled["validation"],
            self._told,
            synthetic=self._synthetic if family.searched else None,
        )
        return _Trained(trained, time.perf_counter() - started)

    def _try_ensemble(self) -> None:
        reason = self._enough()
        if len(self._attempts) < 2:
            reason = reason or "it needs two students among those that are tried"
        if reason:
            self._omitted[_ENSEMBLE] = reason
            return
        self._told(f"student {_ENSEMBLE}, of any of {', '.join(self._attempts)}")
        members = {name: attempt.trained for name, attempt in self._attempts.items()}
        joined = join_ensemble(members, self._labelled["validation"])
        if joined is None:
            self._omitted[_ENSEMBLE] = "one student alone is as good"
            return
        self._pooled = joined.members
        seconds = sum(self._attempts[name].train_seconds for name in joined.members)
        self._measure(_rung(_ENSEMBLE), _Trained(joined.student, seconds))

    def _try_cascade(self) -> None:
        enough = self._enough()
        if enough:
            self._omitted[_CASCADE] = enough
            return
        first, second = self._attempts.get(_FIRST), self._second_of_cascade()
        if first is None or second is None:
            left_out = self._omitted.get(_ENCODERS[0], "")
            self._omitted[_CASCADE] = left_out or (
                "it needs a linear student and an encoder among those that are tried"
            )
            return
        too_large = self._too_large(first.size_bytes + second.size_bytes)
        if too_large:
            self._omitted[_CASCADE] = too_large
            return
        self._told(f"student {_CASCADE}: {_FIRST}, then {second.rung.name}")
        parts = {_FIRST, *(self._pooled if second.rung.name == _ENSEMBLE else [second.rung.name])}
        seconds = sum(self._attempts[name].train_seconds for name in parts)
        self._join_cascade(first.trained, second.trained, seconds)

    def _second_of_cascade(self) -> Attempt | None:
        """The ensemble if an encoder is worth asking in it, else the better encoder."""
        if _ENSEMBLE in self._attempts and set(_ENCODERS) & set(self._pooled):
            return self._attempts[_ENSEMBLE]
        encoders = [self._attempts[name] for name in _ENCODERS if name in self._attempts]
        return max(encoders, key=lambda attempt: attempt.foreseen_coverage, default=None)

    def _join_cascade(self, first: TrainedStudent, second: TrainedStudent, seconds: float) -> None:
        """Let a cheap student answer where it is sure, and another one elsewhere."""
        joined = join_cascade(first, second, self._labelled["validation"])
        self._measure(_rung(_CASCADE), _Trained(joined, seconds))

    def _measure(self, rung: Rung, trained: _Trained) -> None:
        size = saved_size(trained.student.student.save)
        too_large = self._too_large(size)
        if too_large:
            self._omitted[rung.name] = self._failed[rung.family] = too_large
            return
        self._attempts[rung.name] = measure_attempt(
            rung,
            trained.student,
            trained.seconds,
            size,
            self._labelled["validation"],
            self._labelled["test"].texts,
            len(self._labelled["certify"].texts),
            self._promise,
        )


def _rungs(names: Sequence[str]) -> tuple[Rung, ...]:
    """The rungs of these names, in the ladder's order and others last; all where there is none."""
    if not names:
        return LADDER
    known = tuple(rung for rung in LADDER if rung.name in names)
    others = set(names) - {rung.name for rung in known}
    return (*known, *(Rung(name, name, {}) for name in names if name in others))


def _rung(name: str) -> Rung:
    return next(rung for rung in LADDER if rung.name == name)
