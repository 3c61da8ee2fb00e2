"""``locum distill``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.distilled import Account, print_result
from locum.cli.extraction import (
    ExtractionFlags,
    find_extraction,
    refuse_for_json,
    refuse_for_labels,
)
from locum.cli.generation import WriterFlags, find_generation, make_judge, refuse_for_texts
from locum.cli.keeping import keep_result
from locum.cli.kept_files import check_folder, read_synthetic
from locum.cli.options import (
    Columns,
    Config,
    Encoding,
    Home,
    Instruction,
    Labels,
    LearnSince,
    WriteThrough,
    parse_duration,
    parse_past,
    parse_size,
)
from locum.cli.places import project_settings, store_place, task_folder
from locum.cli.progress import TerminalProgress
from locum.cli.refreshing import begin_refresh
from locum.cli.task_inputs import declare_task, name_task, one_file, read_inputs
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

if TYPE_CHECKING:
    from locum.cli.distilled import AnyDistillation

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
    since: LearnSince = None,
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
    schema: Annotated[
        str | None,
        typer.Option(
            help="JSON Schema of the answers: a file, or module:Class of a pydantic model; else "
            "from locum.toml or calls."
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Field that the student's JSON need not have; may be repeated."),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Keep a student that may answer with single fields of the JSON alone."
        ),
    ] = False,
    student_model: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub name of a small language model, to write free text; else from "
            "locum.toml."
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            help="When a written answer is as good as the teacher's: chrF>=0.6 (the default), "
            "rougeL>=0.5, similarity>=0.8, same, judge; several with 'and', or with 'or'."
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="URL of an API, or a teacher of locum.toml, that --accept judge asks."),
    ] = None,
    judge_model: Annotated[str | None, typer.Option(help="The judge's model.")] = None,
    write_through: WriteThrough = None,
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
    student: Annotated[
        str,
        typer.Option(
            help="auto, or some with commas between: linear, static, cascade, frozen-encoder, "
            "encoder, ensemble, or a family that another package adds."
        ),
    ] = "auto",
    coverage: Annotated[
        float | None,
        typer.Option(help="Coverage that is enough; else about the best that is foreseen."),
    ] = None,
    time: Annotated[
        str,
        typer.Option(
            "--time", help="No student, or pass over texts, is begun after that: 90s, 10m, 1h."
        ),
    ] = "15m",
    max_size: Annotated[
        str | None, typer.Option(help="Leave out larger students: 500kB, 20MB, 1.5MiB.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Folder or hub name of a sentence encoder; else from locum.toml."),
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(help="Folder or hub name of token embeddings; else made from the encoder."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the splits, and of students that use random numbers.")
    ] = 0,
    synthetic: Annotated[
        bool,
        typer.Option(help="Learn from the inputs that locum generate wrote, where that helps."),
    ] = True,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Promote the new student if it is better than the promoted one."
        ),
    ] = False,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train a student for a task, certify where it may answer, and write its report.

    Tries a ladder of students and takes the cheapest that is foreseen to answer about as much as
    the best: linear needs nothing, the others the extras static and encoder.

    Where answers are JSON, one student reads every field, and each field has a certificate of its
    own besides that of the whole object. Where they are free text, a small language model given
    by --student-model learns to write them, and is certified by the rule of --accept.

    Takes the calls that the gateway recorded or that were imported: those whose task has this
    name, or whose fingerprint begins so. Or give --calls with recorded answers, or --inputs with
    --teacher and --model. With --refresh the student that is promoted makes place for the new one
    where that answers more, or the promise was broken. The API key is read from LOCUM_API_KEY or
    OPENAI_API_KEY. Ends with code 3 where no student keeps the promise.
    """
    from locum.distillation import AUTO, DEFAULT_ENCODER, distill
    from locum.extraction import distill_extraction
    from locum.generation import distill_generation
    from locum.store import open_database

    file = one_file(calls, inputs, has_teacher=bool(teacher))
    settings = project_settings(config)
    place = store_place(home, settings)
    task = name_task(task, file, place, settings)
    folder = task_folder(task, home)
    seconds = parse_duration("--time", time)
    max_bytes = None if max_size is None else parse_size("--max-size", max_size)
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
    writing = WriterFlags(student_model, accept, judge, judge_model, write_through)
    money = make_budget(task, budget, priced_as, settings, has_teacher=bool(teacher or judge))
    check_folder(folder)
    with TerminalProgress(quiet=quiet) as progress, ExitStack() as stack:
        given = read_inputs(
            task,
            file,
            column,
            encoding,
            place,
            settings.redaction,
            to_ask=model or "the teacher" if inputs else None,
            has_teacher=bool(teacher),
            since=None if since is None else parse_past("--since", since),
        )
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        extraction = find_extraction(
            task,
            ExtractionFlags(schema, tuple(leave_out or ()), instruction),
            settings,
            given,
            has_labels=labels is not None
            or task in settings.tasks
            or task in settings.generations
            or writing != WriterFlags(),
        )
        generation = find_generation(
            task,
            writing,
            instruction,
            settings,
            given,
            has_others=extraction is not None or labels is not None or task in settings.tasks,
            has_teacher=bool(teacher),
        )
        result: AnyDistillation
        database = (
            stack.enter_context(open_database(place)) if teacher or judge or not file else None
        )
        account = Account(database, money) if database and (teacher or judge) else None
        before = begin_refresh(task, database, file, generation) if refresh else None
        asked = make_teacher(flags, settings, database, progress.stage)
        if extraction is not None:
            refuse_for_json(embeddings, labels, synthetic=synthetic)
            result = distill_extraction(
                extraction.task,
                given.examples,
                asked,
                target=target,
                confidence=confidence,
                minimum_coverage=minimum_coverage,
                partial=partial,
                family=student,
                coverage=coverage,
                encoder=encoder or settings.students.encoder or DEFAULT_ENCODER,
                seconds=seconds,
                max_bytes=max_bytes,
                seed=seed,
                store=database,
                teacher_name=model or given.teacher or "recorded answers",
                budget=money,
                notes=[*given.notes, *extraction.notes],
                progress=progress,
            )
        elif generation is not None:
            refuse_for_texts(
                {
                    "--student": student != AUTO,
                    "--coverage": coverage is not None,
                    "--max-size": max_size is not None,
                    "--embeddings": embeddings is not None,
                    "--partial": partial,
                    "--no-synthetic": not synthetic,
                    "--encoder without similarity in --accept": encoder is not None
                    and not generation.needs_encoder,
                }
            )
            result = distill_generation(
                generation.task,
                given.examples,
                asked,
                student_model=generation.student_model,
                accept=generation.accept,
                judge=make_judge(writing, settings, database, progress.stage),
                encoder=encoder or settings.students.encoder or DEFAULT_ENCODER,
                write_through=generation.write_through,
                teacher_instruction=generation.told,
                models=folder.models,
                target=target,
                confidence=confidence,
                minimum_coverage=minimum_coverage,
                seconds=seconds,
                seed=seed,
                store=database,
                teacher_name=model or given.teacher or "recorded answers",
                budget=money,
                notes=[*given.notes, *generation.notes],
                progress=progress,
            )
        else:
            refuse_for_labels(partial=partial)
            declared = declare_task(task, settings, labels, instruction, given)
            result = distill(
                declared.task,
                [*given.examples, *(read_synthetic(folder, progress) if synthetic else ())],
                asked,
                target=target,
                confidence=confidence,
                family=student,
                coverage=coverage,
                seconds=seconds,
                max_bytes=max_bytes,
                encoder=encoder or settings.students.encoder or DEFAULT_ENCODER,
                embeddings=embeddings or settings.students.embeddings,
                minimum_coverage=minimum_coverage,
                seed=seed,
                store=database,
                teacher_name=model or given.teacher or "recorded answers",
                budget=money,
                notes=[*given.notes, *declared.notes],
                progress=progress,
            )
        spending = account.spending() if account else None
        kept = keep_result(
            result, folder, before, settings, given.examples, place, is_recorded=file is None
        )
    print_result(result, folder, home, kept, spending=spending, json_output=json_output)
    if not kept.is_reported:
        raise typer.Exit(1)
