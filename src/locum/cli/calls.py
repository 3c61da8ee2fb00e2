"""``locum calls``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.audited_names import forget_audited, with_audited_calls
from locum.cli.export_calls import export_calls, exported
from locum.cli.options import (
    Application,
    Config,
    Home,
    Model,
    Outcome,
    Since,
    Source,
    TaskName,
    Until,
    make_filter,
    parse_moment,
)
from locum.cli.output import count_of_calls, print_json, say
from locum.cli.places import open_existing, project_settings, store_place
from locum.cli.progress import stderr_console
from locum.cli.told_deletion import tell_deletion
from locum.errors import InputError, UsageError
from locum.printing import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.schema import CallFacts
    from locum.store import CallFilter, CallStore

__all__ = ["calls_app"]

_ID_SHOWN = 8
_PREVIEW_SHOWN = 40
_WIDTH_IN_FILES = 200
_LOG_PATIENCE_SECONDS = 30.0
_WITH_SERVER = (
    "PostgreSQL's own files may hold what was deleted until VACUUM FULL writes its tables anew, "
    "and its write-ahead log until that is recycled"
)
_LEAST_WIDTHS = {"id": 8, "time (UTC)": 16, "task": 12, "first": 10, "last": 10}

calls_app = typer.Typer(invoke_without_command=True, no_args_is_help=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@contextmanager
def _opened(
    config: Path | None, home: Path | None, *, to_read: bool = False
) -> Iterator[CallStore]:
    from locum.store import CallStore

    place = store_place(home, project_settings(config))
    with open_existing(place, to_read=to_read) as database:
        yield CallStore(database)


@contextmanager
def _chosen(
    config: Path | None, home: Path | None, where: CallFilter, *, to_read: bool = False
) -> Iterator[tuple[CallStore, CallFilter]]:
    from locum.store import CallStore

    place = store_place(home, project_settings(config))
    with open_existing(place, to_read=to_read) as database:
        yield CallStore(database), with_audited_calls(database, where)


@calls_app.callback()
def list_calls(
    context: typer.Context,
    *,
    task: TaskName = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    application: Application = None,
    outcome: Outcome = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    json_output: Json = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """List recorded calls, the newest first; or show, sum up, delete, export or compact them."""
    if context.invoked_subcommand is not None:
        return
    where = make_filter(task, model, since, until, source, application, outcome)
    with _chosen(config, home, where, to_read=True) as (store, chosen):
        found = store.find(chosen, limit)
        total = store.count(chosen)
    if json_output:
        for facts in found:
            print_json(asdict(facts))
        return
    _print_table(
        ["id", "time (UTC)", "task", "model", "tokens", "ms", "cost", "outcome", "input"],
        [_listed(facts) for facts in found],
        right=(4, 5, 6),
    )
    stderr_console().print(f"{len(found):,} of {count_of_calls(total)}")


@calls_app.command("show")
def show_call(
    call: Annotated[str, typer.Argument(help="Id of a call, or the beginning of one.")],
    *,
    config: Config = None,
    home: Home = None,
) -> None:
    """Print one call with its request and its response, as JSON."""
    from locum.traffic.strict_json import write_json

    with _opened(config, home, to_read=True) as store:
        [found] = store.marked([store.get(call)])
    said = write_json(exported(found), indented=True).decode()
    typer.echo(printable(said, keep="\n").encode())


@calls_app.command("totals")
def total_calls(
    *,
    task: TaskName = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    application: Application = None,
    outcome: Outcome = None,
    json_output: Json = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Sum calls up by task, or fingerprint where none was named, and model."""
    where = make_filter(task, model, since, until, source, application, outcome)
    with _chosen(config, home, where, to_read=True) as (store, chosen):
        totals = store.totals(chosen)
    if json_output:
        for row in totals:
            print_json(row._asdict())
        return
    _print_table(
        ["task", "model", "calls", "tokens in", "tokens out", "cost", "first", "last"],
        [
            [
                row.name,
                row.model,
                f"{row.calls:,}",
                f"{row.input_tokens:,}",
                f"{row.output_tokens:,}",
                _cost(row.cost_usd),
                _moment(row.first)[:10],
                _moment(row.last)[:10],
            ]
            for row in totals
        ],
        right=(2, 3, 4, 5),
    )


@calls_app.command("delete")
def delete_calls(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of calls.")] = None,
    *,
    task: TaskName = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    application: Application = None,
    outcome: Outcome = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many, and delete none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Delete calls, and the answers that were bought for them alone.

    Give ids, or at least one filter. Ids that no call has are named, and the others' calls deleted.
    Says which students learned from them, and which reports may quote them: distil those again. And
    which synthetic inputs were written after them.
    """
    from locum.store import CallFilter, CallStore

    where = make_filter(task, model, since, until, source, application, outcome)
    if bool(ids) == (where != CallFilter()):
        raise UsageError("say which calls to delete: give their ids, or filters such as --task")
    with open_existing(store_place(home, project_settings(config))) as database:
        store, chosen = CallStore(database), with_audited_calls(database, where)
        meant, missing = _find_meant(store, ids) if ids else (chosen, [])
        found = count_of_calls(store.count(meant))
        if dry_run:
            say(f"{found} would be deleted")
            _refuse_missing(missing)
            return
        if not yes and not (sys.stdin.isatty() and typer.confirm(f"Delete {found}?")):
            raise UsageError(f"{found} would be deleted: confirm with --yes")
        unnamed = {row.name for row in store.totals(meant) if not row.named}
        deletion = store.delete(meant, _LOG_PATIENCE_SECONDS, _say_waiting)
        _tell_unknown_files(store)
        forgotten = forget_audited(database, unnamed)
    tell_deletion(deletion, forgotten, home)
    if database.dialect == "postgres" and deletion.calls:
        say(_WITH_SERVER)
    _refuse_missing(missing)


calls_app.command("export")(export_calls)


@calls_app.command("compact")
def compact_calls(
    *,
    older_than: Annotated[
        str, typer.Option(help="Calls before this: 30d ago, or ISO 8601.")
    ] = "30d",
    config: Config = None,
    home: Home = None,
) -> None:
    """Move old calls into Parquet files, a fraction of their size; commands still see them."""
    before = parse_moment("--older-than", older_than)
    with _opened(config, home) as store:
        compaction = store.compact(before, _say_waiting)
        _tell_unknown_files(store)
    say(
        f"{count_of_calls(compaction.calls)} moved into {compaction.files:,} Parquet files of "
        f"{compaction.bytes / 1e6:,.1f} MB"
    )


def _find_meant(store: CallStore, beginnings: list[str]) -> tuple[CallFilter, list[str]]:
    """Return the calls of these ids, and those of the ids that no call has.

    Raises:
        InputError: No call has any of them, or several begin with one.
    """
    from locum.store import CallFilter

    found = {beginning: store.find_id(beginning) for beginning in beginnings}
    given = tuple(call_id for call_id in found.values() if call_id is not None)
    missing = [beginning for beginning, call_id in found.items() if call_id is None]
    if not given:
        _refuse_missing(missing)
    return CallFilter(ids=given), missing


def _refuse_missing(beginnings: list[str]) -> None:
    """Say in the end which calls there were none of.

    Raises:
        InputError: There are such.
    """
    if beginnings:
        calls = ", ".join(map(repr, beginnings))
        raise InputError(f"there is no call {calls}: locum calls lists those there are")


def _say_waiting() -> None:
    stderr_console().print(
        "note: another locum calls delete or compact is at work on this store: waiting for its end"
    )


def _tell_unknown_files(store: CallStore) -> None:
    unknown = store.unknown_files()
    if unknown:
        stderr_console().print(
            f"note: {unknown[0].parent} holds what this store did not write, which stays as it is "
            f"({len(unknown):,} in all, such as {unknown[0].name}): where it is of a store that "
            "was moved away, move it into the folder beside that",
        )


def _listed(facts: CallFacts) -> list[str]:
    return [
        facts.id[:_ID_SHOWN],
        _moment(facts.time),
        facts.task or facts.fingerprint,
        facts.model,
        _tokens(facts),
        "" if facts.latency_ms is None else f"{facts.latency_ms:,.0f}",
        _cost(facts.cost_usd),
        facts.outcome,
        facts.preview[:_PREVIEW_SHOWN],
    ]


def _print_table(columns: list[str], rows: list[list[str]], right: tuple[int, ...]) -> None:
    from rich.table import Table

    from locum.cli.console import PlainConsole

    table = Table(*columns, box=None, pad_edge=False)
    for index, column in enumerate(table.columns):
        column.no_wrap = True
        column.min_width = _LEAST_WIDTHS.get(columns[index])
        column.justify = "right" if index in right else "left"
    for row in rows:
        table.add_row(*row)
    PlainConsole(width_in_files=_WIDTH_IN_FILES).print(table)


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s"


def _tokens(facts: CallFacts) -> str:
    if facts.input_tokens is None and facts.output_tokens is None:
        return ""
    return f"{facts.input_tokens or 0:,}+{facts.output_tokens or 0:,}"


def _cost(value: float | None) -> str:
    return "" if value is None else f"${value:,.2f}" if value >= 1 else f"${value:.2g}"
