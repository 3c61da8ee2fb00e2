"""What a verdict saves, in calls and in dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.prices import format_dollars

if TYPE_CHECKING:
    from locum.audit.foresight import Foresight
    from locum.audit.hints import Hint
    from locum.audit.probe import Probe
    from locum.audit.tasks import TrafficTask

__all__ = ["Amount", "Saving", "is_recognised", "saving_of_hint", "saving_of_student", "worth"]

_SHADOWED = 0.02  # as locum promote samples by default; the teacher is paid for those
_MOST_RECOGNISED = 0.5


class Amount(NamedTuple):
    """An estimate with its 95% interval; both ends are the estimate where nothing is estimated."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Amount:
        """Return so many times as much."""
        return Amount(self.value * factor, self.low * factor, self.high * factor)


class Saving(NamedTuple):
    """What would be saved each month.

    Args:
        calls: Calls that are not sent to the model, or at half its price.
        dollars: What they cost; ``None`` where no cost is known.
    """

    calls: Amount
    dollars: Amount | None


def saving_of_hint(task: TrafficTask, hint: Hint) -> Saving:
    """Return what else than a student saves."""
    calls, cost = task.volume.calls_a_month * hint.calls, task.volume.cost_a_month_usd
    dollars = None if cost is None else Amount(cost, cost, cost).times(hint.share)
    return Saving(Amount(calls, calls, calls), dollars)


def saving_of_student(task: TrafficTask, probed: Probe, foresight: Foresight) -> Saving:
    """Return what a student saves that covers so much of the calls whose answers are usable.

    Those that a gateway does not recognise are none of them, unless the prompt is to be changed.
    """
    recognised = task.measures.recognised if is_recognised(task) else 1.0
    share = probed.usable * recognised * (1 - _SHADOWED)
    covered = Amount(foresight.coverage, *foresight.interval).times(share)
    cost = task.volume.cost_a_month_usd
    return Saving(
        covered.times(task.volume.calls_a_month), None if cost is None else covered.times(cost)
    )


def is_recognised(task: TrafficTask) -> bool:
    """Tell whether a gateway knows most calls of a task."""
    return task.measures.recognised >= _MOST_RECOGNISED


def worth(saving: Saving, task: TrafficTask) -> str:
    """Return the end of a sentence that says what is saved; nothing where no cost is known."""
    if saving.dollars is None:
        return ""
    amount, of_what = saving.dollars, "a month" if task.volume.timed else "of what all calls cost"
    if amount.low == amount.high:
        return f", which saves {format_dollars(amount.value)} {of_what}"
    return (
        f", which saves {format_dollars(amount.value)} {of_what} "
        f"({format_dollars(amount.low)} to {format_dollars(amount.high)})"
    )
