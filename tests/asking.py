"""Questions to a teacher without a desk: a till over a store of its own, and no price."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from locum.schema import Task, TeacherAnswer
from locum.store import Ledger, open_database
from locum.teachers.protocol import Failure, Question
from locum.teachers.till import LedgerTill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.teachers.protocol import AskedTeacher

__all__ = ["TASK", "answers_to", "ask", "failure_of"]

TASK = Task("topics", ("cash", "card"), instruction="Say what it is about.")


def ask(
    teacher: AskedTeacher, texts: Sequence[str], task: Task = TASK
) -> dict[int, TeacherAnswer | Failure]:
    """What came of each text, by its position, in the order of arrival."""
    questions = [Question(teacher.identify(task, text), text) for text in texts]
    positions = {question.key: position for position, question in enumerate(questions)}

    async def collect() -> dict[int, TeacherAnswer | Failure]:
        found: dict[int, TeacherAnswer | Failure] = {}
        with TemporaryDirectory() as folder, open_database(Path(folder) / "till") as database:
            async with LedgerTill(Ledger(database, "till"), None) as till:
                async for question, result in teacher.answer(task, questions, till):
                    found[positions[question.key]] = result
                    if isinstance(result, Failure):
                        till.drop(question)
                    else:
                        till.settle(question, result)
        return found

    return asyncio.run(collect())


def answers_to(
    teacher: AskedTeacher, texts: Sequence[str], task: Task = TASK
) -> dict[int, TeacherAnswer]:
    """As `ask`, where all texts are answered."""
    found = ask(teacher, texts, task)
    assert not [result for result in found.values() if isinstance(result, Failure)]
    return {place: said for place, said in found.items() if isinstance(said, TeacherAnswer)}


def failure_of(teacher: AskedTeacher, text: str = "a text") -> Failure:
    """How the one question fails."""
    (result,) = ask(teacher, [text]).values()
    assert isinstance(result, Failure)
    return result
