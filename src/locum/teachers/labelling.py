"""Ask a teacher for what is not known yet, and keep every answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import TeacherError
from locum.teachers.parsing import LabelParser

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from locum.schema import Task, TeacherAnswer
    from locum.store import LabelStore
    from locum.teachers.protocol import Teacher

__all__ = ["LabellingRun", "label_texts"]

_STORED_AT_ONCE = 8
_TRIED_BEFORE_GIVING_UP = 20


class LabellingRun(NamedTuple):
    """Answers, and how they were come by.

    Args:
        answers: One a text, in their order.
        asked: Calls that were made in this run.
        stored: Texts that had been answered in an earlier run, or that repeat another one.
    """

    answers: list[TeacherAnswer]
    asked: int
    stored: int


def label_texts(
    task: Task,
    teacher: Teacher,
    texts: Sequence[str],
    store: LabelStore,
    progress: Callable[[int, int], None],
) -> LabellingRun:
    """Return the teacher's answer to each text.

    Answers are written to the store as they arrive; when the run ends early, the next one goes on
    from there.

    Args:
        task: What is asked.
        teacher: Who is asked.
        texts: What is asked about.
        store: Where answers are kept.
        progress: Is told how many texts are answered, and how many there are.

    Raises:
        TeacherError: The teacher fails, or none of its first 20 answers is a label of the task.
    """
    keys = [teacher.identify(task, text) for text in texts]
    known = store.find(list(dict.fromkeys(keys)))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    progress(len(known), len(known) + len(missing))
    _run(lambda: _ask(task, teacher, missing, known, store, progress))
    return LabellingRun([known[key] for key in keys], len(missing), len(texts) - len(missing))


def _run(start: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a coroutine to its end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(start())
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(start())).result()


async def _ask(
    task: Task,
    teacher: Teacher,
    missing: dict[str, str],
    known: dict[str, TeacherAnswer],
    store: LabelStore,
    progress: Callable[[int, int], None],
) -> None:
    keys = list(missing)
    nonsense = _NonsenseGuard(task)
    unsaved: list[tuple[str, TeacherAnswer]] = []
    total = len(known) + len(missing)
    try:
        async for position, answer in teacher.answer(task, list(missing.values())):
            nonsense.check(answer.text)
            known[keys[position]] = answer
            unsaved.append((keys[position], answer))
            progress(len(known), total)
            if len(unsaved) >= _STORED_AT_ONCE:
                store.add(unsaved)
                unsaved = []
    finally:
        store.add(unsaved)


class _NonsenseGuard:
    """Stops a run in which the teacher does not do the task, before it costs more."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._parse = LabelParser(task.labels)
        self._outside: list[str] | None = []

    def check(self, answer: str) -> None:
        if self._outside is None:
            return
        if self._parse(answer) is not None:
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
