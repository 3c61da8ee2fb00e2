"""The teacher's answers to all inputs: those that came with them, and those that are bought."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.distillation import buy_answers
from locum.errors import UsageError
from locum.schema import Task
from locum.teachers.http import HttpTeacher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.distillation import Progress
    from locum.schema import Example, TeacherAnswer
    from locum.shapes import ExtractionTask
    from locum.store import Database
    from locum.teachers import Budget, Teacher

__all__ = ["WrittenAnswers", "collect_objects"]


class WrittenAnswers(NamedTuple):
    """Answers as the teacher wrote them.

    Args:
        texts: One an input; ``None`` where there is none.
        bought: Those that were asked for, with what they took.
        notes: What should be known of them, a sentence each.
    """

    texts: list[str | None]
    bought: list[TeacherAnswer]
    notes: list[str]


def collect_objects(
    task: ExtractionTask,
    examples: Sequence[Example],
    teacher: Teacher | None,
    place: str | Path | Database | None,
    budget: Budget,
    told: Progress,
) -> WrittenAnswers:
    """Return the answers that came with the inputs, and for the others the teacher's.

    Args:
        task: What is asked.
        examples: The inputs.
        teacher: A model behind an API; ``None`` asks nobody.
        place: The store of answers; ``None`` for one that lives as long as the call.
        budget: What answers may cost.
        told: Is told how it goes on.

    Raises:
        TeacherError: The teacher fails altogether.
        UsageError: It cannot be asked for JSON.
    """
    texts = [example.answer for example in examples]
    unanswered = [row for row, text in enumerate(texts) if text is None]
    if teacher is None or not unanswered:
        return WrittenAnswers(texts, [], [])
    if not isinstance(teacher, HttpTeacher):
        raise UsageError(
            f"{teacher.name!r} cannot be asked for JSON: expected a model behind an API that is "
            "asked call by call and once, a locum.ChatTeacher or MessagesTeacher"
        )
    told.stage(f"asking {teacher.name} for {len(unanswered):,} objects")
    # The teacher's prompts are of the extraction task; labels are what its answers are not.
    stand_in = Task(task.name, ("an object", "nothing"), task.instruction)
    answers, notes = buy_answers(
        stand_in,
        teacher.as_extractor(task),
        [examples[row] for row in unanswered],
        place,
        budget,
        told,
    )
    for row, answer in zip(unanswered, answers, strict=True):
        texts[row] = answer.text if answer is not None and not answer.refused else None
    return WrittenAnswers(texts, [answer for answer in answers if answer is not None], notes)
