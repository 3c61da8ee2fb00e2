"""What promoted students did with the calls that are looked at, by the tallies of gateways."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.sampling import Sums, sum_up
from locum.audit.tasks import StandIn
from locum.promotion import Usage
from locum.store import CallFilter, PromotionStore, ShadowStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locum.audit.tasks import TrafficTask
    from locum.store import Database, Promotion

__all__ = ["Answered", "read_stand_ins", "stood_in_for", "together"]


class Answered(NamedTuple):
    """What students of a task did.

    Args:
        student: The figures.
        sums: Over the calls that they answered without the model, as far as they count.
    """

    student: StandIn
    sums: Sums


def read_stand_ins(database: Database, where: CallFilter) -> dict[str, Answered]:
    """Return what students did with the calls of each task that was ever promoted.

    A tally tells hour and application, and no more. So calls count by whole hours, and under
    another filter they do not count.

    Args:
        database: The store.
        where: Which calls.

    Raises:
        InputError: The store cannot be read.
    """
    if where.source not in {None, "gateway"}:
        return {}
    told = replace(where, source=None, application=None, since=None, until=None)
    counted = told == CallFilter()
    shadows = ShadowStore(database)
    return {
        promotion.task: _answered(promotion, shadows, where, counted=counted)
        for promotion in PromotionStore(database).all()
    }


def together(found: Sequence[Answered]) -> Answered | None:
    """Return what several did for one task, as of the one that most calls came to."""
    if not found:
        return None
    students = [one.student for one in found]
    first = max(students, key=lambda one: (one.state == "active", one.calls))
    student = first._replace(
        since=min(one.since for one in students),
        calls=sum(one.calls for one in students),
        answered=sum(one.answered for one in students),
    )
    return Answered(student, sum_up(one.sums for one in found))


def _answered(
    promotion: Promotion, shadows: ShadowStore, where: CallFilter, *, counted: bool
) -> Answered:
    hours = shadows.counts_by(
        "hour",
        promotion.task,
        since=where.since,
        until=where.until,
        application=where.application,
    )
    usages = {float(hour): Usage(one.calls, one.usd) for hour, one in hours.items()}
    student = StandIn(
        task=promotion.task,
        state=promotion.state,
        since=min(usages, default=promotion.changed),
        calls=sum(usage.total for usage in usages.values()),
        answered=sum(usage.answered for usage in usages.values()),
        counted=counted,
    )
    return Answered(student, _sums(usages.items() if counted else ()))


def _sums(usages: Iterable[tuple[float, Usage]]) -> Sums:
    """Sum up the calls of hours that the model was not asked of."""
    sums = Sums()
    for hour, usage in usages:
        calls = usage.routes.get("student", 0)
        if calls:
            usd = (usage.usd or {}).get("student")
            priced = 0 if usd is None else calls
            sums.add(
                Sums(calls, unrecorded=calls, priced=priced, cost_usd=usd, first=hour, last=hour)
            )
    return sums


def stood_in_for(task: TrafficTask) -> Iterator[str]:
    """Say that a student answers calls already, and how those count."""
    student = task.student
    if student is None:
        return
    day = datetime.fromtimestamp(student.since, UTC).strftime("%Y-%m-%d")
    if student.calls:
        share = f"{student.answered / student.calls:.0%} of its calls"
        said = f"a student answers {share} since {day}"
        if not task.is_answered:
            said = f"a student answered {share} from {day} on, until it was {student.state}"
        said += f"; {_counting(student, task.volume.left)}"
    elif task.is_answered:
        said = f"a student stands in for the model since {day}, and was asked nothing yet"
    else:
        return
    yield f"{said}: locum status {student.task} tells more"


def _counting(student: StandIn, left: int) -> str:
    """Say how calls count that a student answered, and those that it left to the model."""
    counted = "these count here as well"
    if not student.counted:
        counted = "these do not count here, as nothing tells which of them such a filter means"
    if not left:
        return counted
    alone = "count in volume and cost alone, as they are no fair sample"
    return f"{counted}, and the {left:,} that it left to the model {alone}"
