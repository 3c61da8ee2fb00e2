"""Keeps the watch over promoted students: what is sampled goes to the store, and to the tests."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.promotion import read_plan
from locum.serving.task_watch import TaskWatch
from locum.store import PromotionEvent, PromotionStore, ShadowStore, lock_watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.store import Database, Shadow

__all__ = ["WatchKeeper"]

_ROWS_A_PAGE = 5_000


class _Student(NamedTuple):
    task: str
    artefact: str


class WatchKeeper:
    """Writes sampled calls, and revokes what breaks its promise.

    Several gateways at one store take turns, so that all see the calls in one order.

    Args:
        database: The store.
        told: Is called now and then while much is read.
    """

    def __init__(self, database: Database, told: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._told = told
        self._promotions = PromotionStore(database)
        self._shadows = ShadowStore(database)
        self._watched: dict[_Student, TaskWatch] = {}

    def begin(self) -> None:
        """Read what was sampled before of the students that are promoted.

        Raises:
            InputError: The store cannot be read.
        """
        for promotion in self._promotions.all():
            if promotion.state == "active":
                self._catch_up(_Student(promotion.task, promotion.artefact))

    def add(self, shadows: Sequence[Shadow]) -> None:
        """Keep sampled calls, and look at each student whose they are.

        Raises:
            InputError: The store cannot be written; nothing was.
        """
        by_student: defaultdict[_Student, list[Shadow]] = defaultdict(list)
        for shadow in shadows:
            by_student[_Student(shadow.task, shadow.artefact)].append(shadow)
        try:
            for student in by_student:
                self._catch_up(student)
            with self._database.transaction():
                lock_watch(self._database)
                for student, own in by_student.items():
                    self._shadows.add_shadows(own)
                    self._look_at(student)
        except BaseException:
            # What was seen may not be what is kept: it is read again.
            self._watched.clear()
            raise

    def _catch_up(self, student: _Student) -> None:
        """Read what was sampled before, some at a time, while others may write."""
        watched = self._watched.get(student) or self._begin(student)
        rows = watched is not None
        while watched is not None and rows:
            some = self._shadows.shadows(*student, watched.last, _ROWS_A_PAGE)
            watched.take(some)
            self._told()
            rows = len(some) == _ROWS_A_PAGE

    def _look_at(self, student: _Student) -> None:
        watched = self._watched.get(student)
        if watched is None:
            return
        watched.take(self._shadows.shadows(*student, watched.last))
        was_broken = self._shadows.is_broken(*student)
        self._keep(student, watched)
        if watched.agreement.broken:
            self._revoke(student, watched.broken_promise(), is_new=not was_broken)

    def _revoke(self, student: _Student, reason: str, *, is_new: bool) -> None:
        """End a promotion; of a student that is scored alone, and answers nobody, note it once."""
        promotion = self._promotions.find(student.task)
        if promotion is not None and promotion.percent:
            self._promotions.end_within(student.task, "revoked", reason, student.artefact)
        elif is_new:
            self._promotions.note(PromotionEvent(student.task, time.time(), "alarm", reason))

    def _keep(self, student: _Student, watched: TaskWatch) -> None:
        """Keep what the watch has found, and note what it is alarmed by for the first time."""
        known = (self._shadows.watch(*student) or {}).get("alarms", {})
        alarms = watched.alarms()
        for kind in alarms.keys() - known.keys():
            event = PromotionEvent(student.task, time.time(), "alarm", alarms[kind])
            self._promotions.note(event)
        self._shadows.keep_watch(*student, {**watched.state(), "alarms": alarms | known})
        memory = watched.memory_due()
        if memory is not None:
            self._shadows.keep_memory(*student, memory)

    def _begin(self, student: _Student) -> TaskWatch | None:
        """Begin a watch, which reads what was sampled before.

        There is none where the student is not promoted any more, or was promoted by a later Locum
        whose plan cannot be read here: its calls are only kept.
        """
        promotion = self._promotions.find(student.task)
        if promotion is None or promotion.artefact != student.artefact:
            return None
        try:
            plan = read_plan(promotion)
        except InputError:
            return None
        watched = self._watched[student] = TaskWatch(plan, self._shadows.memory(*student))
        return watched
