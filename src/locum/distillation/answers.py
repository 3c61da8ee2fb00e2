"""The teacher's answers to all inputs: those that came with them, and those that are bought."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from locum.distillation.pool import given_answers
from locum.errors import UsageError
from locum.labelling.call_labels import find_call_labels
from locum.labelling.label import calls_by_text, human_labels
from locum.prices import format_dollars
from locum.store import Database, LabelStore
from locum.teachers import (
    Budget,
    Teacher,
    describe_plan,
    label_texts,
    plan_labels,
    require_cap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locum.distillation.progress import Progress
    from locum.schema import Example, Task, TeacherAnswer

__all__ = ["Bought", "Collected", "buy_answers", "collect_answers", "place_of_answers"]


class Bought(NamedTuple):
    """What a teacher said of some inputs.

    Args:
        answers: Its answers; ``None`` where it gave none.
        notes: What should be known of them, a sentence each.
        unasked: How many questions it was not asked, as the budget ended.
    """

    answers: list[TeacherAnswer | None]
    notes: list[str]
    unasked: int


class Collected(NamedTuple):
    """The answers to all inputs.

    Args:
        answers: One an input; ``None`` where there is none.
        notes: What should be known of those that were bought, a sentence each.
        is_bought: Whether a teacher was asked, as not all came with their inputs.
    """

    answers: list[TeacherAnswer | None]
    notes: list[str]
    is_bought: bool


def collect_answers(
    task: Task,
    examples: Sequence[Example],
    teacher: Teacher | None,
    place: str | Path | Database | None,
    budget: Budget,
    told: Progress,
) -> Collected:
    """Return answers that came with the examples, and for the others the teacher's.

    Args:
        task: What is asked.
        examples: The inputs.
        teacher: Asked where no answer is known.
        place: The store of answers; ``None`` for one that lives as long as the call.
        budget: What answers may cost.
        told: Is told how it goes on.

    Raises:
        TeacherError: The teacher fails altogether.
        UsageError: No input has an answer, and there is no teacher.
    """
    answers = given_answers(examples, task)
    noted = [] if place is None else _add_bought(task, examples, answers, place)
    unanswered = [row for row, answer in enumerate(answers) if answer is None]
    if teacher is None and len(unanswered) == len(answers):
        raise UsageError(
            "no input has an answer of the teacher: give a teacher to ask, or inputs with answers"
        )
    if teacher is None or not unanswered:
        return Collected(answers, noted, is_bought=False)
    told.stage(f"labels wanted of {teacher.name}: {len(unanswered):,}")
    asked = [examples[row] for row in unanswered]
    human = human_labels(task, examples)
    bought = buy_answers(task, teacher, asked, place, budget, told, human)
    for row, answer in zip(unanswered, bought.answers, strict=True):
        answers[row] = answer
    return Collected(answers, [*noted, *bought.notes], is_bought=True)


@contextmanager
def place_of_answers(place: str | Path | Database | None) -> Iterator[str | Path | Database]:
    """Give a place for answers: the one that there is, else one that lives as long as the block."""
    if place is not None:
        yield place
        return
    with TemporaryDirectory() as scratch:
        yield Path(scratch) / "answers.sqlite"


def buy_answers(
    task: Task,
    teacher: Teacher,
    examples: Sequence[Example],
    place: str | Path | Database | None,
    budget: Budget,
    told: Progress,
    human: Mapping[str, int] | None = None,
) -> Bought:
    """Return the teacher's answers to inputs.

    Args:
        task: What is asked.
        teacher: Who is asked.
        examples: The inputs.
        place: The store of answers; ``None`` for one that lives as long as the call.
        budget: What answers may cost.
        told: Is told how it goes on.
        human: Index of a person's label by text, where there is one that may be learned from.

    Raises:
        TeacherError: The teacher fails altogether.
        UsageError: Calls cost something, a cap is required, and there is none.
    """
    texts = [example.text for example in examples]
    with place_of_answers(place) as kept, LabelStore(kept) as store:
        if budget.cap_required:
            plan = plan_labels(task, teacher, texts, store, budget)
            require_cap(plan, budget)
            told.stage(describe_plan(plan))
        run = label_texts(
            task,
            teacher,
            texts,
            store,
            lambda calls: told.advance(calls.done, calls.wanted),
            budget=budget,
            human=human,
            calls=calls_by_text(examples),
        )
    tally = run.tally
    cost = f" for {format_dollars(tally.spent_usd)}" * bool(tally.spent_usd)
    unasked = f", {tally.unasked:,} not made: the budget ended" * bool(tally.unasked)
    told.stage(
        f"{tally.asked:,} calls answered{cost}{unasked}, {tally.cached:,} answers known without one"
    )
    left = [f"the budget ended with {tally.unasked:,} calls not made"] if tally.unasked else []
    failed = [f"{tally.failed.total():,} calls failed"] if tally.failed else []
    notes = [*left, *failed, *tally.notes()]
    return Bought(run.answers, notes, tally.unasked)


def _add_bought(
    task: Task,
    examples: Sequence[Example],
    answers: list[TeacherAnswer | None],
    place: str | Path | Database,
) -> list[str]:
    """Give recorded calls with an answer alone the distributions that were bought for them.

    Returns:
        What should be known of these, a sentence each.
    """
    bare = {
        example.call_id: row
        for row, (example, answer) in enumerate(zip(examples, answers, strict=True))
        if example.call_id is not None and answer is not None and answer.distribution is None
    }
    if not bare:
        return []
    with LabelStore(place) as store:
        bought = find_call_labels(task, [examples[row] for row in bare.values()], store)
    for call_id, answer in bought.answers.items():
        recorded = answers[bare[call_id]]
        if recorded is not None:
            answers[bare[call_id]] = replace(recorded, distribution=answer.distribution)
    return bought.notes
