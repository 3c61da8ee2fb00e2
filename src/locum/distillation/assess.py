"""Measure a student on the test split, and what it costs to run."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from locum.calibration import measure_reliability, reliability_bins
from locum.distillation.result import ClassResult, Disagreement, Evaluation
from locum.evaluation import Share, share
from locum.losses import soften
from locum.selective_risk import risk_coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.evaluation import Certificate
    from locum.students import Student
    from locum.training import Labelled

__all__ = ["evaluate", "measure_latency_us"]

_DISAGREEMENTS = 12
_TIMED_TEXTS = 300
_UNTIMED_TEXTS = 20


def measure_latency_us(student: Student, texts: Sequence[str]) -> float:
    """Return the median time to predict one text alone, in microseconds."""
    for text in texts[:_UNTIMED_TEXTS]:
        student.predict_proba([text])
    durations = []
    for text in texts[:_TIMED_TEXTS]:
        started = time.perf_counter_ns()
        student.predict_proba([text])
        durations.append(time.perf_counter_ns() - started)
    return statistics.median(durations) / 1000


def evaluate(
    raw: NDArray[np.float32],
    temperature: float,
    test: Labelled,
    classes: Sequence[str],
    certificate: Certificate | None,
) -> Evaluation:
    """Compare the student with its teacher and with people.

    Args:
        raw: Student's probabilities of the test inputs before its temperature, ``[N, C]``.
        temperature: The student's own.
        test: The test split.
        classes: The labels.
        certificate: Where the student may answer.
    """
    proba = soften(raw, temperature)
    predicted, confidence = proba.argmax(axis=1), proba.max(axis=1)
    agrees = predicted == test.answers
    answered = confidence >= certificate.threshold if certificate else None
    with_human = test.human >= 0
    return Evaluation(
        agreement=_some(share(agrees)),
        answered=share(answered) if answered is not None else None,
        answered_agreement=share(agrees[answered]) if answered is not None else None,
        accuracy=share((predicted == test.human)[with_human]),
        cascade_accuracy=_cascade_accuracy(predicted, answered, test),
        before=measure_reliability(raw, test.answers),
        after=measure_reliability(proba, test.answers),
        bins=reliability_bins(proba, test.answers),
        bins_before=reliability_bins(raw, test.answers),
        curve=risk_coverage(confidence, agrees),
        classes=_by_class(agrees, answered, test.answers, classes),
        disagreements=_worst(predicted, confidence, test, classes),
    )


def _some(found: Share | None) -> Share:
    if found is None:
        raise ValueError("the test split is empty")
    return found


def _cascade_accuracy(
    predicted: NDArray[np.intp], answered: NDArray[np.bool_] | None, test: Labelled
) -> Share | None:
    if answered is None:
        return None
    given = np.where(answered, predicted, test.answers)
    return share((given == test.human)[test.human >= 0])


def _by_class(
    agrees: NDArray[np.bool_],
    answered: NDArray[np.bool_] | None,
    answers: NDArray[np.int64],
    classes: Sequence[str],
) -> list[ClassResult]:
    rows_of = [(label, answers == index) for index, label in enumerate(classes)]
    results = [
        ClassResult(
            label,
            int(rows.sum()),
            float(agrees[rows].mean()),
            float(answered[rows].mean()) if answered is not None else None,
        )
        for label, rows in rows_of
        if rows.any()
    ]
    return sorted(results, key=lambda result: result.agreement)


def _worst(
    predicted: NDArray[np.intp],
    confidence: NDArray[np.float64],
    test: Labelled,
    classes: Sequence[str],
) -> list[Disagreement]:
    wrong = np.flatnonzero(predicted != test.answers)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:_DISAGREEMENTS]
    return [
        Disagreement(
            test.texts[row],
            classes[predicted[row]],
            float(confidence[row]),
            classes[test.answers[row]],
            classes[test.human[row]] if test.human[row] >= 0 else None,
        )
        for row in surest.tolist()
    ]
