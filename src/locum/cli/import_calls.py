"""``locum import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.options import Config, Home
from locum.cli.output import say
from locum.cli.places import project_settings, store_place
from locum.cli.progress import TerminalProgress, stderr_console
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.traffic.imports import ImportedFile, ImportReport

__all__ = ["import_command"]


def import_command(
    files: Annotated[
        list[str], typer.Argument(help="JSON, JSONL, CSV or TSV, also .gz; - is standard input.")
    ],
    *,
    format: Annotated[  # noqa: A002 - as users call it
        str | None, typer.Option("--format", help="Format of the files; else it is detected.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Name the task of these calls, where they are known without one too."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first line that cannot be used.")
    ] = False,
    config: Config = None,
    home: Home = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Import calls from logs, once: what is known already is left as it is.

    Detects OpenAI request and response pairs, Batch input with output, stored completions and
    fine-tuning files, LiteLLM, Langfuse, Helicone, OpenTelemetry GenAI spans, Bedrock, Anthropic,
    tables with a text and an answer in each row, and calls that another store exported. Credentials
    and personal data are taken out before anything is written.
    """
    from locum.redaction import Redactor
    from locum.schema import check_name
    from locum.store import CallStore, open_database
    from locum.traffic.imports import import_calls

    if task is not None:
        check_name(task)
    settings = project_settings(config)
    with (
        open_database(store_place(home, settings)) as database,
        TerminalProgress(quiet=quiet) as progress,
    ):
        report = import_calls(
            [Path(file) for file in files],
            CallStore(database),
            Redactor(settings.redaction),
            format=format,
            task=task,
            strict=strict,
            prices=settings.prices,
            progress=progress.count,
        )
    if json_output:
        typer.echo(_to_json(report))
    else:
        _print_report(report)
    if not report.added + report.known:
        raise InputError(f"no call was found in {', '.join(files)}")


def _to_json(report: ImportReport) -> str:
    import orjson

    files = [{**file._asdict(), "skipped": file.skipped.counts} for file in report.files]
    return orjson.dumps({**report._asdict(), "files": files}).decode()


def _told_untimed(count: int) -> str:
    return (
        f"nothing tells when {count:,} calls were sent, as a field time or timestamp in ISO 8601 "
        "or in seconds since 1970 would: they have the time at which their file was "
        "last written, an audit sees no pace in them, and a student of them is certified on inputs "
        "drawn at random, not on the newest"
    )


def _told_names(file: ImportedFile) -> Iterator[str]:
    if file.named_otherwise:
        tasks = ", ".join(f"{task} {count:,}" for task, count in file.named_otherwise.items())
        yield (
            f"known calls that have another task keep it ({tasks}): to name them anew, delete them "
            "with locum calls delete, and import them again"
        )
    if file.archived:
        yield (
            f"{file.archived:,} known calls are in Parquet files, and stay as they are: where they "
            "have no task, locum distill takes the fingerprint that locum calls totals shows"
        )


def _print_report(report: ImportReport) -> None:
    errors = stderr_console()
    for file in report.files:
        named = f", {file.named:,} of them named now" if file.named else ""
        say(
            f"{file.name}: {file.format or 'empty'}, {file.added:,} calls imported, "
            f"{file.known:,} known already{named}"
        )
        other = [f"{file.other:,} records tell of something else"] if file.other else []
        untimed = [_told_untimed(file.untimed)] if file.untimed else []
        for note in [*untimed, *other, *_told_names(file), *file.skipped.describe()]:
            errors.print(f"  {note}")
    for count, what in (
        (report.unanswered, "requests of batches without a result"),
        (report.unasked, "results of batches without a request"),
    ):
        if count:
            errors.print(f"{count:,} {what}: import both files at once")
