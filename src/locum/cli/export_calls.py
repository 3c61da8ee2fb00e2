"""``locum calls export``."""

from __future__ import annotations

import sys
from dataclasses import asdict
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
)
from locum.cli.output import count_of_calls
from locum.cli.places import open_existing, project_settings, store_place
from locum.cli.progress import stderr_console
from locum.errors import InputError, UsageError
from locum.writable import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import MarkedCall

__all__ = ["export_calls", "exported"]


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
    from locum.store import CallStore

    where = make_filter(task, model, since, until, source, application, outcome)
    chosen = format or ("parquet" if file and file.suffix == ".parquet" else "jsonl")
    if chosen not in {"jsonl", "parquet"}:
        raise UsageError(f"--format {chosen!r}: expected jsonl or parquet")
    if chosen == "parquet" and file is None:
        raise UsageError("Parquet is not written to standard output: give a file")
    if file is not None and file.is_dir():
        raise InputError(f"{file} cannot be written: it is a folder")
    with open_existing(store_place(home, project_settings(config))) as database:
        store = CallStore(database)
        calls = store.marked(store.iterate(where))
        if chosen == "parquet" and file is not None:
            from locum.store import export_parquet

            written = export_parquet(calls, file)
        else:
            written = _export_lines(calls, file)
    stderr_console().print(f"{count_of_calls(written)} exported", markup=False)


def exported(marked: MarkedCall) -> dict[str, Any]:
    """Return all that a store knows of a call as one object."""
    call, marks = marked
    bodies = {"request": call.request, "response": call.response}
    return {**asdict(call.facts), **marks._asdict(), **bodies}


def _export_lines(calls: Iterable[MarkedCall], file: Path | None) -> int:
    if file is None:
        written = _write_lines(sys.stdout.buffer, calls)
        sys.stdout.flush()
        return written
    with written_whole(file) as output:
        # What calls hold is for their owner alone; a pipe or a device stays whose it is.
        if (scratch := Path(output.name)).is_file():
            scratch.chmod(0o600)
        return _write_lines(output, calls)


def _write_lines(output: BinaryIO, calls: Iterable[MarkedCall]) -> int:
    import orjson

    written = 0
    for call in calls:
        output.write(orjson.dumps(exported(call), option=orjson.OPT_APPEND_NEWLINE))
        written += 1
    return written
