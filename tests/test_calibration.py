"""Temperature scaling, reliability and the chance of agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.calibration import (
    StudentCalibration,
    fit_temperature,
    margins,
    measure_reliability,
    reliability_bins,
)
from locum.losses import soften

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = st.lists(st.lists(st.floats(1e-4, 1), min_size=4, max_size=4), min_size=2, max_size=12)


@pytest.mark.parametrize("sharpness", [2.0, 0.5])
def test_the_temperature_that_spoiled_probabilities_is_found(
    sharpness: float, generator: np.random.Generator
) -> None:
    honest = generator.dirichlet(np.ones(4), 8000)
    labels = (honest.cumsum(axis=1) < generator.random((8000, 1))).sum(axis=1)
    found = fit_temperature(soften(honest, 1 / sharpness), labels)
    assert found == pytest.approx(sharpness, rel=0.1)
    assert fit_temperature(honest, labels) == pytest.approx(1, rel=0.1)


def test_reliability_by_hand() -> None:
    # Bins 12, 9 and 10 of 15 hold one input each: gaps |0.8 - 1|, |0.6 - 0| and |0.7 - 1|.
    # Brier: 2 * 0.2^2 + 2 * 0.6^2 + 2 * 0.3^2 = 0.98, over 3.
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    found = measure_reliability(probabilities, np.array([0, 1, 1]))
    assert found.ece == pytest.approx(1.1 / 3)
    assert found.nll == pytest.approx(-(np.log(0.8) + np.log(0.4) + np.log(0.7)) / 3)
    assert found.brier == pytest.approx(0.98 / 3)


def test_inputs_of_one_bin_are_averaged() -> None:
    # 0.81 and 0.83 lie in [12/15, 13/15): mean 0.82, one of two right, so the gap is 0.32.
    # The third is sure and right: bin 14, gap 0. ECE = 2/3 * 0.32.
    probabilities = np.array([[0.81, 0.19], [0.83, 0.17], [0.0, 1.0]])
    labels = np.array([0, 1, 1])
    first, last = reliability_bins(probabilities, labels)
    assert first.confidence == pytest.approx(0.82)
    assert (first.accuracy, first.inputs) == (0.5, 2)
    assert last == (1.0, 1.0, 1)
    assert measure_reliability(probabilities, labels).ece == pytest.approx(0.64 / 3)


def test_a_label_of_probability_zero_costs_a_finite_amount() -> None:
    found = measure_reliability(np.array([[1.0, 0.0]]), np.array([1]))
    assert (found.ece, found.brier) == (1, 2)
    assert found.nll == pytest.approx(12 * np.log(10))


@given(_ROWS, st.data())
@settings(deadline=None)
def test_bins_hold_every_input_once(rows: list[list[float]], data: st.DataObject) -> None:
    weights = np.array(rows)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    labels = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    )
    groups = reliability_bins(probabilities, labels)
    assert sum(group.inputs for group in groups) == len(rows)
    right = sum(group.inputs * group.accuracy for group in groups)
    assert right == pytest.approx((probabilities.argmax(axis=1) == labels).sum())


def test_margins_by_hand() -> None:
    # log(0.6 / 0.3) and log(0.5 / 0.5); zeros count as 1e-30.
    found = margins(np.array([[0.1, 0.6, 0.3], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found, [np.log(2), 0, 30 * np.log(10)])


@given(_ROWS, st.floats(0.2, 5))
@settings(deadline=None)
def test_no_temperature_changes_the_order_of_margins(
    rows: list[list[float]], temperature: float
) -> None:
    weights = np.array(rows)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    before, after = margins(probabilities), margins(soften(probabilities, temperature))
    assert (np.diff(after[np.argsort(before)]) > -1e-9).all()
    np.testing.assert_allclose(after * temperature, before, atol=1e-9)


def _two_labels(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    first = 1 / (1 + np.exp(-margin))
    return np.column_stack([first, 1 - first])


def test_confidence_is_the_rate_of_agreement(generator: np.random.Generator) -> None:
    margin = generator.uniform(0.01, 6, 20_000)
    chance = 1 / (1 + np.exp(0.5 - 0.8 * margin))
    answers = np.where(generator.random(20_000) < chance, 0, 1)
    raw = _two_labels(margin)
    calibration = StudentCalibration.fit(raw, answers)
    confidence = calibration.confidence(raw)
    np.testing.assert_allclose(confidence, chance, atol=0.02)
    for group in np.array_split(np.argsort(margin), 10):
        rate = (answers[group] == 0).mean()
        assert confidence[group].mean() == pytest.approx(rate, abs=0.03)
    np.testing.assert_allclose(calibration.probabilities(raw).sum(axis=1), 1)


@pytest.mark.parametrize("trend", [0.0, -0.5])
def test_slope_is_positive_even_for_useless_margins(
    trend: float, generator: np.random.Generator
) -> None:
    margin = generator.uniform(0.01, 4, 3000)
    chance = np.clip(0.8 + trend * (margin - 2) / 4, 0, 1)
    answers = np.where(generator.random(3000) < chance, 0, 1)
    raw = _two_labels(margin)
    calibration = StudentCalibration.fit(raw, answers)
    assert calibration.slope > 0
    confidence = calibration.confidence(raw)
    assert (np.diff(confidence[np.argsort(margin)]) >= 0).all()
    assert confidence.mean() == pytest.approx((answers == 0).mean(), abs=0.02)


@pytest.mark.parametrize("wrong", [0, 1, 40])
def test_extreme_margins_give_confidences_between_zero_and_one(wrong: int) -> None:
    raw = np.repeat([[1.0, 0.0, 0.0], [0.4, 0.3, 0.3]], 20, axis=0)
    answers = np.zeros(40, np.int64)
    answers[40 - wrong :] = 1
    confidence = StudentCalibration.fit(raw, answers).confidence(raw)
    assert ((confidence > 0) & (confidence <= 1)).all()
