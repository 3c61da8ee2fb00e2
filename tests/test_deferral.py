"""The deferral score: what it is made of, when it is kept, and that certificates by it hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from locum.calibration import PLAIN_SCORE, DeferralScore, fit_deferral, text_lengths
from locum.evaluation import (
    Promise,
    certify,
    choose_deferral,
    foreseen_coverage,
    plan_thresholds,
)

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

_PROMISE = Promise(0.9, 0.95)
_ZEROS, _ONES = (0.0,) * 5, (1.0,) * 5


class _Inputs(NamedTuple):
    proba: NDArray[np.float64]
    novelty: NDArray[np.float64]
    lengths: NDArray[np.int64]
    agrees: NDArray[np.bool_]


def _draw(generator: np.random.Generator, count: int, strange: float = 0.2) -> _Inputs:
    """Inputs of which some are strange: the student is as sure of them, and half as often right."""
    best = generator.uniform(0.4, 1, count)
    share = generator.uniform(0.5, 1, count)
    proba = np.column_stack([best, (1 - best) * share, (1 - best) * (1 - share)])
    proba /= proba.sum(axis=1, keepdims=True)
    unknown = generator.random(count) < strange
    novelty = generator.exponential(0.2, count) + 2.0 * unknown
    agrees = generator.random(count) < np.sqrt(best) * np.where(unknown, 0.5, 1.0)
    return _Inputs(proba, novelty, generator.integers(1, 300, count), agrees)


def _learned(generator: np.random.Generator) -> DeferralScore:
    return fit_deferral(*_draw(generator, 400))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (0, math.log(0.7 / 0.3)),
        (1, math.log(0.7 / 0.2)),
        (2, -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1))),
        (3, math.log(1.5)),
        (4, math.log(12)),
    ],
)
@pytest.mark.parametrize("copies", [1, 2])
def test_features_by_hand(place: int, expected: float, copies: int) -> None:
    coefficients = tuple(float(place == index) for index in range(5))
    found = DeferralScore("learned", _ZEROS, _ONES, coefficients).score(
        np.tile([0.2, 0.7, 0.1], (copies, 1)), np.full(copies, 0.5), np.full(copies, 11)
    )
    np.testing.assert_allclose(found, expit(expected), rtol=1e-12)


def test_the_fit_is_the_minimum_of_the_documented_loss(generator: np.random.Generator) -> None:
    drawn = _draw(generator, 300)
    found = fit_deferral(*drawn)
    units = [DeferralScore("learned", _ZEROS, _ONES, tuple(row)) for row in np.eye(5)]
    log_odds = [unit.score(*drawn[:3]) for unit in units]
    features = np.column_stack([np.log(p / (1 - p)) for p in log_odds])
    np.testing.assert_allclose(found.means, features.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.scales, features.std(axis=0), rtol=1e-6)
    standardised = np.clip((features - features.mean(axis=0)) / features.std(axis=0), -8, 8)

    def loss(weights: NDArray[np.float64]) -> float:
        z = weights[0] + standardised @ weights[1:]
        fit = np.log1p(np.exp(-np.where(drawn.agrees, z, -z))).sum()
        at_mean = (np.log1p(np.exp(-weights[0])) + np.log1p(np.exp(weights[0]))) / 2
        return float(fit + at_mean + weights[1:] @ weights[1:] / 2)

    best = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose((found.intercept, *found.coefficients), best.x, atol=1e-4)


def test_the_plain_score_is_the_largest_probability(generator: np.random.Generator) -> None:
    drawn = _draw(generator, 20)
    np.testing.assert_array_equal(PLAIN_SCORE.score(*drawn[:3]), drawn.proba.max(axis=1))


@given(
    st.lists(
        st.tuples(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 1e30)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 2**31),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_scores_lie_between_0_and_1_whatever_the_order(
    inputs: list[tuple[list[float], float]], length: int, order: random.Random
) -> None:
    score = _learned(np.random.default_rng(3))
    proba = np.array([row for row, _ in inputs]) + 1e-6
    proba /= proba.sum(axis=1, keepdims=True)
    novelty, lengths = np.array([n for _, n in inputs]), np.full(len(inputs), length)
    found = score.score(proba, novelty, lengths)
    assert ((found >= 0) & (found <= 1)).all()
    rows = list(range(len(inputs)))
    order.shuffle(rows)
    np.testing.assert_allclose(
        score.score(proba[rows], novelty[rows], lengths[rows]), found[rows], rtol=1e-12
    )
    alone = [score.score(proba[[r]], novelty[[r]], lengths[[r]])[0] for r in range(len(inputs))]
    np.testing.assert_array_equal(alone, found)
    classes = score.score(proba[:, ::-1], novelty, lengths)
    np.testing.assert_allclose(classes, found, rtol=1e-9)


@given(
    st.integers(0, 2**32),
    st.sampled_from([2, 3, 9, 40]),
    st.integers(2, 40),
    st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=60)
def test_an_input_scores_the_same_alone_and_among_others_to_the_last_bit(
    seed: int, labels: int, count: int, kind: type[np.floating]
) -> None:
    generator = np.random.default_rng(seed)
    proba = generator.dirichlet(np.ones(labels), count)
    novelty = generator.random(count).astype(kind)
    lengths = generator.integers(0, 3000, count)
    score = fit_deferral(proba, novelty, lengths, generator.random(count) < proba.max(axis=1))
    alone = [score.score(proba[[r]], novelty[[r]], lengths[[r]])[0] for r in range(count)]
    np.testing.assert_array_equal(score.score(proba, novelty, lengths), alone)


def test_stranger_inputs_score_lower_where_they_were_mostly_wrong(
    generator: np.random.Generator,
) -> None:
    score = _learned(generator)
    proba = np.tile([0.8, 0.1, 0.1], (2, 1))
    familiar, strange = score.score(proba, np.array([0.1, 2.0]), np.array([50, 50]))
    assert familiar > strange + 0.2


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("score", [PLAIN_SCORE, _learned(np.random.default_rng(0))])
def test_a_row_without_numbers_has_no_score(score: DeferralScore, copies: int) -> None:
    found = score.score(np.full((copies, 3), np.nan), np.zeros(copies), np.ones(copies, np.int64))
    assert np.isnan(found).all()


def test_a_fit_is_finite_where_the_features_tell_agreement_apart(
    generator: np.random.Generator,
) -> None:
    drawn = _draw(generator, 200)
    apart = drawn._replace(agrees=drawn.proba.max(axis=1) > 0.7)
    for labels in (apart.agrees, np.ones(200, bool), np.zeros(200, bool)):
        found = fit_deferral(*apart._replace(agrees=labels))
        assert np.isfinite([found.intercept, *found.coefficients]).all()
        assert max(map(abs, found.coefficients)) < 20


def test_features_that_never_vary_count_for_nothing(generator: np.random.Generator) -> None:
    drawn = _draw(generator, 200)._replace(novelty=np.zeros(200), lengths=np.full(200, 7))
    found = fit_deferral(*drawn)
    assert found.coefficients[3] == pytest.approx(0, abs=1e-9)
    assert found.coefficients[4] == pytest.approx(0, abs=1e-9)


def test_lengths_are_characters() -> None:
    assert text_lengths(["", "abc", "é🙂"]).tolist() == [0, 3, 2]
    assert text_lengths([]).shape == (0,)


def test_the_learned_score_is_kept_where_it_covers_more(generator: np.random.Generator) -> None:
    drawn = _draw(generator, 1500)
    found = choose_deferral(*drawn, 1500, _PROMISE)
    assert found.score == fit_deferral(*drawn)
    assert found.learned_coverage is not None
    assert found.learned_coverage > found.plain_coverage + 0.05
    assert found.learned_coverage == pytest.approx(
        foreseen_coverage(found.confidence, drawn.agrees, 1500, _PROMISE)
    )
    assert found.reason.startswith("the learned score")
    assert f"{found.learned_coverage:.1%}" in found.reason


def test_agreement_may_be_zeros_and_ones(generator: np.random.Generator) -> None:
    drawn = _draw(generator, 600)
    numbers = drawn._replace(agrees=drawn.agrees.astype(np.int64))
    first, second = (choose_deferral(*inputs, 400, _PROMISE) for inputs in (drawn, numbers))
    assert (second.score, second.reason) == (first.score, first.reason)
    np.testing.assert_array_equal(second.confidence, first.confidence)


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.2]), st.sampled_from([60, 300, 900]))
@settings(max_examples=25)
def test_what_is_chosen_never_covers_less_on_inputs_not_learned_from(
    seed: int, strange: float, count: int
) -> None:
    drawn = _draw(np.random.default_rng(seed), count, strange)
    found = choose_deferral(*drawn, 1000, _PROMISE)
    chosen = foreseen_coverage(found.confidence, drawn.agrees, 1000, _PROMISE)
    assert chosen >= found.plain_coverage
    if found.score.kind == "plain":
        np.testing.assert_array_equal(found.confidence, drawn.proba.max(axis=1))


@pytest.mark.parametrize("disagreements", [0, 1])
def test_too_little_to_learn_from_leaves_the_plain_score(
    generator: np.random.Generator, disagreements: int
) -> None:
    drawn = _draw(generator, 200)
    found = choose_deferral(*drawn._replace(agrees=np.arange(200) >= disagreements), 1000, _PROMISE)
    assert (found.score, found.learned_coverage) == (PLAIN_SCORE, None)
    assert "200 validation inputs" in found.reason
    assert choose_deferral(*_draw(generator, 49), 1000, _PROMISE).score == PLAIN_SCORE
    assert choose_deferral(*_draw(generator, 0), 1000, _PROMISE).plain_coverage == 0


class _Run(NamedTuple):
    learned: bool
    coverage: float
    plain_coverage: float
    broken: bool


def _run(generator: np.random.Generator, held_out: _Inputs) -> _Run:
    """Choose and certify on fresh inputs, and look at a large sample of the same population."""
    validation, tested = _draw(generator, 500), _draw(generator, 800)
    choice = choose_deferral(*validation, 800, _PROMISE)

    def certified(score: DeferralScore) -> float:
        planned = plan_thresholds(score.score(*validation[:3]), validation.agrees, 800, _PROMISE)
        found = certify(score.score(*tested[:3]), tested.agrees, planned, _PROMISE)
        return found.threshold if found else 2.0

    answered = choice.score.score(*held_out[:3]) >= certified(choice.score)
    by_plain = PLAIN_SCORE.score(*held_out[:3]) >= certified(PLAIN_SCORE)
    broken = answered.any() and held_out.agrees[answered].mean() < _PROMISE.target
    kind = choice.score.kind
    return _Run(kind == "learned", answered.mean(), by_plain.mean(), bool(broken))


@pytest.mark.slow
def test_certificates_by_the_chosen_score_hold(generator: np.random.Generator) -> None:
    runs = 300
    held_out = _draw(generator, 200_000)
    found = [_run(generator, held_out) for _ in range(runs)]
    delta = 1 - _PROMISE.confidence
    broken = sum(run.broken for run in found) / runs
    assert broken <= delta + 3 * math.sqrt(delta * (1 - delta) / runs)
    learned = [run for run in found if run.learned]
    assert len(learned) / runs > 0.5
    gains = [run.coverage - run.plain_coverage for run in learned]
    assert np.mean(gains) > 0.05
