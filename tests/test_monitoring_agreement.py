"""The watch over shadowed answers: its evidence, its bound, its delay, its interval."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.errors import UsageError
from locum.evaluation import clopper_pearson
from locum.monitoring import AgreementWatch, anytime_interval
from locum.monitoring.starts import start_weight, weight_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ODDS_RATIOS = (1.2, 1.6, 2.4, 4.0, 10.0, 50.0)
OUTCOMES = st.lists(st.booleans(), max_size=60)
PROBABILITIES = st.floats(0.01, 0.99)
# Never reached in these lengths: evidence is then compared at every step.
TINY = 1e-200


def watch_of(outcomes: Iterable[bool], target: float = 0.95, delta: float = TINY) -> AgreementWatch:
    watch = AgreementWatch(target, delta)
    watch.observe_all(outcomes)
    return watch


def naive_evidence(outcomes: Sequence[bool], target: float) -> float:
    """The definition: a sum over starts and rates, and what is left for later starts."""
    rate = 1 - target
    total = 1 - sum(start_weight(start) for start in range(1, len(outcomes) + 1))
    for ratio in ODDS_RATIOS:
        higher = ratio * rate / (target + ratio * rate)
        for start in range(1, len(outcomes) + 1):
            bet = start_weight(start) / len(ODDS_RATIOS)
            for agrees in outcomes[start - 1 :]:
                bet *= (1 - higher) / target if agrees else higher / rate
            total += bet
    return total


def test_weights_by_hand() -> None:
    # Blocks 0, 1 and 2 have the masses 4/20, 4/30 and 4/42; block 1 holds two starts, block 2 four.
    assert [start_weight(start) for start in (1, 2, 3, 4, 7)] == pytest.approx(
        [1 / 5, 1 / 15, 1 / 15, 1 / 42, 1 / 42]
    )
    assert weight_left(0) == 1
    assert weight_left(1) == pytest.approx(4 / 5)
    assert weight_left(2) == pytest.approx(11 / 15)
    assert weight_left(3) == pytest.approx(2 / 3)


@pytest.mark.parametrize("observed", [1, 5, 31, 32, 33, 1000, 4096])
def test_weights_spent_and_left_sum_to_one(observed: int) -> None:
    spent = math.fsum(start_weight(start) for start in range(1, observed + 1))
    assert spent + weight_left(observed) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("observed", [2**20 - 1, 2**20, 10**7, 2**62 - 1, 2**62])
def test_weight_is_left_at_all_times(observed: int) -> None:
    assert 0 < weight_left(observed) <= weight_left(observed - 2**10) < 1
    assert start_weight(observed) > 0


def test_evidence_of_one_disagreement_by_hand() -> None:
    # At target 1/2 a rate of odds r is r / (1 + r), and a disagreement doubles it. The six are
    # 6/11, 8/13, 12/17, 4/5, 10/11 and 50/51; a fifth of the stake was on this start.
    rates = (6 / 11, 8 / 13, 12 / 17, 4 / 5, 10 / 11, 50 / 51)
    watch = watch_of([False], 0.5)
    assert math.exp(watch.log_evidence) == pytest.approx(4 / 5 + sum(rates) * 2 / 6 / 5)


def test_evidence_of_three_outcomes_by_hand() -> None:
    # Disagree, agree, disagree at target 1/2; q is one of the rates, p = 1 - q. The starts 1, 2
    # and 3 have 1/5, 1/15 and 1/15; their bets are 8qpq, 4pq and 2q, and 2/3 is left.
    expected = 2 / 3
    for q in (6 / 11, 8 / 13, 12 / 17, 4 / 5, 10 / 11, 50 / 51):
        p = 1 - q
        expected += (8 * q * p * q / 5 + 4 * p * q / 15 + 2 * q / 15) / 6
    watch = watch_of([False, True, False], 0.5)
    assert math.exp(watch.log_evidence) == pytest.approx(expected)
    assert expected == pytest.approx(0.98350, abs=1e-5)


@given(OUTCOMES, PROBABILITIES)
@settings(max_examples=60)
def test_evidence_is_the_sum_of_its_definition(outcomes: list[bool], target: float) -> None:
    found = watch_of(outcomes, target).log_evidence
    assert found == pytest.approx(math.log(naive_evidence(outcomes, target)), abs=1e-9)


@given(OUTCOMES, PROBABILITIES, st.floats(0.01, 0.5))
def test_all_at_once_is_one_by_one(outcomes: list[bool], target: float, delta: float) -> None:
    together, single = AgreementWatch(target, delta), AgreementWatch(target, delta)
    together.observe_all(np.array(outcomes, np.bool_))
    for agrees in outcomes:
        single.observe(agrees)
    assert vars(together) == vars(single)


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("share_of_rate", [1.0, 0.7, 0.2, 0.0])
def test_mean_evidence_over_all_sequences(target: float, share_of_rate: float) -> None:
    rate = share_of_rate * (1 - target)
    for length in (1, 4, 10):
        mean = sum(
            rate ** outcomes.count(False)
            * (1 - rate) ** outcomes.count(True)
            * math.exp(watch_of(outcomes, target).log_evidence)
            for outcomes in product([True, False], repeat=length)
        )
        if share_of_rate == 1:
            assert mean == pytest.approx(1, abs=1e-12)
        else:
            assert mean < 1


@given(OUTCOMES, PROBABILITIES)
def test_an_agreement_never_raises_evidence(outcomes: list[bool], target: float) -> None:
    watch = watch_of(outcomes, target)
    before = watch.log_evidence
    watch.observe(agrees=True)
    assert watch.log_evidence <= before + 1e-12


@given(OUTCOMES, PROBABILITIES, st.data())
def test_one_more_disagreement_is_more_evidence(
    outcomes: list[bool], target: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(outcomes)))
    agreed = [*outcomes[:place], True, *outcomes[place:]]
    disagreed = [*outcomes[:place], False, *outcomes[place:]]
    assert watch_of(disagreed, target).log_evidence > watch_of(agreed, target).log_evidence


@given(OUTCOMES, st.floats(0.02, 0.4))
def test_a_smaller_delta_never_breaks_earlier(outcomes: list[bool], delta: float) -> None:
    strict, lax = watch_of(outcomes, 0.95, delta / 2), watch_of(outcomes, 0.95, delta)
    assert lax.broken or not strict.broken
    if strict.broken_at is not None and lax.broken_at is not None:
        assert lax.broken_at <= strict.broken_at


def test_a_broken_watch_stays_as_it_broke() -> None:
    watch = AgreementWatch(0.95)
    assert (watch.broken, watch.broken_at, watch.began) == (False, None, None)
    watch.observe_all([True] * 200 + [False] * 10)
    broken_at, evidence = watch.broken_at, watch.log_evidence
    assert broken_at is not None
    assert 200 < broken_at <= 206
    assert evidence >= math.log(20)
    assert watch.began == 201
    watch.observe_all([True] * 5000)
    assert (watch.broken, watch.broken_at, watch.began) == (True, broken_at, 201)
    assert (watch.log_evidence, watch.observed, watch.disagreements) == (evidence, 5210, 10)


def test_the_start_is_the_most_likely_one() -> None:
    generator = np.random.default_rng(11)
    outcomes = [*(generator.random(800) < 0.98), *(generator.random(400) < 0.8)]
    watch = watch_of(outcomes, 0.95, 0.05)
    assert watch.broken_at is not None
    seen = np.array(outcomes[: watch.broken_at])
    best = (-math.inf, 0)
    for ratio in ODDS_RATIOS:
        rate = ratio * 0.05 / (0.95 + ratio * 0.05)
        gains = np.where(seen, math.log((1 - rate) / 0.95), math.log(rate / 0.05))
        from_start = gains[::-1].cumsum()[::-1]
        best = max(best, (float(from_start.max()), int(from_start.argmax()) + 1))
    assert watch.began == best[1]
    assert 780 < best[1] < 900


def test_false_alarms_at_the_target() -> None:
    generator = np.random.default_rng(5)
    runs, delta = 400, 0.2
    broken = sum(
        watch_of((generator.random(1500) < 0.9).tolist(), 0.9, delta).broken for _ in range(runs)
    )
    assert 0 < broken <= runs * delta + 3 * math.sqrt(runs * delta * (1 - delta))


def test_false_alarms_where_the_rate_depends_on_the_past() -> None:
    # The chance of a disagreement is now 0, now the whole allowance, by what came before.
    generator = np.random.default_rng(6)
    runs, delta, broken = 200, 0.2, 0
    for _ in range(runs):
        watch = AgreementWatch(0.8, delta)
        for draw in generator.random(600):
            watch.observe(bool(draw > 0.2 * (watch.log_evidence > -0.5)))
        broken += watch.broken
    assert 0 < broken <= runs * delta + 3 * math.sqrt(runs * delta * (1 - delta))


@pytest.mark.parametrize(
    ("good", "rate", "times"),
    [(0, 0.1, 2), (0, 0.3, 2), (1000, 0.1, 4), (1000, 0.3, 4), (10_000, 0.1, 6), (10_000, 0.3, 6)],
)
def test_a_break_is_found_within_a_few_times_the_least(good: int, rate: float, times: int) -> None:
    divergence = rate * math.log(rate / 0.05) + (1 - rate) * math.log((1 - rate) / 0.95)
    least = math.log(20) / divergence
    generator = np.random.default_rng(7)
    delays = []
    for _ in range(9):
        watch = watch_of((generator.random(good) < 0.97).tolist(), 0.95, 0.05)
        watch.observe_all(generator.random(int(20 * least)) < 1 - rate)
        delays.append((watch.broken_at or math.inf) - good)
    assert float(np.median(delays)) < times * least


def test_a_long_run_stays_finite() -> None:
    for agrees in (True, False):
        watch = watch_of([agrees] * 300_000, 0.95, 1e-300)
        assert math.isfinite(watch.log_evidence)
        low, high = watch.interval()
        assert 0 <= low < high <= 1


def test_nothing_seen_is_no_evidence() -> None:
    watch = watch_of([])
    assert (watch.observed, watch.disagreements, watch.log_evidence) == (0, 0, 0)
    assert watch.interval() == (0, 1)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_numbers_outside_0_and_1_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match=rf"target {value} cannot be used: expected .* \(0, 1\)"):
        AgreementWatch(value)
    with pytest.raises(UsageError, match=rf"delta {value} cannot be used: expected .* \(0, 1\)"):
        AgreementWatch(0.95, value)


def test_interval_by_hand() -> None:
    # Prior (5, 5), one success: M(p) = (5 / 10) / p, under 20 where p > 1/40.
    assert anytime_interval(1, 1, 0.05) == pytest.approx((1 / 40, 1))
    assert anytime_interval(0, 1, 0.05) == pytest.approx((0, 39 / 40))
    # Two of two: B(7, 5) / B(5, 5) = (5 * 6) / (10 * 11), and p^2 > (3 / 11) / 20.
    assert anytime_interval(2, 2, 0.05).low == pytest.approx(math.sqrt(3 / 220))


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.001, 0.5), PROBABILITIES)
def test_interval_is_wider_than_one_for_a_single_look(
    successes: int, trials: int, delta: float, expected: float
) -> None:
    successes = min(successes, trials)
    low, high = anytime_interval(successes, trials, delta, expected)
    assert 0 <= low <= successes / trials <= high <= 1
    wider = anytime_interval(successes, trials, delta / 2, expected)
    assert wider.low <= low
    assert wider.high >= high
    mirrored = anytime_interval(trials - successes, trials, delta, 1 - expected)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_interval_of_many_is_narrow() -> None:
    low, high = anytime_interval(9_700_000, 10_000_000, 0.05, 0.95)
    exact = clopper_pearson(9_700_000, 10_000_000)
    assert low < exact.low < exact.high < high
    assert high - low < 3 * (exact.high - exact.low)


@pytest.mark.parametrize("agreement", [0.95, 0.8])
def test_interval_covers_at_all_times(agreement: float) -> None:
    # It is left when the likelihood ratio reaches 1 / delta, so the ends need not be found.
    generator = np.random.default_rng(9)
    runs, delta, left = 300, 0.2, 0
    for _ in range(runs):
        watch = AgreementWatch(0.95, delta)
        covered = True
        for draw in generator.random(150):
            watch.observe(bool(draw < agreement))
            if watch.observed in {1, 2, 4, 8, 15, 30, 60, 100, 150}:
                low, high = watch.interval()
                covered &= low <= agreement <= high
        left += not covered
    assert left <= runs * delta + 3 * math.sqrt(runs * delta * (1 - delta))
