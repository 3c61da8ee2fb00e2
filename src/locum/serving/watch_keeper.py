"""Keeps the watch over promoted students: what is sampled goes to the store, and to the tests."""

from __future__ import annotations

import time
from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.monitoring import AgreementWatch
from locum.promotion import read_plan
from locum.store import PromotionStore, ShadowStore, lock_watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject
    from locum.store import Database, Shadow

__all__ = ["WatchKeeper"]


class _Student(NamedTuple):
    task: str
    artefact: str


class _Watched:
    """The tests over one student, and how far they have come."""

    def __init__(self, target: float, delta: float) -> None:
        self.agreement = AgreementWatch(target, delta)
        self.target = target
        self.last = 0
        self.sampled = 0
        self.would_answer = 0
        self.times = array("d")

    def take(self, rows: Sequence[tuple[int, Shadow]]) -> None:
        """Go on with the next sampled calls."""
        for number, shadow in rows:
            self.last = number
            self.sampled += 1
            self.would_answer += shadow.answered
            if shadow.answered and shadow.agrees is not None:
                self.agreement.observe(shadow.agrees)
                self.times.append(shadow.time)

    def state(self) -> JsonObject:
        """What is shown of it."""
        watch = self.agreement
        low, high = watch.interval()
        return {
            "sampled": self.sampled,
            "answered": self.would_answer,
            "compared": watch.observed,
            "disagreements": watch.disagreements,
            "agreement_low": low,
            "agreement_high": high,
            "log_evidence": watch.log_evidence,
            "broken": watch.broken,
            "time": time.time(),
        }

    def reason(self) -> str:
        """Why the certificate holds no more."""
        watch = self.agreement
        began = self.times[(watch.began or 1) - 1]
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(began))
        agreement = 1 - watch.disagreements / watch.observed
        return (
            f"agreement fell below the promised {self.target:g}: {watch.disagreements:,} of "
            f"{watch.observed:,} sampled answers differ from the teacher's ({agreement:.1%} "
            f"agree), beginning about {when}"
        )


class WatchKeeper:
    """Writes sampled calls, and revokes what breaks its promise.

    Several gateways at one store take turns, so that all see the calls in one order.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._promotions = PromotionStore(database)
        self._shadows = ShadowStore(database)
        self._watched: dict[_Student, _Watched] = {}

    def add(self, shadows: Sequence[Shadow]) -> None:
        """Keep sampled calls, and look at each student whose they are.

        Raises:
            InputError: The store cannot be written; nothing was.
        """
        by_student: defaultdict[_Student, list[Shadow]] = defaultdict(list)
        for shadow in shadows:
            by_student[_Student(shadow.task, shadow.artefact)].append(shadow)
        for student, own in by_student.items():
            self._add(student, own)

    def _add(self, student: _Student, shadows: Sequence[Shadow]) -> None:
        watched = self._watched.get(student) or self._begin(student)
        try:
            with self._database.transaction():
                lock_watch(self._database)
                self._shadows.add_shadows(shadows)
                if watched is not None:
                    watched.take(self._shadows.shadows(*student, watched.last))
                    self._shadows.keep_watch(*student, watched.state())
        except BaseException:
            # What was seen may not be what is kept: it is read again.
            self._watched.pop(student, None)
            raise
        if watched is not None and watched.agreement.broken:
            self._promotions.end(student.task, "revoked", watched.reason(), student.artefact)

    def _begin(self, student: _Student) -> _Watched | None:
        """Begin a watch, which reads what was sampled before.

        There is none where the student is not promoted any more: its last calls are only kept.
        """
        promotion = self._promotions.find(student.task)
        if promotion is None or promotion.artefact != student.artefact:
            return None
        plan = read_plan(promotion.plan)
        watched = self._watched[student] = _Watched(plan.target, 1 - plan.confidence)
        return watched
