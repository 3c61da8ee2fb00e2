"""Reads what came of a batch, and closes it once that is on disk."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from locum.teachers.batch_api import StatusError
from locum.teachers.batch_lines import (
    LABELS,
    Outcome,
    read_outcome,
    read_results,
    without_distribution,
)
from locum.teachers.protocol import Answered, Failure, Question

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from locum.teachers.batch_lines import ResultLine
    from locum.teachers.batch_lots import BatchJob, Lot
    from locum.teachers.remote_batch import RemoteBatch

__all__ = ["BatchReader"]

_LINES_A_TURN = 200
_SETTLING_PAUSES = tuple(0.05 * 1.5**number for number in range(14))
_NOT_FOUND = 404


class BatchReader:
    """Reads a batch of which nothing more will come.

    Args:
        job: Who was asked what.
        lot: The batch.

    Attributes:
        unasked: Questions that the provider did not get to, and did not charge for; and those that
            another process has read.
    """

    def __init__(self, job: BatchJob, lot: Lot) -> None:
        self._job = job
        self._lot = lot
        self._unread: dict[str, Question] = {}
        self._yielded: set[str] = set()
        self._file_lost = False
        self.unasked: list[Question] = []

    async def read(self) -> AsyncGenerator[Answered, None]:
        """Yield what came of the questions that are in flight, in the order of the files.

        Raises:
            TeacherError: A file cannot be had.
        """
        in_flight = await self._job.till.resume_batch(self._lot.run)
        sent = self._lot.questions
        self._unread = {key: sent.get(key) or Question(key, "") for key in in_flight}
        self.unasked = [question for key, question in sent.items() if key not in in_flight]
        async with aclosing(self._outcomes()) as outcomes:
            async for question, outcome in outcomes:
                if outcome is None:
                    self.unasked.append(question)
                else:
                    yield self._answered(question, outcome)
        if not self._rest_is_lost() or not self._job.is_open(self._lot):
            self.unasked += self._unread.values()
            return
        reason = f"batch {self._lot.remote} does not say what came of it"
        for question in self._unread.values():
            yield self._answered(question, Outcome(Failure("broken off", reason), charged=True))

    async def close(self) -> None:
        """Forget the batch, here and with the provider, once what was yielded is on disk.

        Where it does not get there, the batch stays noted, and the next run reads it again.
        """
        for pause in _SETTLING_PAUSES:
            if self._yielded.isdisjoint(self._job.batches.keys(self._lot.run)):
                break
            await asyncio.sleep(pause)
        else:
            self._job.tell(self._lot, "its answers are not on disk; the next run reads it again")
            return
        self._job.batches.close(self._lot.run)
        batch = self._lot.batch
        if batch is not None:
            await self._job.delete([batch.input_file_id, *batch.result_files])

    def _rest_is_lost(self) -> bool:
        """Whether questions without a line may have been charged for all the same."""
        batch = self._lot.batch
        if batch is None:
            return self._lot.remote is not None
        return batch.status == "completed" or self._file_lost

    def _answered(self, question: Question, outcome: Outcome) -> Answered:
        if outcome.charged and isinstance(outcome.result, Failure):
            self._job.till.forfeit(question)
        self._yielded.add(question.key)
        return Answered(question, outcome.result)

    async def _outcomes(self) -> AsyncGenerator[tuple[Question, Outcome | None], None]:
        batch = self._lot.batch
        if batch is None or not self._unread:
            return
        stated = (batch.metadata or {}).get(LABELS, self._job.labels)
        async with aclosing(self._lines(batch)) as lines:
            async for line in lines:
                question = self._unread.pop(line.custom_id, None)
                if question is None:
                    continue
                outcome = read_outcome(self._job.chat, self._job.task, line)
                if outcome is not None and stated != self._job.labels:
                    outcome = without_distribution(outcome)
                yield question, outcome

    async def _lines(self, batch: RemoteBatch) -> AsyncGenerator[ResultLine, None]:
        for file in batch.result_files:
            with TemporaryFile() as lines:
                try:
                    await self._job.api.download(file, lines)
                except StatusError as error:
                    if error.status != _NOT_FOUND:
                        raise
                    self._file_lost = True
                    continue
                for number, line in enumerate(read_results(lines)):
                    yield line
                    if number % _LINES_A_TURN == 0:
                        await asyncio.sleep(0)
