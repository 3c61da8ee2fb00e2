"""What a certificate will probably cover, foreseen from validation inputs.

Nothing here touches the certify split. A student is foreseen to do on it as it does on the
validation inputs: the thresholds are walked as `certify` walks them, with the validation inputs'
counts scaled to the size of the certify split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.evaluation.certificate import STEPS, candidate_thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.evaluation.certificate import Promise

__all__ = [
    "CoverageDifference",
    "certified_coverages",
    "coverage_difference",
    "foreseen_coverage",
]

_RESAMPLES = 200
_MIDDLE = (0.1587, 0.8413)  # quantiles of a normal variable, one deviation from its mean


class CoverageDifference(NamedTuple):
    """By how much one student is foreseen to cover more than another.

    Args:
        difference: Foreseen coverage of the first less that of the second.
        standard_error: Of that difference, over draws of the validation inputs: half the width of
            the interval that holds the middle 68% of them.
    """

    difference: float
    standard_error: float


class _Counts(NamedTuple):
    """Inputs that each threshold answers, and disagreements among them, ``[R, K]`` each."""

    answered: NDArray[np.float64]
    disagreements: NDArray[np.float64]


def foreseen_coverage(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], inputs: int, promise: Promise
) -> float:
    """Return the coverage that the certificate is foreseen to reach.

    Args:
        confidence: What the student answers by, for each validation input, ``[N]``.
        agrees: Whether student and teacher agree on it, ``[N]``.
        inputs: Size of the certify split.
        promise: Target and confidence.

    Returns:
        Share of inputs answered; 0 where no threshold is foreseen to pass, or ``N`` is 0.
    """
    if not len(confidence):
        return 0.0
    once = np.ones((1, len(confidence)))
    return float(_coverages(_count(confidence, agrees, once), inputs / len(confidence), promise)[0])


def coverage_difference(
    first: NDArray[np.floating],
    first_agrees: NDArray[np.bool_],
    second: NDArray[np.floating],
    second_agrees: NDArray[np.bool_],
    inputs: int,
    promise: Promise,
    seed: int = 0,
) -> CoverageDifference:
    """Compare the foreseen coverages of two students on the same validation inputs.

    The standard error comes from 200 bootstrap resamples (Efron 1979), each of which both students
    share, so that what both find hard cancels out. It is taken from their quantiles, not their
    deviation: in few draws the walk along the thresholds ends early and covers a fraction of what
    it covers in all others, and a deviation would be that of these few.

    Args:
        first: What the first student answers by, for each validation input, ``[N]``.
        first_agrees: Whether it agrees with the teacher, ``[N]``.
        second: As ``first``, of the second student.
        second_agrees: As ``first_agrees``, of the second student.
        inputs: Size of the certify split.
        promise: Target and confidence.
        seed: Of the resamples.
    """
    size = len(first)
    difference = foreseen_coverage(first, first_agrees, inputs, promise)
    difference -= foreseen_coverage(second, second_agrees, inputs, promise)
    if not size:
        return CoverageDifference(0.0, 0.0)
    generator = np.random.default_rng(seed)
    times = generator.multinomial(size, np.full(size, 1 / size), _RESAMPLES).astype(np.float64)
    apart = _coverages(_count(first, first_agrees, times), inputs / size, promise)
    apart -= _coverages(_count(second, second_agrees, times), inputs / size, promise)
    low, high = np.quantile(apart, _MIDDLE)
    return CoverageDifference(difference, float(high - low) / 2)


def certified_coverages(
    confidence: NDArray[np.floating],
    agrees: NDArray[np.bool_],
    planned: NDArray[np.integer],
    tested: NDArray[np.integer],
    promise: Promise,
) -> NDArray[np.float64]:
    """Return the coverages that certificates reach on inputs drawn from known ones, ``[R]``.

    In each draw, thresholds are planned on some inputs and tested on others, as `plan_thresholds`
    and `certify` do; a certificate that is not had covers 0.

    Args:
        confidence: What the student answers by, for each input, ``[N]``.
        agrees: Whether student and teacher agree on it, ``[R, N]``.
        planned: How often each is among the inputs that are planned on, ``[R, N]``.
        tested: Likewise of those that are tested on.
        promise: Target and confidence.
    """
    seen = _cumulate(confidence, agrees, planned)
    new = _cumulate(confidence, agrees, tested)
    steps = np.ceil(np.arange(1, STEPS + 1) * seen.answered[:, -1:] / STEPS)
    pairs = zip(seen.answered, steps, strict=True)
    columns = np.stack([np.searchsorted(counts, ranks) for counts, ranks in pairs])
    seen, new = (
        _Counts(*(np.take_along_axis(part, columns, axis=1) for part in counts))
        for counts in (seen, new)
    )
    inputs = tested.sum(axis=1)
    scale = inputs[:, None] / np.maximum(seen.answered[:, -1:], 1)
    start = _p_values(seen, scale, promise).argmin(axis=1)
    p_values = _p_values(new, np.ones((1, 1)), promise)
    return _walk(new, p_values, start, inputs, promise)


def _cumulate(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], times: NDArray[np.number]
) -> _Counts:
    """Count at each distinct confidence, with each input ``times`` over, ``[R, N]``."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    drawn = times[:, order].astype(np.float64)
    return _Counts(
        np.cumsum(drawn, axis=1)[:, ends],
        np.cumsum(drawn * ~np.asarray(agrees, bool)[..., order], axis=1)[:, ends],
    )


def _count(
    confidence: NDArray[np.floating], agrees: NDArray[np.bool_], times: NDArray[np.float64]
) -> _Counts:
    """Count at each candidate threshold, with each input ``times`` over, ``[R, N]``."""
    counts = _cumulate(confidence, agrees, times)
    distinct = np.unique(-confidence)
    columns = np.searchsorted(distinct, -candidate_thresholds(confidence))
    return _Counts(counts.answered[:, columns], counts.disagreements[:, columns])


def _coverages(counts: _Counts, scale: float, promise: Promise) -> NDArray[np.float64]:
    """Coverage at the last threshold that passes, walked from the smallest p-value on, ``[R]``."""
    p_values = _p_values(counts, np.full((1, 1), scale), promise)
    return _walk(counts, p_values, p_values.argmin(axis=1), counts.answered[:, -1], promise)


def _p_values(counts: _Counts, scale: NDArray[np.float64], promise: Promise) -> NDArray[np.float64]:
    """P-value at each threshold where counts are so many times as large, ``[R, K]``."""
    from scipy.special import bdtr

    answered = np.round(counts.answered * scale).astype(np.int64)
    disagreements = np.minimum(np.ceil(counts.disagreements * scale), answered)
    p_values: NDArray[np.float64] = bdtr(disagreements, answered, 1 - promise.target)
    return p_values


def _walk(
    counts: _Counts,
    p_values: NDArray[np.float64],
    start: NDArray[np.int64],
    inputs: NDArray[np.number],
    promise: Promise,
) -> NDArray[np.float64]:
    """Coverage at the last threshold that passes in a row, walked from one on, ``[R]``."""
    passed = p_values <= promise.test_level
    before = np.arange(p_values.shape[1]) < start[:, None]
    walked = (passed | before).cumprod(axis=1).sum(axis=1)
    last = np.maximum(walked, 1) - 1
    rows = np.arange(len(p_values))
    share = counts.answered[rows, last] / np.maximum(inputs, 1)
    reached = passed[rows, last] & (last >= start)
    coverage: NDArray[np.float64] = np.where(reached, share, 0.0)
    return coverage
