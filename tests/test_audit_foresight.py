"""What distilling would certify, foreseen from what probes say."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.audit.folds import FEWEST, FOLDS, Fold, check_inputs, divide_in_folds, judge_sizes
from locum.audit.foresight import HeldOut, foresee, learning_curve
from locum.audit.judging import divide, judge, sizes_of
from locum.dataset import SHARES
from locum.errors import InputError
from locum.evaluation import (
    Promise,
    certified_coverages,
    certify,
    foreseen_coverage,
    plan_thresholds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PROMISE = Promise(0.95, 0.95)


def held_out(agreement: float, size: int, calls: int | None = None, seed: int = 0) -> HeldOut:
    """A probe that agrees so often, and is the surer the likelier that is."""
    generator = np.random.default_rng(seed)
    score = generator.random(size)
    agrees = generator.random(size) < agreement + (1 - agreement) * score
    return HeldOut((size,), agrees[None], score, calls or size)


# The certificate's own walk, over many draws at once.


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), min_size=1, max_size=300),
    st.sampled_from([0.6, 0.8, 0.9]),
)
def test_planned_and_tested_on_the_same_inputs_it_is_the_foreseen_coverage(
    inputs: list[tuple[int, int]], target: float
) -> None:
    promise = Promise(target, 0.95)
    confidence = np.array([level / 30 for level, _ in inputs])
    agrees = np.array([chance < 80 + level / 2 for level, chance in inputs])
    once = np.ones((2, len(inputs)), np.int64)
    found = certified_coverages(confidence, np.stack([agrees, agrees]), once, once, promise)
    expected = foreseen_coverage(confidence, agrees, len(inputs), promise)
    assert found.tolist() == pytest.approx([expected, expected])


def test_thresholds_are_planned_on_some_inputs_and_tested_on_others() -> None:
    held = held_out(0.7, 4_000)
    generator = np.random.default_rng(1)
    planned = generator.random((20, 4_000)) < 0.3
    tested = ~planned
    agrees = np.repeat(held.agrees, 20, axis=0)
    found = certified_coverages(
        held.score, agrees, planned.astype(int), tested.astype(int), PROMISE
    )
    for row in range(20):
        seen, new = planned[row], tested[row]
        thresholds = plan_thresholds(
            held.score[seen], held.agrees[0][seen], int(new.sum()), PROMISE
        )
        certificate = certify(held.score[new], held.agrees[0][new], thresholds, PROMISE)
        assert found[row] == pytest.approx(certificate.coverage if certificate else 0.0)


def test_a_draw_without_inputs_certifies_nothing() -> None:
    none, all_agree = np.zeros((1, 5), np.int64), np.ones((1, 5), bool)
    assert certified_coverages(np.ones(5), all_agree, none, none, PROMISE).tolist() == [0.0]


# Foresight.


def test_more_calls_bring_a_certificate_that_few_cannot() -> None:
    held = HeldOut((30,), np.ones((1, 40), bool), np.ones(40), 40)
    few, many = (foresee(held, calls, PROMISE, 0.05, 0) for calls in (40, 1_000))
    assert (few.coverage, few.chance) == (0.0, 0.0)
    assert (many.coverage, many.chance) == (1.0, 1.0)


def test_what_never_agrees_is_never_certified_however_low_the_minimum() -> None:
    held = HeldOut((300,), np.zeros((1, 400), bool), np.linspace(0, 1, 400), 400)
    assert foresee(held, 100_000, PROMISE, 0.0, 0).chance == 0.0


def test_the_interval_holds_the_certificates_that_are_had() -> None:
    """Students are distilled from the probed calls and others of their kind."""
    population = held_out(0.85, 60_000, seed=5)
    inside = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        rows = generator.choice(60_000, 3_000, replace=False)
        sample = rows[:900]
        held = HeldOut((675,), population.agrees[:, sample], population.score[sample], 900)
        found = foresee(held, 3_000, PROMISE, 0.05, seed)
        cuts = np.cumsum([SHARES["validation"], SHARES["certify"]]) * 3_000
        generator.shuffle(rows)
        seen, new, _ = np.split(rows, cuts.astype(int))
        score, agrees = population.score, population.agrees[0]
        thresholds = plan_thresholds(score[seen], agrees[seen], len(new), PROMISE)
        certificate = certify(score[new], agrees[new], thresholds, PROMISE)
        coverage = certificate.coverage if certificate else 0.0
        inside += found.interval.low <= coverage <= found.interval.high
    assert inside >= 17


def test_errors_go_down_as_the_fitted_law_says() -> None:
    learned, size = (100, 400, 1_600), 20_000
    errors = [0.1 + 2 / np.sqrt(n) for n in learned]
    agrees = np.stack([np.arange(size) >= error * size for error in errors])
    held = HeldOut(learned, agrees, np.ones(size), size)
    assert learning_curve(held, 6_400) == pytest.approx(1 - (0.1 + 2 / 80), abs=1e-3)
    assert learning_curve(held, 1_600) == pytest.approx(1 - errors[-1], abs=1e-3)
    # No farther than eight times what was probed.
    assert learning_curve(held, 1e9) == learning_curve(held, 8 * 1_600)


def test_a_student_that_does_not_learn_is_not_foreseen_to() -> None:
    agrees = np.stack([np.arange(100) >= errors for errors in (10, 20, 30)])
    held = HeldOut((100, 200, 400), agrees, np.ones(100), 100)
    assert learning_curve(held, 3_200) == pytest.approx(0.7)


# Folds.


@given(st.lists(st.integers(0, 20), min_size=30, max_size=80), st.integers(0, 5))
def test_each_group_is_judged_once_and_never_learned_from_then(
    numbers: list[int], seed: int
) -> None:
    _, group = np.unique(np.array([*range(FOLDS), *numbers]), return_inverse=True)
    folds = divide_in_folds(group, seed)
    judged = np.concatenate([fold.judged for fold in folds])
    assert sorted(group[judged].tolist()) == list(range(int(group.max()) + 1))
    for fold in folds:
        assert not set(group[fold.judged].tolist()) & set(group[fold.learned].tolist())


def test_a_size_for_which_there_is_no_time_is_left_out() -> None:
    fold = Fold(np.arange(100), np.arange(5))
    found = judge_sizes([fold], (0.25, 0.5, 1.0), 0.0, lambda _, count: count)
    assert [(size.learned, size.judged) for size in found] == [(25, [25])]
    found = judge_sizes([fold], (0.25, 0.5, 1.0), 60.0, lambda _, count: count)
    assert [size.judged for size in found] == [[25], [50], [100]]


@given(st.integers(2, 20_000))
def test_sizes_are_halves_of_each_other_down_to_few_inputs(inputs: int) -> None:
    sizes = sizes_of(inputs)
    assert sizes[-1] == 1.0
    assert all(2 * small == large for small, large in pairwise(sizes))
    assert len(sizes) == 3 if inputs <= 2_000 else 250 < sizes[0] * inputs <= 500


class Said(NamedTuple):
    """What a probe says that agrees on all inputs of its fold."""

    agrees: NDArray[np.bool_]


def told_of(inputs: int, seconds: float) -> HeldOut:
    def learn(fold: Fold, count: int) -> Said:
        del count
        return Said(np.ones(len(fold.judged), np.bool_))

    def score(planning: Sequence[Said], _: Sequence[Said]) -> NDArray[np.float64]:
        return np.ones(sum(len(one.agrees) for one in planning))

    division = divide(np.arange(inputs), [None] * inputs, 0)
    judgement, _ = judge(division, seconds, learn, score, sizes_of(inputs))
    return judgement.at_random


def test_a_curve_is_of_the_largest_sizes_that_there_is_time_for() -> None:
    assert told_of(8_000, 60.0).learned == (1_500, 3_000, 6_000)
    assert told_of(8_000, 60.0).whole
    assert told_of(8_000, 0.0).learned == (375,)
    assert not told_of(8_000, 0.0).whole


@pytest.mark.parametrize(
    ("sizes", "learned", "whole"), [(3, (375, 750, 1_500), True), (2, (375, 750), False)]
)
def test_probes_of_many_calls_need_no_time_for_all(
    monkeypatch: pytest.MonkeyPatch, sizes: int, learned: tuple[int, ...], *, whole: bool
) -> None:
    def some(*arguments: Any) -> list[Any]:  # noqa: ANN401 - as it is called
        return judge_sizes(*arguments)[:sizes]

    monkeypatch.setattr("locum.audit.judging.judge_sizes", some)
    found = told_of(8_000, 60.0)
    assert (found.learned, found.whole) == (learned, whole)


def test_few_inputs_are_refused() -> None:
    check_inputs(100, FEWEST)
    with pytest.raises(InputError, match="100 calls hold 39 inputs"):
        check_inputs(100, FEWEST - 1)
