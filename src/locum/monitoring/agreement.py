"""Does the promise still hold? A test of shadowed answers that may be looked at after each one.

The promise is that student and teacher agree with probability ``target`` at least on what the
student answers. Let ``x_t`` be 1 where shadowed answer ``t`` disagrees, and ``eps = 1 - target``.
The hypothesis is that each disagrees with probability ``eps`` at most, given all before it. A bet
on a higher rate ``q`` multiplies its stake by

    1 + lambda (x_t - eps),   lambda = (q - eps) / (eps (1 - eps)),

which is ``q / eps`` at a disagreement and ``(1 - q) / (1 - eps)`` otherwise (Waudby-Smith and
Ramdas 2023). Under the hypothesis no bet gains on average. The stake is divided over six rates
``q`` and over all times at which the break may begin, with weights ``w_t`` that sum to one
(`starts.py`):

    S_t(q) = (S_{t-1}(q) + w_t / 6) * factor_t(q),      M_t = sum_q S_t(q) + sum_{j > t} w_j.

``M`` starts at 1 and is a nonnegative supermartingale, so it ever reaches ``1 / delta`` with
probability ``delta`` at most (Ville 1939). That is Shiryaev's and Roberts's recursion with weights
that are spent once (compare the e-detectors of Shin, Ramdas and Rinaldo 2024, which bound the mean
time to a false alarm; here the chance of one is bounded for all time).

Every step is an addition and a multiplication of doubles, in a fixed order, and no logarithm takes
part in the decision. So replicas that see the same outcomes decide alike, to the last bit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from locum.monitoring.confidence_sequence import anytime_interval
from locum.monitoring.starts import start_weight, weight_left
from locum.monitoring.watch import Watch, check_probability

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.evaluation import Interval

__all__ = ["AgreementWatch"]

_ODDS_RATIOS = (1.2, 1.6, 2.4, 4.0, 10.0, 50.0)


class _Rise(NamedTuple):
    """The highest likelihood ratio of one rate over all starts, as of the last disagreement."""

    log_ratio: float = 0.0
    start: int = 0


class AgreementWatch(Watch):
    """Watches shadowed answers and says when the promised agreement is broken.

    The state is a function of the sequence of outcomes alone. Once broken it stays broken, and
    the evidence stays at what broke it; later outcomes are counted and move `interval` alone.

    Args:
        target: Promised agreement, between 0 and 1.
        delta: Bound on the chance that a promise which holds is ever called broken.

    Raises:
        UsageError: A number does not lie between 0 and 1.
    """

    def __init__(self, target: float, delta: float = 0.05) -> None:
        check_probability("target", target)
        super().__init__(delta)
        self.target = target
        rate = 1 - target
        rates = [ratio * rate / (target + ratio * rate) for ratio in _ODDS_RATIOS]
        self._at_agreement = [(1 - q) / target for q in rates]
        self._at_disagreement = [q / rate for q in rates]
        self._stakes = [0.0] * len(rates)
        self._rises = [_Rise()] * len(rates)
        self._seed = 0.0
        self._disagreements = 0
        self._last_disagreement = 0
        self._evidence_at_break = 0.0

    @property
    def disagreements(self) -> int:
        """Disagreements among them."""
        return self._disagreements

    @property
    def log_evidence(self) -> float:
        """Logarithm of ``M``: 0 at the beginning, ``log(1 / delta)`` or more once broken."""
        return math.log(self._evidence_at_break if self.broken else self._evidence())

    @property
    def began(self) -> int | None:
        """The outcome at which the break most probably began; ``None`` while unbroken.

        Counted from 1. It is the start that, with the best of the six rates, makes the outcomes up
        to `broken_at` most likely beside a rate of ``1 - target``: Page's cumulative sum (1954) in
        the generalised form of Lorden (1971). With few outcomes it can only be rough.
        """
        return max(self._rises).start if self.broken else None

    def observe(self, agrees: bool) -> None:  # noqa: FBT001 - the outcome is the whole argument
        """Take in the next outcome.

        Args:
            agrees: Whether student and teacher gave the same answer.
        """
        self._observed += 1
        if not agrees:
            self._disagreements += 1
        if self._broken_at is not None:
            return
        if not self._observed & (self._observed - 1):  # weights change at powers of two alone
            self._seed = start_weight(self._observed) / len(self._stakes)
        factors = self._at_agreement if agrees else self._at_disagreement
        seed = self._seed
        self._stakes = [
            (stake + seed) * factor for stake, factor in zip(self._stakes, factors, strict=True)
        ]
        if not agrees:  # an agreement never raises the evidence
            self._judge_disagreement()

    def observe_all(self, outcomes: Iterable[bool]) -> None:
        """Take in outcomes in their order, exactly as `observe` does one by one."""
        for agrees in outcomes:
            self.observe(agrees)

    def interval(self) -> Interval:
        """Confidence interval of the agreement at level ``1 - delta``, valid at all times at once.

        It assumes that the agreement has been the same all the time (`anytime_interval`); whether
        the promise is broken is decided without that assumption, by the evidence.
        """
        agreements = self._observed - self._disagreements
        return anytime_interval(agreements, self._observed, self.delta, self.target)

    def _judge_disagreement(self) -> None:
        now = self._observed
        since = now - self._last_disagreement - 1
        self._rises = [
            self._risen(rise, since * math.log(agreement), math.log(disagreement))
            for rise, agreement, disagreement in zip(
                self._rises, self._at_agreement, self._at_disagreement, strict=True
            )
        ]
        self._last_disagreement = now
        evidence = self._evidence()
        if evidence >= 1 / self.delta:
            self._broken_at, self._evidence_at_break = now, evidence

    def _risen(self, rise: _Rise, fallen: float, gained: float) -> _Rise:
        kept = rise.log_ratio + fallen
        if kept > 0:
            return _Rise(kept + gained, rise.start)
        return _Rise(gained, self._observed)

    def _evidence(self) -> float:
        return math.fsum(self._stakes) + weight_left(self._observed)
