"""The prior of votes: fitted, applied, and what one more vote is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration import expected_gain, fit_dirichlet, posterior_mean, self_agreement

if TYPE_CHECKING:
    from numpy.typing import NDArray


@st.composite
def _counts(draw: st.DrawFn) -> NDArray[np.int64]:
    classes, questions = draw(st.integers(2, 5)), draw(st.integers(1, 12))
    row = st.lists(st.integers(0, 6), min_size=classes, max_size=classes)
    return np.array(draw(st.lists(row, min_size=questions, max_size=questions)))


_POSITIVE = st.lists(st.floats(0.01, 50), min_size=3, max_size=3).map(np.array)
_THREE = st.lists(st.integers(0, 9), min_size=3, max_size=3).map(lambda row: np.array([row]))


def _objective(counts: NDArray[np.int64], alpha: NDArray[np.float64]) -> float:
    """What `fit_dirichlet` says that it maximises, by another road."""
    from scipy.special import gammaln

    total, mean = alpha.sum(), alpha / alpha.sum()
    likelihood = (gammaln(total) - gammaln(total + counts.sum(axis=1))).sum()
    likelihood += (gammaln(alpha + counts) - gammaln(alpha)).sum()
    return float(
        likelihood + np.log(total / (1 + total) ** 2) / 2 + np.log(mean).sum() / len(alpha)
    )


def test_unanimous_pairs_by_hand() -> None:
    # N pairs, all of one mind, as many of either class: m = (1/2, 1/2), and two answers differ with
    # d = A / (2 (1 + A)). The objective N log(1 - d) + 1/2 log(2 d (1 - 2 d)) has its maximum where
    # (2 N + 2) d^2 - (N + 5/2) d + 1/2 = 0.
    pairs = np.array([[2, 0], [0, 2]] * 5)
    differ = (12.5 - np.sqrt(12.5**2 - 44)) / 44
    total = 2 * differ / (1 - 2 * differ)
    np.testing.assert_allclose(fit_dirichlet(pairs), [total / 2, total / 2], rtol=1e-6)
    assert differ < 1 / 20


def test_single_votes_say_nothing_of_the_concentration() -> None:
    # One input is added to 3, 1 and 1 of the classes in equal parts: (3 + 1/3) / 6 and 4/18.
    votes = np.eye(3, dtype=int)[[0, 0, 1, 2, 0]]
    np.testing.assert_allclose(fit_dirichlet(votes), [10 / 18, 4 / 18, 4 / 18], rtol=1e-6)


@pytest.mark.parametrize("questions", [0, 4])
def test_without_votes_all_classes_are_alike(questions: int) -> None:
    counts = np.zeros((questions, 3), dtype=int)
    np.testing.assert_allclose(fit_dirichlet(counts), [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(
        posterior_mean(counts, fit_dirichlet(counts)), np.full((questions, 3), 1 / 3)
    )


def test_a_class_that_was_never_named_keeps_some_probability() -> None:
    alpha = fit_dirichlet(np.array([[3, 0, 0], [0, 3, 0], [2, 1, 0]] * 20))
    assert 0 < alpha[2] < alpha[:2].min() / 50


def test_votes_still_count_where_all_questions_seem_alike() -> None:
    counts = np.array([[2, 1]] * 1000 + [[3, 0]])
    alpha = fit_dirichlet(counts)
    assert 100 < alpha.sum() < 1e6
    alike, other = posterior_mean(counts, alpha)[[0, -1], 0]
    assert alike == pytest.approx(2 / 3, abs=1e-3)
    assert other > alike + 1e-6


@pytest.mark.parametrize("draws", [3, 8])
@pytest.mark.parametrize("true", [(0.1, 0.1, 0.1), (0.5, 0.3, 0.02), (1.5, 1.0, 0.5)])
def test_the_prior_that_made_the_votes_is_found(
    true: tuple[float, ...], draws: int, generator: np.random.Generator
) -> None:
    counts = generator.multinomial(draws, generator.dirichlet(true, 20_000))
    np.testing.assert_allclose(fit_dirichlet(counts), true, rtol=0.1)


@given(_counts(), st.data())
def test_no_other_prior_fits_better(counts: NDArray[np.int64], data: st.DataObject) -> None:
    alpha = fit_dirichlet(counts)
    assert np.isfinite(alpha).all()
    assert (alpha > 0).all()
    nudge = data.draw(st.lists(st.floats(-1, 1), min_size=len(alpha), max_size=len(alpha)))
    best = _objective(counts, alpha)
    for size in (1e-3, 0.1):
        moved = alpha * np.exp(size * np.array(nudge))
        assert _objective(counts, moved) <= best + 1e-7 * (1 + abs(best))


@given(_counts(), st.randoms(use_true_random=False))
def test_the_order_of_questions_and_classes_does_not_matter(
    counts: NDArray[np.int64], random: np.random.RandomState
) -> None:
    rows, classes = list(range(len(counts))), list(range(counts.shape[1]))
    random.shuffle(rows)
    random.shuffle(classes)
    shuffled = np.vstack([counts[rows][:, classes], np.zeros((2, len(classes)), dtype=int)])
    np.testing.assert_allclose(fit_dirichlet(shuffled), fit_dirichlet(counts)[classes], rtol=1e-4)


@given(_THREE, _POSITIVE)
def test_the_posterior_lies_between_votes_and_prior(
    counts: NDArray[np.int64], alpha: NDArray[np.float64]
) -> None:
    votes, total = counts.sum(), alpha.sum()
    shares = counts / max(votes, 1)
    expected = (votes * shares + total * (alpha / total)) / (votes + total)
    found = posterior_mean(counts, alpha)
    np.testing.assert_allclose(found, expected)
    assert found.sum() == pytest.approx(1)


def test_gain_by_hand() -> None:
    # Beta(1, 1) has variance 1/12 in each class, Beta(2, 1) and Beta(1, 2) have 2/36: 1/6 - 1/9.
    assert expected_gain(np.array([[0, 0]]), np.ones(2)) == pytest.approx(1 / 18)


@given(_THREE, _POSITIVE)
def test_gain_is_the_expected_drop_of_the_variance(
    counts: NDArray[np.int64], alpha: NDArray[np.float64]
) -> None:
    def variance(parameters: NDArray[np.float64]) -> float:
        from scipy.stats import dirichlet

        return float(dirichlet(parameters).var().sum())

    parameters = counts[0] + alpha
    chances = parameters / parameters.sum()
    after = [variance(parameters + one_more) for one_more in np.eye(3)]
    drop = variance(parameters) - float(chances @ after)
    assert expected_gain(counts, alpha)[0] == pytest.approx(drop, rel=1e-6, abs=1e-12)


def test_self_agreement_by_hand() -> None:
    # Of the pairs of 3:0, 2:1 and 1:1 agree 3/3, 1/3 and 0/1; a single vote is no pair.
    found = self_agreement(np.array([[3, 0], [2, 1], [1, 1], [1, 0]]))
    assert found is not None
    assert found.estimate == pytest.approx(4 / 9)
    assert 0 < found.lower < 4 / 9 < found.upper < 1


def test_self_agreement_of_unanimous_votes() -> None:
    # Clopper and Pearson's lower limit of 20 of 20: the root of p^20 = 0.025.
    found = self_agreement(np.array([[3, 0], [0, 3]] * 10))
    assert found is not None
    assert found.lower == pytest.approx(0.025 ** (1 / 20))
    assert (found.estimate, found.upper) == (1, 1)


def test_self_agreement_of_equal_shares_is_no_certainty() -> None:
    # Forty 2:1 votes have 120 pairs, of which 40 agree; the shares do not vary at all.
    found = self_agreement(np.array([[2, 1], [1, 2]] * 20))
    assert found is not None
    assert found.lower < 0.26
    assert found.upper > 0.41


def test_no_pair_no_self_agreement() -> None:
    assert self_agreement(np.array([[1, 0], [0, 1], [0, 0]])) is None
    assert self_agreement(np.zeros((0, 2), dtype=int)) is None


@pytest.mark.parametrize(("questions", "draws"), [(30, 3), (200, 3), (60, 8)])
@pytest.mark.parametrize("alpha", [(0.1, 0.1, 0.1), (0.05, 0.02), (2.0, 2.0)])
def test_the_interval_covers_the_true_agreement(
    alpha: tuple[float, ...], questions: int, draws: int, generator: np.random.Generator
) -> None:
    total = sum(alpha)
    truth = sum(a * (a + 1) for a in alpha) / (total * (total + 1))
    found = [
        self_agreement(generator.multinomial(draws, generator.dirichlet(alpha, questions)))
        for _ in range(400)
    ]
    covered = [f is not None and f.lower <= truth <= f.upper for f in found]
    assert np.mean(covered) > 0.91
    mean = np.mean([f.estimate for f in found if f is not None])
    assert mean == pytest.approx(truth, abs=0.02)
