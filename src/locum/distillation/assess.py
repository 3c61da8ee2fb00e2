"""Measure a student on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.calibration import measure_reliability, reliability_bins
from locum.distillation.result import ClassResult, Disagreement, Evaluation
from locum.evaluation import Share, share
from locum.selective_risk import risk_coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.distillation.attempt import Verdicts
    from locum.evaluation import Certificate
    from locum.training import Labelled

__all__ = ["evaluate", "some_share", "surest_wrong"]

_DISAGREEMENTS = 12


def evaluate(
    verdicts: Verdicts, test: Labelled, classes: Sequence[str], certificate: Certificate | None
) -> Evaluation:
    """Compare the student with its teacher and with people.

    Args:
        verdicts: What the student says of the test inputs.
        test: The test split.
        classes: The labels.
        certificate: Where the student may answer.
    """
    raw, proba, score, agrees = verdicts
    predicted, confidence = proba.argmax(axis=1), proba.max(axis=1)
    answered = score >= certificate.threshold if certificate else None
    with_human = test.human >= 0
    return Evaluation(
        agreement=some_share(share(agrees)),
        answered=share(answered) if answered is not None else None,
        answered_agreement=share(agrees[answered]) if answered is not None else None,
        accuracy=share((predicted == test.human)[with_human]),
        cascade_accuracy=_cascade_accuracy(predicted, answered, test),
        before=measure_reliability(raw, test.answers),
        after=measure_reliability(proba, test.answers),
        bins=reliability_bins(proba, test.answers),
        bins_before=reliability_bins(raw, test.answers),
        curve=risk_coverage(score, agrees),
        classes=_by_class(agrees, answered, test.answers, classes),
        disagreements=_worst(predicted, confidence, agrees, test, classes),
    )


def some_share(found: Share | None) -> Share:
    """Return a share of the test inputs, of which there are always some."""
    if found is None:
        raise ValueError("the test split is empty")
    return found


def surest_wrong(confidence: NDArray[np.float64], agrees: NDArray[np.bool_]) -> list[int]:
    """Return the rows of the twelve most confident answers that do not agree, the surest first.

    Args:
        confidence: Of each answer, ``[N]``; 0 where there is none.
        agrees: Whether it agrees with the teacher's, ``[N]``.
    """
    wrong = np.flatnonzero(~agrees & (confidence > 0))
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:_DISAGREEMENTS]
    rows: list[int] = surest.tolist()
    return rows


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
    agrees: NDArray[np.bool_],
    test: Labelled,
    classes: Sequence[str],
) -> list[Disagreement]:
    return [
        Disagreement(
            test.texts[row],
            classes[predicted[row]],
            float(confidence[row]),
            classes[test.answers[row]],
            classes[test.human[row]] if test.human[row] >= 0 else None,
        )
        for row in surest_wrong(confidence, agrees)
    ]
