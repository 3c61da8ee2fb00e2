"""What the budget buys: labels at their likely cost, the last of them at its worst case."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.teachers import AskedTeacher, LabellingDesk, plan_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Task
    from locum.store import LabelStore
    from locum.teachers import Budget, Teacher

__all__ = ["Funds", "find_funds"]

_TEXTS_PRICED = 200
_ROUNDING = 1e-9


class Funds(NamedTuple):
    """What may be spent on labels, and what they take, in US dollars.

    Args:
        cap_usd: What may be spent in all; ``None`` without a budget.
        spent_usd: What earlier runs spent, or have set aside.
        likely_usd: What a label is likely to cost, or costs at most for teachers that need several
            calls for one; ``None`` where the price is not known.
        most_usd: What a label may cost at most, set aside before it is asked for; likewise.
    """

    cap_usd: float | None
    spent_usd: float
    likely_usd: float | None
    most_usd: float | None

    @property
    def left_usd(self) -> float | None:
        """What is left of the budget; ``None`` without one."""
        return None if self.cap_usd is None else max(0.0, self.cap_usd - self.spent_usd)

    def buys(self, likely_usd: float | None, spent_usd: float = 0.0) -> int | None:
        """Return how many labels are likely to be had; ``None`` for as many as there are.

        Args:
            likely_usd: What a label is likely to cost.
            spent_usd: What this run has spent.
        """
        if self.left_usd is None or not likely_usd or self.most_usd is None:
            return None
        spare = self.left_usd - spent_usd - self.most_usd + _ROUNDING
        return 0 if spare < 0 else 1 + int(spare / likely_usd + _ROUNDING)

    def shortage(self) -> str:
        """Say why nothing can be bought."""
        cap, spent = f"${self.cap_usd:,.6g}", f"${self.spent_usd:,.3g}"
        if not self.left_usd:
            return f"of the budget of {cap}, {spent} was spent by earlier runs"
        earlier = f", after {spent} that earlier runs spent" if self.spent_usd else ""
        return (
            f"what is left of the budget of {cap}{earlier}, ${self.left_usd:,.3g}, does not buy a "
            f"label: ${self.most_usd:,.3g}, the most that one may cost, is set aside first"
        )


def find_funds(
    task: Task, teacher: Teacher, texts: Sequence[str], store: LabelStore, budget: Budget
) -> Funds:
    """Return what is left of a budget, and what labels of some texts take.

    Raises:
        UsageError: The price is not known, and there is a cap.
        InputError: The store cannot be read.
    """
    with LabellingDesk(task, store, budget) as desk:
        spent = desk.balance().spent_usd
    if not texts:
        return Funds(budget.cap_usd, spent, 0.0, 0.0)
    some = plan_labels(task, teacher, texts[:: max(1, len(texts) // _TEXTS_PRICED)], store, budget)
    longest = max(texts, key=lambda text: len(text.encode("utf-8", "surrogatepass")))
    most = plan_labels(task, teacher, [longest], store, budget).worst_usd
    likely = some.likely_usd if isinstance(teacher, AskedTeacher) else some.worst_usd
    return Funds(budget.cap_usd, spent, likely and likely / some.texts, most)
