"""``locum relabel``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from locum.cli.places import open_store, project_settings, store_place
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
)
from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.relabelling import (
        Gains,
        Measure,
        Purchase,
        Relabelled,
        RelabellingPlan,
        SoftLabelled,
    )
    from locum.teachers import Budget

__all__ = ["relabel_command"]

_MEASURES = {
    "loss": "loss, nats",
    "soft_loss": "soft loss, nats",
    "risk_area": "risk area",
    "agreement": "agreement",
}


def relabel_command(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    *,
    calls: Annotated[
        Path | None,
        typer.Option(
            help="CSV, TSV or JSONL of inputs with the teacher's answers; else the recorded calls."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="JSONL for the inputs of --calls with their soft labels; may be it."),
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
    control: Annotated[
        float,
        typer.Option(min=0, max=0.9, help="Share of the labels drawn at random, to compare with."),
    ] = 0.25,
    most: Annotated[
        int | None, typer.Option(min=1, help="New labels at most, whatever the budget.")
    ] = None,
    labels: Labels = None,
    instruction: Instruction = None,
    config: Config = None,
    column: Columns = None,
    encoding: Encoding = "utf-8",
    seed: Annotated[
        int, typer.Option(help="Seed of the splits; the same as for locum distill.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show plan and price, and buy nothing.")
    ] = False,
    home: Home = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Buy soft labels for recorded answers where they matter most, and measure their gain.

    For calls that were recorded with an answer and no probabilities. A student that did not learn
    from an input says how surprising its answer is and how close a call; those are asked about
    first, class by class, and one of each group of near-copies. Only inputs that a student will
    learn from are asked about, never those that it is certified or tested on. A share is drawn at
    random, and at equal spend the gain of both is shown. Soft labels of recorded calls go to locum
    distill by themselves; those of --calls FILE are written to --output.
    """
    from locum.relabelling import (
        FileOfCalls,
        check_output,
        plan_object,
        plan_relabelling,
        read_purchases,
        relabel,
        result_object,
        write_labelled,
    )
    from locum.store import LabelStore

    check_output(output, calls, encoding)
    settings = project_settings(config)
    place = store_place(home, settings)
    task = name_task(task, calls, place, settings)
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
    given = read_inputs(task, calls, column, encoding, place, settings.redaction)
    before: dict[str, Purchase] = {}
    if calls is not None:
        before = read_purchases(calls, given.columns["text"])
    declared = declare_task(task, settings, labels, instruction, given)
    noted = [*given.notes, *declared.notes]
    if not json_output:
        print_notes(noted)
    with (
        TerminalProgress(quiet=quiet) as progress,
        open_store(place, dry_run=dry_run) as database,
    ):
        store = LabelStore(database)
        asked = make_teacher(flags, settings, database, progress.stage)
        assert asked is not None
        progress.stage(f"read {len(given.examples):,} inputs from {given.source}")
        plan = plan_relabelling(
            declared.task,
            asked,
            given.examples,
            store,
            money,
            control=control,
            most=most,
            seed=seed,
            purchases=before,
            told=progress.stage,
        )
        if dry_run and json_output:
            print_json(plan_object(plan, money) | {"notes": noted})
        elif dry_run or not quiet:
            _show_plan(plan, money, to_stdout=dry_run)
        if dry_run:
            return
        _check_budget(plan, money)

        def write(bought: SoftLabelled, purchases: dict[str, Purchase]) -> None:
            if calls is not None and output is not None:
                soft_labels = {example.text: soft for example, soft in bought}
                source = FileOfCalls(calls, given.columns, encoding)
                write_labelled(output, source, soft_labels, before | purchases)

        done = relabel(plan, asked, store, money, _Told(progress), progress.spend, write)
    if json_output:
        print_json(result_object(plan, done, money) | {"notes": [*noted, *done.notes]})
    else:
        _show_result(plan, done, money)
        following = command_to_type(
            "distill",
            task,
            calls=output,
            column=column,
            labels=labels,
            instruction=instruction,
            seed=seed or None,
            config=config,
            home=home,
        )
        say(f"next  {following}")


class _Told:
    """Says of what so much is done."""

    def __init__(self, progress: TerminalProgress) -> None:
        self.stage = progress.stage
        self._advance = progress.advance

    def advance(self, done: int, total: int) -> None:
        self._advance(done, total, "students trained")


def _check_budget(plan: RelabellingPlan, money: Budget) -> None:
    """Refuse to spend what nobody allowed, or what nobody knows."""
    from locum.prices import require_price

    for one in plan.labels.teachers:
        if one.worst_usd is None:
            require_price(money.priced_as or one.name, money.prices)
    if money.cap_usd is None and plan.labels.worst_usd:
        raise UsageError(
            "say what the labels may cost: --budget DOLLARS; soft labels of all "
            f"{len(plan.basket.rows):,} inputs take {about_dollars(plan.labels)}"
        )


def _show_plan(plan: RelabellingPlan, money: Budget, *, to_stdout: bool) -> None:
    material, basket = plan.material, plan.basket
    learned_from = material.learned_from
    bare = int((~material.labelled[learned_from]).sum())
    rows = [
        ["inputs", f"{len(material.pool.examples):,}"],
        ["to learn from", f"{len(learned_from):,}; the others are never asked about"],
        ["without a soft label", f"{bare:,}, {len(material.open_rows):,} but for near-copies"],
        ["to be asked about", f"{len(basket.rows):,}{_all_of(plan)}"],
    ]
    if basket.rows:
        random = f"{len(basket.control):,}, to compare with; some may be both"
        rows += [["  chosen", f"{len(basket.chosen):,}"], ["  at random", random]]
    for one in plan.labels.teachers:
        tokens = f"about {one.tokens.input:,} tokens in, {one.tokens.output:,} out"
        rows.append([one.name, f"{one.calls:,} calls, {one.known:,} answered before; {tokens}"])
    worst = plan.labels.worst_usd
    if worst is None:
        rows.append(["price", "not known"])
    elif worst:
        rows.append(["price", f"{about_dollars(plan.labels)}, at most {dollars(worst)}"])
    if plan.shortage is not None and to_stdout:
        rows.append(["note", plan.shortage])
    elif plan.shortage is None and money.cap_usd is not None:
        left = f"{dollars(plan.funds.left_usd)} left of {dollars(money.cap_usd)}"
        rows.append(["budget", f"{left}; the run stops where it ends"])
    print_rows(rows, to_stdout=to_stdout)


def _all_of(plan: RelabellingPlan) -> str:
    return (
        ", all that are left" if 0 < len(plan.material.open_rows) == len(plan.basket.rows) else ""
    )


def _show_result(plan: RelabellingPlan, done: Relabelled, money: Budget) -> None:
    if plan.basket.rows:
        _show_bought(done, money)
    if done.gains is not None:
        _show_gains(done.gains)
    print_rows([[sentence] for sentence in done.advice.sentences], to_stdout=True)
    print_notes(done.notes)


def _show_bought(done: Relabelled, money: Budget) -> None:
    tally = done.tally
    cap = "" if money.cap_usd is None else f" of {dollars(money.cap_usd)}"
    in_all = done.balance.spent_usd
    fewest = min(done.by_class, key=done.by_class.__getitem__)
    rows = [
        ["soft labels", f"{done.chosen:,} chosen, {done.control:,} at random"],
        ["classes", f"{_classes(done)}; fewest: {fewest!r} {done.by_class[fewest]:,}"],
        ["known before", f"{tally.cached:,}"],
        ["outside the label set", f"{tally.outside:,}"],
        ["refused", f"{tally.refused + tally.failed['refused']:,}"],
        ["empty", f"{tally.empty:,}"],
        *([kind, f"{n:,}"] for kind, n in sorted(tally.failed.items()) if kind != "refused"),
        ["not asked: the budget ended", f"{tally.unasked:,}"],
        ["spent", f"{dollars(tally.spent_usd)}; in all {dollars(in_all)}{cap}"],
    ]
    print_rows(rows, to_stdout=True)


def _classes(done: Relabelled) -> str:
    with_some = sum(count > 0 for count in done.by_class.values())
    return f"{with_some} of {len(done.by_class)}"


def _show_gains(gains: Gains) -> None:
    from rich.table import Table

    from locum.cli.console import PlainConsole

    title = f"gain of {gains.bought:,} soft labels{_for(gains.bought_usd)}; positive is better"
    if gains.control:
        title += (
            f"\nand of the first {gains.chosen:,} chosen and {gains.control:,} random ones"
            f"{_for(gains.usd)} each"
        )
    columns = ("", "inputs", "without", "labels", "gain", "95% interval")
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for place in (1, 2, 4, 5):
        table.columns[place].justify = "right"
    for measure in gains.measures:
        for row in _measure_rows(measure):
            table.add_row(*row)
    PlainConsole().print(table)


def _measure_rows(measure: Measure) -> list[tuple[str, ...]]:
    """One row for each gain, the first one with the measure's name."""
    gains = {
        "all": measure.bought,
        "chosen": measure.chosen,
        "random": measure.control,
        "by choosing": measure.difference,
    }
    name = (_MEASURES[measure.name], f"{measure.inputs:,}", f"{measure.without:.4f}")
    rows = [
        (labels, f"{gain.value:+.4f}", f"{gain.interval.low:+.4f} to {gain.interval.high:+.4f}")
        for labels, gain in gains.items()
        if gain is not None
    ]
    return [(*(("", "", "") if place else name), *row) for place, row in enumerate(rows)]


def _for(usd: float | None) -> str:
    return "" if usd is None else f" for {dollars(usd)}"
