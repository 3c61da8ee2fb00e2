"""``locum label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from locum.cli.options import Columns, Config, Encoding, Home, Instruction, Labels
from locum.cli.output import (
    about_dollars,
    command_to_type,
    dollars,
    print_json,
    print_notes,
    print_rows,
    say,
)
from locum.cli.places import open_store, project_settings, store_place, task_folder
from locum.cli.progress import TerminalProgress
from locum.cli.task_inputs import declare_task, mind_answers, name_task, read_inputs
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
    choose_teacher,
    make_budget,
)
from locum.errors import InputError, UsageError

if TYPE_CHECKING:
    from locum.labelling import LabelledTask
    from locum.teachers import Budget, LabellingPlan, Tally

__all__ = ["label_command"]


def label_command(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    *,
    inputs: Annotated[
        Path | None,
        typer.Option(help="CSV, TSV, JSONL or TXT of inputs; else the recorded calls."),
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
    anew: Annotated[
        bool,
        typer.Option(
            "--anew", help="Ask about recorded calls also where they have a soft label by another."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Label on so many workers of a Ray cluster, one made here."),
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster that runs already, such as auto.")
    ] = None,
    gpus_a_worker: Annotated[float, typer.Option(min=0, help="GPUs that each worker takes.")] = 0.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show plan and price, and buy nothing.")
    ] = False,
    home: Home = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Buy a teacher's labels for a task, with its probabilities, within a budget.

    Shows the plan and its price, asks for what is not known yet, and keeps every answer: a run that
    is stopped goes on where it was, and no label is bought twice. Takes --inputs FILE, or the
    recorded calls of the task that have no probabilities yet. Labels go to locum distill by
    themselves, with the same inputs and teacher.
    """
    from locum.labelling import Cluster, label_on_cluster, label_task, plan_task
    from locum.store import BatchStore, LabelStore
    from locum.teachers import build_teacher

    settings = project_settings(config)
    place = store_place(home, settings)
    task = name_task(task, inputs, place, settings)
    task_folder(task, home)
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
    if workers is None and (ray_address is not None or gpus_a_worker):
        raise UsageError("--ray-address and --gpus-a-worker go with --workers: say how many")
    _check_anew(inputs, anew=anew)
    chosen = choose_teacher(flags, settings)
    if chosen is None:
        raise UsageError("say who is asked: --teacher URL and --model NAME")
    money = make_budget(task, budget, priced_as, settings)
    given = read_inputs(task, inputs, column, encoding, place, settings.redaction)
    declared = declare_task(task, settings, labels, instruction, given)
    given = mind_answers(given, model or "the teacher")
    noted = [*given.notes, *declared.notes]
    if not json_output:
        print_notes(noted)
    with (
        TerminalProgress(quiet=quiet) as progress,
        open_store(place, dry_run=dry_run) as database,
    ):
        store = LabelStore(database)
        asked = build_teacher(*chosen, BatchStore(database), progress.stage)
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        plan = plan_task(declared.task, asked, given.examples, store, money, anew=anew)
        noted += plan.notes
        if dry_run and json_output:
            print_json(_plan_object(plan) | {"notes": noted})
        elif dry_run or not quiet:
            _show_plan(plan, money, to_stdout=dry_run)
        if dry_run:
            return
        _check_budget(plan, money)
        if workers is None:
            done = label_task(
                declared.task, asked, given.examples, store, money, progress.spend, anew=anew
            )
        else:
            done = label_on_cluster(
                declared.task,
                chosen,
                given.examples,
                place,
                money,
                Cluster(workers, ray_address, gpus_a_worker=gpus_a_worker),
                progress.spend,
                anew=anew,
            )
    if json_output:
        print_json(_result_object(done, money) | {"notes": [*noted, *done.notes]})
    else:
        # Labels of recorded calls lie with these; those of a file are found by what was asked.
        asking = flags.as_options() | {"budget": budget, "priced_as": priced_as}
        following = command_to_type(
            "distill",
            task,
            inputs=inputs,
            **(asking if inputs else {}),
            labels=labels,
            instruction=instruction,
            column=column,
            encoding=None if encoding == "utf-8" else encoding,
            config=config,
            home=home,
        )
        _show_result(done, money, following)
    wanted = done.tally.asked + done.tally.failed.total() + done.tally.unasked
    if wanted and not done.tally.labelled:
        raise InputError("no input has got a label: see the counts above")


def _check_anew(inputs: Path | None, *, anew: bool) -> None:
    """Refuse what changes nothing."""
    if anew and inputs is not None:
        raise UsageError(
            "--anew is about recorded calls, and --inputs names a file, which is labelled by "
            "whoever is named: leave one out"
        )


def _check_budget(plan: LabellingPlan, money: Budget) -> None:
    """Refuse to spend what nobody allowed, or what nobody knows."""
    from locum.prices import require_price
    from locum.teachers import require_cap

    for one in plan.teachers:
        if one.worst_usd is None:
            require_price(one.name, money.prices)
    require_cap(plan, money)


def _show_plan(plan: LabellingPlan, money: Budget, *, to_stdout: bool) -> None:
    rows = [["inputs", f"{plan.texts:,}"]]
    for one in plan.teachers:
        tokens = f"{one.tokens.input:,} tokens in, {one.tokens.output:,} out"
        more = f" to {one.calls_at_most:,}" if one.calls_at_most > one.calls else ""
        calls = f"{one.calls:,}{more} calls to make, {one.known:,} answered before"
        rows.append([one.name, calls])
        if one.in_batches:
            rows.append(["", f"{one.in_batches:,} lie in batches: --batch fetches them"])
        if one.worst_usd is None:
            rows.append(["", f"about {tokens}; its price is not known"])
        elif one.worst_usd:
            rows.append(["", f"about {tokens}: {about_dollars(one)}"])
    if plan.worst_usd:
        most = f"at most {dollars(plan.worst_usd)}"
        rows.append(["price", f"{about_dollars(plan)}, {most}"])
    if money.cap_usd is not None:
        rows.append(["budget", f"{dollars(money.cap_usd)}, earlier runs included"])
    print_rows(rows, to_stdout=to_stdout)
    print_notes(plan.notes)


def _show_result(done: LabelledTask, money: Budget, following: str) -> None:
    tally = done.tally
    rate = tally.asked / done.seconds if done.seconds > 0 else 0.0
    cap = "" if money.cap_usd is None else f" of {dollars(money.cap_usd)}"
    spent = done.balance.spent_usd
    rows = [
        ["answered with a label", f"{tally.answered:,}"],
        *_counts(tally),
        *_inputs(done),
        ["time", f"{done.seconds:,.1f} s" + (f", {rate:,.1f} answers a second" if rate else "")],
        ["spent", f"{dollars(tally.spent_usd)}; in all {dollars(spent)}{cap}"],
    ]
    if tally.saved_by_cache_usd:
        rows.append(["saved by cache", dollars(tally.saved_by_cache_usd)])
    if tally.saved_by_batch_usd:
        rows.append(["saved by batch", dollars(tally.saved_by_batch_usd)])
    print_rows(rows, to_stdout=True)
    print_notes(done.notes)
    if tally.unasked:
        unasked = f"{tally.unasked:,} calls were not made: what is left of the budget does not do "
        again = "for the worst case of another; run again with a larger --budget to go on"
        print_notes([unasked + again])
    if tally.labelled or not tally.wanted:
        say(f"next  {following}")


def _inputs(done: LabelledTask) -> list[list[str]]:
    """How many inputs have a label, where several questions were asked of each."""
    if done.labelled == done.tally.labelled:
        return []
    return [["inputs with a label", f"{done.labelled:,}"]]


def _counts(tally: Tally) -> list[list[str]]:
    """What else came of the calls; what did not happen is left out."""
    outside = f" ({tally.cached_outside:,} outside the label set)" if tally.cached_outside else ""
    counts = [
        ("known before", tally.cached, outside),
        ("outside the label set", tally.outside, ""),
        ("refused", tally.refused + tally.failed["refused"], ""),
        ("empty", tally.empty, ""),
        *((kind, n, "") for kind, n in sorted(tally.failed.items()) if kind != "refused"),
        ("not asked: the budget ended", tally.unasked, ""),
    ]
    return [[name, f"{count:,}{more}"] for name, count, more in counts if count]


def _plan_object(plan: LabellingPlan) -> dict[str, Any]:
    return {
        "texts": plan.texts,
        "calls": plan.calls,
        "calls_at_most": sum(one.calls_at_most for one in plan.teachers),
        "likely_usd": plan.likely_usd,
        "likely_usd_at_most": plan.likely_usd_at_most,
        "worst_usd": plan.worst_usd,
        "teachers": [one._asdict() | {"tokens": one.tokens._asdict()} for one in plan.teachers],
    }


def _result_object(done: LabelledTask, money: Budget) -> dict[str, Any]:
    tally = done.tally
    return {
        "teacher": done.teacher,
        "texts": done.texts,
        "labelled": done.labelled,
        **tally.as_object(),
        "seconds": done.seconds,
        "spent_in_all_usd": done.balance.spent_usd,
        "assumed_usd": done.balance.assumed_usd,
        "budget_usd": money.cap_usd,
    }
