"""When to stop asking a teacher that does not do the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import TeacherError
from locum.teachers.protocol import FINAL_FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import Task
    from locum.teachers.protocol import AskedTeacher, Failure

__all__ = ["NonsenseGuard"]

_TRIED_BEFORE_GIVING_UP = 20


class NonsenseGuard:
    """Stops a run in which a teacher does not do the task, before it costs more.

    A teacher that is known to have answered may decline what is left to ask of it: that is no
    reason to end a run.

    Args:
        task: What is asked.
        teacher: Who is asked.
    """

    def __init__(self, task: Task, teacher: AskedTeacher) -> None:
        self._task = task
        self._teacher = teacher
        self._outside: list[str] | None = []
        self._failures: int | None = 0
        self._known = False

    def known(self, label: int | None) -> None:
        """Take note of an answer that was there before, and of the label that it means."""
        self._known = True
        if label is not None:
            self._outside = None

    def answered(self, answer: str, label: int | None) -> None:
        """Take note of an answer, and of the label that it means.

        Raises:
            TeacherError: It is the twentieth, and none of them was a label.
        """
        if self._failures is not None:
            self._failures = 0 if self._teacher.free else None
        if self._outside is None:
            return
        if label is not None:
            self._outside = None
            return
        self._outside.append(answer)
        if len(self._outside) == _TRIED_BEFORE_GIVING_UP:
            shown = ", ".join(repr(answer[:60]) for answer in self._outside[:3])
            raise TeacherError(
                f"none of the first {_TRIED_BEFORE_GIVING_UP} answers of teacher "
                f"{self._teacher.name!r} is a label of task {self._task.name!r} "
                f"({', '.join(self._task.labels[:5])}, ...): it said {shown}; check the "
                "instruction and the labels"
            )

    def failed(self, failure: Failure, text: str, texts: Sequence[str]) -> None:
        """Take note of a call that failed.

        Args:
            failure: How.
            text: What was asked about.
            texts: All that was to be asked about.

        Raises:
            TeacherError: It is the twentieth, and none was answered meanwhile.
        """
        if self._failures is None or self._is_of_one_input(failure):
            return
        self._failures += 1
        if self._failures == _TRIED_BEFORE_GIVING_UP:
            raise TeacherError(
                f"{_TRIED_BEFORE_GIVING_UP} calls of teacher {self._teacher.name!r} failed, and "
                f"none was answered meanwhile; last, input {texts.index(text) + 1:,} of "
                f"{len(texts):,} ({len(text):,} characters): {failure.kind}: {failure.reason}; "
                "mend what it names, or take out the inputs that it names"
            ) from failure.cause

    def _is_of_one_input(self, failure: Failure) -> bool:
        """Whether a failure says nothing of what else is asked.

        Where another run asks, or calls were deleted, the teacher was not asked here. Of teachers
        that cost nothing, errors of a user's function alone say something.
        """
        if failure.kind in {"asked elsewhere", "deleted"}:
            return True
        if self._teacher.free:
            return self._known or failure.cause is None
        return self._known and failure.kind in FINAL_FAILURES
