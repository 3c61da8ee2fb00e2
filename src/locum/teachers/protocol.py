"""What every teacher offers, and what labelling offers to teachers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from locum.errors import InputError, UsageError
from locum.prices import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from locum.schema import Task, TeacherAnswer
    from locum.store import Verdict

__all__ = [
    "BYTES_A_TOKEN",
    "DELETED",
    "FINAL_FAILURES",
    "Answered",
    "AskedTeacher",
    "Desk",
    "Failure",
    "FailureKind",
    "Question",
    "Teacher",
    "Till",
    "check_text",
    "check_texts",
    "likely_output",
    "require_teacher",
]

FailureKind = Literal[
    "refused",
    "malformed",
    "empty",
    "missing",
    "timed out",
    "broken off",
    "unavailable",
    "rate limited",
    "asked elsewhere",
    "deleted",
]
FINAL_FAILURES: frozenset[FailureKind] = frozenset({"refused", "empty", "missing"})
"""Those that the same question would meet again."""

BYTES_A_TOKEN = 4
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def likely_output(task: Task) -> int:
    """Return about how many tokens a label of the task takes."""
    written = sum(len(label.encode()) for label in task.labels) / len(task.labels)
    return 1 + round(written / BYTES_A_TOKEN)


class Question(NamedTuple):
    """One thing to ask.

    Args:
        key: What identifies question, teacher and parameters; see `AskedTeacher.identify`.
        text: The input.
        draw: Which of several answers to the same question is wanted, from 0.
        of_calls: Whether the input is of recorded calls, and is not asked about once these are
            deleted.
    """

    key: str
    text: str
    draw: int = 0
    of_calls: bool = False


class Failure(NamedTuple):
    """A question that stays without an answer.

    Args:
        kind: How it failed.
        reason: What happened, in words, without the key of the API.
        cause: The error behind it, where a user's own code raised one.
    """

    kind: FailureKind
    reason: str
    cause: Exception | None = None


DELETED = Failure("deleted", "the calls of these inputs were deleted while the run went on")


class Answered(NamedTuple):
    """A question with what came of it."""

    question: Question
    result: TeacherAnswer | Failure


class Till(Protocol):
    """Money for calls, reserved before they are sent; what teachers see of `locum.teachers.till`.

    A teacher that costs nothing need not use it. Answers are settled by who receives them from
    `AskedTeacher.answer`; nothing is to be done for an answer or a failure that is yielded.
    """

    async def reserve(self, question: Question, worst: Tokens) -> Verdict:
        """Set money aside for one call, on disk before this returns.

        Waits while the money that is left is reserved by calls in flight.

        Returns:
            ``granted``; ``cap`` where the money that is left does not do, ever; ``known`` where
            another run has the answer by now; ``claimed`` where another run is asking just now;
            ``batched`` where it lies in a batch; ``deleted`` where the calls that it stems from
            were deleted.
        """
        ...

    def forfeit(self, question: Question) -> None:
        """Count what is reserved as spent, after an attempt that may have been charged.

        Another attempt takes another `reserve`.
        """
        ...

    def release(self, question: Question) -> None:
        """Give back what is reserved, after an attempt that was not charged.

        Another attempt takes another `reserve`.
        """
        ...


class Teacher(Protocol):
    """A model, or several, that can be asked for labels."""

    @property
    def name(self) -> str:
        """The model's name, as the report calls it."""
        ...

    def label(self, task: Task, texts: Sequence[str], desk: Desk) -> list[TeacherAnswer | None]:
        """Return the answer to each text in its order; ``None`` where there is none.

        Args:
            task: What is asked.
            texts: What is asked about; equal ones are asked once.
            desk: Asks what is not known yet, and keeps it.

        Raises:
            TeacherError: The teacher cannot be reached, or refuses altogether.
        """
        ...


def require_teacher(given: object) -> None:
    """Refuse what cannot be asked.

    Raises:
        UsageError: It is no teacher.
    """
    if not (hasattr(given, "label") and hasattr(given, "name")):
        raise UsageError(
            f"{given!r} is no teacher: expected one of locum.ChatTeacher, MessagesTeacher, "
            "LocalTeacher, FunctionTeacher, AnswerFile, BatchTeacher, Votes or Panel"
        )


class AskedTeacher(ABC):
    """A teacher that answers single questions; each answer is kept under the question's key.

    Args:
        name: The model's name, as the report and the price list call it.
        free: Whether answers cost nothing, so that no price is needed.
        discount: What part of the list price a call costs.
        writes: Whether it writes texts, so that its answers need not be labels of the task.
    """

    name: str
    free: bool = False
    discount: float = 1.0
    writes: bool = False

    @abstractmethod
    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a SHA-256 that is the same only where the same question would be asked again.

        Teacher, model and its pinned version, prompt, parameters, input and draw go into it.
        """

    @abstractmethod
    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return the most tokens that one call may take."""

    def likely_case(self, task: Task, text: str) -> Tokens:
        """Return about how many tokens a call takes; a quarter of the worst case, and a label."""
        return Tokens(self.worst_case(task, text).input // BYTES_A_TOKEN, likely_output(task))

    def why_steady(self) -> str | None:
        """Return what lets each draw of a question bring the same answer; ``None`` if nothing."""
        return None

    @abstractmethod
    def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield each question with its answer or its failure, in the order in which they arrive.

        Ends early, with questions left, where the till says ``cap``; leaves out questions for
        which it says ``known``.

        Raises:
            TeacherError: The teacher cannot be reached, or refuses altogether.
        """

    def label(self, task: Task, texts: Sequence[str], desk: Desk) -> list[TeacherAnswer | None]:
        """Return the answer to each text, as `Teacher.label`."""
        return desk.buy(self, task, [(text, 0) for text in texts])


class Desk(Protocol):
    """Where questions are asked and answers kept; see `locum.teachers.desk`."""

    def buy(
        self, teacher: AskedTeacher, task: Task, wanted: Sequence[tuple[str, int]]
    ) -> list[TeacherAnswer | None]:
        """Return the answer to each text and draw in its order, asking for those not known yet.

        ``None`` stands where a call failed or the cap was reached.
        """
        ...

    def human(self, texts: Sequence[str]) -> list[int | None]:
        """Return the index of a person's label of each text that may be learned from, if any."""
        ...


def check_texts(wanted: Sequence[tuple[str, int]]) -> None:
    """Refuse what is no text, before anything is asked or planned.

    Args:
        wanted: Texts with the numbers of their draws.

    Raises:
        InputError: A text holds half a surrogate pair.
    """
    for number, (text, _) in enumerate(wanted, start=1):
        check_text(number, text)


def check_text(number: int, text: str) -> None:
    """Refuse what is no text.

    Args:
        number: Of the input, from one.
        text: The input.

    Raises:
        InputError: It holds half a surrogate pair.
    """
    if not text.isascii() and _HALF_PAIR.search(text):
        raise InputError(f"input {number} holds half a surrogate pair: it is no valid text")
