"""Which student is certified: the cheapest that is about as good as the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from locum.evaluation import coverage_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from locum.evaluation import Promise

__all__ = [
    "Candidate",
    "Choice",
    "Foreseen",
    "choose_cheapest",
    "coverage_error",
    "why_enough",
]


class Foreseen(NamedTuple):
    """What is known of a student before anything is certified, from the validation inputs.

    Args:
        confidence: In its answers, or whatever the threshold will be on, ``[N]``.
        agrees: Whether they are the teacher's, ``[N]``.
        coverage: Share of inputs that it would be certified for.
    """

    confidence: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    coverage: float


class Candidate(Protocol):
    """A student that was tried."""

    @property
    def foreseen(self) -> Foreseen:
        """What is known of it."""
        ...


Tried = TypeVar("Tried", bound=Candidate)


class Choice(NamedTuple, Generic[Tried]):
    """The student that is certified, and why it is that one, as the end of a sentence."""

    student: Tried
    reason: str


def choose_cheapest(
    tried: Sequence[Tried], coverage: float | None, certify_inputs: int, promise: Promise
) -> Choice[Tried]:
    """Choose by what is foreseen on the validation inputs, and by nothing else.

    The cheapest student is taken whose foreseen coverage lies within one standard error of the best
    one's (the one-standard-error rule: Breiman, Friedman, Olshen and Stone 1984). The error is that
    of the difference, or that of the best one's own figure where it is smaller: a student of whom
    little is known is not taken for that. Where none is foreseen to be certified, agreement decides
    likewise.

    Args:
        tried: The students, the cheapest to ask first; at least one.
        coverage: Foreseen coverage that is enough, which the cheapest that reaches it then decides.
        certify_inputs: Size of the certify split.
        promise: What will be certified.
    """
    best = max(tried, key=lambda one: one.foreseen.coverage)
    reached = best.foreseen.coverage
    if coverage is not None and reached >= coverage:
        enough = next(one for one in tried if one.foreseen.coverage >= coverage)
        return Choice(enough, f"the cheapest that is foreseen to answer {coverage:.1%}")
    if coverage is not None and reached:
        closest = f"foreseen to come closest, with {reached:.1%}, to the"
        return Choice(best, f"{closest} {coverage:.1%} that are wanted and not reached")
    if len(tried) == 1:
        return Choice(best, "the only student that was tried")
    if not reached:
        return _by_agreement(tried)
    error = coverage_error(best.foreseen, certify_inputs, promise)
    near = [
        one
        for one in tried
        if one is best or _is_near(one.foreseen, best.foreseen, error, certify_inputs, promise)
    ]
    if len(near) == 1:
        return Choice(best, "better in foreseen coverage than all others by over a standard error")
    return Choice(
        near[0],
        f"the cheapest of {len(near)} within one standard error of the best foreseen coverage",
    )


def why_enough(tried: Mapping[str, Candidate], coverage: float | None) -> str:
    """Say why nothing more is to be tried; nothing where something is.

    Args:
        tried: The students so far, by name.
        coverage: Foreseen coverage that is enough.
    """
    if coverage is None:
        return ""
    for name, one in tried.items():
        if one.foreseen.coverage >= coverage:
            found = f"{name} is foreseen to answer {one.foreseen.coverage:.1%}"
            return f"not needed: {found}, and {coverage:.1%} is enough"
    return ""


def coverage_error(foreseen: Foreseen, certify_inputs: int, promise: Promise) -> float:
    """Return the standard error of a foreseen coverage.

    It is that of the difference from a student that never agrees, which covers nothing.
    """
    nothing = np.zeros(len(foreseen.agrees))
    return coverage_difference(
        foreseen.confidence,
        foreseen.agrees,
        nothing,
        nothing.astype(np.bool_),
        certify_inputs,
        promise,
    ).standard_error


def _is_near(
    one: Foreseen, best: Foreseen, error: float, certify_inputs: int, promise: Promise
) -> bool:
    """Whether one is about as good as the best, of whose own figure the error is given."""
    behind = coverage_difference(
        best.confidence, best.agrees, one.confidence, one.agrees, certify_inputs, promise
    )
    return behind.difference <= min(behind.standard_error, error)


def _by_agreement(tried: Sequence[Tried]) -> Choice[Tried]:
    best = max((one.foreseen.agrees for one in tried), key=np.mean)

    def is_near(agrees: NDArray[np.bool_]) -> bool:
        behind = best.astype(float) - agrees
        return bool(behind.mean() <= behind.std() / math.sqrt(len(behind)))

    near = next(one for one in tried if is_near(one.foreseen.agrees))
    return Choice(
        near,
        "the cheapest within one standard error of the best agreement, as none is foreseen to be "
        "certified",
    )
