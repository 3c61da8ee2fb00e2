"""The certificate: where the student may answer, with a bound that holds on finite samples.

Let ``s`` be the student's confidence in an input, or any other score of it (see
``calibration/deferral.py``), and let it answer where ``s >= t``. The promise is

    P(student and teacher agree | s >= t) >= target,     with confidence 1 - delta.

Thresholds ``t_1, t_2, ...`` are fixed on the validation split, each answering more inputs than the
one before. On the certify split, which took no part in anything before, the hypothesis "agreement
at ``t_k`` is below the target" is tested for ``k = 1, 2, ...`` by the exact binomial tail: with
``n`` inputs answered and ``e`` disagreements its p-value is ``P(Binomial(n, 1 - target) <= e)``,
given how many are answered. The first test that fails ends the sequence, and the last threshold
that passed is the certificate. Testing in a fixed order needs no correction for the number of
tests, so the chance that any false promise is certified is at most delta: fixed-sequence testing
in Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei 2021), applied to selective risk
(Geifman and El-Yaniv 2017).

The order starts where the validation split expects the clearest pass. Starting at the strictest
threshold, as is usual, would let one unlucky disagreement among few inputs end the sequence.

**All requests.** Deferred requests get the teacher's own answer, so a request is answered
otherwise than by the teacher with probability ``(1 - agreement) * coverage``. Of delta, nine tenths
go to the tests and one tenth to a bound on the coverage that holds at all thresholds at once (the
one-sided inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, 1990). So both
promises hold together with confidence ``1 - delta``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import UsageError
from locum.evaluation.intervals import binomial_lower_tail, lower_limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "STEPS",
    "Certificate",
    "Promise",
    "SelectivePoint",
    "candidate_thresholds",
    "certify",
    "inputs_needed",
    "plan_thresholds",
    "selective_point",
]

STEPS = 100
"""Candidate thresholds."""
_SHARE_OF_TESTS = 0.9
_MOST_INPUTS_FACTOR = 1000.0
_PLANNING_MARGIN = 0.8416  # the 80th percentile of the standard normal distribution


class Promise(NamedTuple):
    """What a certificate shall promise.

    Args:
        target: Agreement with the teacher on what the student answers, between 0 and 1.
        confidence: Confidence with which it holds, between 0 and 1.
    """

    target: float
    confidence: float

    def check(self) -> None:
        """Refuse a promise that cannot be tested.

        Raises:
            UsageError: A number does not lie between 0 and 1.
        """
        for name, value in self._asdict().items():
            if not 0 < value < 1:
                raise UsageError(f"{name} {value} cannot be used: expected a number in (0, 1)")

    @property
    def test_level(self) -> float:
        """Level of each test: nine tenths of ``1 - confidence``."""
        return _SHARE_OF_TESTS * (1 - self.confidence)


class Certificate(NamedTuple):
    """Where the student may answer.

    Args:
        threshold: The student answers where its confidence is at least this.
        target: Promised agreement with the teacher on what the student answers.
        confidence: Confidence with which both promises hold.
        coverage: Share of the certify inputs that the student answers.
        agreement: Share of those on which student and teacher agree.
        lower_bound: Exact lower limit of that agreement at this threshold alone. It is at least
            the target; what is promised is the target, since the threshold was chosen by testing.
        all_requests: Promised share of all requests that get the teacher's answer, with
            deferred ones sent to the teacher.
        inputs: Size of the certify split.
        answered: How many of them the student answers.
        disagreements: How many of those it answers otherwise than the teacher.
    """

    threshold: float
    target: float
    confidence: float
    coverage: float
    agreement: float
    lower_bound: float
    all_requests: float
    inputs: int
    answered: int
    disagreements: int


class SelectivePoint(NamedTuple):
    """What happens at one threshold."""

    threshold: float
    answered: int
    disagreements: int


def selective_point(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], threshold: float
) -> SelectivePoint:
    """Count the inputs answered at a threshold and the disagreements among them.

    Args:
        confidence: Student's confidence in each input, ``[N]``.
        agrees: Whether student and teacher agree on it, ``[N]``.
        threshold: The student answers where its confidence is at least this.

    Raises:
        UsageError: They are not one of each for every input.
    """
    confidence, agrees = np.asarray(confidence), np.asarray(agrees, np.bool_)
    if confidence.ndim != 1 or agrees.shape != confidence.shape:
        raise UsageError(
            f"confidence of shape {list(confidence.shape)} and agrees of shape "
            f"{list(agrees.shape)}: expected one of each for every input, [N]"
        )
    answered = confidence >= threshold
    return SelectivePoint(threshold, int(answered.sum()), int((answered & ~agrees).sum()))


def plan_thresholds(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], inputs: int, promise: Promise
) -> list[float]:
    """Fix the thresholds to test, and their order, on the validation split.

    Candidates answer 1, 2, ... 100 percent of the validation inputs. For each, the p-value is
    foreseen for a certify split of the given size on which the student does as on validation;
    the order starts at the smallest and goes on towards answering all.

    Args:
        confidence: Student's confidence in each validation input, ``[N]``.
        agrees: Whether student and teacher agree on it, ``[N]``.
        inputs: Size of the certify split.
        promise: Target and confidence.

    Returns:
        Descending thresholds; none where there is no validation input.

    Raises:
        UsageError: The promise cannot be tested, or the arrays do not fit each other.
    """
    promise.check()
    points = _candidates(confidence, agrees)
    if not points:
        return []
    scale = inputs / len(confidence)
    start = int(np.argmin([_foreseen_p_value(point, scale, promise) for point in points]))
    return [point.threshold for point in points[start:]]


def _foreseen_p_value(point: SelectivePoint, scale: float, promise: Promise) -> float:
    answered = round(point.answered * scale)
    disagreements = min(math.ceil(point.disagreements * scale), answered)
    return binomial_lower_tail(disagreements, answered, 1 - promise.target)


def _candidates(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_]
) -> list[SelectivePoint]:
    thresholds = candidate_thresholds(confidence)
    return [selective_point(confidence, agrees, float(t)) for t in thresholds]


def candidate_thresholds(confidence: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the thresholds that answer 1, 2, ... 100 percent of the inputs, descending, ``[K]``.

    Args:
        confidence: Student's confidence in each input, ``[N]``; equal ones share a threshold.
    """
    descending = np.sort(confidence)[::-1]
    ranks = np.unique(np.ceil(np.arange(1, STEPS + 1) * len(descending) / STEPS)).astype(int)
    return np.unique(descending[ranks[ranks > 0] - 1])[::-1]


def certify(
    confidence: NDArray[np.floating],
    agrees: NDArray[np.bool_],
    thresholds: list[float],
    promise: Promise,
) -> Certificate | None:
    """Test the thresholds in order on the certify split.

    Args:
        confidence: Student's confidence in each certify input, ``[N]``.
        agrees: Whether student and teacher agree on it, ``[N]``.
        thresholds: In the order in which they are tested; fixed without these inputs.
        promise: Target and confidence.

    Returns:
        The certificate at the last threshold that passed; ``None`` where the first one failed.

    Raises:
        UsageError: The promise cannot be tested, or the arrays do not fit each other.
    """
    promise.check()
    passed: SelectivePoint | None = None
    for threshold in thresholds:
        point = selective_point(confidence, agrees, threshold)
        p_value = binomial_lower_tail(point.disagreements, point.answered, 1 - promise.target)
        if not (point.answered and p_value <= promise.test_level):
            break
        passed = point
    return _to_certificate(passed, len(confidence), promise) if passed else None


def _to_certificate(point: SelectivePoint, inputs: int, promise: Promise) -> Certificate:
    coverage = point.answered / inputs
    left = (1 - promise.confidence) - promise.test_level
    most_coverage = min(1.0, coverage + math.sqrt(math.log(1 / left) / (2 * inputs)))
    agreeing = point.answered - point.disagreements
    return Certificate(
        threshold=point.threshold,
        target=promise.target,
        confidence=promise.confidence,
        coverage=coverage,
        agreement=agreeing / point.answered,
        lower_bound=lower_limit(agreeing, point.answered, 1 - promise.test_level),
        all_requests=1 - (1 - promise.target) * most_coverage,
        inputs=inputs,
        answered=point.answered,
        disagreements=point.disagreements,
    )


def inputs_needed(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], promise: Promise
) -> int | None:
    """Size of a certify split on which some threshold would probably pass.

    For a candidate with share ``c`` answered and share ``r < 1 - target`` of disagreements among
    them, the expected p-value is small enough four times in five once the answered inputs number
    ``((z_level * sd(1 - target) + z_80 * sd(r)) / (1 - target - r))^2`` (normal approximation),
    but no fewer than the tests need without any disagreement. Disagreements are first counted one
    more than seen, so that none among few is not taken for never.

    Returns:
        The fewest over all candidates; ``None`` where none is better than the target.

    Raises:
        UsageError: The promise cannot be tested, or the arrays do not fit each other.
    """
    promise.check()
    from scipy.special import ndtri

    risk = 1 - promise.target
    least = math.log(promise.test_level) / math.log(promise.target)
    needed = math.inf
    for point in _candidates(confidence, agrees):
        rate = (point.disagreements + 1) / (point.answered + 1)
        if rate >= risk:
            continue
        spread = -float(ndtri(promise.test_level)) * math.sqrt(risk * promise.target)
        spread += _PLANNING_MARGIN * math.sqrt(rate * (1 - rate))
        answered = max(least, (spread / (risk - rate)) ** 2)
        needed = min(needed, answered * len(confidence) / point.answered)
    return math.ceil(needed) if needed <= _MOST_INPUTS_FACTOR * len(confidence) else None
