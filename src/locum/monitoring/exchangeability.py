"""Is live traffic still like the reference? A test that may be looked at after each input.

Inputs are seen as categories: bins of a score such as novelty, or predicted labels. The hypothesis
is that the reference and the live inputs are exchangeable: drawn in any one way whose order says
nothing, as independent draws from one distribution are. Let ``n_c`` count category ``c`` among the
reference and all live inputs up to and with the new one, ``n`` in all. If the new one is of
category ``k``, its p-value is

    p = (sum_{c < k} n_c + U n_k) / n,     U uniform in [0, 1).

Under the hypothesis these are independent and uniform, exactly and for any size of the reference
(Vovk, Nouretdinov and Gammerman 2003; Vovk, Gammerman and Shafer 2005). Categories that grow make
their part of [0, 1) more frequent, and bets on that gain (`p_value_bets.py`). The stake is divided
over the bets and over all times at which a change may begin, as in `agreement.py`, and the sum
ever reaches ``1 / delta`` with probability ``delta`` at most.

A bet may look at p-values before it, and not at the counts: given the counts of the reference,
p-values are not uniform. That is why no bet is cut to the categories' own parts.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from locum.errors import UsageError
from locum.monitoring.p_value_bets import PValueBets
from locum.monitoring.starts import start_weight, weight_left
from locum.monitoring.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import JsonObject

__all__ = ["CategoryShare", "ExchangeabilityWatch"]

_REMEMBERED = 1000


class CategoryShare(NamedTuple):
    """How frequent a category was, and is.

    Args:
        category: Its index.
        reference: Share of the reference.
        recent: Share of the recent live inputs.
    """

    category: int
    reference: float
    recent: float


class ExchangeabilityWatch(Watch):
    """Watches the categories of live inputs and says when their mix has changed.

    The state is a function of the sequence of categories and the seed. Once broken it stays broken,
    and the evidence stays at what broke it; later inputs are counted and move `shares` alone.

    Args:
        reference_counts: How often each category occurs in the reference, ``[C]``. The reference
            must have taken no part in training, nor in choosing the categories.
        delta: Bound on the chance that traffic like the reference is ever said to differ.
        seed: Of the numbers that break ties.

    Raises:
        UsageError: The counts are no counts of two categories or more, or all are zero, or delta
            does not lie between 0 and 1.
    """

    def __init__(self, reference_counts: Sequence[int], delta: float = 0.01, seed: int = 0) -> None:
        super().__init__(delta)
        self._reference = _check_counts(reference_counts)
        self._counts = list(self._reference)
        self._pool = sum(self._reference)
        self._uniform = random.Random(seed).random  # noqa: S311 - ties, not secrets
        self._seed = seed
        self._bets = PValueBets()
        bets = len(self._bets.prior)
        self._seeds = self._stakes = np.zeros(bets)
        self._rises = np.zeros(bets)
        self._starts = np.zeros(bets, np.int64)
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self._evidence = 1.0

    @classmethod
    def from_object(cls, given: JsonObject) -> Self:
        """Return a watch that goes on where the one was whose `to_object` this is."""
        watch = cls(given["reference"], given["delta"], given["seed"])
        watch._counts, watch._pool = given["counts"], sum(given["counts"])
        watch._observed, watch._broken_at = given["observed"], given["broken_at"]
        watch._evidence = given["evidence"]
        watch._bets = PValueBets.from_object(given["bets"])
        watch._stakes, watch._rises = np.array(given["stakes"]), np.array(given["rises"])
        watch._starts = np.array(given["starts"])
        bets = watch._broken_at or watch._observed
        if bets:
            watch._seeds = start_weight(bets) * watch._bets.prior
        for _ in range(bets):
            watch._uniform()
        return watch

    def to_object(self) -> JsonObject:
        """Return its state as JSON, in sums that do not tell what came when.

        So recent inputs are not among them: `observe_again` takes those that are known otherwise.
        """
        return {
            "reference": self._reference,
            "delta": self.delta,
            "seed": self._seed,
            "counts": [*self._counts],
            "observed": self._observed,
            "broken_at": self._broken_at,
            "evidence": self._evidence,
            "bets": self._bets.to_object(),
            "stakes": self._stakes.tolist(),
            "rises": self._rises.tolist(),
            "starts": self._starts.tolist(),
        }

    @property
    def starts(self) -> set[int]:
        """The live inputs of which one is where a change began, if there is one."""
        return set(self._starts.tolist())

    @property
    def log_evidence(self) -> float:
        """Natural logarithm of the evidence; 0 at the beginning."""
        return math.log(self._evidence)

    @property
    def began(self) -> int | None:
        """The live input at which the change most probably began; ``None`` while unbroken.

        It is the start that, with the best of the bets, makes the p-values up to `broken_at` most
        likely beside uniform ones (Page 1954; Lorden 1971). Counted from 1; rough.
        """
        return int(self._starts[self._rises.argmax()]) if self.broken else None

    def observe(self, category: int) -> None:
        """Take in the category of the next live input.

        Raises:
            UsageError: It is none of ``0, ..., C - 1``.
        """
        if not 0 <= category < len(self._counts):
            raise UsageError(
                f"category {category} is not known: expected 0 to {len(self._counts) - 1}; give "
                f"what the reference lacks a category of its own, with count 0"
            )
        self._observed += 1
        self._recent.append(category)
        if self._broken_at is None:
            self._bet(self._p_value(category))

    def observe_all(self, categories: Iterable[int]) -> None:
        """Take in categories in their order, exactly as `observe` does one by one."""
        for category in categories:
            self.observe(category)

    def observe_again(self, category: int) -> None:
        """Take in an input that counts already: it moves `shares` alone."""
        self._recent.append(category)

    def shares(self) -> list[CategoryShare]:
        """Return the share of each category in the reference and in recent traffic, in order.

        Recent are the last 1,000 live inputs, once broken those of them that came since the change
        began. While there is no live input, recent shares are 0.
        """
        began = self.began or 0
        since = min(self._observed - began + 1, len(self._recent))
        recent = Counter(list(self._recent)[-since:] if since else [])
        total = sum(self._reference)
        return [
            CategoryShare(category, count / total, recent[category] / max(since, 1))
            for category, count in enumerate(self._reference)
        ]

    def _p_value(self, category: int) -> float:
        self._counts[category] += 1
        self._pool += 1
        tied = self._uniform() * self._counts[category]
        return (sum(self._counts[:category]) + tied) / self._pool

    def _bet(self, p_value: float) -> None:
        now = self._observed
        if not now & (now - 1):  # weights change at powers of two alone
            self._seeds = start_weight(now) * self._bets.prior
        densities, logarithms = self._bets.place(p_value)
        self._stakes = (self._stakes + self._seeds) * densities
        self._starts[self._rises <= 0] = now
        np.maximum(self._rises, 0, out=self._rises)
        self._rises += logarithms
        self._evidence = float(self._stakes.sum()) + weight_left(now)
        if self._evidence >= 1 / self.delta:
            self._broken_at = now


def _check_counts(counts: Sequence[int]) -> tuple[int, ...]:
    if len(counts) < 2:
        raise UsageError(f"{len(counts)} reference counts cannot be used: expected two or more")
    for category, count in enumerate(counts):
        if count < 0 or count != int(count):
            raise UsageError(
                f"reference count {count} of category {category} cannot be used: expected a whole "
                f"number, 0 or more"
            )
    if not sum(counts):
        raise UsageError("all reference counts are 0: expected one reference input or more")
    return tuple(int(count) for count in counts)
