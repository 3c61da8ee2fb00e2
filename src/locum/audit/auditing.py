"""The whole audit: tasks are found, probed and judged, and ranked by what they would save."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.audit.discovery import discover
from locum.audit.probe import Probe, ProbeSettings, probe
from locum.audit.verdict import Verdict, judge
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from locum.audit.call_sites import CodePlace
    from locum.audit.tasks import Discovery, TrafficTask
    from locum.distillation import Progress
    from locum.store import CallFilter, Database

__all__ = ["Audit", "JudgedTask", "audit_calls"]


class JudgedTask(NamedTuple):
    """A task, and what is to be done with it.

    Args:
        task: What was found of it.
        probed: What a probe found, or why there was none; ``None`` where none was asked for.
        verdict: What to do.
        places: Where in code its calls are made, as far as `with_code` was asked.
    """

    task: TrafficTask
    probed: Probe | str | None
    verdict: Verdict
    places: tuple[CodePlace, ...] = ()


class Audit(NamedTuple):
    """What an audit found.

    Args:
        discovery: The tasks, and the calls that are none.
        tasks: The tasks that were asked for, judged, those that save most first.
        settings: What probes were to certify.
        priced: Whether the cost of any call is known; without one, tasks are ranked by calls.
        places_of_no_task: Call sites in code that make the calls of none of the tasks; ``None``
            where no code was looked at.
    """

    discovery: Discovery
    tasks: list[JudgedTask]
    settings: ProbeSettings
    priced: bool
    places_of_no_task: tuple[CodePlace, ...] | None = None


def audit_calls(
    database: Database,
    where: CallFilter,
    settings: ProbeSettings,
    told: Progress,
    *,
    names: Collection[str] = (),
    least_calls: int = 0,
    probes: bool = True,
) -> Audit:
    """Audit the calls of a store.

    Args:
        database: The store.
        where: Which calls.
        settings: How tasks are probed, and what was to be certified.
        told: Is told how it goes on.
        names: Tasks to judge, by their names; by default all.
        least_calls: Tasks with fewer calls are left out.
        probes: Whether students are trained.

    Raises:
        InputError: The store cannot be read, or there is no task of a name.
    """
    found = discover(database, where, seed=settings.seed, told=told.stage)
    chosen = _chosen(found, names, least_calls)
    judged = []
    for number, task in enumerate(chosen):
        told.advance(number, len(chosen))
        probed = probe(task, database, settings) if probes else None
        judged.append(JudgedTask(task, probed, judge(task, probed, settings.promise)))
    told.advance(len(chosen), len(chosen))
    priced = any(task.volume.cost_usd is not None for task in found.tasks)
    return Audit(found, sorted(judged, key=_rank), settings, priced)


def _chosen(found: Discovery, names: Collection[str], least_calls: int) -> list[TrafficTask]:
    known = {task.name: task for task in found.tasks}
    missing = [name for name in names if name not in known]
    if missing:
        shown = ", ".join(list(known)[:5]) or "none"
        raise InputError(
            f"the calls hold no task {missing[0]!r} (found: {shown}): locum audit without a name "
            "shows all"
        )
    return [
        task
        for task in found.tasks
        if (task.name in names if names else task.volume.calls >= least_calls)
    ]


def _rank(judged: JudgedTask) -> tuple[float, ...]:
    """By dollars that are saved now, then by those that will be, then by cost, then by calls."""
    verdict, volume = judged.verdict, judged.task.volume
    now = verdict.saves_now
    saving = verdict.saving
    dollars = saving.dollars.value if saving and saving.dollars else 0.0
    calls = saving.calls.value if saving else 0.0
    return (
        -dollars * now,
        -calls * now,
        -dollars,
        -calls,
        -(volume.cost_a_month_usd or 0.0),
        -volume.calls_a_month,
    )
