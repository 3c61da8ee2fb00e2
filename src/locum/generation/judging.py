"""Another model as the judge of whether two answers say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import buy_answers
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

_ASKED = (
    "Two answers to the same input are compared. Does answer B say the same as answer A: nothing "
    "that matters is missing, added or different? Wording does not count."
)


class JudgingDesk:
    """Asks a model, once for each pair, and keeps what it says.

    Args:
        task: What the answers are of.
        judge: Who is asked.
        place: The store of answers; ``None`` for one that lives as long as a call.
        budget: What the judge may cost, together with the teacher.
        told: Is told how it goes on.
    """

    def __init__(
        self,
        task: GenerationTask,
        judge: Teacher,
        place: str | Path | Database | None,
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

    def __call__(self, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        """Tell which of some answers say the same as the teacher's, ``[N]``.

        A pair that the judge did not answer counts as different.

        Raises:
            TeacherError: The judge fails altogether.
        """
        if not pairs:
            return np.zeros(0, np.bool_)
        self._told.stage(f"asking {self._judge.name} about {len(pairs):,} answers")
        asked = [Example(_question(pair)) for pair in pairs]
        answers, _ = buy_answers(
            self._task, self._judge, asked, self._place, self._budget, self._told
        )
        parse = LabelParser(self._task.labels)
        return np.array([a is not None and parse(a.text) == 0 for a in answers], np.bool_)


def _question(pair: Pair) -> str:
    return f"Input:\n{pair.text}\n\nAnswer A:\n{pair.answer}\n\nAnswer B:\n{pair.written}"
