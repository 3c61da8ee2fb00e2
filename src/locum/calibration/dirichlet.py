"""From counted answers to a distribution: the Dirichlet prior of a teacher's votes.

A teacher without log-probabilities is asked the same question several times. The answers to one
question are draws from its distribution over the classes, and the distributions of different
questions are draws from ``Dirichlet(alpha)``: sharp where the teacher is mostly of one mind, flat
where it wavers. ``alpha`` is fitted on the counts of all questions, and then says how far a few
votes can be believed: three equal votes of a teacher that never contradicts itself mean more than
three of one that does.

Counts are ``[N, C]``: how often each of ``C`` classes was the answer to each of ``N`` questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SelfAgreement",
    "expected_gain",
    "fit_dirichlet",
    "mean_agreement",
    "posterior_mean",
    "self_agreement",
]

_PULL = 0.5
_MOST_ROUNDS = 1000
_PRECISION = 1e-9
_LOG_CONCENTRATIONS = (-40.0, 40.0)


class SelfAgreement(NamedTuple):
    """How often two answers to the same question are the same, with a 95% interval."""

    estimate: float
    lower: float
    upper: float


def fit_dirichlet(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the parameters of the prior, ``alpha`` of shape ``[C]``, all positive.

    Maximises the likelihood of the Dirichlet-multinomial (Minka 2000, "Estimating a Dirichlet
    distribution", section 4) in ``alpha = A m``, ``A`` the concentration and ``m`` the mean, with
    two weak terms added that decide only where votes do not:

        sum_n [log G(A) - log G(A + k_n) + sum_c log G(a_c + n_c) - log G(a_c)]
            + 1/2 log(A / (1 + A)^2) + 1/C sum_c log m_c

    The mean takes Minka's fixed-point steps, with ``1/C`` added to each class: together the
    weight of one question, so that a class that was never the answer keeps some probability. The
    concentration is the root of the slope, in turns with the mean. Its term is that of a
    ``Beta(3/2, 3/2)`` on ``1 / (1 + A)``, the share of the variance that lies between questions:

    * All questions were answered unanimously: the likelihood alone would take ``A`` to 0 and
      believe in one vote for good; here two answers to ``N`` questions differ with a chance of
      ``1 / 2N`` at most.
    * All questions seem alike: the likelihood alone would take ``A`` to infinity and give all
      questions the same distribution; here votes still count.
    * No question was answered twice: the votes say nothing of ``A``, which is 1, so that one vote
      weighs as much as the prior. Without any vote, ``alpha`` is ``1/C`` throughout.

    Args:
        counts: ``[N, C]``, whole numbers of zero or more; rows of zeros change nothing.
    """
    classes = counts.shape[1]
    reached, voted = _exceeding(counts), _exceeding(counts.sum(axis=1, keepdims=True))
    alpha = np.full(classes, 1 / classes)
    for _ in range(_MOST_ROUNDS):
        mean = _steps(reached, alpha).sum(axis=1) + 1 / classes
        mean /= mean.sum()
        fitted = mean * _fit_concentration(reached, voted, mean)
        settled = np.allclose(fitted, alpha, rtol=_PRECISION, atol=0)
        alpha = fitted
        if settled:
            break
    return alpha


def _exceeding(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """``[C, K]``: in how many rows each class has more than 0, 1, ..., K - 1 votes."""
    exceeding = np.zeros((counts.shape[1], int(counts.max(initial=0))))
    for votes in range(exceeding.shape[1]):
        exceeding[:, votes] = (counts > votes).sum(axis=0)
    return exceeding


def _steps(exceeding: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terms of ``a_c sum_n [psi(n_c + a_c) - psi(a_c)]``, which are ``a / (a + j)`` for ``j < n``.

    Equal terms of different rows stand together, so the cost does not grow with their number.
    """
    started = alpha[:, np.newaxis]
    steps: NDArray[np.float64] = exceeding * started
    steps /= started + np.arange(exceeding.shape[1])
    return steps


def _fit_concentration(
    reached: NDArray[np.float64], voted: NDArray[np.float64], mean: NDArray[np.float64]
) -> float:
    """The root of the objective's slope in ``log A``, which tends to more than 0, and to -1/2."""
    from scipy.optimize import brentq

    def slope(log_concentration: float) -> float:
        total = float(np.exp(log_concentration))
        rise = _steps(reached, total * mean).sum() - _steps(voted, np.array([total])).sum()
        return float(rise) + _PULL * (1 - total) / (1 + total)

    return float(np.exp(brentq(slope, *_LOG_CONCENTRATIONS, xtol=1e-12)))


def posterior_mean(counts: NDArray[np.integer], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_c + a_c) / (k + A)``, ``[N, C]``: the expected distribution given the votes.

    Of all estimates it has the least mean squared error where the prior holds. Rows sum to one.

    Args:
        counts: ``[N, C]``.
        alpha: The prior, ``[C]``, from `fit_dirichlet`.
    """
    parameters: NDArray[np.float64] = counts + alpha
    parameters /= parameters.sum(axis=1, keepdims=True)
    return parameters


def expected_gain(counts: NDArray[np.integer], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much one more vote is expected to lower the error, ``[N]``.

    The error is the posterior's variance, summed over the classes, ``V = (1 - sum p^2) / (A + 1)``
    with ``p`` the posterior mean and ``A`` the votes plus ``sum alpha``; its unit is a squared
    probability. One more vote, which is class ``c`` with probability ``p_c``, moves the mean to
    ``(A p + e_c) / (A + 1)``. The variance of that move, ``(1 - sum p^2) / (A + 1)^2``, is what the
    vote takes from ``V`` on average, by the law of total variance; it equals ``V / (A + 1)``
    (preposterior analysis; Raiffa and Schlaifer 1961, "Applied Statistical Decision Theory").

    Args:
        counts: ``[N, C]``.
        alpha: The prior, ``[C]``.
    """
    mean = posterior_mean(counts, alpha)
    weight = counts.sum(axis=1) + alpha.sum()
    gain: NDArray[np.float64] = (1 - np.square(mean).sum(axis=1)) / np.square(weight + 1)
    return gain


def self_agreement(counts: NDArray[np.integer]) -> SelfAgreement | None:
    """Return the chance that two answers to the same question agree.

    The mean over questions of ``sum_c n_c (n_c - 1) / (k (k - 1))``, the share of agreeing pairs,
    which is unbiased where the number of votes ``k`` does not depend on the votes. The interval is
    Clopper and Pearson's with the number of questions scaled by how much less the shares vary than
    single pairs would (Korn and Graubard 1998); it stays honest where all votes are unanimous.

    Args:
        counts: ``[N, C]``; questions with less than two votes are left out.

    Returns:
        ``None`` where no question has two votes.
    """
    votes = counts.sum(axis=1)
    usable = counts[votes >= 2].astype(np.float64)
    pairs = votes[votes >= 2] * (votes[votes >= 2] - 1.0)
    return mean_agreement((usable * (usable - 1)).sum(axis=1) / pairs, float(pairs.sum()) / 2)


def mean_agreement(shares: NDArray[np.float64], pairs: float) -> SelfAgreement | None:
    """Return the mean of shares of agreeing pairs, with its interval as `self_agreement` has it.

    Args:
        shares: Of the pairs of each question, ``[N]``.
        pairs: How many there are in all.

    Returns:
        ``None`` where there is no question.
    """
    from scipy.special import betaincinv

    if not len(shares):
        return None
    estimate = float(shares.mean())
    size = _effective_size(shares, pairs)
    agreeing, differing = size * estimate, size * (1 - estimate)
    return SelfAgreement(
        estimate,
        float(betaincinv(agreeing, differing + 1, 0.025)) if agreeing else 0.0,
        float(betaincinv(agreeing + 1, differing, 0.975)) if differing else 1.0,
    )


def _effective_size(shares: NDArray[np.float64], pairs: float) -> float:
    """How many single pairs would tell as much: at least one a question, at most all there are."""
    estimate, questions = float(shares.mean()), len(shares)
    spread = float(shares.var()) / questions
    size = estimate * (1 - estimate) / spread if spread else questions
    return float(np.clip(size, questions, pairs))
