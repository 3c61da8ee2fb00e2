"""The watch over the mix of live traffic: p-values, bets, bound, delay, shares; bins of a score."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.errors import UsageError
from locum.monitoring import ExchangeabilityWatch, bin_reference
from locum.monitoring.p_value_bets import PValueBets, interval_bets
from locum.monitoring.starts import start_weight

if TYPE_CHECKING:
    from collections.abc import Sequence

CATEGORIES = st.lists(st.integers(0, 3), max_size=40)
TINY = 1e-200


def naive_p_values(reference: Sequence[int], live: Sequence[int], seed: int) -> list[float]:
    """The definition: compare each new category with all before it and with itself."""
    pool = [category for category, count in enumerate(reference) for _ in range(count)]
    uniform = random.Random(seed).random  # noqa: S311 - as the watch does
    found = []
    for new in live:
        pool.append(new)
        below, tied = sum(old < new for old in pool), pool.count(new)
        found.append((below + uniform() * tied) / len(pool))
    return found


def naive_evidence(p_values: Sequence[float]) -> float:
    """The definition: a sum over starts and bets, and what is left for later starts."""
    intervals = interval_bets()
    bins = [min(int(p * 64), 63) for p in p_values]
    total = 1 - sum(start_weight(start) for start in range(1, len(bins) + 1))
    for start in range(1, len(bins) + 1):
        weight = start_weight(start)
        on_intervals = intervals.densities[bins[start - 1 :]].prod(axis=0) @ intervals.prior
        histogram = math.prod(
            naive_histogram(bins[:now], bins[now]) for now in range(start - 1, len(bins))
        )
        total += weight * (float(on_intervals) + histogram) / 2
    return total


def naive_histogram(before: Sequence[int], new: int) -> float:
    weights = [(399 / 400) ** (len(before) - place) for place in range(len(before))]
    same = sum(w for w, old in zip(weights, before, strict=True) if old == new)
    return 64 * (same + 0.5) / (sum(weights) + 32)


def watch_of(
    reference: Sequence[int], live: Sequence[int], delta: float = TINY, seed: int = 0
) -> ExchangeabilityWatch:
    watch = ExchangeabilityWatch(reference, delta, seed)
    watch.observe_all(live)
    return watch


def test_p_values_by_hand() -> None:
    # Reference 0, 0, 1 and a new 1: two of four are below, two are tied.
    uniform = random.Random(4).random()  # noqa: S311 - as the watch does
    assert naive_p_values([2, 1], [1], 4) == [pytest.approx((2 + 2 * uniform) / 4)]


def test_densities_of_intervals_by_hand() -> None:
    intervals = interval_bets()
    # 3 ratios on 2 + 4 + ... + 64 intervals.
    assert intervals.densities.shape == (64, 3 * 126)
    assert intervals.prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(intervals.densities.mean(axis=0), 1)
    # Half the odds on the lower half: 1/3 of the mass on 1/2, so 2/3 there and 4/3 above.
    np.testing.assert_allclose(
        intervals.densities[[0, 31, 32, 63], 0], [2 / 3, 2 / 3, 4 / 3, 4 / 3]
    )
    # Four times the odds on the last of 64 bins: 4/67 of the mass on 1/64.
    np.testing.assert_allclose(intervals.densities[[0, 63], -1], [63 / 67 * 64 / 63, 256 / 67])


def test_evidence_of_the_first_input_by_hand() -> None:
    # Of the bets on a width, one is inside. For each width and ratio their mean is that of a
    # density over all bins, so 1, as is the histogram's: the first input is no evidence.
    assert watch_of([3, 1], [1]).log_evidence == pytest.approx(0, abs=1e-12)
    # The histogram gains from the second input only where it falls in the first one's bin.
    first, second = naive_p_values([1, 0], [0, 0], 3)
    assert int(first * 64) != int(second * 64)
    assert naive_histogram([int(first * 64)], int(second * 64)) == pytest.approx(
        64 * 0.5 / (32 + 399 / 400)
    )


@given(CATEGORIES, st.integers(0, 5))
@settings(max_examples=30)
def test_evidence_is_the_sum_of_its_definition(live: list[int], seed: int) -> None:
    reference = [5, 0, 2, 1]
    expected = naive_evidence(naive_p_values(reference, live, seed))
    found = watch_of(reference, live, seed=seed).log_evidence
    assert found == pytest.approx(math.log(expected), abs=1e-9)


@given(CATEGORIES, st.floats(0.01, 0.5))
def test_all_at_once_is_one_by_one(live: list[int], delta: float) -> None:
    together = watch_of([5, 0, 2, 1], live, delta)
    single = ExchangeabilityWatch([5, 0, 2, 1], delta)
    for category in np.array(live, np.int64):
        single.observe(category)
    assert together.log_evidence == single.log_evidence
    assert together.shares() == single.shares()
    assert (together.broken_at, together.began) == (single.broken_at, single.began)


@pytest.mark.parametrize("seen", [0, 1, 700])
def test_every_bet_is_fair(seen: int, generator: np.random.Generator) -> None:
    # Whatever was seen, the mean of each density over the 64 bins is 1.
    bets = PValueBets()
    for p_value in generator.random(seen) ** 2:
        bets.place(p_value)
    densities = [deepcopy(bets).place((place + 0.5) / 64)[0] for place in range(64)]
    np.testing.assert_allclose(np.mean(densities, axis=0), 1)
    assert seen < 2 or densities[0][-1] > 2 * densities[-1][-1]


def test_old_p_values_fade_and_weights_stay_finite() -> None:
    bets = PValueBets()
    for _ in range(120_000):
        bets.place(0.1)
    crowded = float(bets.place(0.1)[0][-1])
    assert crowded == pytest.approx(64 * 400.5 / 432, rel=1e-3)
    for _ in range(4000):
        bets.place(0.9)
    assert float(bets.place(0.1)[0][-1]) < 0.1


@pytest.mark.parametrize("reference_size", [2, 30, 1000])
def test_false_alarms_of_like_traffic(reference_size: int) -> None:
    generator = np.random.default_rng(3)
    runs, delta, broken = 80, 0.2, 0
    for seed in range(runs):
        shares = generator.dirichlet(np.ones(6))
        reference = generator.multinomial(reference_size, shares).tolist()
        live = generator.choice(6, 800, p=shares).tolist()
        broken += watch_of(reference, live, delta, seed).broken
    assert broken <= runs * delta + 3 * math.sqrt(runs * delta * (1 - delta))


def test_a_category_that_grows_is_found_and_named() -> None:
    generator = np.random.default_rng(8)
    before = np.array([0.03, 0.27, 0.3, 0.4])
    after = np.array([0.15, 0.23, 0.26, 0.36])
    live = [*generator.choice(4, 1000, p=before), *generator.choice(4, 800, p=after)]
    watch = watch_of(generator.multinomial(2000, before).tolist(), live, 0.01)
    assert watch.broken_at is not None
    assert 1000 < watch.broken_at < 1400
    assert watch.began is not None
    assert 900 < watch.began < 1100
    grown = max(watch.shares(), key=lambda share: share.recent - share.reference)
    assert grown.category == 0
    assert grown.reference == pytest.approx(0.03, abs=0.015)
    assert grown.recent == pytest.approx(0.15, abs=0.04)


@pytest.mark.parametrize(
    "after",
    [
        [0.1, 0.1, 0.1, 0.1, 0.6],  # the last grows
        [0.6, 0.1, 0.1, 0.1, 0.1],  # the first grows
        [0.1, 0.1, 0.6, 0.1, 0.1],  # one in the middle
        [0.04, 0.44, 0.04, 0.44, 0.04],  # none at an end
        [0.25, 0.25, 0.0, 0.25, 0.25],  # one is gone
    ],
)
def test_any_change_of_the_mix_is_found(after: list[float]) -> None:
    generator = np.random.default_rng(12)
    for good in (0, 600):
        live = [*generator.integers(0, 5, good), *generator.choice(5, 700, p=after)]
        watch = watch_of([200] * 5, live, 0.01)
        assert watch.broken_at is not None
        assert watch.broken_at > good


def test_what_the_reference_lacks_is_found() -> None:
    generator = np.random.default_rng(13)
    live = generator.choice(3, 300, p=[0.45, 0.45, 0.1]).tolist()
    assert watch_of([500, 500, 0], live, 0.01).broken


def test_a_broken_watch_stays_as_it_broke() -> None:
    watch = watch_of([50, 50], [0] * 100, 0.01)
    broken_at, evidence, began = watch.broken_at, watch.log_evidence, watch.began
    assert broken_at is not None
    assert evidence >= math.log(100)
    watch.observe_all([1] * 3000)
    assert (watch.broken_at, watch.log_evidence, watch.began) == (broken_at, evidence, began)
    assert watch.observed == 3100
    assert [share.recent for share in watch.shares()] == [0, 1]


def test_shares_of_little_traffic() -> None:
    watch = ExchangeabilityWatch([3, 1, 0])
    assert (watch.broken, watch.broken_at, watch.began) == (False, None, None)
    assert (watch.observed, watch.log_evidence) == (0, 0)
    assert watch.shares() == [(0, 0.75, 0), (1, 0.25, 0), (2, 0, 0)]
    watch.observe_all([0, 2])
    assert watch.shares() == [(0, 0.75, 0.5), (1, 0.25, 0), (2, 0, 0.5)]


def test_a_long_run_stays_finite() -> None:
    watch = watch_of([1, 1], [0, 1] * 30_000)
    assert math.isfinite(watch.log_evidence)


def test_the_seed_decides_ties() -> None:
    live = [0, 1, 1, 0, 1]
    assert watch_of([3, 3], live).log_evidence == watch_of([3, 3], live).log_evidence
    assert watch_of([3, 3], live).log_evidence != watch_of([3, 3], live, seed=1).log_evidence


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([], "0 reference counts cannot be used: expected two or more"),
        ([7], "1 reference counts cannot be used"),
        ([3, -1], "reference count -1 of category 1 cannot be used: expected a whole number"),
        ([3, 1.5], "reference count 1.5 of category 1 cannot be used"),
        ([0, 0], "all reference counts are 0: expected one reference input or more"),
    ],
)
def test_counts_that_cannot_be_used_are_refused(counts: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ExchangeabilityWatch(counts)


@pytest.mark.parametrize("category", [-1, 2])
def test_an_unknown_category_is_refused(category: int) -> None:
    watch = ExchangeabilityWatch([1, 1])
    with pytest.raises(UsageError, match=f"category {category} is not known: expected 0 to 1"):
        watch.observe(category)
    assert watch.observed == 0


def test_a_delta_outside_0_and_1_is_refused() -> None:
    with pytest.raises(UsageError, match="delta 1 cannot be used"):
        ExchangeabilityWatch([1, 1], 1)


def test_bins_have_about_equal_shares(generator: np.random.Generator) -> None:
    found = bin_reference(generator.normal(size=4000), 8)
    assert len(found.reference_counts) == 8
    assert sum(found.reference_counts) == 3000
    assert min(found.reference_counts) > 250
    assert list(found.edges) == sorted(set(found.edges))


def test_an_edge_belongs_to_the_lower_bin() -> None:
    found = bin_reference([1.0] * 50 + [2.0] * 50, 2)
    assert found.edges[0] in {1.0, 2.0}
    assert found.categories([found.edges[0], found.edges[0] + 0.1, math.nan]) == [0, 1, 1]
    assert found.categories([-math.inf, math.inf]) == [0, len(found.edges)]


@given(st.lists(st.sampled_from([0.0, 0.5, 0.5, 3.0]), min_size=40, max_size=80))
def test_equal_scores_share_a_bin(scores: list[float]) -> None:
    found = bin_reference(scores, 10)
    assert 2 <= len(found.reference_counts) <= 4
    assert sum(found.reference_counts) == len(scores) - round(len(scores) / 4)
    ExchangeabilityWatch(found.reference_counts).observe_all(found.categories(scores))


@pytest.mark.parametrize(
    ("scores", "bins", "message"),
    [
        ([0.0] * 50, 1, "1 bins cannot be used: expected two or more"),
        ([0.0] * 39, 10, "39 reference scores are too few for 10 bins: expected 40 or more"),
        ([math.nan] * 50, 5, "a reference score is NaN"),
    ],
)
def test_scores_that_cannot_be_binned_are_refused(
    scores: list[float], bins: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bin_reference(scores, bins)
