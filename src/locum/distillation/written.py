"""Answers that are no labels: those that came with the inputs, and those that are bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.distillation.answers import buy_answers
from locum.distillation.given import to_examples
from locum.errors import UsageError
from locum.schema import Example, Task
from locum.teachers.http import HttpTeacher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locum.distillation.progress import Progress
    from locum.schema import TeacherAnswer
    from locum.store import Database
    from locum.teachers import Budget, Teacher

__all__ = ["Wanted", "WrittenAnswers", "collect_written", "leave_out_synthetic"]

_LEFT_OUT = "left out: allow more tokens where the application asks for them"
_BOUGHT_LEFT_OUT = "left out: give it a larger max_tokens"


class Wanted(NamedTuple):
    """What a teacher is asked for.

    Args:
        task: Name of the task.
        what: Several of it, as ``objects``.
        prepare: Makes of a model behind an API one that is asked for that.
    """

    task: str
    what: str
    prepare: Callable[[HttpTeacher], HttpTeacher]


class WrittenAnswers(NamedTuple):
    """Answers as the teacher wrote them.

    Args:
        texts: One an input; ``None`` where there is none, or one that broke off.
        bought: Those that were asked for, with what they took.
        notes: What should be known of them, a sentence each.
    """

    texts: list[str | None]
    bought: list[TeacherAnswer]
    notes: list[str]


def leave_out_synthetic(inputs: Sequence[str | Example]) -> tuple[list[Example], list[str]]:
    """Return the inputs that no model wrote, and a note on the others where there are any.

    Raises:
        InputError: There are no inputs, a model wrote all, or one is no valid Unicode text.
        UsageError: As `to_examples`.
    """
    examples = to_examples(inputs)
    real = [example for example in examples if not example.synthetic]
    count = len(examples) - len(real)
    said = f"{count:,} synthetic inputs were left out: they are for labels alone so far"
    return real, [said] if count else []


def collect_written(
    wanted: Wanted,
    examples: Sequence[Example],
    teacher: Teacher | None,
    place: str | Path | Database | None,
    budget: Budget,
    told: Progress,
) -> WrittenAnswers:
    """Return the answers that came with the inputs, and for the others the teacher's.

    Where an answer broke off there is none: the teacher is asked again.

    Args:
        wanted: What is asked for.
        examples: The inputs.
        teacher: A model behind an API; ``None`` asks nobody.
        place: The store of answers; ``None`` for one that lives as long as the call.
        budget: What answers may cost.
        told: Is told how it goes on.

    Raises:
        TeacherError: The teacher fails altogether.
        UsageError: It cannot be asked for anything but labels.
    """
    texts = [None if example.cut_off else example.answer for example in examples]
    then = _LEFT_OUT if teacher is None else "asked for again"
    broken = _note_cut_off(examples, f"the {len(examples):,} recorded", then)
    unanswered = [row for row, text in enumerate(texts) if text is None]
    if teacher is None or not unanswered:
        return WrittenAnswers(texts, [], broken)
    if not isinstance(teacher, HttpTeacher):
        raise UsageError(
            f"{teacher.name!r} cannot be asked for {wanted.what}: expected a model behind an API "
            "that is asked call by call and once, a locum.ChatTeacher or MessagesTeacher"
        )
    told.stage(f"{wanted.what} wanted of {teacher.name}: {len(unanswered):,}")
    # The prompts are the teacher's own; labels are what its answers are not.
    stand_in = Task(wanted.task, (wanted.what, "nothing"))
    answers, notes, _ = buy_answers(
        stand_in,
        wanted.prepare(teacher),
        [examples[row] for row in unanswered],
        place,
        budget,
        told,
    )
    for row, answer in zip(unanswered, answers, strict=True):
        whole = answer is not None and not answer.refused and not answer.cut_off
        texts[row] = answer.text if answer is not None and whole else None
    bought = [answer for answer in answers if answer is not None]
    broken += _note_cut_off(bought, f"the teacher's {len(bought):,}", _BOUGHT_LEFT_OUT)
    return WrittenAnswers(texts, bought, [*notes, *broken])


def _note_cut_off(answers: Sequence[Example | TeacherAnswer], whose: str, then: str) -> list[str]:
    count = sum(answer.cut_off for answer in answers)
    return [f"{count:,} of {whose} answers broke off and were {then}"] if count else []
