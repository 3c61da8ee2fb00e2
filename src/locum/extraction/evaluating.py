"""Measure an extractor on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import some_share, surest_wrong
from locum.evaluation import share
from locum.extraction.result import ExtractionEvaluation, ObjectDisagreement, UnitResult
from locum.selective_risk import risk_coverage
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.evaluation import Certificate
    from locum.export import UnitCertificates
    from locum.extractors import Unit, Verdicts
    from locum.shapes import FieldPath
    from locum.training import AnsweredTexts

__all__ = ["evaluate_objects"]


def evaluate_objects(
    verdicts: Verdicts,
    test: AnsweredTexts,
    units: Sequence[Unit],
    certificate: Certificate | None,
    by_unit: Mapping[FieldPath, UnitCertificates],
) -> ExtractionEvaluation:
    """Compare what a student says of the test inputs with its teacher.

    Args:
        verdicts: What it says.
        test: The inputs.
        units: Of the answers.
        certificate: Where it may answer with whole objects.
        by_unit: Where it may answer with single fields.
    """
    answered = verdicts.confidence >= certificate.threshold if certificate else None
    return ExtractionEvaluation(
        agreement=some_share(share(verdicts.agrees)),
        answered=share(answered) if answered is not None else None,
        answered_agreement=share(verdicts.agrees[answered]) if answered is not None else None,
        curve=risk_coverage(verdicts.confidence, verdicts.agrees),
        units=[
            _of_unit(verdicts, column, unit, by_unit[unit.path])
            for column, unit in enumerate(units)
        ],
        disagreements=_worst(verdicts, test),
    )


def _of_unit(
    verdicts: Verdicts, column: int, unit: Unit, certificates: UnitCertificates
) -> UnitResult:
    agrees, given = verdicts.unit_agrees[:, column], verdicts.unit_given[:, column]
    asked = verdicts.unit_asked[:, column]
    certificate = certificates.value
    sure = verdicts.unit_confidence[:, column] >= (certificate.threshold if certificate else np.inf)
    return UnitResult(
        unit,
        some_share(share(asked)),
        share(agrees[asked | given]),
        certificates,
        share(sure[given]) if certificate else None,
        share(agrees[given & sure]),
    )


def _worst(verdicts: Verdicts, test: AnsweredTexts) -> list[ObjectDisagreement]:
    return [
        ObjectDisagreement(
            test.texts[row],
            write_json(verdicts.values[row]).decode(),
            float(verdicts.confidence[row]),
            write_json(test.answers[row]).decode(),
        )
        for row in surest_wrong(verdicts.confidence, verdicts.agrees)
    ]
