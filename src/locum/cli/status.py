"""``locum status``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from locum.cli.options import Config, Home
from locum.cli.output import dollars, print_json, table
from locum.cli.places import project_settings, store_place
from locum.cli.standings import StandingsReader
from locum.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from locum.promotion import OtherPrompt, Standing, Usage
    from locum.store import Grouping, Shadow

__all__ = ["status_command"]

_SHOWN_EVENTS = 3
_SHOWN_DISAGREEMENTS = 3
_SHOWN_CHARACTERS = 60
_SHOWN_PROMPTS = 3


def status_command(
    task: Annotated[str | None, typer.Argument(help="A promoted task; else all.")] = None,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Count calls from the hour of this time on: 90m, 24h, 7d ago, or ISO 8601; else "
            "all.",
        ),
    ] = None,
    by: Annotated[
        Literal["hour", "day", "application"] | None,
        typer.Option("--by", help="Show the calls of each task apart as well."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it anew every two seconds, until Ctrl-C.")
    ] = False,
    config: Config = None,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Show how promoted students do: calls, agreement with its interval, savings, alarms."""
    from rich.live import Live

    from locum.cli.console import PlainConsole

    if watch and json_output:
        raise UsageError("--watch is for people, --json for programs: give one of them")
    project = project_settings(config)
    reader = StandingsReader(store_place(home, project), task, since, by, project.redaction)
    standings = reader.read()
    if json_output:
        print_json({"tasks": [standing.to_object() for standing in standings]})
        return
    console = PlainConsole()
    if not watch:
        console.print(_show(standings))
        return
    if not console.is_terminal:
        while True:
            console.print(_show(standings))
            time.sleep(2)
            standings = reader.read()
    with Live(_show(standings), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(2)
            live.update(_show(reader.read()), refresh=True)


def _show(standings: list[Standing]) -> RenderableType:
    from rich.console import Group

    if not standings:
        return "no task is promoted: locum promote TASK lets a student answer"
    columns = ["task", "state", "calls", "answered", "coverage", "agreement", "saved"]
    title = "promoted students"
    if standings[0].since is not None:
        title += f", their calls since {_moment(standings[0].since)} UTC"
    shown: list[RenderableType] = [table(title, columns, [_row(one) for one in standings])]
    for standing in standings:
        shown += _lines(standing)
    shown += [_rows(standing) for standing in standings if standing.by is not None]
    return Group(*shown)


def _row(standing: Standing) -> list[str]:
    agreement, coverage = standing.compared.agreement, standing.coverage
    state = standing.state
    if state == "active":
        state = f"{standing.percent:g}%" if standing.percent else "scored only"
    return [
        standing.task,
        state,
        f"{standing.usage.total:,}",
        f"{standing.usage.answered:,}",
        _percent(coverage),
        _percent(agreement),
        dollars(standing.usage.saved_usd),
    ]


def _lines(standing: Standing) -> list[str]:
    """How sure its figures are, and what happened to a task last, the newest first."""
    compared = standing.compared
    sure = (
        f"{standing.task}: agreement between {compared.low:.1%} and {compared.high:.1%}, however "
        f"often one looks ({compared.answers:,} answer{'s' * (compared.answers != 1)} "
        f"compared, {compared.disagreements:,} differ)"
    )
    if standing.target is not None:
        expected = _percent(standing.expected_coverage)
        sure += f", promised {_percent(standing.target)}; coverage expected {expected}"
    happened = [
        f"{standing.task}: {_moment(event.time)} {event.kind}"
        + (f": {event.message}" if event.message else "")
        for event in standing.events[:_SHOWN_EVENTS]
    ]
    differing = [
        f"{standing.task}: {_moment(one.time)} {_differing(one)}"
        for one in standing.disagreements[:_SHOWN_DISAGREEMENTS]
    ]
    unreadable = [
        f"{standing.task}: unreadable, so that its teacher answers all calls: {standing.reason}"
    ] * (standing.state == "unreadable")
    spent = f"{standing.task}: {_spent(standing)}"
    prompts = [_other_prompt(standing.task, one) for one in standing.other_prompts[:_SHOWN_PROMPTS]]
    calls = [*_broken(standing), *_failed(standing), *prompts, spent]
    return [*unreadable, sure, *calls, *_deleted(standing), *happened, *differing]


def _other_prompt(task: str, prompt: OtherPrompt) -> str:
    asked = f"{prompt.calls:,} call{'s' * (prompt.calls != 1)}"
    return (
        f"{task}: {asked} since {_moment(prompt.first)} went to the teacher, as prompt or output "
        "format alone differ from what the student learned from: if the application changed them, "
        f"learn from these, locum distill {prompt.fingerprint}"
    )


def _differing(shadow: Shadow) -> str:
    if not shadow.call_id:
        return "student and teacher differed on a call that was deleted"
    said = shadow.said[:_SHOWN_CHARACTERS]
    return f"student said {said!r}, and the teacher did not: locum calls show {shadow.call_id[:8]}"


def _broken(standing: Standing) -> list[str]:
    # Of what was revoked the events tell.
    if not standing.broken or standing.state != "active":
        return []
    another = f"locum distill {standing.task} --refresh"
    return [f"{standing.task}: its student broke its promise: {another} trains another"]


def _deleted(standing: Standing) -> list[str]:
    if not standing.learned_from_deleted:
        return []
    said = f"{standing.task}: its student learned from calls that were deleted since"
    if standing.state == "active":
        said += f": locum distill {standing.task} --refresh, or locum demote {standing.task}"
    return [said]


def _failed(standing: Standing) -> list[str]:
    failed, total = standing.usage.routes.get("failed", 0), standing.usage.total
    if not failed:
        return []
    said = (
        f"{standing.task}: on {failed:,} of {total:,} calls the student said nothing in time: its "
        "teacher answered these, and nothing was compared"
    )
    return [said]


def _spent(standing: Standing) -> str:
    if standing.usage.spent_usd is None:
        return "what a call of the teacher costs is not known"
    spent = f"{dollars(standing.usage.spent_usd)} spent on the teacher, by its mean price"
    if standing.call_usd is None:
        return spent
    return f"{spent}, now {dollars(1000 * standing.call_usd)} for 1,000 calls"


def _rows(standing: Standing) -> Table:
    """The calls of a task apart."""
    columns = [str(standing.by), "calls", "answered", "to teacher", "spent", "saved"]
    rows = [[_name(standing.by, key), *_cells(usage)] for key, usage in standing.rows.items()]
    times = "" if standing.by == "application" else " (UTC)"
    return table(f"{standing.task}: calls by {standing.by}{times}", columns, rows)


def _name(by: Grouping | None, key: int | str) -> str:
    """The hour or the day that begins then, or the application."""
    if isinstance(key, str):
        return key or "-"
    return _moment(key)[: len("2026-01-31" if by == "day" else "2026-01-31 12:00")]


def _cells(usage: Usage) -> list[str]:
    counts = (usage.total, usage.answered, usage.to_teacher)
    return [*(f"{count:,}" for count in counts), dollars(usage.spent_usd), dollars(usage.saved_usd)]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
