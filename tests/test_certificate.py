"""Exact intervals, the certificate, and how often it may be wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from locum.errors import UsageError
from locum.evaluation import (
    Promise,
    certify,
    clopper_pearson,
    inputs_needed,
    plan_thresholds,
    selective_point,
    share,
)
from locum.evaluation.intervals import binomial_lower_tail, lower_limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Inputs = tuple[NDArray[np.float64], NDArray[np.bool_]]

_PROMISE = Promise(0.95, 0.95)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 50), (50, 50), (17, 400)])
@pytest.mark.parametrize("probability", [0.01, 0.05, 0.5])
def test_binomial_tail_equals_scipy(successes: int, trials: int, probability: float) -> None:
    expected = binom.cdf(successes, trials, probability)
    assert binomial_lower_tail(successes, trials, probability) == pytest.approx(expected)


def test_binomial_tail_of_no_trial_is_one() -> None:
    assert binomial_lower_tail(0, 0, 0.05) == 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 1), (48, 50), (50, 50), (383, 400)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_intervals_equal_scipy(successes: int, trials: int, confidence: float) -> None:
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx(
        (expected.low, expected.high)
    )
    one_sided = binomtest(successes, trials, alternative="greater")
    expected = one_sided.proportion_ci(confidence, method="exact")
    assert lower_limit(successes, trials, confidence) == pytest.approx(expected.low)


def test_share_by_hand() -> None:
    # With no failure in n trials, the lower limit is (alpha / 2)^(1 / n).
    found = share(np.ones(10, bool))
    assert found is not None
    assert (found.value, found.inputs) == (1, 10)
    assert found.interval == pytest.approx((0.025**0.1, 1))
    assert share(np.ones(0, bool)) is None


@pytest.mark.parametrize(
    ("promise", "name"),
    [
        (Promise(0, 0.95), "target"),
        (Promise(1, 0.95), "target"),
        (Promise(1.2, 0.95), "target"),
        (Promise(math.nan, 0.95), "target"),
        (Promise(0.95, 0), "confidence"),
        (Promise(0.95, 1), "confidence"),
        (Promise(0.95, -1), "confidence"),
    ],
)
def test_promises_that_cannot_be_tested_are_refused(promise: Promise, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        promise.check()


def test_no_certificate_of_a_promise_that_cannot_be_tested() -> None:
    confidence, agrees = np.linspace(0, 1, 200), np.arange(200) % 3 > 0
    percent = Promise(95, 0.95)
    with pytest.raises(UsageError, match="target 95 cannot be used"):
        plan_thresholds(confidence, agrees, 200, percent)
    with pytest.raises(UsageError, match="target 95 cannot be used"):
        certify(confidence, agrees, [0.5], percent)
    with pytest.raises(UsageError, match="target 95 cannot be used"):
        inputs_needed(confidence, agrees, percent)


@pytest.mark.parametrize("shape", [(200, 1), (1, 200), (100, 2)])
def test_arrays_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    confidence, agrees = np.linspace(0, 1, 200), np.ones(shape, bool)
    message = f"agrees of shape {list(shape)}: expected one of each".replace("[", r"\[")
    with pytest.raises(UsageError, match=message):
        certify(confidence, agrees, [0.5], _PROMISE)
    with pytest.raises(UsageError, match=message):
        plan_thresholds(confidence, agrees, 200, _PROMISE)
    with pytest.raises(UsageError, match=message):
        inputs_needed(confidence, agrees, _PROMISE)


def test_a_promise_gives_nine_tenths_to_its_tests() -> None:
    _PROMISE.check()
    assert _PROMISE.test_level == pytest.approx(0.045)


def test_selective_point_counts_from_the_threshold_on() -> None:
    confidence, agrees = np.array([0.2, 0.5, 0.9]), np.array([False, False, True])
    assert selective_point(confidence, agrees, 0.5) == (0.5, 2, 1)


def test_certificate_by_hand() -> None:
    # 500 of 1000 answered, 10 of them otherwise. All requests: sqrt(log(1 / 0.005) / 2000) =
    # sqrt(5.298317 / 2000) = 0.0514700 above the coverage 0.5, times 0.05: 1 - 0.0275735.
    confidence = np.repeat([0.9, 0.1], 500)
    agrees = np.ones(1000, bool)
    agrees[:10] = False
    found = certify(confidence, agrees, [0.9], _PROMISE)
    assert found is not None
    assert found[:3] == (0.9, 0.95, 0.95)
    assert (found.coverage, found.agreement) == (0.5, 0.98)
    assert (found.inputs, found.answered, found.disagreements) == (1000, 500, 10)
    assert found.all_requests == pytest.approx(0.9724265, abs=1e-7)
    interval = binomtest(490, 500, alternative="greater").proportion_ci(0.955, method="exact")
    assert found.lower_bound == pytest.approx(interval.low)
    assert found.lower_bound >= found.target


def test_all_requests_of_a_full_coverage() -> None:
    # The bound on the coverage is at most 1, so the share is the target itself.
    found = certify(np.full(200, 0.9), np.ones(200, bool), [0.5], _PROMISE)
    assert found is not None
    assert found.all_requests == pytest.approx(0.95)


def test_testing_stops_at_the_first_failure() -> None:
    confidence = np.repeat([0.9, 0.5, 0.1], [100, 20, 5000])
    agrees = np.repeat([True, False, True], [100, 20, 5000])
    found = certify(confidence, agrees, [0.9, 0.5, 0.1], _PROMISE)
    assert found is not None
    assert found.threshold == 0.9
    alone = certify(confidence, agrees, [0.1], _PROMISE)
    assert alone is not None
    assert alone.threshold == 0.1
    assert certify(confidence, agrees, [0.5, 0.1], _PROMISE) is None


def test_the_last_threshold_that_passes_is_taken() -> None:
    confidence = np.repeat([0.9, 0.5, 0.1], 200)
    found = certify(confidence, np.ones(600, bool), [0.9, 0.5, 0.1], _PROMISE)
    assert found is not None
    assert (found.threshold, found.coverage) == (0.1, 1)


def test_the_fewest_inputs_without_disagreement() -> None:
    # 0.95^n <= 0.045 from n = 61 on: log 0.045 / log 0.95 = 60.46.
    enough, too_few = np.full(61, 0.9), np.full(60, 0.9)
    assert certify(enough, np.ones(61, bool), [0.9], _PROMISE) is not None
    assert certify(too_few, np.ones(60, bool), [0.9], _PROMISE) is None


def test_no_certificate_where_nothing_is_answered() -> None:
    confidence, agrees = np.full(500, 0.5), np.ones(500, bool)
    assert certify(confidence, agrees, [0.9], _PROMISE) is None
    assert certify(confidence, agrees, [0.9, 0.5], _PROMISE) is None
    assert certify(confidence, agrees, [], _PROMISE) is None


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=150),
    st.integers(0, 400),
)
def test_planned_thresholds_descend_and_were_seen(
    inputs: list[tuple[int, bool]], certify_inputs: int
) -> None:
    confidence = np.array([level / 20 for level, _ in inputs])
    agrees = np.array([agreed for _, agreed in inputs])
    found = plan_thresholds(confidence, agrees, certify_inputs, _PROMISE)
    assert found
    assert found == sorted(set(found), reverse=True)
    assert set(found) <= set(confidence.tolist())
    assert found[-1] == confidence.min()


def test_no_threshold_without_validation_inputs() -> None:
    assert plan_thresholds(np.zeros(0), np.zeros(0, bool), 100, _PROMISE) == []


@pytest.mark.parametrize("inputs", [50, 100, 130, 150, 1000])
def test_the_order_starts_where_the_clearest_pass_is_foreseen(inputs: int) -> None:
    # The surest input disagrees and all others agree: the more are answered, the clearer the pass.
    confidence, agrees = np.linspace(1, 0.01, 100), np.ones(100, bool)
    agrees[0] = False
    assert plan_thresholds(confidence, agrees, inputs, _PROMISE)[0] < 0.025


def test_the_order_goes_on_past_the_clearest_pass() -> None:
    # 50 agree and 50 disagree: the clearest pass answers the 50, and the rest follows in order.
    confidence = np.linspace(1, 0.01, 100)
    agrees = np.arange(100) < 50
    found = plan_thresholds(confidence, agrees, 100, _PROMISE)
    np.testing.assert_allclose(found, confidence[49:])


def _disagreeing(inputs: int, disagreements: int) -> Inputs:
    return np.full(inputs, 0.5), np.arange(inputs) >= disagreements


def test_inputs_needed_by_hand() -> None:
    # One candidate, 4 of 199 disagree: r = (4 + 1) / (199 + 1) = 0.025. z = 1.695398 at 0.045.
    # Spread: 1.695398 * sqrt(0.05 * 0.95) + 0.8416 * sqrt(0.025 * 0.975) = 0.500897; over the gap
    # of 0.025 and squared, 401.44.
    assert inputs_needed(*_disagreeing(199, 4), _PROMISE) == 402


def test_no_number_of_inputs_helps_a_student_below_the_target() -> None:
    assert inputs_needed(*_disagreeing(200, 10), _PROMISE) is None
    assert inputs_needed(*_disagreeing(200, 200), _PROMISE) is None
    assert inputs_needed(*_disagreeing(10, 0), _PROMISE) is None


def test_a_better_student_needs_fewer_inputs() -> None:
    needed = [inputs_needed(*_disagreeing(1000, count), _PROMISE) for count in (40, 30, 20, 10, 0)]
    numbers = [number for number in needed if number is not None]
    assert len(numbers) == 5
    assert numbers == sorted(set(numbers), reverse=True)
    # Without any disagreement at least log 0.045 / log 0.95 = 60.46 are needed.
    assert numbers[-1] >= 61


def _simulate(generator: np.random.Generator, inputs: int, least: float, rise: float) -> Inputs:
    """Confidences ``s`` on [0, 1] with agreement ``least + rise * s``."""
    confidence = generator.random(inputs)
    return confidence, generator.random(inputs) < least + rise * confidence


@pytest.mark.parametrize(
    ("least", "rise"),
    [
        pytest.param(0.6, 0.4, id="true from 0.5 on"),
        pytest.param(0.895, 0.0, id="false everywhere"),
    ],
)
def test_false_promises_are_as_rare_as_said(
    least: float, rise: float, generator: np.random.Generator
) -> None:
    # Agreement where s >= t is least + rise * (1 + t) / 2.
    runs, inputs, promise = 400, 1000, Promise(0.9, 0.9)
    certified, false, naively_false = 0, 0, 0
    for _ in range(runs):
        validation = _simulate(generator, 300, least, rise)
        confidence, agrees = _simulate(generator, inputs, least, rise)
        thresholds = plan_thresholds(*validation, inputs, promise)
        found = certify(confidence, agrees, thresholds, promise)
        certified += found is not None
        if found is not None:
            false += least + rise * (1 + found.threshold) / 2 < promise.target
        order = np.argsort(-confidence)
        running = np.cumsum(agrees[order]) / np.arange(1, inputs + 1)
        naive = confidence[order][np.flatnonzero(running >= promise.target)[-1:]]
        naively_false += bool((least + rise * (1 + naive) / 2 < promise.target).any())
    delta = 1 - promise.confidence
    assert false / runs <= delta + 3 * math.sqrt(delta * (1 - delta) / runs)
    assert naively_false / runs > 0.25
    if rise:
        assert certified / runs > 0.6
