"""``locum calls export``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from locum.cli.audited_names import with_audited_calls
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
from locum.cli.output import command_to_type, count_of_calls
from locum.cli.places import open_existing, project_settings, store_place
from locum.cli.progress import stderr_console
from locum.errors import InputError, UsageError
from locum.writable import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import MarkedCall

__all__ = ["export_calls", "exported"]

_STANDARD_OUTPUT = "-"
# A pipe or a device has no ending.
_FORMATS = {
    **dict.fromkeys(("", ".jsonl", ".ndjson", ".json"), "jsonl"),
    ".parquet": "parquet",
}


def export_calls(
    file: Annotated[
        Path | None, typer.Argument(help="File to write; - or none is standard output.")
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
    place = None if file is None or str(file) == _STANDARD_OUTPUT else file
    chosen = _format(format, place)
    if chosen == "parquet" and place is None:
        raise UsageError("Parquet is not written to standard output: give a file")
    if place is not None and place.is_dir():
        raise InputError(f"{place} cannot be written: it is a folder")
    with open_existing(store_place(home, project_settings(config)), to_read=True) as database:
        store = CallStore(database)
        calls = store.marked(store.iterate(with_audited_calls(database, where)))
        first = next(calls, None)
        if first is None:
            asked = {"task": task, "model": model, "since": since, "until": until}
            asked |= {"source": source, "application": application, "outcome": outcome}
            raise InputError(
                f"{command_to_type('calls', **asked)} finds no call, so nothing is exported: "
                f"{command_to_type('calls', 'totals')} sums up which there are"
            )
        found = chain([first], calls)
        if chosen == "parquet" and place is not None:
            from locum.store import export_parquet

            written = export_parquet(found, place)
        else:
            written = _export_lines(found, place)
    stderr_console().print(f"{count_of_calls(written)} exported")


def _format(given: str | None, place: Path | None) -> str:
    """Return the format that was asked for, else that of the file's ending."""
    if given is not None and given not in _FORMATS.values():
        raise UsageError(f"--format {given!r}: expected jsonl or parquet")
    ending = "" if place is None else place.suffix.lower()
    if given is None and ending not in _FORMATS:
        raise UsageError(
            f"{place} ends in {ending!r}: expected .jsonl or .parquet; or say with --format what "
            "to write, jsonl or parquet"
        )
    return given or _FORMATS[ending]


def exported(marked: MarkedCall) -> dict[str, Any]:
    """Return all that a store knows of a call as one object."""
    call, marks = marked
    bodies = {"request": call.request, "response": call.response}
    return {**asdict(call.facts), **marks.as_object(), **bodies}


def _export_lines(calls: Iterable[MarkedCall], file: Path | None) -> int:
    if file is None:
        written = _write_lines(sys.stdout.buffer, calls)
        sys.stdout.flush()
        return written
    with written_whole(file, private=True) as output:
        return _write_lines(output, calls)


def _write_lines(output: BinaryIO, calls: Iterable[MarkedCall]) -> int:
    from locum.traffic.strict_json import write_json

    written = 0
    for call in calls:
        output.write(write_json(exported(call)) + b"\n")
        written += 1
    return written
