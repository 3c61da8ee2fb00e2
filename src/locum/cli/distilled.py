"""What ``locum distill`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.cli.output import command_to_type, dollars, print_json, print_notes, table
from locum.errors import QualityGateError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    from rich.console import Console

    from locum.cli.keeping import Kept
    from locum.cli.places import TaskFolder
    from locum.distillation import Distillation
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation
    from locum.store import Database
    from locum.teachers import Budget

    AnyDistillation: TypeAlias = Distillation | ExtractionDistillation | GenerationDistillation

__all__ = ["Account", "Spending", "print_result"]


class Spending(NamedTuple):
    """Money of a task.

    Args:
        spent_usd: What was charged while a student was made, in US dollars.
        in_all_usd: What was charged in all runs.
        budget_usd: The cap; ``None`` where there is none.
    """

    spent_usd: float
    in_all_usd: float
    budget_usd: float | None

    def __str__(self) -> str:
        """Return it in words."""
        cap = "" if self.budget_usd is None else f" of {dollars(self.budget_usd)}"
        return f"{dollars(self.spent_usd)}; in all {dollars(self.in_all_usd)}{cap}"


class Account:
    """What a task's answers cost from here on.

    Args:
        database: The store.
        budget: What they may cost.
    """

    def __init__(self, database: Database, budget: Budget) -> None:
        from locum.store import Ledger

        self._ledger, self._cap_usd = Ledger(database, budget.ledger), budget.cap_usd
        self._before_usd = self._ledger.balance().spent_usd

    def spending(self) -> Spending:
        """Return what was spent since then, and in all."""
        in_all_usd = self._ledger.balance().spent_usd
        return Spending(in_all_usd - self._before_usd, in_all_usd, self._cap_usd)


def print_result(
    result: AnyDistillation,
    folder: TaskFolder,
    home: Path | None,
    kept: Kept,
    *,
    spending: Spending | None = None,
    json_output: bool,
) -> None:
    """Print a distillation as tables or as one JSON object.

    Args:
        result: The distillation.
        folder: Where the task's files lie.
        home: The home, as it was given.
        kept: What is left of it.
        spending: What its answers did cost; ``None`` where nobody could be asked.
        json_output: Whether it is to be an object.

    Raises:
        QualityGateError: No student may answer.
    """
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation
    from locum.report import extraction_object, generation_object, result_object

    artefact = folder.student if kept.student else None
    more = {"spending": spending and spending._asdict(), "refresh": _refresh_object(kept)}
    if not json_output:
        _print_table(result, folder, home, kept, spending)
    elif isinstance(result, ExtractionDistillation):
        print_json(extraction_object(result, kept.report, artefact) | more)
    elif isinstance(result, GenerationDistillation):
        print_json(generation_object(result, kept.report, artefact) | more)
    else:
        print_json(result_object(result, kept.report, artefact) | more)
    if result.decision.verdict != "distil":
        raise QualityGateError(f"{result.decision.reason} (report: {kept.report})")


def _refresh_object(kept: Kept) -> dict[str, object] | None:
    if kept.refreshed is None:
        return None
    return {"promoted": kept.refreshed.better, "reason": kept.refreshed.reason}


def _print_table(
    result: AnyDistillation,
    folder: TaskFolder,
    home: Path | None,
    kept: Kept,
    spending: Spending | None,
) -> None:
    from locum.cli.console import PlainConsole
    from locum.extraction import ExtractionDistillation
    from locum.generation import GenerationDistillation

    console = PlainConsole()
    print_notes(result.data.warnings)
    if isinstance(result, ExtractionDistillation):
        _print_fields(result, console)
    elif isinstance(result, GenerationDistillation):
        _print_texts(result, console)
    else:
        _print_comparison(result, console)
        _print_frontier(result, console)
    if result.decision.verdict == "distil" and kept.student:
        console.print(f"\nDistil: {result.decision.reason}.")
    if spending is not None and spending.in_all_usd:
        console.print(f"spent    {spending}")
    if kept.student:
        console.print(f"student  {folder.student}", soft_wrap=True)
    console.print(f"report   {kept.report}", soft_wrap=True)
    if kept.student:
        command = command_to_type("predict", result.task.name, "a text", home=home)
        console.print(f"next     {command}", soft_wrap=True)


def _print_comparison(result: Distillation, console: Console) -> None:
    from locum.report import compare

    comparison = compare(result)
    if comparison is None:
        return
    title = f"{result.task.name}: {result.teacher.name} and its student"
    console.print(table(title, comparison.columns, comparison.rows))
    console.print(comparison.note)


def _print_frontier(result: Distillation, console: Console) -> None:
    from locum.report import frontier_table

    frontier = frontier_table(result, intervals=False)
    if frontier is None:
        return
    rows = [
        (f"{row.name}\n(chosen)" if row.chosen else row.name, *row.cells) for row in frontier.rows
    ]
    console.print()
    console.print(table("the ladder of students", frontier.columns, rows))
    console.print(frontier.note)
    for reason in frontier.omitted:
        console.print(f"not tried: {reason}")


def _print_fields(result: ExtractionDistillation, console: Console) -> None:
    """Print how teacher and student compare, and each field."""
    from locum.report import compare_extraction, family_table, field_table

    comparison, fields = compare_extraction(result), field_table(result)
    if comparison is None or fields is None:
        return
    title = f"{result.task.name}: {result.teacher} and its student, on whole objects"
    console.print(table(title, comparison.columns, comparison.rows))
    console.print(comparison.note)
    console.print()
    tried = family_table(result)
    if tried is not None:
        console.print(table("the students", tried.columns, tried.rows))
        console.print(tried.note)
        console.print()
    console.print(table("field by field", fields.columns, fields.rows))
    console.print(fields.note)


def _print_texts(result: GenerationDistillation, console: Console) -> None:
    """Print how teacher and student compare, and how near the texts come."""
    from locum.report import compare_generation, text_table

    comparison, texts = compare_generation(result), text_table(result)
    if comparison is None or texts is None:
        return
    title = f"{result.task.name}: {result.teacher} and its student"
    console.print(table(title, comparison.columns, comparison.rows))
    console.print(comparison.note)
    console.print()
    console.print(table("how near its answers come to the teacher's", texts.columns, texts.rows))
    console.print(texts.note)
