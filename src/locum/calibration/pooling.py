"""One distribution from those of several teachers.

Two pools (Genest and Zidek 1986, "Combining Probability Distributions"), for members ``m`` with
weights ``w_m >= 0``:

* log-linear, ``q_c ~ prod_m p_mc^w_m``: members add up as pieces of evidence;
* linear, ``q_c = sum_m w_m p_mc`` with ``sum w = 1``: one of the members is right.

Every distribution is mixed with 0.1% of the uniform one first, so that a member's zero is strong
evidence and no veto. A member that is missing for an input leaves its weight to those that are
present, in proportion to theirs.

Shapes: distributions ``[M, N, C]``, members by inputs by classes, rows summing to one; ``present``
``[M, N]`` says which of them count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from locum.calibration.folds import predict_held_out
from locum.calibration.temperature import negative_log_likelihood
from locum.losses import log_softmax, softmax

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "Pool",
    "PoolChoice",
    "PoolKind",
    "choose_pool",
    "estimate_accuracies",
    "fit_linear",
    "fit_log_linear",
    "odds_weights",
]

PoolKind = Literal["log-linear", "linear"]
_UNIFORM_SHARE = 1e-3
_WEIGHT_DEVIATION = 0.5
_PRIOR_LABELS = 10.0
_MOST_ROUNDS = 500
_PRECISION = 1e-8


class Pool(NamedTuple):
    """How distributions are combined.

    Args:
        kind: The formula.
        weights: One a member, ``[M]``, zero or more.
    """

    kind: PoolKind
    weights: NDArray[np.float64]

    def apply(
        self, distributions: NDArray[np.float64], present: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Return the pooled distributions, ``[N, C]``; rows sum to one.

        Where only members of weight zero are present, they share the weight equally; where none
        is, the result is uniform.

        Args:
            distributions: ``[M, N, C]``.
            present: ``[M, N]``; by default all.
        """
        members, inputs, classes = distributions.shape
        counted = np.ones((members, inputs), dtype=bool) if present is None else present
        weights = _weights_by_input(self.weights, counted)
        known = _floored(np.where(counted[:, :, np.newaxis], distributions, 1 / classes))
        if self.kind == "log-linear":
            return softmax(np.einsum("mn,mnc->nc", weights, np.log(known)))
        mixed: NDArray[np.float64] = np.einsum("mn,mnc->nc", weights, known)
        mixed /= mixed.sum(axis=1, keepdims=True)
        return mixed


class PoolChoice(NamedTuple):
    """The better pool, with the cross-validated NLL of both, in nats."""

    pool: Pool
    log_linear_nll: float
    linear_nll: float


def _floored(distributions: NDArray[np.float64]) -> NDArray[np.float64]:
    mixed: NDArray[np.float64] = (1 - _UNIFORM_SHARE) * distributions
    mixed += _UNIFORM_SHARE / distributions.shape[-1]
    return mixed


def _weights_by_input(
    weights: NDArray[np.float64], present: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """``[M, N]``: the weight of each member, the sum being the same whoever is missing."""
    own = weights[:, np.newaxis] * present
    shared: NDArray[np.float64] = np.where(
        own.sum(axis=0) > 0, own, 1.0 * (present | ~present.any(axis=0))
    )
    shared *= weights.sum() / shared.sum(axis=0)
    return shared


def fit_log_linear(distributions: NDArray[np.float64], labels: NDArray[np.integer]) -> Pool:
    """Fit the weights of a log-linear pool by labels of people.

    Minimises ``sum_n -log q_n[label] + sum_m (w_m - 1/M)^2 / (2 * 0.5^2)`` over ``w >= 0``, which
    is convex. The second term is a Gaussian prior about equal weights with a deviation of 0.5: one
    more label counts about as much in it as in the first. The weights need not sum to one: above
    one the pool is sharper than its members, as it should be where their errors are independent.

    Args:
        distributions: ``[M, N, C]``, of all members.
        labels: ``[N]``.
    """
    from scipy.optimize import minimize

    evidence = np.log(_floored(distributions))
    members, inputs = len(evidence), np.arange(len(labels))
    said = evidence[:, inputs, labels]

    def objective(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        pooled = log_softmax(np.einsum("m,mnc->nc", weights, evidence))
        apart = (weights - 1 / members) / _WEIGHT_DEVIATION**2
        value = -pooled[inputs, labels].sum() + (weights - 1 / members) @ apart / 2
        expected = np.einsum("nc,mnc->m", np.exp(pooled), evidence)
        return float(value), expected - said.sum(axis=1) + apart

    start = np.full(members, 1 / members)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * members)
    return Pool("log-linear", np.asarray(found.x, dtype=np.float64))


def fit_linear(distributions: NDArray[np.float64], labels: NDArray[np.integer]) -> Pool:
    """Fit the weights of a linear pool by labels of people.

    Expectation-maximisation for the weights of a mixture (Dempster, Laird and Rubin 1977), with
    the weight of ten labels that all members explain equally well: the likelihood is concave, and
    every round raises it.

    Args:
        distributions: ``[M, N, C]``, of all members.
        labels: ``[N]``.
    """
    said = _floored(distributions)[:, np.arange(len(labels)), labels]
    members = len(said)
    weights = np.full(members, 1 / members)
    for _ in range(_MOST_ROUNDS):
        parts = weights[:, np.newaxis] * said
        explained = (parts / parts.sum(axis=0)).sum(axis=1) + _PRIOR_LABELS / members
        fitted = explained / explained.sum()
        settled = np.abs(fitted - weights).max() < _PRECISION
        weights = fitted
        if settled:
            break
    return Pool("linear", weights)


def choose_pool(distributions: NDArray[np.float64], labels: NDArray[np.integer]) -> PoolChoice:
    """Fit both pools, and take the one with the lower NLL in five folds.

    Args:
        distributions: ``[M, N, C]``, of all members.
        labels: Labels of people, ``[N]``.
    """
    log_linear = _held_out_nll(fit_log_linear, distributions, labels)
    linear = _held_out_nll(fit_linear, distributions, labels)
    better = fit_log_linear if log_linear <= linear else fit_linear
    return PoolChoice(better(distributions, labels), log_linear, linear)


def _held_out_nll(
    fit: Callable[[NDArray[np.float64], NDArray[np.integer]], Pool],
    distributions: NDArray[np.float64],
    labels: NDArray[np.integer],
) -> float:
    predictions = predict_held_out(
        labels,
        lambda seen, held_out: fit(distributions[:, seen], labels[seen]).apply(
            distributions[:, held_out]
        ),
    )
    return negative_log_likelihood(predictions, labels)


def estimate_accuracies(votes: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Return how often each of at least three members is right, ``[M]``, from votes alone.

    Expectation-maximisation of Dawid and Skene (1979) with one accuracy a member: it is right with
    probability ``a_m``, and errs to each other class alike, independently of the others given the
    truth. Truths start at the shares of the votes. One right and one wrong vote are added to each
    member, and one input to the classes, so that no estimate is 0 or 1.

    Args:
        votes: The class that each member voted for, ``[M, N]``; -1 where it did not vote.
        classes: How many classes there are.
    """
    cast = votes[:, (votes >= 0).any(axis=0)]
    shape = (cast.shape[1], classes)
    members, inputs = np.nonzero(cast >= 0)
    choices = cast[members, inputs]
    totals = np.bincount(members, minlength=len(votes))

    def add_up(worth: NDArray[np.float64]) -> NDArray[np.float64]:
        added = np.zeros(shape)
        np.add.at(added, (inputs, choices), worth[members])
        return added

    truths = add_up(np.ones(len(votes)))
    truths /= truths.sum(axis=1, keepdims=True)
    accuracies = np.zeros(len(votes))
    for _ in range(_MOST_ROUNDS):
        right = np.bincount(members, truths[inputs, choices], len(votes))
        fitted: NDArray[np.float64] = (right + 1.0) / (totals + 2.0)
        settled = np.abs(fitted - accuracies).max() < _PRECISION
        accuracies = fitted
        if settled:
            break
        prior = (truths.sum(axis=0) + 1 / classes) / (len(truths) + 1)
        truths = softmax(np.log(prior) + add_up(_log_odds(accuracies, classes)))
    return accuracies


def odds_weights(accuracies: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Return weights in proportion to the log odds of being right, ``[M]``, summing to one.

    ``log(a (C - 1) / (1 - a))`` is what a vote of such a member is worth as evidence; one that is
    no better than chance gets none. The sum of one takes members for no more than one witness
    between them: what they have in common cannot be seen without labels of people.

    Args:
        accuracies: ``[M]``, between 0 and 1.
        classes: How many classes there are.
    """
    worth = np.maximum(_log_odds(accuracies, classes), 0)
    return worth / worth.sum() if worth.any() else np.full(len(worth), 1 / len(worth))


def _log_odds(accuracies: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.log(accuracies * (classes - 1) / (1 - accuracies))
    return odds
