"""One rung that was tried: its student, and what is known of it before anything is certified."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from locum.calibration import text_lengths
from locum.distillation.choice import Foreseen
from locum.evaluation import choose_deferral, foreseen_coverage
from locum.export import artefact_size
from locum.losses import soften
from locum.students import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from locum.distillation.rungs import Rung
    from locum.evaluation import DeferralChoice, Promise
    from locum.training import Labelled, TrainedStudent

__all__ = ["Attempt", "Latency", "Verdicts", "measure_attempt", "measure_latency", "saved_size"]

_TIMED_TEXTS = 300
_UNTIMED_TEXTS = 20


class Verdicts(NamedTuple):
    """What a student says of ``N`` inputs.

    Args:
        raw: Probabilities before its temperature, ``[N, C]``.
        proba: At its temperature, ``[N, C]``.
        score: Deferral score, ``[N]``: it may answer where that reaches a threshold.
        agrees: Whether its most probable label is the teacher's answer, ``[N]``.
    """

    raw: NDArray[np.float32]
    proba: NDArray[np.float64]
    score: NDArray[np.float64]
    agrees: NDArray[np.bool_]


class Latency(NamedTuple):
    """Mean and median time to predict one text alone, in microseconds."""

    mean_us: float
    p50_us: float


class Attempt(NamedTuple):
    """A rung that was tried.

    Args:
        rung: Which.
        trained: Its student.
        deferral: How the student's answers are told apart from its guesses.
        agrees: Whether it agrees with the teacher on the validation inputs, ``[N]``.
        foreseen_coverage: Share of inputs that it would be certified for, foreseen on those.
        size_bytes: Of all files that the student saves.
        latency: Time to predict one text.
        train_seconds: From the first trial to the final student.
    """

    rung: Rung
    trained: TrainedStudent
    deferral: DeferralChoice
    agrees: NDArray[np.bool_]
    foreseen_coverage: float
    size_bytes: int
    latency: Latency
    train_seconds: float

    @property
    def foreseen(self) -> Foreseen:
        """What it would be chosen by."""
        return Foreseen(self.deferral.confidence, self.agrees, self.foreseen_coverage)

    def of_validation(self, validation: Labelled) -> Verdicts:
        """What a student of these settings says that learned from the train inputs alone."""
        return self._verdicts(_of_validation(self.trained), validation)

    def judge(self, labelled: Labelled) -> Verdicts:
        """What the student says of other inputs."""
        return self._verdicts(self.trained.student.judge(labelled.texts), labelled)

    def _verdicts(self, judged: Judgement, labelled: Labelled) -> Verdicts:
        proba = soften(judged.proba, self.trained.temperature)
        score = self.deferral.score.score(proba, judged.novelty, text_lengths(labelled.texts))
        agrees = proba.argmax(axis=1) == labelled.answers
        return Verdicts(judged.proba, proba, score, agrees)


def measure_attempt(
    rung: Rung,
    trained: TrainedStudent,
    train_seconds: float,
    size_bytes: int,
    validation: Labelled,
    untouched: Sequence[str],
    certify_inputs: int,
    promise: Promise,
) -> Attempt:
    """Return a trained student with what is known of it from the validation inputs.

    Args:
        rung: Which one it is.
        trained: The student.
        train_seconds: What training took.
        size_bytes: Of what it saves.
        validation: Those inputs.
        untouched: Inputs that it did not learn from, to time it on: a cascade is sure of others.
        certify_inputs: Size of the certify split.
        promise: What would be certified.
    """
    judged = _of_validation(trained)
    proba = soften(judged.proba, trained.temperature)
    agrees = proba.argmax(axis=1) == validation.answers
    lengths = text_lengths(validation.texts)
    deferral = choose_deferral(proba, judged.novelty, lengths, agrees, certify_inputs, promise)
    return Attempt(
        rung,
        trained,
        deferral,
        agrees,
        foreseen_coverage(deferral.confidence, agrees, certify_inputs, promise),
        size_bytes,
        measure_latency(lambda text: trained.student.predict_proba([text]), untouched),
        train_seconds,
    )


def _of_validation(trained: TrainedStudent) -> Judgement:
    return Judgement(trained.raw_validation_proba, trained.raw_validation_novelty)


def measure_latency(predict_one: Callable[[str], object], texts: Sequence[str]) -> Latency:
    """Time the prediction of single texts, the first 300 of those given."""
    for text in texts[:_UNTIMED_TEXTS]:
        predict_one(text)
    durations = []
    for text in texts[:_TIMED_TEXTS]:
        started = time.perf_counter_ns()
        predict_one(text)
        durations.append(time.perf_counter_ns() - started)
    return Latency(statistics.mean(durations) / 1000, statistics.median(durations) / 1000)


def saved_size(save: Callable[[Path], object]) -> int:
    """Return the size of all files that something saves in a folder, in bytes."""
    with TemporaryDirectory() as scratch:
        save(Path(scratch))
        return artefact_size(Path(scratch))
