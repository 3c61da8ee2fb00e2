"""``locum distill``."""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.options import Columns, Config, Encoding, Home, Instruction, Labels
from locum.cli.places import TaskFolder, parse_columns, project_settings, store_place, task_folder
from locum.cli.progress import TerminalProgress, stderr_console
from locum.cli.task_inputs import (
    declare_task,
    file_inputs,
    note_lineage,
    one_file,
    recorded_inputs,
)
from locum.cli.teachers import (
    Api,
    Batch,
    BudgetUsd,
    Concurrency,
    ModelVersion,
    Parameters,
    PricedAs,
    TeacherFlags,
    TeacherModel,
    Teachers,
    TopLogprobs,
    VotesRange,
    make_budget,
    make_teacher,
)
from locum.errors import QualityGateError, UsageError

if TYPE_CHECKING:
    from locum.distillation import Distillation
    from locum.schema import Example

__all__ = ["distill_command"]


def distill_command(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    *,
    calls: Annotated[
        Path | None,
        typer.Option(help="CSV, TSV or JSONL of inputs with the teacher's answers."),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(help="CSV, TSV, JSONL or TXT of inputs to ask the teacher about."),
    ] = None,
    teacher: Teachers = None,
    model: TeacherModel = None,
    api: Api = None,
    batch: Batch = False,
    votes: VotesRange = None,
    top_logprobs: TopLogprobs = None,
    model_version: ModelVersion = None,
    parameter: Parameters = None,
    concurrency: Concurrency = None,
    budget: BudgetUsd = None,
    priced_as: PricedAs = None,
    labels: Labels = None,
    instruction: Instruction = None,
    config: Config = None,
    column: Columns = None,
    encoding: Encoding = "utf-8",
    target: Annotated[
        float, typer.Option(help="Promised agreement on what the student answers.")
    ] = 0.95,
    confidence: Annotated[float, typer.Option(help="Confidence of the promise.")] = 0.95,
    minimum_coverage: Annotated[
        float, typer.Option(help="Coverage under which a student is not worth having.")
    ] = 0.05,
    student: Annotated[str, typer.Option(help="Student family.")] = "linear",
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
    synthetic: Annotated[
        bool,
        typer.Option(help="Learn from the inputs that locum generate wrote, where that helps."),
    ] = True,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train a student for a task, certify where it may answer, and write its report.

    Takes the calls that the gateway recorded or that were imported: those whose task has this
    name, or whose fingerprint begins so. Or give --calls with recorded answers, or --inputs with
    --teacher and --model. The API key is read from LOCUM_API_KEY or OPENAI_API_KEY. Ends with code
    3 where no student keeps the promise.
    """
    from locum.distillation import distill
    from locum.report import write_report
    from locum.store import open_database

    folder = task_folder(task, home)
    file = one_file(calls, inputs)
    if inputs is not None and not teacher:
        raise UsageError("--inputs needs a teacher to ask: add --teacher URL and --model NAME")
    settings = project_settings(config)
    place = store_place(home, settings)
    flags = TeacherFlags(
        teacher or (),
        model,
        api,
        batch,
        votes,
        top_logprobs,
        model_version,
        parameter or (),
        concurrency,
    )
    money = make_budget(task, budget, priced_as, settings, has_teacher=bool(teacher))
    with TerminalProgress(quiet=quiet) as progress, ExitStack() as stack:
        if file is None:
            given = recorded_inputs(task, place)
        else:
            given = file_inputs(file, parse_columns(column or []), encoding)
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        written = _read_synthetic(folder, progress) if synthetic else []
        declared = declare_task(task, settings, config, labels, instruction, given.examples)
        database = stack.enter_context(open_database(place)) if teacher or not file else None
        result = distill(
            declared.task,
            [*given.examples, *written],
            make_teacher(flags, settings, database, progress.stage) if database else None,
            target=target,
            confidence=confidence,
            family=student,
            minimum_coverage=minimum_coverage,
            seed=seed,
            store=database,
            teacher_name=model or given.teacher or "recorded answers",
            budget=money,
            notes=[*given.notes, *declared.notes],
            progress=progress,
        )
        if result.student is not None:
            redaction = None if file else settings.redaction
            replace(result.student, redaction=redaction).save(folder.student)
            note_lineage(task, given.examples, place)
        else:
            _put_aside(folder.student)
        write_report(result, folder.report)
    _print_result(result, folder, home, json_output=json_output)


def _read_synthetic(folder: TaskFolder, progress: TerminalProgress) -> list[Example]:
    from locum.dataset import read_examples

    if not folder.synthetic.is_file():
        return []
    read = read_examples(folder.synthetic).examples
    written = [replace(example, synthetic=True) for example in read]
    count = f"{len(written):,} synthetic inputs"
    progress.stage(f"read {count} from {folder.synthetic}: --no-synthetic leaves them out")
    return written


def _put_aside(student: Path) -> None:
    """Keep a student of an earlier run, but where it does not answer any more."""
    if not student.exists():
        return
    previous = student.with_name(f"{student.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    student.replace(previous)
    kept = f"note: the student of an earlier run is now {previous}, and answers no more"
    stderr_console().print(kept, markup=False)


def _print_result(
    result: Distillation, folder: TaskFolder, home: Path | None, *, json_output: bool
) -> None:
    from locum.report import result_object

    artefact = folder.student if result.student is not None else None
    if json_output:
        import orjson

        typer.echo(orjson.dumps(result_object(result, folder.report, artefact)).decode())
    else:
        _print_table(result, folder, home)
    if result.decision.verdict != "distil":
        raise QualityGateError(f"{result.decision.reason} (report: {folder.report})")


def _print_table(result: Distillation, folder: TaskFolder, home: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from locum.report import compare

    console = Console(highlight=False)
    errors = stderr_console()
    for warning in result.data.warnings:
        errors.print(f"note: {warning}", markup=False)
    comparison = compare(result)
    if comparison is not None:
        title = f"{result.task.name}: {result.teacher.name} and its student"
        table = Table(*comparison.columns, title=Text(title), title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in comparison.rows:
            table.add_row(*row)
        console.print(table)
        console.print(comparison.note, markup=False)
    if result.decision.verdict == "distil":
        console.print(f"\nDistil: {result.decision.reason}.", markup=False)
        console.print(f"student  {folder.student}", markup=False, soft_wrap=True)
    console.print(f"report   {folder.report}", markup=False, soft_wrap=True)
    if result.student is not None:
        command = _next_command(result.task.name, home)
        console.print(f"next     {command}", markup=False, soft_wrap=True)


def _next_command(task: str, home: Path | None) -> str:
    """The command that asks the new student, as it can be typed here."""
    program = "locum" if shutil.which("locum") else f"{sys.executable} -m locum"
    place = f" --home {shlex.quote(str(home))}" if home else ""
    return f'{program} predict {task} "a text"{place}'
