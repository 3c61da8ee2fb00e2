"""Temperature scaling, reliability and the chance of agreement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration import (
    choose_calibration,
    fit_temperature,
    measure_reliability,
    reliability_bins,
)
from locum.errors import UsageError
from locum.losses import soften

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


@pytest.mark.parametrize(("label", "shown"), [(-1, "label -1 of row 60"), (3, "label 3 of row 60")])
def test_labels_that_are_no_column_are_refused(label: int, shown: str) -> None:
    proba, labels = np.tile([0.7, 0.2, 0.1], (60, 1)), np.append(np.zeros(59, int), label)
    with pytest.raises(UsageError, match=f"{shown}: expected 0 to 2"):
        fit_temperature(proba, labels)
    with pytest.raises(UsageError, match=f"{shown}: expected 0 to 2"):
        measure_reliability(proba, labels)
    with pytest.raises(UsageError, match="expected 0 to 2"):
        choose_calibration(proba, labels, {"batch": np.zeros(3)})
