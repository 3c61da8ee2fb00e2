"""The certificates of an extractor: one for whole objects, and one for each field by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import Decision, decide
from locum.evaluation import certify, plan_thresholds
from locum.export import UnitCertificates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.evaluation import Certificate, Promise
    from locum.extractors import Unit, Verdicts
    from locum.shapes import FieldPath

__all__ = ["certify_objects", "certify_units", "decide_on_objects"]

_LOWER = (0.75, 0.5, 0.25)
_CERTAIN = 1 - 1e-15


def certify_objects(validation: Verdicts, tested: Verdicts, promise: Promise) -> Certificate | None:
    """Certify whole objects.

    Args:
        validation: What a slightly weaker student says of the validation inputs.
        tested: What the student says of the certify inputs.
        promise: Target and confidence.
    """
    return _certify(
        (validation.confidence, validation.agrees), (tested.confidence, tested.agrees), promise
    )


def certify_units(
    validation: Verdicts, tested: Verdicts, units: Sequence[Unit], promise: Promise
) -> dict[FieldPath, UnitCertificates]:
    """Certify each unit by itself: the values that the student gives, and where it gives none.

    The two are tested apart, so that a field which is mostly empty is not certified by that alone.
    """

    def certified(column: int, *, given: bool) -> Certificate | None:
        seen, new = (
            (
                verdicts.unit_confidence[rows, column],
                verdicts.unit_agrees[rows, column],
            )
            for verdicts in (validation, tested)
            for rows in [verdicts.unit_given[:, column] == given]
        )
        return _certify(seen, new, promise) if len(new[0]) else None

    return {
        unit.path: UnitCertificates(certified(column, given=True), certified(column, given=False))
        for column, unit in enumerate(units)
    }


def _certify(
    seen: tuple[NDArray[np.float64], NDArray[np.bool_]],
    tested: tuple[NDArray[np.float64], NDArray[np.bool_]],
    promise: Promise,
) -> Certificate | None:
    thresholds = plan_thresholds(*seen, len(tested[0]), promise)
    # At 0 there is no object, or nothing that could be said of a field.
    planned = [threshold for threshold in thresholds if threshold > 0]
    return certify(*tested, _with_lower(planned), promise)


def _with_lower(planned: list[float]) -> list[float]:
    """Return the thresholds to test, with some below the last.

    A tagger is often all but certain, and the student that is certified learned from more inputs
    than the one that the thresholds stem from: its confidences can lie under the least of them
    without being any worse. Where there is one threshold alone, it is not started at: one input
    below it would be one too many. All are fixed without a look at the certify inputs.
    """
    if not planned or not planned[-1] > 0.5:
        return planned
    log_odds = math.log(planned[-1]) - math.log1p(-min(planned[-1], _CERTAIN))
    lower = [1 / (1 + math.exp(-share * log_odds)) for share in _LOWER]
    return [*(planned if len(planned) > 1 else []), *lower]


def decide_on_objects(
    certificate: Certificate | None,
    by_unit: Mapping[FieldPath, UnitCertificates],
    verdicts: tuple[Verdicts, Verdicts],
    usable: int,
    promise: Promise,
    minimum_coverage: float,
    *,
    partial: bool,
) -> Decision:
    """Decide for a student that was trained.

    Args:
        certificate: For whole objects.
        by_unit: For single fields.
        verdicts: What it says of the validation and the certify inputs.
        usable: Usable inputs that are not outdated.
        promise: Target and confidence.
        minimum_coverage: Coverage under which a student is not worth having.
        partial: Whether single fields are worth having.
    """
    seen, tested = verdicts
    decision = decide(
        certificate,
        np.concatenate([seen.confidence, tested.confidence]),
        np.concatenate([seen.agrees, tested.agrees]),
        (usable, len(tested.confidence)),
        promise,
        minimum_coverage,
    )
    if decision.verdict == "distil" or not partial:
        return decision
    worth = [
        one for one in by_unit.values() if one.value and one.value.coverage >= minimum_coverage
    ]
    if not worth:
        return decision
    reason = (
        f"not with whole objects ({decision.reason}), but with values of {len(worth)} of the "
        f"{len(by_unit)} fields by themselves"
    )
    return Decision("distil", reason)
