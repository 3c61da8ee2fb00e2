"""The whole audit: tasks are found, probed and judged, and ranked by what they would save."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.alike import parts_of_one
from locum.audit.discovery import discover
from locum.audit.leaving_out import distil_command
from locum.audit.probe import Probe, ProbeSettings, prepare_lessons
from locum.audit.verdict import Verdict, judge
from locum.audit.workers import probe_all
from locum.errors import InputError
from locum.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from locum.audit.call_sites import CodePlace
    from locum.audit.tasks import Discovery, TrafficTask
    from locum.config import RedactionSettings
    from locum.distillation import Progress
    from locum.schema import OwnPrice
    from locum.store import CallFilter, Database

__all__ = ["Audit", "JudgedTask", "audit_calls"]

_FEWEST_DIGITS = 6


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

    @property
    def command(self) -> str:
        """What makes its student."""
        left_out = self.probed.left_out if isinstance(self.probed, Probe) else ()
        return distil_command(self.task.name, left_out)


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
    processes: int | None = None,
    prices: Mapping[str, OwnPrice] = MappingProxyType({}),
    redaction: RedactionSettings | None = None,
) -> Audit:
    """Audit the calls of a store.

    Args:
        database: The store.
        where: Which calls.
        settings: How tasks are probed, and what was to be certified.
        told: Is told how it goes on.
        names: Tasks to judge, by their names, or by the first 6 or more digits of a fingerprint of
            their calls; by default all.
        least_calls: Tasks with fewer calls are left out.
        probes: Whether students are trained.
        processes: How many train them; see `probe_all`.
        prices: One's own prices, by model; for other models the public list's hold.
        redaction: What a student would take out of what it is asked, and so is taken out of what
            probes learn from; by default what a gateway without settings takes out.

    Raises:
        InputError: The store cannot be read, there is no task of a name, or a process was ended.
    """
    found = discover(database, where, seed=settings.seed, told=told.stage)
    chosen = _chosen(found, names, least_calls)
    probed = (
        _probed(database, chosen, settings, told, processes, Redactor(redaction))
        if probes
        else [None] * len(chosen)
    )
    alike = parts_of_one(found.tasks)
    judged = []
    for task, one in zip(chosen, probed, strict=True):
        verdict = judge(task, one, settings.promise, prices)
        notes = (*verdict.notes, *alike.get(task.name, ()))
        judged.append(JudgedTask(task, one, verdict._replace(notes=notes)))
    priced = any(task.volume.cost_usd is not None for task in found.tasks)
    return Audit(found, sorted(judged, key=_rank), settings, priced)


def _probed(
    database: Database,
    tasks: Sequence[TrafficTask],
    settings: ProbeSettings,
    told: Progress,
    processes: int | None,
    redactor: Redactor,
) -> list[Probe | str | None]:
    prepared = [prepare_lessons(task, database, redactor) for task in tasks]
    lessons = [one for one in prepared if not isinstance(one, str)]
    total = len(lessons)
    found = iter(probe_all(lessons, settings, processes, lambda done: told.advance(done, total)))
    told.advance(total, total)
    return [one if isinstance(one, str) else next(found) for one in prepared]


def _chosen(found: Discovery, names: Collection[str], least_calls: int) -> list[TrafficTask]:
    if not names:
        return [task for task in found.tasks if task.volume.calls >= least_calls]
    chosen = {task.name for name in names for task in _of_name(found.tasks, name)}
    return [task for task in found.tasks if task.name in chosen]


def _of_name(tasks: Sequence[TrafficTask], name: str) -> list[TrafficTask]:
    """Return the task of a name, else those with calls whose fingerprint begins so."""
    if named := [task for task in tasks if task.name == name]:
        return named
    found = [task for task in tasks if _has_fingerprint(task, name)]
    if not found:
        shown = ", ".join([task.name for task in tasks[:5]]) or "none"
        raise InputError(
            f"the calls hold no task {name!r} (found: {shown}): locum audit without a name shows "
            "all"
        )
    return found


def _has_fingerprint(task: TrafficTask, beginning: str) -> bool:
    return len(beginning) >= _FEWEST_DIGITS and any(
        one.startswith(beginning) for one in task.template.fingerprints
    )


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
