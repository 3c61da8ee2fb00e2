"""Asks questions in batches: sends, waits, reads, and sends again what was not asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING

from locum.errors import TeacherError
from locum.teachers.batch_api import StatusError, UnreachableError
from locum.teachers.batch_lots import Lot
from locum.teachers.batch_reader import BatchReader
from locum.teachers.protocol import DELETED, Answered, Failure, Question

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from locum.store import BatchRow
    from locum.teachers.batch_lots import BatchJob
    from locum.teachers.batch_sender import BatchSender
    from locum.teachers.remote_batch import Problem, RemoteBatch

__all__ = ["BatchRun"]

_QUEUE_FULL = "token_limit_exceeded"
_MOST_TIMES_SENT = 3
_MOST_MISSED_POLLS = 20
_SLOWER = 1.5
_LONGEST_PAUSE = 300.0
# Providers keep the files of a batch for 30 days.
_KEPT_SECONDS = 30 * 86_400.0
_NOT_FOUND = 404


class BatchRun:
    """The questions of one call of `BatchTeacher.answer`.

    Args:
        job: Who is asked what.
        sender: Sends batches.
        questions: What is asked.
        poll_seconds: Between two looks at first; the pause grows to five minutes.
    """

    def __init__(
        self,
        job: BatchJob,
        sender: BatchSender,
        questions: Sequence[Question],
        poll_seconds: float,
    ) -> None:
        self._job = job
        self._sender = sender
        self._poll_seconds = poll_seconds
        self._asked = {question.key: question for question in questions}
        self._waiting = dict(self._asked)
        self._times_sent = Counter[str]()
        self._lots: list[Lot] = []
        self._queue_full = self._short = False
        self._refusal: TeacherError | None = None
        self._missed_polls = 0

    async def ask(self) -> AsyncGenerator[Answered, None]:
        """Yield what came of earlier batches, and of the questions that none of them holds.

        Raises:
            TeacherError: The provider refuses a batch as a whole, and those beside it were read;
                or it cannot be reached, and the next run reads what lies there.
            InputError: The store cannot be used.
        """
        await self._take_up()
        while True:
            await self._send_waiting()
            if not self._lots:
                break
            lot = await self._next_ended()
            async with aclosing(self._finish(lot)) as arriving:
                async for answered in arriving:
                    yield answered
        for answered in self._not_asked():
            yield answered
        if self._refusal is not None:
            raise self._refusal

    async def _take_up(self) -> None:
        """Take up the batches that earlier runs left with the provider."""
        for row in self._job.batches.open(self._job.teacher):
            if row.ledger != self._job.till.ledger:
                continue
            keys = await self._job.till.resume_batch(row.run)
            questions = {key: self._asked.get(key) or Question(key, "") for key in keys}
            self._lots.append(Lot(row.run, row.created, row.remote, questions))
            for key in keys:
                self._waiting.pop(key, None)

    async def _send_waiting(self) -> None:
        for questions in self._sender.cut(list(self._waiting.values())):
            if self._refusal is not None or (self._queue_full and self._lots):
                return
            lot = await self._sender.send(questions)
            if lot is not None:
                self._tell_short(len(lot.questions))
                lot.alone = self._queue_full
                self._lots.append(lot)
                for key in lot.questions:
                    del self._waiting[key]

    def _tell_short(self, sent: int) -> None:
        """Say once that money ends a batch: what follows may take a day for each batch."""
        if not self._short and not {"short", "cap"}.isdisjoint(self._sender.left.values()):
            self._short = True
            self._job.told(
                f"the budget holds {sent:,} of {len(self._waiting):,} questions at a time, as the "
                "most that they may cost is set aside: the others follow batch after batch; a "
                "larger --budget holds more at once"
            )

    async def _next_ended(self) -> Lot:
        pause = self._poll_seconds
        while True:
            for lot in self._lots:
                if await self._has_ended(lot):
                    self._lots.remove(lot)
                    return lot
            await asyncio.sleep(pause)
            pause = min(pause * _SLOWER, max(_LONGEST_PAUSE, self._poll_seconds))

    async def _has_ended(self, lot: Lot) -> bool:
        try:
            lot.batch = await self._look(lot)
        except UnreachableError as error:
            self._missed_polls += 1
            if self._missed_polls > _MOST_MISSED_POLLS:
                raise
            self._job.tell(lot, f"cannot be looked at now: {error}")
            return False
        self._missed_polls = 0
        if lot.batch is None:
            return lot.gone
        self._job.tell(lot, lot.batch.progress)
        return lot.batch.ended

    async def _look(self, lot: Lot) -> RemoteBatch | None:
        if lot.remote is None:
            return await self._search(lot)
        try:
            return await self._job.api.get(lot.remote)
        except StatusError as error:
            lot.gone = error.status == _NOT_FOUND and time.time() - lot.created > _KEPT_SECONDS
            if lot.gone:
                return None
            raise

    async def _search(self, lot: Lot) -> RemoteBatch | None:
        """Look for a batch whose making was not noted, twice: it may be made just now."""
        batch = await self._job.api.find(lot.run, lot.created)
        if batch is not None:
            self._job.batches.note_remote(lot.run, batch.id)
            lot.remote = batch.id
            return batch
        now = asyncio.get_running_loop().time()
        if lot.missed_since is None:
            lot.missed_since = now
        lot.gone = now - lot.missed_since >= self._poll_seconds
        return None

    async def _finish(self, lot: Lot) -> AsyncGenerator[Answered, None]:
        reader = BatchReader(self._job, lot)
        batch = lot.batch
        if batch is not None and batch.status == "failed" and not batch.result_files:
            self._fail(lot, batch)
        else:
            async with aclosing(reader.read()) as arriving:
                async for answered in arriving:
                    yield answered
            for answered in self._put_back(reader.unasked):
                yield answered
        await reader.close()

    def _put_back(self, questions: Sequence[Question]) -> Iterator[Answered]:
        """Let questions be sent again, but not for ever."""
        for question in questions:
            if question.key not in self._asked:
                continue
            self._times_sent[question.key] += 1
            if self._times_sent[question.key] < _MOST_TIMES_SENT:
                self._waiting[question.key] = question
            else:
                reason = f"sent in {_MOST_TIMES_SENT} batches, none of which got to it"
                yield Answered(question, Failure("timed out", reason))

    def _not_asked(self) -> Iterator[Answered]:
        """What is said of questions of deleted calls, and of those that others ask."""
        left = self._sender.left
        for key, question in self._waiting.items():
            if left.get(key) == "deleted":
                yield Answered(question, DELETED)
        held = {k: q for k, q in self._waiting.items() if left.get(k) in {"batched", "claimed"}}
        batches = self._job.batches.find(list(held))
        for key, question in held.items():
            yield Answered(question, Failure("asked elsewhere", _where(batches.get(key))))

    def _fail(self, lot: Lot, batch: RemoteBatch) -> None:
        """Note why a batch was not begun.

        Where the provider's queue is full, batches are sent one at a time, and half as large where
        that does not help.
        """
        codes = {problem.code for problem in batch.problems}
        too_much = _QUEUE_FULL in codes
        if too_much and not (lot.alone and len(lot.questions) == 1):
            if lot.alone:
                most = self._sender.halve(len(lot.questions))
                self._job.told(f"the provider's queue holds less: {most:,} questions at a time")
            self._queue_full = True
            self._waiting |= {k: q for k, q in lot.questions.items() if k in self._asked}
            return
        said = "; ".join(_describe(problem) for problem in batch.problems[:3]) or "no reason given"
        cure = "mend it and run again"
        if too_much:
            cure = "other batches of the account fill its queue: run again once they have ended"
        self._refusal = TeacherError(
            f"batch {batch.id} was refused by {self._job.chat.url}: {said}; nothing of it was "
            f"charged; {cure}"
        )
        self._job.told(str(self._refusal))


def _where(batch: BatchRow | None) -> str:
    if batch is None:
        return "another run asks this just now: run again once that has ended"
    return (
        f"this lies in batch {batch.remote or batch.run}, sent for {batch.ledger!r}: what comes of "
        f"it counts here too; fetch it (locum label {batch.ledger} --batch), then run this again"
    )


def _describe(problem: Problem) -> str:
    said = ": ".join(part for part in (problem.code, problem.message) if part)
    return said if problem.line is None else f"{said} (line {problem.line})"
