"""Teachers that say what a function tells them to, at a desk with a real store."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from locum.prices import Tokens
from locum.schema import OwnPrice, TeacherAnswer
from locum.store import LabelStore
from locum.teachers.budget import Budget
from locum.teachers.desk import LabellingDesk
from locum.teachers.protocol import Answered, AskedTeacher, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from locum.schema import Task
    from locum.teachers.protocol import Question, Till

__all__ = ["FAILED", "ScriptedTeacher", "open_desk"]

FAILED = Failure("timed out", "no answer within a second")
_DOLLAR_A_CALL = OwnPrice(input=100_000.0, output=0.0)
_WORST = Tokens(10, 2)


class ScriptedTeacher(AskedTeacher):
    """Answers each text and draw by a function; a string is an answer without anything else."""

    def __init__(
        self,
        say: Callable[[str, int], str | TeacherAnswer | Failure],
        name: str = "scripted",
        *,
        free: bool = True,
    ) -> None:
        self.name = name
        self.free = free
        self.asked: list[tuple[str, int]] = []
        self._say = say

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a hash of everything."""
        return hashlib.sha256(repr((self.name, task.name, text, draw)).encode()).hexdigest()

    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return the same for all texts."""
        del task, text
        return _WORST

    async def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield the answers in the order of the questions, until the money is spent."""
        for question in questions:
            if await till.reserve(question, self.worst_case(task, question.text)) != "granted":
                return
            self.asked.append((question.text, question.draw))
            said = self._say(question.text, question.draw)
            yield Answered(question, TeacherAnswer(said) if isinstance(said, str) else said)


@contextmanager
def open_desk(
    folder: Path,
    task: Task,
    *,
    human: Mapping[str, int] | None = None,
    cap_usd: float | None = None,
) -> Iterator[LabellingDesk]:
    """A desk with a SQLite file; a call of a teacher called ``scripted`` costs a dollar."""
    budget = Budget(cap_usd=cap_usd, prices={"scripted": _DOLLAR_A_CALL})
    with (
        LabelStore(folder / "labels.sqlite") as store,
        LabellingDesk(task, store, budget, human=human) as desk,
    ):
        yield desk
