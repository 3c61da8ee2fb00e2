"""Which rung of the ladder is certified: the cheapest that is about as good as the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.evaluation import coverage_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.distillation.attempt import Attempt
    from locum.evaluation import Promise

__all__ = ["Choice", "choose_rung", "coverage_error"]


class Choice(NamedTuple):
    """The rung that is certified, and why it is that one, as the end of a sentence."""

    attempt: Attempt
    reason: str


def choose_rung(
    tried: Sequence[Attempt], coverage: float | None, certify_inputs: int, promise: Promise
) -> Choice:
    """Choose by what is foreseen on the validation inputs, and by nothing else.

    The cheapest rung is taken whose foreseen coverage lies within one standard error of the best
    one's (the one-standard-error rule: Breiman, Friedman, Olshen and Stone 1984); the error is that
    of the difference. Where none is foreseen to be certified, agreement decides likewise.

    Args:
        tried: The rungs, the cheapest to ask first; at least one.
        coverage: Foreseen coverage that is enough, which the cheapest that reaches it then decides.
        certify_inputs: Size of the certify split.
        promise: What will be certified.
    """
    best = max(tried, key=lambda attempt: attempt.foreseen_coverage)
    if coverage is not None and best.foreseen_coverage >= coverage:
        enough = next(attempt for attempt in tried if attempt.foreseen_coverage >= coverage)
        return Choice(enough, f"the cheapest that is foreseen to answer {coverage:.1%}")
    if coverage is not None and best.foreseen_coverage:
        closest = f"foreseen to come closest, with {best.foreseen_coverage:.1%}, to the"
        return Choice(best, f"{closest} {coverage:.1%} that are wanted and not reached")
    if len(tried) == 1:
        return Choice(best, "the only student that was tried")
    if not best.foreseen_coverage:
        return _by_agreement(tried)
    near = [
        attempt
        for attempt in tried
        if attempt is best or _is_near(attempt, best, certify_inputs, promise)
    ]
    if len(near) == 1:
        return Choice(best, "better in foreseen coverage than all others by over a standard error")
    return Choice(
        near[0],
        f"the cheapest of {len(near)} within one standard error of the best foreseen coverage",
    )


def coverage_error(attempt: Attempt, certify_inputs: int, promise: Promise) -> float:
    """Return the standard error of a rung's foreseen coverage.

    It is that of the difference from a student that never agrees, which covers nothing.
    """
    nothing = np.zeros(len(attempt.agrees))
    return coverage_difference(
        attempt.deferral.confidence,
        attempt.agrees,
        nothing,
        nothing.astype(np.bool_),
        certify_inputs,
        promise,
    ).standard_error


def _is_near(attempt: Attempt, best: Attempt, certify_inputs: int, promise: Promise) -> bool:
    behind = coverage_difference(
        best.deferral.confidence,
        best.agrees,
        attempt.deferral.confidence,
        attempt.agrees,
        certify_inputs,
        promise,
    )
    return behind.difference <= behind.standard_error


def _by_agreement(tried: Sequence[Attempt]) -> Choice:
    best = max(tried, key=lambda attempt: attempt.agrees.mean())

    def is_near(attempt: Attempt) -> bool:
        behind = best.agrees.astype(float) - attempt.agrees
        return bool(behind.mean() <= behind.std() / math.sqrt(len(behind)))

    near = next(attempt for attempt in tried if is_near(attempt))
    return Choice(
        near,
        "the cheapest within one standard error of the best agreement, as none is foreseen to be "
        "certified",
    )
