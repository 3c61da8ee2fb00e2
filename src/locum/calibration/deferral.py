"""Where a student may answer: a score of each input, learned from where it agreed before.

A student that is sure is mostly right, so the plain score is the calibrated probability of its best
label (Geifman and El-Yaniv 2017). It forgets what the rest of the distribution says, how strange
the input is, and how long. The learned score is the estimated probability that student and teacher
agree: a logistic regression on five features of an input, in the manner of Platt (1999):

* log-odds of the best label, ``log(p / (1 - p))``;
* margin, ``log(p / q)`` with ``q`` the probability of the second best;
* entropy of the distribution, in nats;
* novelty, ``log(1 + novelty)``: how unlike the training inputs the student finds the input;
* length, ``log(1 + characters)``.

Probabilities under 1e-9 count as 1e-9. Each feature is brought to mean 0 and deviation 1 on the
inputs learned from, and later cut at 8 deviations, so that no freak input carries the score away.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "DEFERRAL_FEATURES",
    "PLAIN_SCORE",
    "AgreementScore",
    "DeferralScore",
    "deferral_features",
    "fit_agreement",
    "fit_deferral",
    "text_lengths",
]

DEFERRAL_FEATURES = ("log_odds", "margin", "entropy", "novelty", "length")
_SMALLEST = 1e-9
_FARTHEST = 8.0
_FLATTEST = 1e-6
_PENALTY = 1.0
_MOST_STEPS = 50
_PRECISION = 1e-10
_MOST_LOG_ODDS = 40.0


class AgreementScore(NamedTuple):
    """The estimated probability that student and teacher agree, from ``F`` features of an input.

    Args:
        means: Of the features of the inputs learned from, ``F`` of them.
        scales: Their standard deviations; 1 where a feature did not vary.
        coefficients: Of the standardised features.
        intercept: Log-odds of agreement of an input whose features are all at their means.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def score(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the score of each input, between 0 and 1, ``[N]``; NaN where a number is not one.

        Args:
            features: ``[N, F]``.
        """
        standardised = (features - np.array(self.means)) / np.array(self.scales)
        np.clip(standardised, -_FARTHEST, _FARTHEST, out=standardised)
        # Summed and taken to the power as for one input: numpy differs in the last bit.
        log_odds = np.full(len(features), self.intercept)
        for column, coefficient in zip(standardised.T, self.coefficients, strict=True):
            log_odds += coefficient * column
        np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS, out=log_odds)
        return 1 / (1 + _each(math.exp, -log_odds))


class DeferralScore(NamedTuple):
    """A rule that scores inputs; the student answers where the score reaches a threshold.

    Args:
        kind: ``plain`` for the probability of the best label, ``learned`` for the regression.
        means: Of the five features of the inputs learned from; empty where plain.
        scales: Their standard deviations; 1 where a feature did not vary.
        coefficients: Of the standardised features.
        intercept: Log-odds of agreement of an input whose features are all at their means.
    """

    kind: Literal["plain", "learned"] = "plain"
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()
    intercept: float = 0.0

    def score(
        self,
        proba: NDArray[np.floating],
        novelty: NDArray[np.floating],
        lengths: NDArray[np.integer],
    ) -> NDArray[np.float64]:
        """Return the score of each input, between 0 and 1, ``[N]``; NaN where a number is not one.

        An input has the same score among others as alone, to the last bit.

        Args:
            proba: Calibrated probabilities of the labels, ``[N, C]``.
            novelty: As the student judged it, ``[N]``.
            lengths: Characters of each input, ``[N]``.
        """
        if self.kind == "plain":
            best: NDArray[np.float64] = proba.max(axis=1).astype(np.float64)
            return best
        if len(proba) == 1:
            features = _features_of_one(proba[0], float(novelty[0]), int(lengths[0]))
            return np.array([self._score_of_one(features)])
        learned = AgreementScore(self.means, self.scales, self.coefficients, self.intercept)
        return learned.score(deferral_features(proba, novelty, lengths))

    def _score_of_one(self, features: tuple[float, ...]) -> float:
        log_odds = self.intercept
        columns = zip(features, self.means, self.scales, self.coefficients, strict=True)
        for feature, mean, scale, coefficient in columns:
            log_odds += coefficient * _bounded((feature - mean) / scale, _FARTHEST)
        return 1 / (1 + math.exp(-_bounded(log_odds, _MOST_LOG_ODDS)))


PLAIN_SCORE = DeferralScore()


def _bounded(value: float, most: float) -> float:
    """Cut at ``-most`` and ``most``; NaN stays."""
    return math.copysign(min(abs(value), most), value)


def text_lengths(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of characters of each text, ``[N]``."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def fit_deferral(
    proba: NDArray[np.floating],
    novelty: NDArray[np.floating],
    lengths: NDArray[np.integer],
    agrees: NDArray[np.bool_],
) -> DeferralScore:
    """Learn a score from inputs of which it is known whether student and teacher agreed.

    Args:
        proba: Calibrated probabilities of the labels, ``[N, C]``.
        novelty: As the student judged it, ``[N]``.
        lengths: Characters of each, ``[N]``.
        agrees: Whether student and teacher agree, ``[N]``.
    """
    return DeferralScore(
        "learned", *fit_agreement(deferral_features(proba, novelty, lengths), agrees)
    )


def fit_agreement(features: NDArray[np.floating], agrees: NDArray[np.bool_]) -> AgreementScore:
    """Learn from features of inputs where student and teacher agree.

    Minimises ``sum_n log(1 + exp(-y_n z_n)) + |w|^2 / 2`` with ``z = b + w x`` over standardised
    features, by Newton's method. The ridge penalty (Hoerl and Kennard 1970; le Cessie and van
    Houwelingen 1992) is that of a standard normal prior on each coefficient; it keeps the solution
    finite where the features tell agreement apart without fault. Half an agreement and half a
    disagreement are added at the mean, which does the same for the intercept.

    Args:
        features: ``[N, F]``.
        agrees: Whether student and teacher agree, ``[N]``.
    """
    means, scales = features.mean(axis=0), features.std(axis=0)
    scales[scales < _FLATTEST] = 1.0
    standardised = np.clip((features - means) / scales, -_FARTHEST, _FARTHEST)
    weights = _fit_logistic(standardised, agrees)
    return AgreementScore(
        tuple(means.tolist()),
        tuple(scales.tolist()),
        tuple(weights[1:].tolist()),
        float(weights[0]),
    )


def deferral_features(
    proba: NDArray[np.floating], novelty: NDArray[np.floating], lengths: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the features of inputs, ``[N, 5]``, in the order of `DEFERRAL_FEATURES`."""
    floored = np.maximum(proba, _SMALLEST, dtype=np.float64)
    second, best = np.partition(floored, (-2, -1), axis=1)[:, -2:].T
    features = np.empty((len(proba), len(DEFERRAL_FEATURES)))
    features[:, 0] = _each(math.log, best / np.maximum(1 - best, _SMALLEST))
    features[:, 1] = _each(math.log, best / second)
    features[:, 2] = -np.vecdot(floored, np.log(floored))
    features[:, 3] = _each(math.log1p, novelty)
    features[:, 4] = _each(math.log1p, lengths)
    return features


def _each(
    function: Callable[[float], float], numbers: NDArray[np.floating] | NDArray[np.integer]
) -> NDArray[np.float64]:
    return np.fromiter(map(function, numbers.tolist()), np.float64, len(numbers))


def _features_of_one(
    row: NDArray[np.floating], novelty: float, length: int
) -> tuple[float, float, float, float, float]:
    """As `deferral_features`, with fewer calls of numpy, which take longer than the sums."""
    floored = np.maximum(row, _SMALLEST, dtype=np.float64)
    entropy = -float(floored @ np.log(floored))
    place = floored.argmax()
    best = float(floored[place])
    floored[place] = 0.0
    second = float(floored[floored.argmax()])
    return (
        math.log(best / max(1 - best, _SMALLEST)),
        math.log(best / second),
        entropy,
        math.log1p(novelty),
        math.log1p(length),
    )


def _fit_logistic(features: NDArray[np.float64], agrees: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intercept and coefficients, ``[1 + F]``, by Newton's steps, halved where they go too far."""
    design = np.column_stack([np.ones(len(features)), features])
    at_mean = np.eye(1, design.shape[1])
    design, target = np.vstack([design, at_mean]), np.append(agrees, 0.5).astype(np.float64)
    ridge = np.full(design.shape[1], _PENALTY)
    ridge[0] = 0.0

    def loss(weights: NDArray[np.float64]) -> float:
        log_odds = design @ weights
        fit = np.logaddexp(0, log_odds) - target * log_odds
        return float(fit.sum() + ridge @ weights**2 / 2)

    weights = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        probability = _logistic(design @ weights)
        gradient = design.T @ (probability - target) + ridge * weights
        curvature = (design.T * (probability * (1 - probability))) @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _PRECISION:
            step /= 2
        weights = weights - step
        if np.abs(step).max() <= _PRECISION:
            break
    return weights


def _logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS)
    probability: NDArray[np.float64] = 1 / (1 + np.exp(-bounded))
    return probability
