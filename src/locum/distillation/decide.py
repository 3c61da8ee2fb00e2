"""Whether to let the student answer, and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locum.dataset import SHARES
from locum.distillation.result import Decision
from locum.evaluation import inputs_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from locum.distillation.splitting import Divided
    from locum.evaluation import Certificate, Promise

__all__ = ["decide", "least_certify_inputs", "refuse_too_few", "too_few"]

_EXPECTED_COVERAGE = 0.5
_LEAST_GROWTH = 1.25
_MANY_COPIES = 0.1


def least_certify_inputs(promise: Promise) -> int:
    """Return the fewest answered inputs on which a test can pass, with no disagreement at all.

    It is the least ``n`` with ``target^n <= level``.
    """
    return math.ceil(math.log(promise.test_level) / math.log(promise.target))


def refuse_too_few(divided: Divided, promise: Promise) -> Decision | None:
    """Decide for inputs that no student can be certified and tested on; ``None`` for others.

    Args:
        divided: The inputs, all of them usable.
        promise: Target and confidence.
    """
    groups, splits, train_only, outdated = divided
    inputs, certify = len(groups.group), len(splits.rows["certify"])
    if certify >= least_certify_inputs(promise) and splits.rows["test"].size:
        return None
    copies = inputs - len(set(groups.group.tolist()))
    return too_few(inputs, certify, promise, copies, train_only, outdated)


def too_few(
    inputs: int,
    certify: int,
    promise: Promise,
    copies: int = 0,
    train_only: int = 0,
    outdated: int = 0,
) -> Decision:
    """Decide for inputs so few that no certificate could be had however good the student.

    Args:
        inputs: Usable inputs.
        certify: Inputs in the certify split.
        promise: Target and confidence.
        copies: Inputs that are near-copies of others, and count as one with them.
        train_only: Inputs that can only be learned from, as a student was unsure of them.
        outdated: Others, as a promise was broken since.
    """
    least = least_certify_inputs(promise)
    asked = (
        f"{promise.target:.1%} agreement at {promise.confidence:.1%} confidence cannot be shown on "
        f"fewer than {least} answered ones"
    )
    are_many = copies >= _MANY_COPIES * inputs
    named = [f"{copies:,} of them near-copies of others"] * are_many
    if train_only:
        named.append(
            f"{train_only:,} of them left to the teacher by a student, and so no fair sample"
        )
    if outdated:
        named.append(
            f"{outdated:,} of them from before a student broke its promise, and so learned from "
            "alone"
        )
    between = f", {', and '.join(named)}," if named else ""
    reason = f"not enough inputs: {inputs:,}{between} leave {certify} to certify on, and {asked}"
    newer = inputs - outdated
    if not certify and (are_many or 0 < train_only == newer):
        needed = "they have to differ" if are_many else "some have to be a fair sample of the calls"
        return Decision("collect_more", f"{reason}; more like these would not do: {needed}")
    # Of further inputs, as many can judge a student as of those that are not outdated.
    judging = SHARES["certify"] * (1 - train_only / max(newer, 1))
    more = max(1, math.ceil((least / _EXPECTED_COVERAGE - certify) / judging))
    which = " that are near-copies of none" if are_many else ""
    return Decision(
        "collect_more",
        f"{reason}; about {more:,} more inputs{which} would do for a student that answers half",
        more,
    )


def decide(
    certificate: Certificate | None,
    confidence: NDArray[np.floating],
    agrees: NDArray[np.bool_],
    inputs: tuple[int, int],
    promise: Promise,
    minimum_coverage: float,
) -> Decision:
    """Decide for a student that was trained.

    Args:
        certificate: What it got.
        confidence: Its confidence in the validation and certify inputs, ``[N]``.
        agrees: Whether it agrees with the teacher on them, ``[N]``.
        inputs: Usable inputs that are not outdated, and those in the certify split.
        promise: Target and confidence.
        minimum_coverage: Coverage under which a student is not worth having.
    """
    usable, certify = inputs
    asked = f"{promise.target:.1%} agreement at {promise.confidence:.1%} confidence"
    if certificate is not None and certificate.coverage >= minimum_coverage:
        return Decision(
            "distil",
            f"the student may answer {certificate.coverage:.1%} of inputs with at least {asked}",
        )
    if certificate is not None:
        return Decision(
            "do_not_distil",
            f"the student may answer only {certificate.coverage:.1%} of inputs with at least "
            f"{asked}; under {minimum_coverage:.1%} it is not worth having",
        )
    needed = inputs_needed(confidence, agrees, promise)
    if needed is None:
        return Decision(
            "do_not_distil",
            f"the student reaches {asked} on no part of the inputs: it agrees with the teacher on "
            f"{agrees.mean():.1%} of them, and does not know on which",
        )
    more = math.ceil(max(needed, _LEAST_GROWTH * certify) * usable / certify) - usable
    return Decision(
        "collect_more",
        f"not enough inputs: {asked} cannot be shown on the {certify:,} inputs to certify on, but "
        f"about {more:,} more inputs would probably do, or fewer as the student learns from them",
        more,
    )
