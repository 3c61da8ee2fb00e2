"""When to stop asking a teacher that does not do the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import TeacherError

if TYPE_CHECKING:
    from locum.schema import Task
    from locum.teachers.protocol import Failure

__all__ = ["NonsenseGuard"]

_TRIED_BEFORE_GIVING_UP = 20


class NonsenseGuard:
    """Stops a run in which the teacher does not do the task, before it costs more.

    Args:
        task: What is asked.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._outside: list[str] | None = []
        self._failures = 0

    def answered(self, answer: str, label: int | None) -> None:
        """Take note of an answer, and of the label that it means.

        Raises:
            TeacherError: It is the twentieth, and none of them was a label.
        """
        if self._outside is None:
            return
        if label is not None:
            self._outside = None
            return
        self._outside.append(answer)
        if len(self._outside) == _TRIED_BEFORE_GIVING_UP:
            shown = ", ".join(repr(answer[:60]) for answer in self._outside[:3])
            raise TeacherError(
                f"none of the teacher's first {_TRIED_BEFORE_GIVING_UP} answers is a label of "
                f"task {self._task.name!r} ({', '.join(self._task.labels[:5])}, ...): it said "
                f"{shown}; check the instruction and the labels"
            )

    def failed(self, failure: Failure) -> None:
        """Take note of a call that failed.

        Raises:
            TeacherError: It is the twentieth, and none was answered.
        """
        if self._outside != []:
            return
        self._failures += 1
        if self._failures == _TRIED_BEFORE_GIVING_UP:
            raise TeacherError(
                f"the teacher's first {_TRIED_BEFORE_GIVING_UP} calls failed, and none was "
                f"answered; last: {failure.kind}: {failure.reason}"
            )
