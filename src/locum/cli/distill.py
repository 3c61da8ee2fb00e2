"""``locum distill``."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from locum.cli.options import Config, Home
from locum.cli.places import (
    TaskFolder,
    open_existing,
    parse_columns,
    project_settings,
    store_place,
    task_folder,
)
from locum.cli.progress import TerminalProgress, stderr_console
from locum.errors import InputError, QualityGateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locum.config import Settings
    from locum.distillation import Distillation
    from locum.schema import Call, Example, Task
    from locum.teachers import ChatTeacher

__all__ = ["distill_command"]


class _Given(NamedTuple):
    """Inputs, where they stem from, what should be known of them, and who answered them."""

    examples: list[Example]
    source: str
    notes: list[str]
    teacher: str | None = None


class _Declared(NamedTuple):
    """A task, and what should be known of how it was found."""

    task: Task
    notes: list[str]


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
    teacher: Annotated[
        str | None, typer.Option(help="Base URL of an OpenAI-compatible API.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The teacher's model; with --calls, its name in the report.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The labels, comma-separated; else from locum.toml or calls.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="What the teacher is asked to do; else from locum.toml.")
    ] = None,
    config: Config = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND=NAME: which column holds text, answer, soft_label, human, time, ..."
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of the file.")] = "utf-8",
    target: Annotated[
        float, typer.Option(help="Promised agreement on what the student answers.")
    ] = 0.95,
    confidence: Annotated[float, typer.Option(help="Confidence of the promise.")] = 0.95,
    minimum_coverage: Annotated[
        float, typer.Option(help="Coverage under which a student is not worth having.")
    ] = 0.05,
    student: Annotated[str, typer.Option(help="Student family.")] = "linear",
    concurrency: Annotated[int, typer.Option(help="Calls to the teacher at once.")] = 8,
    top_logprobs: Annotated[
        int, typer.Option(help="Alternatives asked for at each token, 0 to 20; 0 asks for none.")
    ] = 20,
    priced_as: Annotated[
        str | None, typer.Option(help="Price the teacher's tokens as this model's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
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

    folder = task_folder(task, home)
    file = _one_file(calls, inputs)
    asked = _make_teacher(teacher, model, inputs, concurrency, top_logprobs)
    if priced_as:
        _check_price(priced_as, asked)
    settings = project_settings(config)
    place = store_place(home, settings)
    with TerminalProgress(quiet=quiet) as progress:
        if file is None:
            given = _recorded(task, place)
        else:
            given = _from_file(file, parse_columns(column or []), encoding)
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        declared = _declare(task, settings, config, labels, instruction, given.examples)
        result = distill(
            declared.task,
            given.examples,
            asked,
            target=target,
            confidence=confidence,
            family=student,
            minimum_coverage=minimum_coverage,
            seed=seed,
            store=place,
            teacher_name=model or given.teacher or "recorded answers",
            priced_as=priced_as,
            notes=[*given.notes, *declared.notes],
            progress=progress,
        )
        if result.student is not None:
            redaction = None if file else settings.redaction
            replace(result.student, redaction=redaction).save(folder.student)
            _note_lineage(task, given.examples, place)
        else:
            _put_aside(folder.student)
        write_report(result, folder.report)
    _print_result(result, folder, home, json_output=json_output)


def _one_file(calls: Path | None, inputs: Path | None) -> Path | None:
    if calls and inputs:
        raise UsageError("give either --calls FILE, or --inputs FILE with --teacher and --model")
    return calls or inputs


def _from_file(file: Path, columns: dict[str, str], encoding: str) -> _Given:
    from locum.dataset import read_examples

    read = read_examples(file, columns, encoding)
    used = ", ".join(f"{kind} from {name!r}" for kind, name in read.columns.items())
    return _Given(read.examples, f"{file} ({used})", read.skipped.describe())


def _recorded(task: str, place: str | Path) -> _Given:
    from locum.dataset import examples_of_calls
    from locum.store import CallFilter, CallStore

    models: Counter[str] = Counter()

    def counted(calls: Iterable[Call]) -> Iterator[Call]:
        for call in calls:
            models[call.facts.model] += 1
            yield call

    with open_existing(place) as database:
        recorded = CallStore(database).iterate(CallFilter(task=task))
        examples, skipped = examples_of_calls(counted(recorded))
    if not examples:
        raise InputError(
            f"no recorded call of task {task!r} has a whole answer ({skipped.total:,} have none): "
            "record some with locum gateway or locum import, see their tasks with locum calls, or "
            "give --calls FILE"
        )
    shares = ", ".join(f"{model or 'unnamed'} {count:,}" for model, count in models.most_common(3))
    mixed = [f"the calls went to {len(models)} models: {shares}"] if len(models) > 1 else []
    (teacher, _), *_ = models.most_common(1)
    return _Given(examples, "recorded calls", [*skipped.describe(), *mixed], teacher)


def _note_lineage(task: str, examples: Sequence[Example], place: str | Path) -> None:
    """Remember which calls a student learned from, for when one of them is deleted."""
    from locum.store import CallStore

    ids = [example.call_id for example in examples if example.call_id is not None]
    if ids:
        with open_existing(place) as database:
            CallStore(database).link("student", [(task, call_id) for call_id in ids])


def _make_teacher(
    url: str | None, model: str | None, inputs: Path | None, concurrency: int, top_logprobs: int
) -> ChatTeacher | None:
    from locum.teachers import ChatTeacher

    if url is None:
        if inputs is not None:
            raise UsageError("--inputs needs a teacher to ask: add --teacher URL and --model NAME")
        return None
    if model is None:
        raise UsageError("--teacher needs the name of its model: add --model NAME")
    return ChatTeacher(url, model, concurrency=concurrency, top_logprobs=top_logprobs)


def _check_price(model: str, teacher: ChatTeacher | None) -> None:
    from locum.prices import require_price

    if teacher is None:
        raise UsageError("--priced-as prices the tokens of --teacher: give recorded costs instead")
    require_price(model)


def _declare(
    name: str,
    settings: Settings,
    config: Path | None,
    labels: str | None,
    instruction: str | None,
    examples: Sequence[Example],
) -> _Declared:
    """The task as the flags say, else as ``locum.toml`` says, else as the answers show."""
    from locum.dataset import infer_labels, likely_answer
    from locum.schema import Task

    task, notes = settings.tasks.get(name), list[str]()
    if task is None and config is not None:
        declared = ", ".join(settings.tasks) or "none"
        raise UsageError(f"{config} declares no task {name!r} (declared: {declared})")
    chosen = tuple(label.strip() for label in labels.split(",")) if labels is not None else None
    if task is not None and chosen is not None:
        meanings = {label: task.descriptions.get(label, "") for label in chosen}
        shown = {text: label for text, label in task.examples.items() if label in chosen}
        task = replace(task, labels=chosen, descriptions=meanings, examples=shown)
    elif chosen is not None:
        task = Task(name, chosen)
    elif task is None:
        inferred = infer_labels([answer for e in examples if (answer := likely_answer(e))])
        task = Task(name, inferred.labels)
        notes = [f"{other!r} counts as {label!r}" for other, label in inferred.merged.items()]
    return _Declared(replace(task, instruction=instruction) if instruction else task, notes)


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
