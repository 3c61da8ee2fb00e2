"""Which students stand in at present, as the store has it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import LocumError
from locum.promotion import drop_unused, read_plan, unpack_student
from locum.serving.stand_in_metrics import Process
from locum.serving.student_link import StudentLink
from locum.store import PromotionStore, open_database

if TYPE_CHECKING:
    from pathlib import Path

    from locum.promotion import Plan
    from locum.serving.spending import Spending
    from locum.store import Database, Promotion, Spent

__all__ = ["Roster", "StandIn"]

_LOOK_SECONDS = 1.0
# A watch that cannot be read cannot revoke: then no student answers.
_BLIND_SECONDS = 60.0
_log = logging.getLogger("locum.gateway")


class StandIn(NamedTuple):
    """A student that is promoted.

    Args:
        promotion: What the store says of it.
        plan: How its calls are recognised and answered.
        link: Asks it.
        headers: Say of an answer that it is this student's.
    """

    promotion: Promotion
    plan: Plan
    link: StudentLink
    headers: tuple[tuple[bytes, bytes], ...]

    def may_be_asked(self, model: str, name: str | None, text: str) -> bool:
        """Tell whether a call could be its own.

        Args:
            model: That it asks for.
            name: Of the task, by the call's header ``x-locum-task``.
            text: Its input.
        """
        recognition = self.plan.recognition
        named = name == self.promotion.task or (name is None and not recognition.by_name)
        return named and recognition.may_admit(model, text)


class _Found(NamedTuple):
    promotion: Promotion
    plan: Plan
    folder: Path


class Roster:
    """Follows the store: what is promoted there answers here within about a second.

    Args:
        place: Path or URL of the store.
        folder: Where students are unpacked; what is in it already is used again.
        seconds: How long a student's answer may take.
        spending: Is told what the store says of it, too.
    """

    def __init__(self, place: str | Path, folder: Path, seconds: float, spending: Spending) -> None:
        self._place = place
        self._folder = folder
        self._seconds = seconds
        self._spending = spending
        self._reader = ThreadPoolExecutor(1, "locum-roster")
        self._database: Database | None = None
        self._known: dict[str, int] | None = None
        self._looked = time.monotonic()
        self._said = ""
        self.stand_ins: tuple[StandIn, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether it is not known any more who is promoted."""
        return time.monotonic() - self._looked > _BLIND_SECONDS

    async def follow(self) -> None:
        """Look at the store again and again."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the store once; where it cannot be read, all stays as it is for a while."""
        settled = self._spending.begin_read()
        try:
            found, spent = await asyncio.get_running_loop().run_in_executor(
                self._reader, self._read
            )
        except LocumError as error:
            self._complain(f"promotions cannot be read: {error}")
            return
        self._looked = time.monotonic()
        self._spending.take(spent, settled)
        if found is not None:
            self._take(found)

    def _complain(self, message: str) -> None:
        if message != self._said:
            self._said = message
            _log.error(message)

    def _read(self) -> tuple[list[_Found] | None, dict[str, Spent]]:
        """Return the students that are promoted, if that has changed, and what was spent."""
        if self._database is None:
            self._database = open_database(self._place)
        return self._read_promotions(self._database), self._spending.read(self._database)

    def _read_promotions(self, database: Database) -> list[_Found] | None:
        store = PromotionStore(database)
        revisions = store.revisions()
        if revisions == self._known:
            return None
        found = []
        for promotion in store.all():
            if promotion.state != "active":
                continue
            try:
                plan = read_plan(promotion.plan)
                folder = unpack_student(store, promotion.artefact, self._folder)
            except (LocumError, OSError) as error:
                _log.error("the promotion of %s cannot be used: %s", promotion.task, error)
                continue
            found.append(_Found(promotion, plan, folder))
        with suppress(OSError):
            drop_unused(self._folder, {one.promotion.artefact for one in found})
        self._known = revisions
        return found

    def _take(self, found: list[_Found]) -> None:
        """Keep the links of students that stay, start those of new ones, end the others."""
        running = {(s.promotion.task, s.promotion.artefact): s.link for s in self.stand_ins}
        stand_ins = []
        for promotion, plan, folder in found:
            link = running.get((promotion.task, promotion.artefact))
            if link is not None and link.state != "refused":
                del running[promotion.task, promotion.artefact]
            else:  # what was refused may have been mended since
                link = StudentLink(promotion.task, folder, self._seconds)
                link.start()
            stand_ins.append(StandIn(promotion, plan, link, _headers(promotion, plan)))
        self.stand_ins = tuple(stand_ins)
        for link in running.values():
            link.close()

    def processes(self) -> list[Process]:
        """Return how the students' processes do."""
        links = [(stand_in.promotion.task, stand_in.link) for stand_in in self.stand_ins]
        return [Process(task, k.state, k.reason, k.failures) for task, k in links]

    def sweep(self, now: float) -> None:
        """Look after the students' processes."""
        for stand_in in self.stand_ins:
            stand_in.link.sweep(now)

    def close(self) -> None:
        """End all processes."""
        for stand_in in self.stand_ins:
            stand_in.link.close()
        self.stand_ins = ()
        self._reader.shutdown()
        if self._database is not None:
            self._database.close()


def _headers(promotion: Promotion, plan: Plan) -> tuple[tuple[bytes, bytes], ...]:
    promise = b"agreement>=%g; confidence=%g" % (plan.target, plan.confidence)
    student = promotion.artefact[:12].encode()
    return (
        (b"x-locum-route", b"student"),
        (b"x-locum-task", promotion.task.encode()),
        (b"x-locum-certificate", b"%b; student=%b" % (promise, student)),
    )
