"""A quick student answers in the gateway's own process, once one of its own has tried it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError
from locum.export import load_artefact
from locum.serving.student_answers import answer_each, answers_of, is_quick, read_said
from locum.serving.student_link import StudentLink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.serving.student_answers import Answer, Question, Said

__all__ = ["LONGEST_QUICK_TEXT", "QuickLink", "load_quick"]

LONGEST_QUICK_TEXT = 1_000
"""Characters of the longest text that is answered in the gateway's own process."""

_MOST_CHARACTERS = 4_000
_MOST_A_BATCH = 64


def load_quick(folder: Path) -> Callable[[list[Question]], list[Answer]]:
    """Load a quick student into this process, and return what answers questions.

    Args:
        folder: Its artefact, which is verified as it is for a process of its own.

    Raises:
        ArtefactError: It cannot be loaded, or is not quick.
    """
    student = load_artefact(folder)
    if not is_quick(student):
        raise ArtefactError(f"{folder} holds no student that answers soon")
    return answers_of(student)


class _Asked(NamedTuple):
    question: Question
    take: Callable[[Said | None], None]
    deadline: float


class QuickLink(StudentLink):
    """Asks a student in this process where it is quick, and else in its own.

    A process of its own loads every student first, so that one that cannot be loaded, or ends the
    process that tries, takes nothing along. It also answers long texts, and tells by its state
    whether the student may be asked at all.

    What is asked here in one turn of the event loop, and while that lasts, is answered in the next
    one as a batch: that takes a third of the time for each.
    """

    _answer_all: Callable[[list[Question]], list[Answer]] | None = None

    @property
    def may_move_in(self) -> bool:
        """Whether the student could answer here and does not yet."""
        return self.quick and self.state == "ready" and self._answer_all is None

    def move_in(
        self, answer_all: Callable[[list[Question]], list[Answer]], told: Callable[[], None]
    ) -> None:
        """Let the student answer short texts here from now on.

        Args:
            answer_all: What `load_quick` returned.
            told: Is called once all who asked together have been told.
        """
        self._asked_here: list[_Asked] = []
        self._answer_all, self._told = answer_all, told

    def ask_for(
        self, text: str, take: Callable[[Said | None], None], *, chances: bool, novelty: bool
    ) -> bool:
        """Ask, if the student is ready; see `StudentLink.ask_for`."""
        if self._answer_all is None or self.state != "ready" or len(text) > LONGEST_QUICK_TEXT:
            return super().ask_for(text, take, chances=chances, novelty=novelty)
        if not self._asked_here:
            # After those that wait to be read already, which the loop's next turn finds.
            self._loop.call_soon(self._loop.call_soon, self._answer_here)
        question = (len(self._asked_here), text, chances, novelty)
        self._asked_here.append(_Asked(question, take, self._loop.time() + self._seconds))
        return True

    def _answer_here(self) -> None:
        """Answer what was asked; what would hold others up for long waits for the next turn."""
        if self._answer_all is None or not self._asked_here:
            return
        size = _batch_size(self._asked_here)
        batch, self._asked_here = self._asked_here[:size], self._asked_here[size:]
        if self._asked_here:
            self._loop.call_soon(self._answer_here)
        answers = answer_each(self._answer_all, [asked.question for asked in batch])
        now = self._loop.time()
        for asked, (_, answer) in zip(batch, answers, strict=True):
            said = None if asked.deadline < now else read_said(answer)
            self.failures += said is None
            self._tell(asked.take, said)
        self._told()

    def give_up(self) -> None:
        """Let nobody wait any more."""
        super().give_up()
        if self._answer_all is not None:
            waiting, self._asked_here = self._asked_here, []
            for asked in waiting:
                self._tell(asked.take, None)


def _batch_size(asked: list[_Asked]) -> int:
    """How many of those who asked are answered at once: at least one."""
    characters = 0
    for number, one in enumerate(asked[:_MOST_A_BATCH]):
        characters += len(one.question[1])
        if characters > _MOST_CHARACTERS:
            return max(number, 1)
    return min(len(asked), _MOST_A_BATCH)
