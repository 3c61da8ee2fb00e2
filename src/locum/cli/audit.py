"""``locum audit``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.options import (
    Application,
    Config,
    Home,
    Model,
    Since,
    Source,
    Until,
    make_filter,
    parse_duration,
)
from locum.cli.output import count_of_calls, dollars, print_json
from locum.cli.places import open_existing, project_settings, store_place
from locum.cli.progress import TerminalProgress, stderr_console
from locum.cli.scan import check_paths
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from locum.audit import Audit, JudgedTask, Saving
    from locum.cli.console import PlainConsole

__all__ = ["audit_command"]

_WIDTH_IN_FILES = 100
_SITES_SHOWN = 10
_NOT_KEPT = "note: the store cannot be written, so other commands do not know tasks by these names"


def audit_command(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tasks to judge, by the names that an audit prints, or 6 to 12 digits of a "
            "fingerprint; else all."
        ),
    ] = None,
    *,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    application: Application = None,
    target: Annotated[
        float, typer.Option(help="Promised agreement on what a student answers.")
    ] = 0.95,
    confidence: Annotated[float, typer.Option(help="Confidence of the promise.")] = 0.95,
    minimum_coverage: Annotated[
        float, typer.Option(help="Coverage under which a student is not worth having.")
    ] = 0.05,
    min_calls: Annotated[int, typer.Option(min=0, help="Leave out tasks with fewer calls.")] = 0,
    probe: Annotated[
        bool, typer.Option(help="Train small students, to measure what could be certified.")
    ] = True,
    time_a_task: Annotated[
        str,
        typer.Option(
            "--time", help="Processor time for a task's probes; no larger ones are begun later."
        ),
    ] = "60s",
    seed: Annotated[int, typer.Option(min=0, help="Seed of samples and probes.")] = 0,
    code: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of code, relative to the current one, in which to find where the calls of "
            "each task are made, as locum scan reads it; repeatable.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report as well: one HTML file.")
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Find the tasks in recorded calls, and say which are worth distilling, with dollars.

    Takes the calls that locum gateway recorded, or that locum import took from logs. Tasks are told
    by their instruction and by the text around what varies. Of each whose answers are labels or
    JSON, small students are trained on its own calls, to foresee what locum distill would certify.
    Tasks are ranked by dollars a month that would be saved. locum distill takes their names.
    """
    from locum.audit import (
        ProbeSettings,
        audit_calls,
        audit_object,
        remember_tasks,
        render_audit,
    )
    from locum.distillation import check_promise
    from locum.evaluation import Promise
    from locum.report import check_page_place, write_page

    promise = Promise(target, confidence)
    check_promise(promise, seed, minimum_coverage)
    check_paths(code or [])
    seconds = parse_duration("--time", time_a_task)
    where = make_filter(None, model, since, until, source, application, None)
    settings = ProbeSettings(promise, minimum_coverage, seconds, seed)
    if html is not None:
        check_page_place(html)
    project = project_settings(config)
    with (
        open_existing(store_place(home, project), to_read=True) as database,
        TerminalProgress(quiet=quiet) as progress,
    ):
        found = audit_calls(
            database,
            where,
            settings,
            progress,
            names=tasks or (),
            least_calls=min_calls,
            probes=probe,
            prices=project.prices,
            redaction=project.redaction,
        )
        if not found.discovery.calls:
            raise InputError(
                "the store holds no such call: record some with locum gateway, import some with "
                "locum import, or give wider filters"
            )
        if not database.read_only:
            remember_tasks(database, found.discovery.tasks, time.time())
    if database.read_only:
        stderr_console().print(_NOT_KEPT)
    if code:
        found = _with_code(found, code)
    if html is not None:
        write_page(render_audit(found), html)
    if json_output:
        print_json(audit_object(found))
    else:
        _print(found)


def _with_code(audit: Audit, paths: Sequence[Path]) -> Audit:
    from locum.audit import with_code
    from locum.scan.workspace import scan_workspace

    return with_code(audit, scan_workspace(Path(), paths))


def _print(audit: Audit) -> None:
    from locum.cli.console import PlainConsole

    console = PlainConsole(width_in_files=_WIDTH_IN_FILES)
    if audit.tasks:
        console.print(_table(audit))
    for judged in audit.tasks:
        console.print(f"\n{judged.task.name}: {judged.verdict.reason}.")
        for note in judged.verdict.notes:
            console.print(f"  note: {note}")
        for place in judged.places:
            console.print(f"  code: {place} {', '.join(place.rules)}".rstrip())
    _print_rest(audit, console)


def _table(audit: Audit) -> Table:
    from rich.table import Table

    promise, tasks = audit.settings.promise, len(audit.tasks)
    saved = "saves a month" if audit.priced else "calls saved a month"
    title = (
        f"{tasks} task{'s' * (tasks != 1)} in {audit.discovery.calls:,} calls; a student is to "
        f"agree in {promise.target:.0%}, with {promise.confidence:.0%} confidence"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("task", overflow="fold", min_width=20)
    table.add_column("verdict", no_wrap=True)
    table.add_column(saved, justify="right")
    table.add_column("answers", justify="right")
    table.add_column("calls", justify="right")
    table.add_column("a month", justify="right")
    table.add_column("output")
    for judged in audit.tasks:
        table.add_row(*_row(judged, priced=audit.priced))
    return table


def _row(judged: JudgedTask, *, priced: bool) -> list[str]:
    from locum.audit import VERDICTS, Probe

    task, verdict, volume = judged.task, judged.verdict, judged.task.volume
    cost = dollars(volume.cost_a_month_usd) if priced else f"{volume.calls_a_month:,.0f}"
    probed = judged.probed
    coverage = f"{probed.now.coverage:.0%}" if isinstance(probed, Probe) else "-"
    return [
        task.name,
        VERDICTS[verdict.kind],
        _saved(verdict.saving, priced=priced),
        coverage,
        f"{'' if volume.exact else '~'}{volume.calls:,}",
        cost,
        task.measures.output.kind,
    ]


def _saved(saving: Saving | None, *, priced: bool) -> str:
    if saving is None:
        return "-"
    if not priced:
        return f"{saving.calls.value:,.0f}"
    if saving.dollars is None:
        return "-"
    value, low, high = map(dollars, saving.dollars)
    return value if low == high else f"{value} ({low}-{high})"


def _print_rest(audit: Audit, console: PlainConsole) -> None:
    for other in audit.discovery.others:
        cost = "" if other.cost_usd is None else f", {dollars(other.cost_usd)}"
        console.print(f"\nno task: {count_of_calls(other.calls)}{cost}: {other.reason}")
    if audit.places_of_no_task:
        shown = ", ".join(map(str, audit.places_of_no_task[:_SITES_SHOWN]))
        more = len(audit.places_of_no_task) - _SITES_SHOWN
        rest = f" and {more:,} others" if more > 0 else ""
        console.print(f"\nno task: calls in code at {shown}{rest}")
    if audit.discovery.damaged:
        stderr_console().print(
            f"note: {audit.discovery.damaged:,} calls could not be read, as their bodies are "
            "damaged, and were left out",
        )
    if audit.tasks and not audit.priced:
        stderr_console().print("note: no call has a known cost, so that tasks are ranked by calls")
    best = [
        judged
        for judged in audit.tasks
        if judged.verdict.kind in {"distil", "leave_out"} and not judged.task.is_answered
    ]
    if best:
        console.print(f"\nnext     {best[0].command}")
