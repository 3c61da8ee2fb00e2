"""Labelling through batches, for tests; run as a module it is a process that can be killed.

``python -m tests.batch_labels URL STORE COUNT [EVENT]`` labels so many texts, and kills itself at
that event: a statement in the store or a call of the API, before it or after it.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

from locum.schema import Task
from locum.store import BatchStore, LabelStore, Ledger
from locum.store.sqlite import SqliteDatabase
from locum.teachers import BatchTeacher, Budget, ChatTeacher, label_texts
from locum.teachers.batch_api import BatchApi
from tests.batch_provider import MODEL, PRICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from locum.store import Balance, BatchRow
    from locum.teachers import LabellingRun

__all__ = ["KEY", "TASK", "balance", "label", "open_batches", "texts"]

TASK = Task("topics", ("cash", "card"), instruction="Say what it is about.")
KEY = "sk-key-that-nobody-may-see"
LEDGER = "labels"


def texts(number: int) -> list[str]:
    """Return so many texts, about cards and about cash in turn."""
    return [f"text {n} about a {'card' if n % 2 else 'note'}" for n in range(number)]


def label(
    url: str,
    place: str | Path,
    asked: Sequence[str],
    *,
    task: Task = TASK,
    cap_usd: float | None = None,
    ledger: str = LEDGER,
    calls: Mapping[str, Sequence[str]] | None = None,
    **options: Any,  # noqa: ANN401 - of BatchTeacher
) -> LabellingRun:
    """Label texts through batches, with a chat teacher that tries twice."""
    chat = ChatTeacher(url, MODEL, api_key=KEY, top_logprobs=2, max_tokens=8, attempts=2, timeout=5)
    budget = Budget(ledger=ledger, cap_usd=cap_usd, prices={MODEL: PRICE})
    with LabelStore(place) as store:
        teacher = BatchTeacher(
            chat, batches=BatchStore(store.database), **({"poll_seconds": 0.02} | options)
        )
        return label_texts(task, teacher, asked, store, budget=budget, calls=calls)


def balance(place: str | Path, ledger: str = LEDGER) -> Balance:
    """Return where a ledger stands."""
    with LabelStore(place) as store:
        return Ledger(store.database, ledger).balance()


def open_batches(url: str, place: str | Path, task: Task = TASK) -> list[BatchRow]:
    """Return the batches that are noted as open."""
    with LabelStore(place) as store:
        return BatchStore(store.database).open(f"{url} {MODEL} {task.name}")


def _die_at(event: int) -> None:
    """Let the process be killed at one of all the events."""
    events = count(1)

    def happen() -> None:
        if next(events) == event:
            os.kill(os.getpid(), signal.SIGKILL)

    execute, once = SqliteDatabase.execute, BatchApi._once  # noqa: SLF001 - to be killed inside

    def execute_or_die(self: SqliteDatabase, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
        happen()
        rows = execute(self, *arguments)
        happen()
        return rows

    async def once_or_die(self: BatchApi, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
        happen()
        content = await once(self, *arguments)
        happen()
        return content

    _replace(SqliteDatabase, "execute", execute_or_die)
    _replace(BatchApi, "_once", once_or_die)


def _replace(owner: type, name: str, function: Callable[..., object]) -> None:
    setattr(owner, name, function)


if __name__ == "__main__":
    address, store_path, number, *rest = sys.argv[1:]
    if rest:
        _die_at(int(rest[0]))
    label(address, store_path, texts(int(number)), requests_a_batch=5)
