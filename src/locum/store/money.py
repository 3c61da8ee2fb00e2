"""What calls may be sent with the money there is, and what is left once they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from locum.schema import TeacherAnswer

__all__ = [
    "NANODOLLARS",
    "Balance",
    "Claim",
    "Settlement",
    "Verdict",
    "is_money",
    "judge",
    "settle",
    "without_hopeless",
]

Verdict = Literal["granted", "known", "claimed", "batched", "deleted", "short", "cap"]


class Claim(NamedTuple):
    """A call that is to be sent.

    Args:
        key: What identifies its question, teacher and parameters.
        worst: The most that it may cost, in nanodollars.
        of_calls: Whether its question stems from recorded calls alone, to which the key is linked:
            once these are deleted, it is not asked, and its answer is not kept.
    """

    key: str
    worst: int
    of_calls: bool = False


class Settlement(NamedTuple):
    """What came of a claim.

    Args:
        key: The key that was claimed.
        answer: Is kept under the key; ``None`` where there is none.
        cost: What was charged, in nanodollars.
        assumed: Whether what was charged is not known; the cost is then the worst case.
        of_calls: As for `Claim`, also where nothing was claimed, as for answers that are free.
    """

    key: str
    answer: TeacherAnswer | None
    cost: int
    assumed: bool = False
    of_calls: bool = False


NANODOLLARS = 1_000_000_000


class Balance(NamedTuple):
    """Where a ledger stands, all of its runs together.

    Args:
        spent: Nanodollars that were charged, those that are only assumed included.
        assumed: Nanodollars that may have been charged: what was reserved for calls that were
            broken off, whose run died, or whose answer did not say its tokens.
        reserved: Nanodollars that calls in flight may cost.
        calls: Calls that were charged, or answered, or may have been charged.
    """

    spent: int
    assumed: int
    reserved: int
    calls: int

    @property
    def spent_usd(self) -> float:
        """What was charged, in US dollars."""
        return self.spent / NANODOLLARS

    @property
    def assumed_usd(self) -> float:
        """What of it is only assumed, in US dollars."""
        return self.assumed / NANODOLLARS


def settle(
    balance: Balance, settlements: Sequence[Settlement], own: Mapping[str, Claim]
) -> tuple[Balance, set[str]]:
    """The balance after settlements, and the keys of a run's own claims that they end."""
    spent, assumed, reserved, calls = balance
    ended: set[str] = set()
    for key, answer, cost, is_assumed, _ in settlements:
        if key in own and key not in ended:
            ended.add(key)
            spent += cost
            assumed += cost if is_assumed else 0
            reserved -= own[key].worst
            calls += answer is not None or is_assumed or cost > 0
    return Balance(spent, assumed, reserved, calls), ended


def judge(
    balance: Balance,
    claims: Sequence[Claim],
    cap: int | None,
    known: AbstractSet[str],
    in_flight: AbstractSet[str],
    batched: AbstractSet[str],
    deleted: AbstractSet[str],
) -> list[Verdict]:
    """What is said of claims, each counting those before it that are granted.

    Args:
        balance: Where the ledger stands.
        claims: What is to be sent.
        cap: The most that may be spent, in nanodollars; ``None`` for no limit.
        known: Keys that are answered.
        in_flight: Keys that other runs have in flight.
        batched: Keys that lie in batches.
        deleted: Keys that no call is linked to any more.
    """
    verdicts: list[Verdict] = []
    reserved, granted = balance.reserved, set[str]()
    for key, worst, of_calls in claims:
        if key in known:
            verdicts.append("known")
        elif of_calls and key in deleted:
            verdicts.append("deleted")
        elif key in batched:
            verdicts.append("batched")
        elif key in in_flight or key in granted:
            verdicts.append("claimed")
        elif cap is None or balance.spent + reserved + worst <= cap:
            verdicts.append("granted")
            reserved += worst
            granted.add(key)
        else:
            verdicts.append("short" if balance.spent + worst <= cap else "cap")
    return verdicts


def without_hopeless(
    verdicts: Sequence[Verdict], claims: Sequence[Claim], left: int
) -> list[Verdict]:
    """Verdicts that let nobody wait who needs more than will be left by calls in flight."""
    return [
        "cap" if verdict == "short" and claim.worst > left else verdict
        for verdict, claim in zip(verdicts, claims, strict=True)
    ]


def is_money(amount: object) -> bool:
    """Whether something is an amount of nanodollars."""
    return isinstance(amount, int) and amount >= 0
