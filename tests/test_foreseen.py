"""Foreseen coverage: the certificate's own walk on validation inputs, and its standard error."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.evaluation import (
    Promise,
    certify,
    coverage_difference,
    foreseen_coverage,
    plan_thresholds,
)

_PROMISE = Promise(0.9, 0.95)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), min_size=1, max_size=400),
    st.sampled_from([0.6, 0.8, 0.9]),
)
def test_it_is_what_the_certificate_covers_on_the_same_inputs(
    inputs: list[tuple[int, int]], target: float
) -> None:
    promise = Promise(target, 0.95)
    confidence = np.array([level / 30 for level, _ in inputs])
    agrees = np.array([chance < 80 + level / 2 for level, chance in inputs])
    planned = plan_thresholds(confidence, agrees, len(inputs), promise)
    certificate = certify(confidence, agrees, planned, promise)
    expected = certificate.coverage if certificate else 0.0
    assert foreseen_coverage(confidence, agrees, len(inputs), promise) == pytest.approx(expected)


def test_by_hand() -> None:
    # The 50 surest of 100 agree. Of 100 certify inputs 50 are answered: 0.9^50 = 0.0052 < 0.045.
    # One more at 1%: P(Bin(51, 0.1) <= 1) = 0.0309; two: P(Bin(52, 0.1) <= 2) = 0.0942 > 0.045.
    confidence, agrees = np.linspace(1, 0.01, 100), np.arange(100) < 50
    assert foreseen_coverage(confidence, agrees, 100, _PROMISE) == pytest.approx(0.51)
    # Of 40 certify inputs 20 are answered: 0.9^20 = 0.122, and nothing passes.
    assert foreseen_coverage(confidence, agrees, 40, _PROMISE) == 0
    # Ten times the inputs make a higher share of disagreements pass.
    assert foreseen_coverage(confidence, agrees, 1000, _PROMISE) > 0.51


def test_agreement_may_be_zeros_and_ones(generator: np.random.Generator) -> None:
    confidence = generator.random(500)
    agrees = generator.random(500) < 0.7 + 0.3 * confidence
    numbers = agrees.astype(np.int64)
    expected = foreseen_coverage(confidence, agrees, 500, _PROMISE)
    assert expected > 0
    assert foreseen_coverage(confidence, numbers, 500, _PROMISE) == expected  # type: ignore[arg-type]


def test_nothing_is_foreseen_of_no_inputs() -> None:
    nothing, none = np.zeros(0), np.zeros(0, bool)
    assert foreseen_coverage(nothing, none, 100, _PROMISE) == 0
    assert coverage_difference(nothing, none, nothing, none, 100, _PROMISE) == (0, 0)


def test_a_student_does_not_differ_from_itself(generator: np.random.Generator) -> None:
    confidence = generator.random(500)
    agrees = generator.random(500) < 0.7 + 0.3 * confidence
    same = coverage_difference(confidence, agrees, confidence**2, agrees, 500, _PROMISE)
    assert same == (0, 0)


def test_the_difference_is_signed_and_seeded(generator: np.random.Generator) -> None:
    confidence = generator.random(1000)
    agrees = generator.random(1000) < 0.7 + 0.3 * confidence
    worse = np.where(generator.random(1000) < 0.3, generator.random(1000), confidence)
    found = coverage_difference(confidence, agrees, worse, agrees, 1000, _PROMISE, 7)
    assert found.difference == pytest.approx(
        foreseen_coverage(confidence, agrees, 1000, _PROMISE)
        - foreseen_coverage(worse, agrees, 1000, _PROMISE)
    )
    assert found == coverage_difference(confidence, agrees, worse, agrees, 1000, _PROMISE, 7)
    turned = coverage_difference(worse, agrees, confidence, agrees, 1000, _PROMISE, 7)
    assert turned.difference == -found.difference
    assert turned.standard_error == pytest.approx(found.standard_error)


def test_the_standard_error_is_the_deviation_over_fresh_inputs(
    generator: np.random.Generator,
) -> None:
    differences, errors = [], []
    for _ in range(40):
        skill = generator.random(800)
        agrees = generator.random(800) < 0.75 + 0.25 * skill
        blurred = skill + generator.normal(0, 0.15, 800)
        found = coverage_difference(skill, agrees, blurred, agrees, 800, _PROMISE)
        differences.append(found.difference)
        errors.append(found.standard_error)
    assert 0.6 < np.mean(errors) / np.std(differences) < 1.7


def test_the_few_draws_in_which_the_walk_ends_early_are_not_the_error() -> None:
    hurdle = np.zeros(1000, bool)
    hurdle[400:454:2] = True  # where the walk ends in about one of ten draws
    hurdle[900:] = True
    confidence, none = np.linspace(1, 0.01, 1000), np.zeros(1000)
    found = coverage_difference(confidence, ~hurdle, none, none > 0, 1000, _PROMISE)
    assert found.difference > 0.9
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(200):
        rows = np.sort(generator.integers(0, 1000, 1000))
        drawn.append(foreseen_coverage(confidence[rows], ~hurdle[rows], 1000, _PROMISE))
    assert 0.02 < np.mean(np.array(drawn) < 0.6) < 0.16
    assert 4 * found.standard_error < np.std(drawn)


def test_two_thousand_inputs_are_compared_in_half_a_second(
    generator: np.random.Generator,
) -> None:
    confidence = generator.random(2000)
    agrees = generator.random(2000) < confidence
    started = time.process_time()
    coverage_difference(confidence, agrees, confidence**2, agrees, 2000, _PROMISE)
    assert time.process_time() - started < 0.5
