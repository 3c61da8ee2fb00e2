"""Taking out what a model prefers to say, where labels of people show that it helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration import (
    CalibrationChoice,
    LabelCalibration,
    batch_bias,
    choose_calibration,
    contextual_bias,
    measure_reliability,
)
from locum.losses import soften

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.calibration import BiasKind

_BIASES = st.lists(st.floats(-5, 0), min_size=3, max_size=3).map(np.array)
_TEMPERATURES = st.floats(0.25, 20)


@st.composite
def _rows(draw: st.DrawFn) -> NDArray[np.float64]:
    """Rows that sum to one at most, with zeros in them."""
    cell = st.one_of(st.just(0.0), st.floats(1e-6, 1))
    rows = np.array(draw(st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=6)))
    capped: NDArray[np.float64] = rows / np.maximum(1, rows.sum(axis=1, keepdims=True))
    return capped


def _honest(
    generator: np.random.Generator, inputs: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities, and labels that are drawn by them; the classes are of unequal size."""
    probabilities = generator.dirichlet([1.2, 0.5, 0.2], inputs)
    below = probabilities.cumsum(axis=1) < generator.random((inputs, 1))
    return probabilities, np.minimum(below.sum(axis=1), 2)


def _tilted(probabilities: NDArray[np.float64], bias: NDArray[np.float64]) -> NDArray[np.float64]:
    tilted: NDArray[np.float64] = probabilities * bias
    tilted /= tilted.sum(axis=1, keepdims=True)
    return tilted


def test_an_input_without_content_becomes_undecided() -> None:
    # What defines the correction of Zhao et al. 2021: p / b is even where p is the bias itself.
    content_free = np.array([[0.618, 0.382]])
    calibration = LabelCalibration("contextual", contextual_bias(content_free))
    np.testing.assert_allclose(calibration.apply(content_free), [[0.5, 0.5]])


def test_batch_calibration_by_hand() -> None:
    # The mean is (0.7, 0.3): (0.8 / 0.7, 0.2 / 0.3) is 24 to 14, and (0.6 / 0.7, 0.4 / 0.3) is
    # 18 to 28.
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4]])
    found = LabelCalibration("batch", batch_bias(probabilities)).apply(probabilities)
    np.testing.assert_allclose(found, [[24 / 38, 14 / 38], [18 / 46, 28 / 46]])


def test_temperature_comes_after_the_bias() -> None:
    # (0.8 / 0.4, 0.2 / 0.6) is 6 to 1, and its square root sqrt(6) to 1.
    calibration = LabelCalibration("contextual", np.log([0.4, 0.6]), 2.0)
    ratio = np.sqrt(6)
    found = calibration.apply(np.array([[0.8, 0.2]]))
    np.testing.assert_allclose(found, [[ratio / (1 + ratio), 1 / (1 + ratio)]])


def test_inputs_without_content_weigh_alike_whatever_they_leave_outside() -> None:
    content_free = np.array([[0.08, 0.02], [0.2, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(contextual_bias(content_free), np.log([0.5, 0.5]))


def test_a_label_that_is_never_expected_is_not_raised_without_limit() -> None:
    assert contextual_bias(np.array([[1.0, 0.0]])).tolist() == [0, pytest.approx(np.log(1e-6))]


@given(_rows(), _BIASES, _TEMPERATURES)
def test_mass_outside_the_labels_stays_there(
    rows: NDArray[np.float64], bias: NDArray[np.float64], temperature: float
) -> None:
    found = LabelCalibration("batch", bias, temperature).apply(rows)
    np.testing.assert_allclose(found.sum(axis=1), rows.sum(axis=1), atol=1e-12)
    assert (found >= 0).all()
    assert not found[rows == 0].any()


@given(_rows())
def test_no_correction_changes_nothing(rows: NDArray[np.float64]) -> None:
    found = LabelCalibration("none", np.zeros(3)).apply(rows)
    np.testing.assert_allclose(found, rows, atol=1e-12)


@given(_rows(), _BIASES, _TEMPERATURES)
def test_temperature_changes_no_ranking(
    rows: NDArray[np.float64], bias: NDArray[np.float64], temperature: float
) -> None:
    cold = LabelCalibration("batch", bias).apply(rows)
    warm = LabelCalibration("batch", bias, temperature).apply(rows)
    for before, after in zip(cold, warm, strict=True):
        assert after[before.argmax()] == pytest.approx(after.max())


def _choose(
    probabilities: NDArray[np.float64],
    human: NDArray[np.int64],
    candidates: dict[BiasKind, NDArray[np.float64]],
) -> CalibrationChoice:
    choice = choose_calibration(probabilities, human, candidates)
    again = choose_calibration(probabilities, human, candidates)
    assert choice.reason == again.reason
    assert choice.scores == again.scores
    return choice


def test_honest_probabilities_are_left_alone(generator: np.random.Generator) -> None:
    honest, human = _honest(generator, 600)
    wrong = np.log([0.2, 0.2, 0.6])
    choice = _choose(honest, human, {"batch": batch_bias(honest), "contextual": wrong})
    assert choice.calibration.kind == "none"
    assert choice.calibration.temperature == 1
    assert "no correction" in choice.reason
    assert [score.kind for score in choice.scores] == ["none", "contextual", "batch"]
    raw, _, batch = choice.scores
    assert raw.after.nll < batch.after.nll
    assert raw.accuracy == (honest.argmax(axis=1) == human).mean()
    assert raw.before == pytest.approx(measure_reliability(honest, human))


def test_only_the_temperature_is_set_where_only_that_helps(
    generator: np.random.Generator,
) -> None:
    honest, human = _honest(generator, 600)
    sure = soften(honest, 0.4)
    choice = _choose(sure, human, {"batch": batch_bias(sure)})
    assert choice.calibration.kind == "none"
    assert choice.calibration.temperature == pytest.approx(2.5, rel=0.25)
    raw = choice.scores[0]
    assert raw.after.nll < raw.before.nll
    assert raw.after.ece < raw.before.ece
    assert f"{raw.before.nll:.3f}" in choice.reason
    assert f"{raw.after.nll:.3f}" in choice.reason


def test_a_bias_is_taken_out_where_that_helps(generator: np.random.Generator) -> None:
    honest, human = _honest(generator, 600)
    bias = np.array([0.05, 0.2, 0.75])
    tilted = _tilted(honest, bias)
    choice = _choose(tilted, human, {"contextual": np.log(bias), "batch": batch_bias(tilted)})
    assert choice.calibration.kind == "contextual"
    assert choice.calibration.temperature == 1
    raw, contextual, _ = choice.scores
    assert contextual.accuracy > raw.accuracy + 0.1
    found = choice.calibration.apply(tilted)
    np.testing.assert_allclose(found, honest, atol=1e-9)


def test_bias_and_temperature_are_taken_out_together(generator: np.random.Generator) -> None:
    honest, human = _honest(generator, 1500)
    bias = np.array([0.1, 0.2, 0.7])
    spoiled = _tilted(soften(honest, 0.4), bias)
    choice = _choose(spoiled, human, {"contextual": np.log(bias)})
    assert choice.calibration.kind == "contextual"
    assert choice.calibration.temperature == pytest.approx(2.5, rel=0.25)


def test_what_a_row_leaves_outside_does_not_change_the_choice(
    generator: np.random.Generator,
) -> None:
    honest, human = _honest(generator, 200)
    sure = soften(honest, 0.4)
    shrunk = sure * generator.uniform(0.1, 1, (200, 1))
    found, expected = choose_calibration(shrunk, human, {}), choose_calibration(sure, human, {})
    assert found.reason == expected.reason
    assert found.calibration.temperature == pytest.approx(expected.calibration.temperature)


@pytest.mark.parametrize("labels", [0, 1, 49])
def test_few_labels_decide_nothing(labels: int, generator: np.random.Generator) -> None:
    honest, human = _honest(generator, labels)
    tilted = _tilted(honest, np.array([0.01, 0.01, 0.98]))
    choice = choose_calibration(tilted, human, {"contextual": np.log([0.01, 0.01, 0.98])})
    assert choice.calibration.kind == "none"
    assert choice.calibration.temperature == 1
    assert not choice.calibration.bias.any()
    assert str(labels) in choice.reason
    assert choice.scores == ()


def test_fifty_labels_can_decide(generator: np.random.Generator) -> None:
    honest, human = _honest(generator, 50)
    bias = np.array([0.01, 0.04, 0.95])
    choice = choose_calibration(_tilted(honest, bias), human, {"contextual": np.log(bias)})
    assert choice.calibration.kind == "contextual"
