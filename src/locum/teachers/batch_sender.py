"""Sends questions as batches.

A batch is noted on disk before its questions are claimed, and claimed before it is made. A kill
between any two of these leaves something that the next run finds, by the note or by the run that
stands in the batch's metadata.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from locum.store import BatchRow
from locum.teachers.batch_api import RUN, NotMadeError
from locum.teachers.batch_lines import LABELS, request_line
from locum.teachers.batch_lots import Lot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locum.store import Verdict
    from locum.teachers.batch_lots import BatchJob
    from locum.teachers.protocol import Question

__all__ = ["BatchSender"]


class BatchSender:
    """Cuts questions into batches and sends them.

    Args:
        job: Who is asked what.
        most_requests: Requests in a batch.
        most_bytes: Bytes of its file.

    Attributes:
        left: Questions that were not sent when they last were to be, by key, with what the till
            said of them.
    """

    def __init__(self, job: BatchJob, most_requests: int, most_bytes: int) -> None:
        self._job = job
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self.left: dict[str, Verdict] = {}

    def cut(self, questions: Iterable[Question]) -> Iterator[list[Question]]:
        """Yield questions by the batches that they fit into, in their order."""
        some: list[Question] = []
        size = 0
        for question in questions:
            length = len(request_line(self._job.chat, self._job.task, question))
            if some and (len(some) == self._most_requests or size + length > self._most_bytes):
                yield some
                some, size = [], 0
            some.append(question)
            size += length
        if some:
            yield some

    def halve(self, questions: int) -> int:
        """Cut batches half as large as one of so many questions; return how many it will hold."""
        self._most_requests = max(1, questions // 2)
        return self._most_requests

    async def send(self, questions: Sequence[Question]) -> Lot | None:
        """Send one batch of those questions for which there is money; ``None`` where none is left.

        Raises:
            TeacherError: It is not known that the batch lies with the provider. Where it may, it
                stays noted, and the next run looks for it.
            InputError: The store cannot be used.
        """
        job = self._job
        run, now = secrets.token_hex(16), time.time()
        row = BatchRow(run, job.teacher, job.till.ledger, None, now, len(questions))
        job.batches.add(row)
        keys = {question.key for question in questions}
        wanted = [(one, job.chat.worst_case(job.task, one.text)) for one in questions]
        try:
            _, granted, others = await job.till.reserve_batch(wanted, run)
            self.left = {k: v for k, v in self.left.items() if k not in keys} | others
            file = await self._upload(granted) if granted else None
        except Exception:
            job.batches.close(run)
            raise
        if file is None:
            job.batches.close(run)
            return None
        return await self._make(Lot(run, now, None, {one.key: one for one in granted}), file)

    async def _upload(self, questions: Iterable[Question]) -> str:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "requests.jsonl"
            with path.open("wb") as lines:
                for question in questions:
                    lines.write(request_line(self._job.chat, self._job.task, question))
            return await self._job.api.upload(path)

    async def _make(self, lot: Lot, file: str) -> Lot | None:
        job = self._job
        # A run beside this one takes a batch for dead that is not made for long, and closes it.
        if not job.is_open(lot):
            await job.delete([file])
            return None
        try:
            batch = await job.api.create(file, {RUN: lot.run, LABELS: job.labels}, lot.created)
        except NotMadeError:
            job.batches.close(lot.run)
            await job.delete([file])
            raise
        job.batches.note_remote(lot.run, batch.id)
        lot.remote = batch.id
        if not job.is_open(lot):
            await job.api.cancel(batch.id)
            return None
        job.tell(lot, f"{len(lot.questions):,} questions sent")
        return lot
