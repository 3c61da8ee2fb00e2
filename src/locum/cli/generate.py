"""``locum generate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from locum.cli.options import Columns, Config, Encoding, Home, Instruction, Labels
from locum.cli.output import about_dollars, dollars, print_json, print_notes, print_rows
from locum.cli.places import open_store, project_settings, store_place, task_folder
from locum.cli.progress import TerminalProgress
from locum.cli.task_inputs import declare_task, name_task, read_inputs
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
    require_model,
)
from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.config import Settings
    from locum.labelling import Generated, GenerationPlan
    from locum.store import Database
    from locum.teachers import Budget, Tally
    from locum.teachers.http import HttpTeacher

__all__ = ["generate_command"]

_SHOWN_LABELS = 5


def generate_command(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    *,
    n: Annotated[
        int, typer.Option("--n", min=1, help="Synthetic inputs to have in all, earlier ones too.")
    ] = 1_000,
    inputs: Annotated[
        Path | None,
        typer.Option(help="CSV, TSV, JSONL or TXT of real inputs; else the recorded calls."),
    ] = None,
    balance: Annotated[
        Literal["even", "traffic"],
        typer.Option(help="As many for each label, or in proportion to the real ones."),
    ] = "even",
    writer: Annotated[
        str | None,
        typer.Option(help="URL of an API, or a teacher of locum.toml, to write; else the teacher."),
    ] = None,
    writer_model: Annotated[str | None, typer.Option(help="The writer's model.")] = None,
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
    seed: Annotated[int, typer.Option(min=0, help="Seed of what the writer is shown.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show plan and price, and buy nothing.")
    ] = False,
    home: Home = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Let the teacher write new inputs, label them, and keep them for the student to learn from.

    The writer is shown a few real inputs at a time; near-copies are not taken. Texts are added to
    synthetic.jsonl in the task's folder until there are --n: a run that is stopped goes on where it
    was, and nothing is bought twice. locum distill learns from them where that helps on real
    validation inputs, and never certifies or tests on them.
    """
    from locum.labelling import Wish, generate_inputs, plan_generation
    from locum.redaction import Redactor
    from locum.store import LabelStore, hold

    settings = project_settings(config)
    place = store_place(home, settings)
    task = name_task(task, inputs, place, settings)
    path = task_folder(task, home).synthetic
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
    if not flags.teachers:
        raise UsageError("say who is asked: --teacher URL and --model NAME")
    money = make_budget(task, budget, priced_as, settings)
    given = read_inputs(task, inputs, column, encoding, place, settings.redaction)
    declared = declare_task(task, settings, labels, instruction, given)
    noted = [*given.notes, *declared.notes]
    if not json_output:
        print_notes(noted)
    wish = Wish(n, balance, seed)
    with (
        TerminalProgress(quiet=quiet) as progress,
        open_store(place, dry_run=dry_run) as database,
    ):
        store = LabelStore(database)
        asked = make_teacher(flags, settings, database, progress.stage)
        assert asked is not None
        writing = _make_writer(writer, writer_model, flags, settings, database)
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        common = (declared.task, asked, writing, given.examples, path, store, money, wish)
        plan = plan_generation(*common)
        if dry_run and json_output:
            print_json(_plan_object(plan) | {"notes": noted})
        elif dry_run or not quiet:
            _show_plan(plan, money, to_stdout=dry_run)
        if dry_run:
            return
        _check_budget(plan, money)
        # Recorded calls are redacted, and so are the inputs that a student of them is asked about.
        clean = Redactor(settings.redaction).redact_text if inputs is None else str
        busy = f"another run writes into {path}: nothing was asked; run again when it has ended"
        with hold(path, busy=busy):
            done = generate_inputs(
                *common, clean=clean, stage=progress.stage, progress=progress.spend
            )
    if json_output:
        print_json(_result_object(done, path, money) | {"notes": [*noted, *done.notes]})
    else:
        _show_result(done, path, money)


def _make_writer(
    writer: str | None,
    model: str | None,
    flags: TeacherFlags,
    settings: Settings,
    database: Database,
) -> HttpTeacher:
    """Whoever writes is asked at once and once, also where labels take a batch or votes."""
    from locum.labelling import find_writer

    if model is not None and writer is None:
        raise UsageError("--writer-model goes with --writer URL")
    if writer is not None:
        require_model("writer", writer, model)
    own = TeacherFlags((writer,), model, concurrency=flags.concurrency) if writer else flags
    single = {
        name: declared.model_copy(update={"batch": False})
        for name, declared in settings.teachers.items()
    }
    made = make_teacher(
        own._replace(batch=False, votes="1"),
        replace(settings, teachers=single),
        database,
        lambda _: None,
    )
    assert made is not None
    return find_writer(made)


def _check_budget(plan: GenerationPlan, money: Budget) -> None:
    """Refuse to spend what nobody allowed, or what nobody knows."""
    from locum.prices import require_price

    for one in plan.teachers:
        if one.worst_usd is None:
            require_price(money.priced_as or one.name, money.prices)
    if money.cap_usd is None and plan.worst_usd:
        raise UsageError(
            "say what writing and labelling may cost: --budget DOLLARS; these take "
            f"{about_dollars(plan)}, and more where texts are not taken"
        )


def _show_plan(plan: GenerationPlan, money: Budget, *, to_stdout: bool) -> None:
    rows = [["texts to write", f"{plan.texts:,}"]]
    for one in plan.teachers:
        does = "writes" if one is plan.writing else "labels"
        tokens = f"about {one.tokens.input:,} tokens in, {one.tokens.output:,} out"
        price = f": {about_dollars(one)}" if one.worst_usd else ""
        unknown = "; its price is not known" if one.worst_usd is None else ""
        calls = f"{one.calls:,} calls to make, {one.known:,} answered before"
        rows.append([f"{one.name} {does}", f"{calls}; {tokens}{price}{unknown}"])
    if plan.worst_usd:
        rows.append(["price", f"{about_dollars(plan)}, if every text is new"])
    if money.cap_usd is not None:
        rows.append(["budget", f"{dollars(money.cap_usd)}, earlier runs included"])
    print_rows(rows, to_stdout=to_stdout)


def _show_result(done: Generated, path: Path, money: Budget) -> None:
    cap = "" if money.cap_usd is None else f" of {dollars(money.cap_usd)}"
    spent = done.written.spent_usd + done.labelled.spent_usd
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in done.rejected.items())
    rows = [
        ["synthetic inputs", f"{done.before + done.new:,}, {done.new:,} of them new"],
        ["not taken", rejected or "none"],
        ["answers without texts", f"{done.unreadable:,} of {done.prompts:,}"],
        ["got the label asked for", _asked_for(done)],
        *_diversity_rows(done),
        *_call_rows("writing", done.written),
        *_call_rows("labelling", done.labelled),
        ["time", f"{done.seconds:,.1f} s"],
        ["spent", f"{dollars(spent)}; in all {dollars(done.balance.spent_usd)}{cap}"],
        ["file", str(path)],
    ]
    print_rows(rows, to_stdout=True)
    print_notes(done.notes)
    if done.written.unasked or done.labelled.unasked:
        print_notes(["the budget ended: run again with a larger --budget to go on"])


def _asked_for(done: Generated) -> str:
    labelled = sum(one.labelled for one in done.by_label)
    if not labelled:
        return "none is labelled"
    agreeing = sum(one.agreeing for one in done.by_label)
    known = [one for one in done.by_label if one.labelled]
    lowest = sorted(known, key=lambda one: one.agreeing / one.labelled)[:_SHOWN_LABELS]
    shown = ", ".join(f"{one.label} {one.agreeing / one.labelled:.0%}" for one in lowest)
    return f"{agreeing / labelled:.1%} of {labelled:,}; lowest: {shown}"


def _diversity_rows(done: Generated) -> list[list[str]]:
    if done.diversity is None:
        return []
    texts, synthetic, real = done.diversity
    return [
        [f"diversity of {texts:,}", "synthetic against as many real inputs"],
        ["  distinct word pairs", f"{synthetic.distinct_2:.3f} against {real.distinct_2:.3f}"],
        ["  effective number", f"{synthetic.vendi:,.1f} against {real.vendi:,.1f}"],
    ]


def _call_rows(name: str, tally: Tally) -> list[list[str]]:
    failed = tally.failed.total() + tally.refused + tally.empty
    counts = f"{tally.asked:,} asked, {tally.cached:,} known before, {failed:,} failed"
    return [[f"calls for {name}", f"{counts}, {tally.unasked:,} not asked"]]


def _plan_object(plan: GenerationPlan) -> dict[str, Any]:
    return {
        "texts": plan.texts,
        "likely_usd": plan.likely_usd,
        "worst_usd": plan.worst_usd,
        "teachers": [
            {"does": "write" if one is plan.writing else "label"}
            | one._asdict()
            | {"tokens": one.tokens._asdict()}
            for one in plan.teachers
        ],
    }


def _result_object(done: Generated, path: Path, money: Budget) -> dict[str, Any]:
    diversity = done.diversity
    return done._asdict() | {
        "by_label": [one._asdict() for one in done.by_label],
        "diversity": None
        if diversity is None
        else {
            "texts": diversity.texts,
            "synthetic": diversity.synthetic._asdict(),
            "real": diversity.real._asdict(),
        },
        "written": done.written.as_object(),
        "labelled": done.labelled.as_object(),
        "balance": {
            "spent_usd": done.balance.spent_usd,
            "assumed_usd": done.balance.assumed_usd,
        },
        "budget_usd": money.cap_usd,
        "file": str(path),
    }
