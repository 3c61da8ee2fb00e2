"""What distilling would certify, foreseen from what probes say of inputs that they did not see.

A certificate is drawn many times over: of the inputs that there will be, some plan its thresholds
and some test it, as `locum.distillation` divides them, and the walk over thresholds is the
product's own. So the interval is that of the coverage which ``locum distill`` will find: it holds
the luck of that one division as well.

* The inputs that there will be are those that were probed and others like them: a finite-population
  Bayesian bootstrap (Lo 1988), which draws the others by a Polya urn. Where all calls were probed
  there are no others; of a task with millions nearly all are. Near-copies count once, as in a
  certificate.
* Students that learn from more inputs err less. Errors at a quarter, a half and all of what was
  probed are fitted by the inverse power law ``a + b / sqrt(n)``, with ``a, b >= 0``: the law of
  Cortes, Jackel, Solla, Vapnik and Denker (1993) with the exponent of a parametric learner, as
  three points do not tell the exponent too. It is fitted anew in each draw; where it foresees fewer
  errors, each error is taken away with that chance. It is not trusted beyond eight times what
  was probed.

A t interval over a few random divisions would be too narrow, as their inputs overlap (Nadeau and
Bengio 2003), and no estimate of that variance is unbiased (Bengio and Grandvalet 2004). Here every
input is judged once, by a student that did not see it, and it is inputs that are drawn.

Where calls change with time, inputs that are drawn at random promise too much of a certificate,
whose inputs are newer than all that was learned from. There probes of earlier inputs judge later
ones, and these are what is drawn from. What more calls teach hangs on what they will be, so that
no errors are taken away there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import SHARES
from locum.evaluation import Interval, certified_coverages, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.evaluation import Promise, Share

__all__ = [
    "FARTHEST",
    "LEARNED_SHARE",
    "LIKELY",
    "Foresight",
    "HeldOut",
    "Judgement",
    "foresee",
    "learning_curve",
]

FARTHEST = 8.0
"""So many times the probed inputs, and no more, the learning curve is followed."""
LEARNED_SHARE = SHARES["train"] + SHARES["validation"]
"""Share of all inputs that the certified student learns from."""
LIKELY = 0.8
"""Chance of a certificate from which on a task is worth distilling."""
_DRAWS = 200
_MOST_TIMES = 50
_ENDS = (0.025, 0.975)


class HeldOut(NamedTuple):
    """What probes say of ``N`` inputs that they did not learn from, near-copies left out.

    Args:
        learned: Inputs that they learned from at each of ``S`` sizes, ascending.
        agrees: Whether probe and teacher agree, at each size, ``[S, N]``.
        score: What the largest answers by, ``[N]``.
        calls: Calls that the inputs stem from, near-copies among them.
        whole: Whether there was time for all sizes.
        plans: Which of them plan thresholds that the others test, ``[N]``; by default each may do
            either.
    """

    learned: tuple[int, ...]
    agrees: NDArray[np.bool_]
    score: NDArray[np.float64]
    calls: int
    whole: bool = True
    plans: NDArray[np.bool_] | None = None

    @property
    def agreement(self) -> Share:
        """Of the largest probe with the teacher."""
        found = share(self.agrees[-1])
        assert found is not None, "a probe judges every input"
        return found


class Judgement(NamedTuple):
    """What probes say of the calls of a task.

    Args:
        at_random: Of all inputs, by probes of inputs of all times.
        by_time: Of later inputs, by probes of earlier ones, of the largest size alone; ``None``
            where times give no order.
    """

    at_random: HeldOut
    by_time: HeldOut | None

    @property
    def changes(self) -> bool:
        """Whether later inputs are clearly agreed on less: 95% intervals do not overlap."""
        if self.by_time is None:
            return False
        return self.by_time.agreement.interval.high < self.at_random.agreement.interval.low

    @property
    def telling(self) -> HeldOut:
        """What tells of the certificate that is had."""
        return self.by_time if self.by_time is not None and self.changes else self.at_random


class Foresight(NamedTuple):
    """What distilling so many calls would certify.

    Args:
        calls: Usable calls.
        coverage: Median of the share of calls that the student may answer.
        interval: 95% of the draws lie in it.
        chance: That a certificate of at least the minimum coverage is had.
    """

    calls: int
    coverage: float
    interval: Interval
    chance: float


def foresee(
    held: HeldOut, calls: int, promise: Promise, minimum_coverage: float, seed: int
) -> Foresight:
    """Foresee the certificate of a student that is distilled from calls like those probed.

    Args:
        held: What probes said.
        calls: Usable calls that there will be; no fewer than were probed.
        promise: Target and confidence.
        minimum_coverage: Coverage under which a student is not worth having.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    size = len(held.score)
    inputs = min(round(size * max(1.0, calls / held.calls)), _MOST_TIMES * size)
    times = _populations(size, inputs, generator)
    left = _errors_left(held, times, LEARNED_SHARE * calls)
    kept = generator.random(times.shape) < left[:, None]
    agrees = held.agrees[-1] | ~kept
    planned, tested = _divide(held, times, generator)
    found = certified_coverages(held.score, agrees, planned, tested, promise)
    low, high = np.quantile(found, _ENDS)
    # Without a certificate nothing is covered, be the minimum zero.
    worth = (found >= minimum_coverage) & (found > 0)
    return Foresight(
        calls, float(np.median(found)), Interval(float(low), float(high)), float(worth.mean())
    )


def learning_curve(held: HeldOut, learned: float) -> float:
    """Return the agreement on all inputs that a student is foreseen to reach.

    Args:
        held: What probes said.
        learned: Inputs that it learns from.
    """
    once = np.ones((1, len(held.score)), np.int64)
    now = float((~held.agrees[-1]).mean())
    return 1 - now * float(_errors_left(held, once, learned)[0])


def _populations(size: int, inputs: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each probed input stands for one of those that there will be, ``[R, N]``."""
    once = np.ones((_DRAWS, size), np.int64)
    if inputs <= size:
        return once
    shares = generator.dirichlet(np.ones(size), _DRAWS)
    return once + generator.multinomial(inputs - size, shares)


def _divide(
    held: HeldOut, times: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each stands for one that plans thresholds, and for one that tests them."""
    plans, tests = SHARES["validation"], SHARES["certify"]
    if held.plans is None:
        planned = generator.binomial(times, plans)
        return planned, generator.binomial(times - planned, tests / (1 - plans))
    share = float(held.plans.mean())
    return (
        generator.binomial(times * held.plans, min(1.0, plans / share)),
        generator.binomial(times * ~held.plans, min(1.0, tests / (1 - share))),
    )


def _errors_left(held: HeldOut, times: NDArray[np.int64], learned: float) -> NDArray[np.float64]:
    """Share of the largest probe's errors that are left after learning from more, ``[R]``."""
    at = np.array(held.learned, np.float64)
    if len(at) < 2:
        return np.ones(len(times))
    errors = times @ (~held.agrees).T.astype(np.float64) / times.sum(axis=1)[:, None]
    x = 1 / np.sqrt(at)
    centred = x - x.mean()
    slope = np.maximum(errors @ centred / (centred @ centred), 0.0)
    limit = errors.mean(axis=1) - slope * x.mean()
    slope = np.where(limit < 0, errors @ x / (x @ x), slope)
    limit = np.maximum(limit, 0.0)
    farthest = min(max(learned, at[-1]), FARTHEST * at[-1])
    before = limit + slope * x[-1]
    after = limit + slope / np.sqrt(farthest)
    left: NDArray[np.float64] = np.ones(len(times))
    np.divide(after, before, out=left, where=before > 0)
    return left
