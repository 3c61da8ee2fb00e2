"""What the parts of a batch teacher share: whom they work for, and the batches in hand."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import orjson

from locum.errors import TeacherError
from locum.teachers.protocol import Till

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locum.prices import Tokens
    from locum.schema import Task
    from locum.store import BatchStore
    from locum.teachers.batch_api import BatchApi
    from locum.teachers.chat import ChatTeacher
    from locum.teachers.protocol import Question
    from locum.teachers.remote_batch import RemoteBatch
    from locum.teachers.till import BatchReservation

__all__ = ["BatchJob", "BatchTill", "Lot"]


@runtime_checkable
class BatchTill(Till, Protocol):
    """A till that keeps money for batches apart, until the provider is done with them."""

    @property
    def ledger(self) -> str:
        """Name of the ledger that pays."""
        ...

    async def reserve_batch(
        self, wanted: Sequence[tuple[Question, Tokens]], run: str
    ) -> BatchReservation:
        """Set money aside for questions under a run that does not expire.

        Args:
            wanted: The questions, each with the most tokens that it may take.
            run: The run of the batch, which is noted already.
        """
        ...

    async def resume_batch(self, run: str) -> dict[str, int]:
        """Take up a batch; return the keys that are in flight, with what is reserved for each."""
        ...


@dataclass
class Lot:
    """A batch that is waited for.

    Args:
        run: Its id here.
        created: When it was noted, in seconds since 1970.
        remote: Its id with the provider; ``None`` where that was not noted.
        questions: What it asks, by key.
        batch: What the provider last said of it.
        missed_since: When the provider was first searched for it in vain, on the loop's clock.
        gone: Whether the provider does not have it: it was never made, or is kept no longer.
        alone: Whether it was sent once all others had ended.
        told: What was last told of it.
    """

    run: str
    created: float
    remote: str | None
    questions: dict[str, Question]
    batch: RemoteBatch | None = None
    missed_since: float | None = None
    gone: bool = False
    alone: bool = False
    told: str = ""


class BatchJob(NamedTuple):
    """Who is asked what, and who keeps account of it.

    Args:
        api: The provider.
        chat: Writes requests and reads answers.
        task: What is asked.
        till: Where money is reserved.
        batches: Where batches are noted.
        told: Is told how they go on.
    """

    api: BatchApi
    chat: ChatTeacher
    task: Task
    till: BatchTill
    batches: BatchStore
    told: Callable[[str], None]

    @property
    def teacher(self) -> str:
        """Under which name batches are noted: the task's name is part of it."""
        return f"{self.chat.url} {self.chat.model} {self.task.name}"

    @property
    def labels(self) -> str:
        """Sixteen hexadecimal digits that stand for the labels of the task."""
        return hashlib.sha256(orjson.dumps(self.task.labels)).hexdigest()[:16]

    def is_open(self, lot: Lot) -> bool:
        """Whether no other process has closed a batch."""
        return any(row.run == lot.run for row in self.batches.open(self.teacher))

    def tell(self, lot: Lot, progress: str) -> None:
        """Tell how a batch goes on, if that is new."""
        if progress != lot.told:
            lot.told = progress
            self.told(f"batch {lot.remote or lot.run}: {progress}")

    async def delete(self, files: Iterable[str]) -> None:
        """Delete files from the provider; those that stay expire there."""
        for file in files:
            with suppress(TeacherError):
                await self.api.delete(file)
