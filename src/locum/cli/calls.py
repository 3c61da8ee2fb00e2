"""``locum calls``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

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
from locum.cli.places import open_existing, project_settings, store_place
from locum.cli.progress import stderr_console
from locum.errors import InputError, UsageError
from locum.writable import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Call, CallFacts
    from locum.store import CallFilter, CallStore

__all__ = ["calls_app"]

_ID_SHOWN = 8
_PREVIEW_SHOWN = 40
_WIDTH_IN_FILES = 200
_LEAST_WIDTHS = {"id": 8, "time (UTC)": 16, "task": 12, "first": 10, "last": 10}

calls_app = typer.Typer(invoke_without_command=True, no_args_is_help=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@contextmanager
def _opened(config: Path | None, home: Path | None) -> Iterator[CallStore]:
    from locum.store import CallStore

    with open_existing(store_place(home, project_settings(config))) as database:
        yield CallStore(database)


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
    with _opened(config, home) as store:
        found = store.find(where, limit)
        total = store.count(where)
    if json_output:
        for facts in found:
            _print_json(asdict(facts))
        return
    _print_table(
        ["id", "time (UTC)", "task", "model", "tokens", "ms", "cost", "outcome", "input"],
        [_listed(facts) for facts in found],
        right=(4, 5, 6),
    )
    stderr_console().print(f"{len(found):,} of {_calls(total)}", markup=False)


@calls_app.command("show")
def show_call(
    call: Annotated[str, typer.Argument(help="Id of a call, or the beginning of one.")],
    *,
    config: Config = None,
    home: Home = None,
) -> None:
    """Print one call with its request and its response, as JSON."""
    import orjson

    with _opened(config, home) as store:
        found = store.get(call)
    typer.echo(orjson.dumps(_to_object(found), option=orjson.OPT_INDENT_2))


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
    with _opened(config, home) as store:
        totals = store.totals(where)
    if json_output:
        for row in totals:
            _print_json(row._asdict())
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

    Give ids, or at least one filter. Says which students learned from them: distil those again.
    """
    from locum.store import CallFilter

    where = make_filter(task, model, since, until, source, application, outcome)
    if bool(ids) == (where != CallFilter()):
        raise UsageError("say which calls to delete: give their ids, or filters such as --task")
    with _opened(config, home) as store:
        if ids:
            where = CallFilter(ids=tuple(store.get(given).facts.id for given in ids))
        count = store.count(where)
        if dry_run:
            typer.echo(f"{_calls(count)} would be deleted")
            return
        if not yes and not (sys.stdin.isatty() and typer.confirm(f"Delete {_calls(count)}?")):
            raise UsageError(f"{_calls(count)} would be deleted: confirm with --yes")
        deletion = store.delete(where)
    typer.echo(
        f"{_calls(deletion.calls)} deleted, and {deletion.answers:,} answers bought for them alone"
    )
    for student in deletion.students:
        typer.echo(f"the student of {student!r} learned from some: locum distill {student}")


@calls_app.command("export")
def export_calls(
    file: Annotated[
        Path | None, typer.Argument(help="File to write; else standard output.")
    ] = None,
    *,
    format: Annotated[  # noqa: A002 - as users call it
        str | None, typer.Option("--format", help="jsonl or parquet; else by the file's ending.")
    ] = None,
    task: TaskName = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    application: Application = None,
    outcome: Outcome = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """Write calls with their bodies, the oldest first; the file is written whole or not at all."""
    where = make_filter(task, model, since, until, source, application, outcome)
    chosen = format or ("parquet" if file and file.suffix == ".parquet" else "jsonl")
    if chosen not in {"jsonl", "parquet"}:
        raise UsageError(f"--format {chosen!r}: expected jsonl or parquet")
    if chosen == "parquet" and file is None:
        raise UsageError("Parquet is not written to standard output: give a file")
    if file is not None and file.is_dir():
        raise InputError(f"{file} cannot be written: it is a folder")
    with _opened(config, home) as store:
        if chosen == "parquet" and file is not None:
            from locum.store import export_parquet

            written = export_parquet(store.iterate(where), file)
        else:
            written = _export_lines(store, where, file)
    stderr_console().print(f"{_calls(written)} exported", markup=False)


def _export_lines(store: CallStore, where: CallFilter, file: Path | None) -> int:
    if file is None:
        written = sum(_print_json(_to_object(call)) for call in store.iterate(where))
        sys.stdout.flush()
        return written
    with written_whole(file) as output:
        # What calls hold is for their owner alone; a pipe or a device stays whose it is.
        if (scratch := Path(output.name)).is_file():
            scratch.chmod(0o600)
        return sum(_write_json(output, _to_object(call)) for call in store.iterate(where))


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
        compaction = store.compact(before)
    typer.echo(
        f"{_calls(compaction.calls)} moved into {compaction.files:,} Parquet files of "
        f"{compaction.bytes / 1e6:,.1f} MB"
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
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for index, column in enumerate(table.columns):
        column.no_wrap = True
        column.min_width = _LEAST_WIDTHS.get(columns[index])
        column.justify = "right" if index in right else "left"
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_IN_FILES
    console.print(table)


def _to_object(call: Call) -> dict[str, Any]:
    return {**asdict(call.facts), "request": call.request, "response": call.response}


def _print_json(value: dict[str, Any]) -> int:
    return _write_json(sys.stdout.buffer, value)


def _write_json(output: BinaryIO, value: dict[str, Any]) -> int:
    import orjson

    output.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    return 1


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s"


def _calls(count: int) -> str:
    return f"{count:,} call{'s' * (count != 1)}"


def _tokens(facts: CallFacts) -> str:
    if facts.input_tokens is None and facts.output_tokens is None:
        return ""
    return f"{facts.input_tokens or 0:,}+{facts.output_tokens or 0:,}"


def _cost(value: float | None) -> str:
    return "" if value is None else f"${value:,.2f}" if value >= 1 else f"${value:.2g}"
