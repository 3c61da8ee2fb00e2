"""Softmax at a temperature and the soft-target cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.losses import (
    first_unusable,
    log_softmax,
    soft_target_cross_entropy,
    soften,
    soften_best,
    softmax,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.losses.softmax import FloatT

_TEMPERATURES = st.floats(0.05, 20)


@st.composite
def _distributions(draw: st.DrawFn) -> NDArray[np.float64]:
    weights = draw(st.lists(st.floats(1e-6, 1), min_size=2, max_size=6))
    values = np.array(weights)
    distribution: NDArray[np.float64] = values / values.sum()
    return distribution


def test_cross_entropy_at_temperature_one() -> None:
    # softmax([0, log 3]) = [1/4, 3/4]; L = (log 4 + log(4/3)) / 2; gradient [1/4, 3/4] - [1/2, 1/2]
    logits, targets = np.array([[0.0, np.log(3)]]), np.array([[0.5, 0.5]])
    loss = soft_target_cross_entropy(logits, targets)
    assert loss.value == pytest.approx((np.log(4) + np.log(4 / 3)) / 2)
    np.testing.assert_allclose(loss.gradient, [[-0.25, 0.25]])


def test_cross_entropy_at_temperature_two() -> None:
    # z / 2 is as above, so the loss is 2^2 and the gradient 2 times as large.
    logits, targets = np.array([[0.0, 2 * np.log(3)]]), np.array([[0.5, 0.5]])
    loss = soft_target_cross_entropy(logits, targets, 2.0)
    assert loss.value == pytest.approx(2 * (np.log(4) + np.log(4 / 3)))
    np.testing.assert_allclose(loss.gradient, [[-0.5, 0.5]])


def test_a_row_that_sums_to_less_weighs_less() -> None:
    # Row 1: q = [0.1, 0.3], sum 0.4, p = [1/4, 3/4]: 0.4 p - q = [0, 0]; L = 0.1 log 4 +
    # 0.3 log(4/3). Row 2: q = [1, 0], p = [1/2, 1/2]: [-1/2, 1/2]; L = log 2. Both over N = 2.
    logits = np.array([[0.0, np.log(3)], [5.0, 5.0]])
    loss = soft_target_cross_entropy(logits, np.array([[0.1, 0.3], [1.0, 0.0]]))
    assert loss.value == pytest.approx((0.1 * np.log(4) + 0.3 * np.log(4 / 3) + np.log(2)) / 2)
    expected = np.array([[0, 0], [-0.25, 0.25]])
    np.testing.assert_allclose(loss.gradient, expected, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_gradient_is_the_slope_of_the_loss(
    temperature: float, generator: np.random.Generator
) -> None:
    logits = generator.normal(size=(5, 4))
    targets = generator.dirichlet(np.ones(4), 5) * generator.uniform(0.1, 1, (5, 1))
    gradient = soft_target_cross_entropy(logits, targets, temperature).gradient
    step = 1e-5
    for place in np.ndindex(*logits.shape):
        nudge = np.zeros_like(logits)
        nudge[place] = step
        up = soft_target_cross_entropy(logits + nudge, targets, temperature).value
        down = soft_target_cross_entropy(logits - nudge, targets, temperature).value
        assert gradient[place] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_a_row_of_zero_targets_is_left_out(
    temperature: float, generator: np.random.Generator
) -> None:
    logits, targets = generator.normal(size=(4, 3)), generator.dirichlet(np.ones(3), 4)
    targets[1] = 0
    kept = [0, 2, 3]
    loss = soft_target_cross_entropy(logits, targets, temperature)
    sliced = soft_target_cross_entropy(logits[kept], targets[kept], temperature)
    assert loss.value == pytest.approx(sliced.value * 3 / 4)
    np.testing.assert_allclose(loss.gradient[kept], sliced.gradient * 3 / 4)
    assert not loss.gradient[1].any()


@given(_distributions(), st.floats(-1e3, 1e3), _TEMPERATURES)
def test_softmax_is_the_same_after_a_shift(
    distribution: NDArray[np.float64], shift: float, temperature: float
) -> None:
    logits = np.log(distribution)
    shifted = softmax(logits + shift, temperature)
    np.testing.assert_allclose(shifted, softmax(logits, temperature), atol=1e-10)


def _check_large_logits(
    logits: NDArray[FloatT], targets: NDArray[FloatT], temperature: float
) -> None:
    logarithms = log_softmax(logits, temperature)
    loss = soft_target_cross_entropy(logits, targets, temperature)
    assert logarithms.dtype == logits.dtype
    assert loss.gradient.dtype == logits.dtype
    assert np.isfinite(logarithms).all()
    assert np.isfinite(loss.gradient).all()
    # Rows 2 and 3 are uniform and cost log 3 each; row 1 costs 2e4 / T at least.
    first = 2e4 / temperature + np.log1p(np.exp(-1e4 / temperature) + np.exp(-2e4 / temperature))
    expected = temperature**2 * (first + 2 * np.log(3)) / 3
    assert loss.value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(softmax(logits, temperature).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0, 7.0, 100.0])
def test_large_logits_are_safe(temperature: float) -> None:
    logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]])
    targets = np.array([[0, 1, 0], [0.2, 0.3, 0.5], [1, 0, 0]])
    _check_large_logits(logits, targets, temperature)
    _check_large_logits(logits.astype(np.float32), targets.astype(np.float32), temperature)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_class_that_cannot_be_and_is_not_wanted_costs_nothing(temperature: float) -> None:
    targets = np.array([[0.7, 0.3, 0.0]])
    found, expected = (
        soft_target_cross_entropy(np.array([[0.5, -1.0, last]]), targets, temperature)
        for last in (-np.inf, -800.0)
    )
    assert found.value == pytest.approx(expected.value)
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.5, 2])
def test_whole_numbers_are_logits_as_any_others(temperature: float) -> None:
    """In their own type the temperature would be cut to a whole number, and slopes to zero."""
    logits, targets = np.array([[1, 2, 4], [3, 3, 0]]), np.eye(3)[[0, 2]]
    np.testing.assert_array_equal(softmax(logits, temperature), softmax(logits * 1.0, temperature))
    found, expected = (
        soft_target_cross_entropy(given, targets, temperature) for given in (logits, logits * 1.0)
    )
    assert found.value == expected.value
    np.testing.assert_array_equal(found.gradient, expected.gradient)


@given(_distributions(), _TEMPERATURES)
def test_soften_is_softmax_of_scaled_logarithms(
    distribution: NDArray[np.float64], temperature: float
) -> None:
    softened = soften(distribution, temperature)
    np.testing.assert_allclose(softened, softmax(np.log(distribution) / temperature), atol=1e-12)
    powers = distribution ** (1 / temperature)
    np.testing.assert_allclose(softened, powers / powers.sum(), rtol=1e-9, atol=1e-300)


@given(_distributions(), _TEMPERATURES, st.booleans())
def test_the_best_of_soften_is_found_alone(
    distribution: NDArray[np.float64],
    temperature: float,
    single: bool,  # noqa: FBT001
) -> None:
    if single:
        distribution = np.eye(len(distribution))[0]
    rows = np.array([distribution, distribution[::-1]], np.float32)
    best, values = soften_best(rows, temperature)
    np.testing.assert_array_equal(best, rows.argmax(axis=1))
    np.testing.assert_array_equal(values, soften(rows, temperature).max(axis=1))


@given(st.integers(2, 8), st.integers(0, 7), _TEMPERATURES)
def test_soften_leaves_a_single_answer_unchanged(
    classes: int, answer: int, temperature: float
) -> None:
    one_hot = np.eye(classes)[answer % classes]
    np.testing.assert_array_equal(soften(one_hot, temperature), one_hot)


@given(_distributions())
def test_soften_at_temperature_one_is_the_identity(distribution: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(soften(distribution, 1.0), distribution, rtol=1e-12)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 0], [0.2, 3]], None),
        ([[1, 0], [0, 0]], 1),
        ([[np.nan, 1], [1, 0]], 0),
        ([[1, 0], [1, np.inf]], 1),
        ([[1, 0], [2, -1e-9]], 1),
    ],
)
def test_the_first_row_that_is_no_distribution_is_found(
    rows: list[list[float]], expected: int | None
) -> None:
    assert first_unusable(np.array(rows, np.float64)) == expected
