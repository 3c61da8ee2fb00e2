"""Another model as the judge of whether two answers say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import buy_answers
from locum.errors import TeacherError
from locum.schema import Example, Task
from locum.teachers import LabelParser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.distillation import Progress
    from locum.schema import GenerationTask
    from locum.store import Database
    from locum.teachers import Budget, Teacher
    from locum.writers import Pair

__all__ = ["JudgingDesk"]

_REHEARSED = 3
_ASKED = (
    "Two answers to the same input are compared. Does answer B say the same as answer A: nothing "
    "that matters is missing, added or different? Wording does not count."
)


class JudgingDesk:
    """Asks a model, once for each pair, and keeps what it says.

    Args:
        task: What the answers are of.
        judge: Who is asked.
        place: The store of answers, and of what the budget still holds.
        budget: What the judge may cost, together with the teacher.
        told: Is told how it goes on.
    """

    def __init__(
        self,
        task: GenerationTask,
        judge: Teacher,
        place: str | Path | Database,
        budget: Budget,
        told: Progress,
    ) -> None:
        instruction = (
            f"{_ASKED}\n\nThe input's task: {task.instruction}" if task.instruction else ""
        )
        self._task = Task(task.name, ("same", "different"), instruction or _ASKED)
        self._judge = judge
        self._place = place
        self._budget = budget
        self._told = told
        self._pairs = self._undecided = 0
        self._notes: list[str] = []

    def notes(self) -> list[str]:
        """Return what should be known of what it said, a sentence each."""
        undecided = (
            f"judge {self._judge.name} gave no verdict on {self._undecided:,} of {self._pairs:,} "
            "pairs of answers: they count as disagreements"
        )
        return [*([undecided] if self._undecided else []), *dict.fromkeys(self._notes)]

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        """Tell which of some answers say the same as the teacher's, ``[N]``.

        A pair on which the judge gives no verdict counts as different.

        Raises:
            TeacherError: The judge fails altogether, or the budget does not hold all its answers.
        """
        if not pairs:
            return np.zeros(0, np.bool_)
        answers, notes = self._ask(pairs)
        self._pairs += len(answers)
        self._undecided += answers.count(None)
        self._notes += [f"judge {self._judge.name}: {note}" for note in notes]
        return np.array([answer == 0 for answer in answers], np.bool_)

    def rehearse(self, pairs: Sequence[Pair]) -> None:
        """See that the judge does what it is asked, before time is spent on a training.

        Args:
            pairs: Some; it is asked about the first three at the most.

        Raises:
            TeacherError: It answers none of them by a label, or the budget does not hold that.
        """
        answers, notes = self._ask(pairs[:_REHEARSED])
        if all(answer is None for answer in answers):
            said = "; ".join(notes) or "nothing that means one"
            raise TeacherError(
                f"judge {self._judge.name} was asked about {len(answers)} pairs of answers, "
                f"expected {' or '.join(self._task.labels)}, and gave none of the two ({said}): "
                "see that it is the model that is meant, and that the budget holds its answers"
            )

    def _ask(self, pairs: Sequence[Pair]) -> tuple[list[int | None], list[str]]:
        """Return the place of the label that it gave to each pair, and notes on them."""
        self._told.stage(f"asking {self._judge.name} about {len(pairs):,} answers")
        asked = [Example(_question(pair)) for pair in pairs]
        answers, notes, unasked = buy_answers(
            self._task, self._judge, asked, self._place, self._budget, self._told
        )
        if unasked:
            raise TeacherError(
                f"the budget ended with {unasked:,} of {len(pairs):,} answers not shown to judge "
                f"{self._judge.name}, and the others alone would not say how often the student "
                "agrees: give a larger one; what was said already is kept in the store, where one "
                "is given, and is not paid for again"
            )
        parse = LabelParser(self._task.labels)
        return [None if answer is None else parse(answer.text) for answer in answers], notes


def _question(pair: Pair) -> str:
    return f"Input:\n{pair.text}\n\nAnswer A:\n{pair.answer}\n\nAnswer B:\n{pair.written}"
