"""A teacher that is asked through OpenAI's Batch API: within a day, at half the price."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from locum.errors import UsageError
from locum.teachers.protocol import AskedTeacher

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from locum.prices import Tokens
    from locum.schema import Task
    from locum.store import BatchStore
    from locum.teachers.chat import ChatTeacher
    from locum.teachers.protocol import Answered, Question, Till

__all__ = ["BatchTeacher"]

_MOST_REQUESTS = 50_000
_MOST_BYTES = 200_000_000
_HALF = 0.5


class BatchTeacher(AskedTeacher):
    """Asks a chat teacher's questions in batches.

    The answers are the chat teacher's own, so that none is bought again the other way. A run may be
    stopped at any time: what was sent is answered all the same, and the next run fetches it.

    Args:
        chat: Whose questions they are.
        batches: Where batches that lie with the provider are noted, in the store of the answers;
            without it, questions can be planned and not asked.
        poll_seconds: Between two looks at a batch; the pause grows to five minutes.
        requests_a_batch: Requests in a batch at most, up to 50,000.
        bytes_a_batch: Bytes of its file at most, up to 200,000,000.
        told: Is told how batches go on, a sentence at a time.

    Raises:
        UsageError: A value is out of range.
    """

    discount = _HALF

    def __init__(
        self,
        chat: ChatTeacher,
        *,
        batches: BatchStore | None = None,
        poll_seconds: float = 30.0,
        requests_a_batch: int = _MOST_REQUESTS,
        bytes_a_batch: int = 150_000_000,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        within = 0 < requests_a_batch <= _MOST_REQUESTS and 0 < bytes_a_batch <= _MOST_BYTES
        if not within or poll_seconds <= 0:
            raise UsageError(
                f"requests_a_batch={requests_a_batch}, bytes_a_batch={bytes_a_batch}, "
                f"poll_seconds={poll_seconds}: expected 1 to {_MOST_REQUESTS}, 1 to {_MOST_BYTES}, "
                "and more than 0"
            )
        self.name = chat.name
        self._chat = chat
        self._batches = batches
        self._poll_seconds = poll_seconds
        self._limits = requests_a_batch, bytes_a_batch
        self._told = told

    def __repr__(self) -> str:
        """Show the chat teacher."""
        return f"BatchTeacher({self._chat!r})"

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return the chat teacher's key: the same answer, however it was bought."""
        return self._chat.identify(task, text, draw)

    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return the most tokens that one call may take."""
        return self._chat.worst_case(task, text)

    def likely_case(self, task: Task, text: str) -> Tokens:
        """Return about how many tokens a call takes."""
        return self._chat.likely_case(task, text)

    def why_steady(self) -> str | None:
        """Return what the chat teacher does."""
        return self._chat.why_steady()

    async def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield what came of earlier batches of the task, and of the questions.

        Questions of earlier batches that are not among those asked now have no text.

        Raises:
            TeacherError: The provider refuses, or cannot be reached.
            UsageError: There is no store of batches.
        """
        from locum.teachers.batch_api import BatchApi
        from locum.teachers.batch_lots import BatchJob, BatchTill
        from locum.teachers.batch_run import BatchRun
        from locum.teachers.batch_sender import BatchSender

        if self._batches is None:
            raise UsageError(
                f"{self!r} cannot be asked: its batches have to be noted; give "
                "batches=BatchStore(database), with the database of the answers"
            )
        assert isinstance(till, BatchTill)
        chat = self._chat
        async with BatchApi(chat.transport, attempts=chat.attempts, timeout=chat.timeout) as api:
            job = BatchJob(api, chat, task, till, self._batches, self._told)
            run = BatchRun(job, BatchSender(job, *self._limits), questions, self._poll_seconds)
            async with aclosing(run.ask()) as arriving:
                async for answered in arriving:
                    yield answered
