"""What labels may cost, and what becomes of a plan that nobody has allowed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.prices import about_dollars, find_price, format_dollars, require_price
from locum.store import NANODOLLARS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.prices import Price
    from locum.schema import OwnPrice
    from locum.teachers.planning import LabellingPlan
    from locum.teachers.protocol import AskedTeacher

__all__ = ["Budget", "describe_plan", "require_cap"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What labels may cost, and what tokens do.

    Args:
        ledger: Name under which spending is counted; all runs that share it share the cap.
        cap_usd: US dollars that may be spent in all, earlier runs included; ``None`` for no cap.
        prices: Prices of one's own, by model; others are the public list's.
        priced_as: Model whose price the tokens of teachers get that have none of their own.
        cap_required: Whether calls that have a price need a cap, as they do in all commands.

    Raises:
        UsageError: The ledger has no name, or the cap is negative.
    """

    ledger: str = "labels"
    cap_usd: float | None = None
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)
    priced_as: str | None = None
    cap_required: bool = False

    def __post_init__(self) -> None:
        """Check the rules."""
        if not isinstance(self.ledger, str) or not self.ledger:
            raise UsageError(f"budget: ledger {self.ledger!r}: expected a name")
        if self.cap_usd is not None and not 0 <= self.cap_usd * NANODOLLARS < math.inf:
            raise UsageError(f"budget: cap_usd {self.cap_usd}: expected 0 or more, and finite")

    def price_of(self, teacher: AskedTeacher) -> Price | None:
        """Return the price of a teacher's tokens; ``None`` where it costs nothing or is not known.

        Raises:
            UsageError: It is not known, and there is a cap.
        """
        if teacher.free:
            return None
        price = self.find_price(teacher.name)
        return require_price(teacher.name) if price is None and self.cap_usd is not None else price

    def find_price(self, model: str) -> Price | None:
        """Return the price of a model, else that of ``priced_as``; ``None`` if there is none."""
        price = find_price(model, self.prices)
        if price is None and self.priced_as is not None:
            return find_price(self.priced_as, self.prices)
        return price


def require_cap(plan: LabellingPlan, budget: Budget) -> None:
    """Refuse calls that have a price where a cap is required and there is none.

    Raises:
        UsageError: There are such calls.
    """
    if not budget.cap_required or budget.cap_usd is not None:
        return
    priced = plan._replace(teachers=[one for one in plan.teachers if one.worst_usd])
    if not priced.teachers:
        return
    known = sum(one.known for one in plan.teachers)
    or_known = f"; --budget 0 takes the {known:,} answers that are known, and asks nothing"
    raise UsageError(
        f"say what the answers may cost: --budget DOLLARS; the {_calls(priced)} of "
        f"{', '.join(one.name for one in priced.teachers)} take "
        f"{about_dollars(priced.likely_usd, priced.likely_usd_at_most)}, and "
        f"{format_dollars(priced.worst_usd)} at most{or_known * bool(known)}"
    )


def describe_plan(plan: LabellingPlan) -> str:
    """Say what is to be asked, what that costs, and what is known, in a sentence."""
    known = f"{sum(one.known for one in plan.teachers):,} answers known"
    if plan.worst_usd is None:
        return f"{_calls(plan)}, of which not all have a price; {known}"
    if not plan.worst_usd:
        return f"{_calls(plan)}; {known}"
    about = about_dollars(plan.likely_usd, plan.likely_usd_at_most)
    return f"{_calls(plan)}, {about}, at most {format_dollars(plan.worst_usd)}; {known}"


def _calls(plan: LabellingPlan) -> str:
    most = sum(one.calls_at_most for one in plan.teachers)
    in_batches = sum(one.in_batches for one in plan.teachers)
    upwards = f" to {most:,}" * (most > plan.calls)
    waiting = f" and {in_batches:,} that lie in batches" * bool(in_batches)
    return f"{plan.calls:,}{upwards} calls to make{waiting}"
