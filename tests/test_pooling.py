"""Combining the distributions of several teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration import (
    Pool,
    choose_pool,
    estimate_accuracies,
    fit_linear,
    fit_log_linear,
    fit_temperature,
    odds_weights,
)
from locum.losses import soften

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from locum.calibration import PoolKind

_KINDS: tuple[PoolKind, ...] = ("log-linear", "linear")


@st.composite
def _distributions(draw: st.DrawFn) -> NDArray[np.float64]:
    """``[M, N, C]`` of 2 or 3 members, with zeros in some rows."""
    members, inputs = draw(st.integers(2, 3)), draw(st.integers(1, 8))
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    found = generator.dirichlet([0.5, 0.5, 0.5], (members, inputs))
    if draw(st.booleans()):
        found[0, 0] = [1.0, 0.0, 0.0]
    return found


def _draw(probabilities: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    below = probabilities.cumsum(axis=1) < generator.random((len(probabilities), 1))
    labels: NDArray[np.int64] = np.minimum(below.sum(axis=1), probabilities.shape[1] - 1)
    return labels


def test_log_linear_pool_by_hand() -> None:
    # sqrt(0.8 * 0.5) to sqrt(0.2 * 0.5) is 2 to 1; the mixed-in 0.1% moves the third decimal.
    members = np.array([[[0.8, 0.2]], [[0.5, 0.5]]])
    found = Pool("log-linear", np.array([0.5, 0.5])).apply(members)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3]], atol=5e-4)


def test_linear_pool_by_hand() -> None:
    # 0.25 * 0.8 + 0.75 * 0.4 = 0.5, of which 0.1% is uniform; in the second row 0.75 * 0.6 + 0.2.
    members = np.array([[[0.8, 0.2], [0.8, 0.2]], [[0.4, 0.6], [0.6, 0.4]]])
    found = Pool("linear", np.array([0.25, 0.75])).apply(members)
    upper = 0.999 * 0.65 + 0.0005
    np.testing.assert_allclose(found, [[0.5, 0.5], [upper, 1 - upper]])


def test_a_zero_is_no_veto() -> None:
    # Zero becomes 0.0005: (0.99^2 * 0.0005)^(1/3) is 0.079 against (0.01^2 * 1)^(1/3), 0.046.
    members = np.array([[[0.99, 0.01]], [[0.99, 0.01]], [[0.0, 1.0]]])
    found = Pool("log-linear", np.full(3, 1 / 3)).apply(members)
    assert found[0, 0] == pytest.approx(0.63, abs=0.01)
    opposed = Pool("log-linear", np.array([0.5, 0.5])).apply(np.eye(2)[:, np.newaxis])
    np.testing.assert_allclose(opposed, [[0.5, 0.5]])


@pytest.mark.parametrize("kind", _KINDS)
def test_a_missing_member_leaves_its_weight_to_the_others(kind: PoolKind) -> None:
    members = np.array([[[0.7, 0.3]] * 3, [[0.2, 0.8]] * 3])
    present = np.array([[True, True, False], [True, False, False]])
    both, first, none = Pool(kind, np.array([0.4, 0.6])).apply(members, present)
    assert both[0] < 0.5
    np.testing.assert_allclose(first, 0.999 * np.array([0.7, 0.3]) + 0.0005)
    np.testing.assert_allclose(none, [0.5, 0.5])


@pytest.mark.parametrize("kind", _KINDS)
def test_a_member_of_no_weight_speaks_where_it_is_alone(kind: PoolKind) -> None:
    members = np.array([[[0.7, 0.3]] * 2, [[0.2, 0.8]] * 2])
    present = np.array([[True, True], [True, False]])
    both, first = Pool(kind, np.array([0.0, 1.0])).apply(members, present)
    np.testing.assert_allclose(both, 0.999 * np.array([0.2, 0.8]) + 0.0005)
    np.testing.assert_allclose(first, 0.999 * np.array([0.7, 0.3]) + 0.0005)


def test_weights_of_zero_throughout_say_nothing() -> None:
    members = np.array([[[0.7, 0.3]], [[0.2, 0.8]]])
    np.testing.assert_allclose(Pool("log-linear", np.zeros(2)).apply(members), [[0.5, 0.5]])


@given(_distributions(), st.sampled_from(_KINDS))
def test_members_of_one_mind_are_not_changed(
    distributions: NDArray[np.float64], kind: PoolKind
) -> None:
    same = np.broadcast_to(distributions[0], distributions.shape)
    weights = np.arange(1.0, len(same) + 1)
    found = Pool(kind, weights / weights.sum()).apply(same)
    np.testing.assert_allclose(found, 0.999 * distributions[0] + 0.001 / 3)


@given(_distributions(), st.sampled_from(_KINDS), st.data())
def test_the_order_of_members_and_classes_does_not_matter(
    distributions: NDArray[np.float64], kind: PoolKind, data: st.DataObject
) -> None:
    members = data.draw(st.permutations(range(len(distributions))))
    classes = data.draw(st.permutations(range(3)))
    weights = np.arange(1.0, len(members) + 1)
    found = Pool(kind, weights).apply(distributions)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    shuffled = Pool(kind, weights[members]).apply(distributions[members][:, :, classes])
    np.testing.assert_allclose(shuffled, found[:, classes])


@given(_distributions(), st.integers(0, 2**32 - 1), st.data())
def test_no_other_log_linear_weights_fit_better(
    distributions: NDArray[np.float64], seed: int, data: st.DataObject
) -> None:
    members, inputs, _ = distributions.shape
    labels = np.random.default_rng(seed).integers(0, 3, size=(inputs,))

    def penalised(weights: NDArray[np.float64]) -> float:
        pooled = Pool("log-linear", weights).apply(distributions)
        pull = 2 * ((weights - 1 / members) ** 2).sum()
        return float(pull - np.log(pooled[np.arange(inputs), labels]).sum())

    fitted = fit_log_linear(distributions, labels).weights
    assert (fitted >= 0).all()
    others = st.lists(st.floats(0, 2), min_size=members, max_size=members).map(np.array)
    other = data.draw(others)
    for share in (1.0, 0.01):
        assert penalised(fitted) <= penalised(fitted + share * (other - fitted)) + 1e-6


def test_weight_of_a_single_member_is_its_inverse_temperature(
    generator: np.random.Generator,
) -> None:
    honest = generator.dirichlet([1.0, 1.0, 1.0], 5000)
    sure, labels = soften(honest, 0.5), _draw(honest, generator)
    weight = fit_log_linear(sure[np.newaxis], labels).weights[0]
    assert weight == pytest.approx(1 / fit_temperature(sure, labels), rel=0.02)


def test_members_whose_errors_are_independent_add_up(generator: np.random.Generator) -> None:
    truths = generator.integers(0, 2, 4000)
    evidence = (2 * truths - 1)[:, np.newaxis] + generator.normal(size=(4000, 2))
    # Signals at 1 or -1 with unit noise: the log odds are twice the signal, and add up.
    chances = 1 / (1 + np.exp(-2 * evidence.T))
    members = np.stack([1 - chances, chances], axis=2)
    found = fit_log_linear(members, truths)
    np.testing.assert_allclose(found.weights, [1, 1], atol=0.1)
    noise = np.stack([members[0], generator.dirichlet([1.0, 1.0], 4000)])
    np.testing.assert_allclose(fit_log_linear(noise, truths).weights, [1, 0], atol=0.1)


def test_linear_weights_by_hand() -> None:
    # The first member alone is right on 30 inputs, the second on 10, and 5 are added to each.
    right, wrong = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    members = np.array([[right] * 30 + [wrong] * 10, [wrong] * 30 + [right] * 10])
    weights = fit_linear(members, np.zeros(40, dtype=int)).weights
    np.testing.assert_allclose(weights, [35 / 50, 15 / 50], atol=1e-3)


@pytest.mark.parametrize("fit", [fit_log_linear, fit_linear])
def test_few_labels_move_the_weights_little(
    fit: Callable[[NDArray[np.float64], NDArray[np.int64]], Pool],
) -> None:
    right, wrong = [0.9, 0.1], [0.1, 0.9]

    def fitted(labels: int) -> NDArray[np.float64]:
        members = np.array([[right] * labels, [wrong] * labels]).reshape(2, labels, 2)
        return fit(members, np.zeros(labels, dtype=int)).weights

    np.testing.assert_allclose(fitted(0), [0.5, 0.5])
    assert 0.5 < fitted(1)[0] < 0.8
    assert fitted(1)[0] < fitted(10)[0] < fitted(100)[0]


def test_the_pool_that_predicts_better_is_chosen(generator: np.random.Generator) -> None:
    members = generator.dirichlet([0.3, 0.3, 0.3], (2, 1500))
    mixed = 0.7 * members[0] + 0.3 * members[1]
    choice = choose_pool(members, _draw(mixed, generator))
    assert choice.pool.kind == "linear"
    assert choice.linear_nll < choice.log_linear_nll
    np.testing.assert_allclose(choice.pool.weights, [0.7, 0.3], atol=0.06)

    multiplied = Pool("log-linear", np.array([1.0, 0.6])).apply(members)
    choice = choose_pool(members, _draw(multiplied, generator))
    assert choice.pool.kind == "log-linear"
    assert choice.log_linear_nll < choice.linear_nll
    np.testing.assert_allclose(choice.pool.weights, [1, 0.6], atol=0.12)


def test_accuracies_are_found_without_the_truth(generator: np.random.Generator) -> None:
    true = np.array([0.95, 0.8, 0.7, 0.5])
    truths = generator.choice(4, 4000, p=[0.4, 0.3, 0.2, 0.1])
    slips = generator.integers(1, 4, (4, 4000))
    right = generator.random((4, 4000)) < true[:, np.newaxis]
    votes = np.where(right, truths, (truths + slips) % 4)
    votes[generator.random((4, 4000)) < 0.2] = -1
    np.testing.assert_allclose(estimate_accuracies(votes, 4), true, atol=0.04)


def test_members_that_always_agree_are_right() -> None:
    # All 18 votes of each are right, and one right and one wrong vote are added: 19/20.
    votes = np.tile(np.arange(18) % 2, (3, 1))
    np.testing.assert_allclose(estimate_accuracies(votes, 2), [0.95] * 3, rtol=1e-3)


def test_inputs_without_any_vote_do_not_count() -> None:
    votes = np.array([[0, 1, 1, -1], [0, 1, 0, -1], [0, 1, 1, -1]])
    np.testing.assert_allclose(estimate_accuracies(votes, 2), estimate_accuracies(votes[:, :3], 2))


def test_weights_are_log_odds() -> None:
    # log(0.9 * 2 / 0.1) = log 18 and log(0.5 * 2 / 0.5) = log 2; chance, 1/3, is worth nothing.
    found = odds_weights(np.array([0.9, 0.5, 1 / 3, 0.2]), 3)
    np.testing.assert_allclose(found, [np.log(18) / np.log(36), np.log(2) / np.log(36), 0, 0])
    np.testing.assert_allclose(odds_weights(np.array([0.3, 0.2]), 3), [0.5, 0.5])
