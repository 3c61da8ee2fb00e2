"""Which students stand in at present, as the store has it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from locum.errors import LocumError
from locum.promotion import drop_unused, read_plan, unpack_student
from locum.serving.other_patterns import find_other_patterns, note_other_patterns
from locum.serving.quick_link import QuickLink, load_quick
from locum.serving.stand_in_metrics import Process
from locum.store import OpenStore, PromotionEvent, PromotionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from locum.config import LimitSettings
    from locum.promotion import Plan
    from locum.serving.spending import Spending
    from locum.store import Database, Promotion, Spent

__all__ = ["Roster", "StandIn"]

_LOOK_SECONDS = 1.0
_SILENCE = 3.0
_REFUSED = "a gateway cannot use its student, so that the teacher answers: "
_log = logging.getLogger("locum.gateway")


class StandIn(NamedTuple):
    """A student that is promoted.

    Args:
        promotion: What the store says of it.
        plan: How its calls are recognised and answered.
        link: Asks it; ``None`` where it was promoted once, and its calls are known for the record.
        head: Lines of an answer's head that say that it is this student's.
    """

    promotion: Promotion
    plan: Plan
    link: QuickLink | None
    head: bytes

    def may_be_named(self, model: str, name: str | None) -> bool:
        """Tell whether a call could be its own, its input aside.

        Args:
            model: That it asks for.
            name: Of the task, by the call's header ``x-locum-task``.
        """
        recognition = self.plan.recognition
        named = name == self.promotion.task or (name is None and not recognition.by_name)
        return named and recognition.may_name(model)


class _Found(NamedTuple):
    """A promotion, what there is of it here, and what keeps it from being used, if anything.

    Its calls may not be recognised, where there is a warning.
    """

    promotion: Promotion
    plan: Plan | None
    folder: Path | None
    fault: str = ""
    warning: str = ""


class _Event(NamedTuple):
    task: str
    kind: Literal["refused", "alarm"]
    message: str


class _Read(NamedTuple):
    """What the store says: promotions, ``None`` if none has changed since, and what was spent."""

    database: Database
    found: list[_Found] | None
    spent: dict[str, Spent]


class Roster:
    """Follows the store: what is promoted there answers here within about a second.

    Args:
        place: Path or URL of the store.
        folder: Where students are unpacked; what is in it already is used again.
        limits: How long students' answers may take.
        spending: Is told what the store says of it, too.
        patterns: Digest of the patterns by which calls are redacted here, as of `Framer`.
        told: Is called once all who asked a student together have been told.
    """

    def __init__(
        self,
        place: str | Path,
        folder: Path,
        limits: LimitSettings,
        spending: Spending,
        patterns: str,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = OpenStore(place)
        self._told = told
        self._folder = folder
        self._limits = limits
        self._spending = spending
        self._patterns = patterns
        self._started = time.time()
        self._reader = ThreadPoolExecutor(1, "locum-roster")
        self._found: dict[str, _Found] | None = None
        # Where another file took the place of this one, its revisions count anew.
        self._found_in: Database | None = None
        self._looked = time.monotonic()
        self._said = frozenset[str]()
        self._noted = frozenset[_Event]()
        self._leaving: list[QuickLink] = []
        self.stand_ins: tuple[StandIn, ...] = ()

    @property
    def blind_seconds(self) -> float:
        """For how long it is not known any more who is promoted."""
        return time.monotonic() - self._looked

    async def follow(self) -> None:
        """Look at the store again and again."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - it is logged, and looked at again
                _log.exception("looking for promotions failed, and goes on")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the store once; where it cannot be read, all stays as it is for a while."""
        settled = self._spending.begin_read()
        try:
            read = await asyncio.get_running_loop().run_in_executor(self._reader, self._read)
        except LocumError as error:
            self._complain(self._said | {f"promotions cannot be read: {error}"})
            return
        self._looked = time.monotonic()
        self._spending.take(read.spent, settled)
        if read.found is not None:
            self._take(read.found)
            self._found = {one.promotion.task: one for one in read.found}
            self._found_in = read.database
        self._complain(frozenset(said for one in read.found or () if (said := _said_of(one))))
        await self._move_in()
        await self._note_events()

    async def _note_events(self) -> None:
        """Note which students cannot be used here: whoever asks for their status has to know."""
        events = frozenset(
            _Event(one.task, "refused", _REFUSED + one.reason)
            for one in self.processes()
            if one.state == "refused"
        ) | frozenset(
            _Event(task, "alarm", one.warning)
            for task, one in (self._found or {}).items()
            if one.warning
        )
        if new := events - self._noted:
            write = partial(self._write_events, new)
            try:
                await asyncio.get_running_loop().run_in_executor(self._reader, write)
            except LocumError:
                return  # the recorder says that nothing can be written; it is tried again
        self._noted = events

    def _write_events(self, events: Iterable[_Event]) -> None:
        for task, kind, message in events:
            if kind == "alarm":
                note_other_patterns(self._store.use(), task, message)
            else:
                event = PromotionEvent(task, time.time(), kind, message)
                PromotionStore(self._store.use()).note_unless_last(event)

    def _complain(self, faults: frozenset[str]) -> None:
        """Say of what is in the way at present what was not said yet."""
        for fault in sorted(faults - self._said):
            _log.error(fault)
        self._said = faults

    def _read(self) -> _Read:
        """Read the store; nothing is taken as known before all of it was read."""
        database = self._store.use()
        store = PromotionStore(database)
        same = database is self._found_in and self._knows(store.revisions())
        found = None if same else self._read_promotions(store)
        return _Read(database, found, self._spending.read(database))

    def _knows(self, revisions: dict[str, int]) -> bool:
        """Tell whether all is as it was; what could not be used may be usable by now."""
        if self._found is None:
            return False
        used = {task: one.promotion.revision for task, one in self._found.items() if not one.fault}
        return revisions == used

    def _read_promotions(self, store: PromotionStore) -> list[_Found]:
        found = [self._prepare(store, promotion) for promotion in store.all()]
        with suppress(OSError):
            drop_unused(self._folder, {one.promotion.artefact for one in found})
        return found

    def _prepare(self, store: PromotionStore, promotion: Promotion) -> _Found:
        """Read a promotion, unless it is known; the student of one that ended is not needed."""
        known = (self._found or {}).get(promotion.task)
        if known is not None and known.promotion == promotion and not known.fault:
            return known
        plan = folder = None
        try:
            plan = read_plan(promotion)
            if promotion.state == "active":
                folder = unpack_student(store, promotion.artefact, self._folder)
        except LocumError as error:
            fault = str(error)
        except OSError as error:  # without the file's name, which is a new one each time
            fault = f"{self._folder}: {error.strerror or error}"
        else:
            warning = find_other_patterns(promotion, plan, self._patterns, self._started)
            return _Found(promotion, plan, folder, warning=warning)
        said = f"the promotion of {promotion.task} cannot be used: {fault}"
        return _Found(promotion, plan, None, said)

    def _take(self, found: list[_Found]) -> None:
        """Keep the links of students that stay, start those of new ones, end the others."""
        running = {
            (one.promotion.task, one.promotion.artefact): one.link
            for one in self.stand_ins
            if one.link is not None
        }
        revisions = {one.promotion.task: one.promotion.revision for one in self.stand_ins}
        stand_ins = []
        for promotion, plan, folder, *_ in found:
            if plan is None:
                continue
            key = (promotion.task, promotion.artefact)
            link = running.get(key) if promotion.state == "active" else None
            same = revisions.get(promotion.task) == promotion.revision
            if link is not None and (same or link.state != "refused"):
                del running[key]
            elif folder is not None:  # what was refused may have been mended since
                link = self._new_link(promotion.task, plan, folder)
                link.start()
            stand_ins.append(StandIn(promotion, plan, link, _head(promotion, plan)))
        # Where a call could be two tasks', that with a student is asked.
        sorted_ones = tuple(sorted(stand_ins, key=lambda one: one.link is None))
        # What is known of calls is forgotten where it is another tuple.
        if sorted_ones != self.stand_ins:
            self.stand_ins = sorted_ones
        for ended in running.values():
            ended.close()
            self._leaving.append(ended)

    async def _move_in(self) -> None:
        """Load the students that are quick, and that their processes have tried, here too."""
        for link in [one.link for one in self.stand_ins if one.link is not None]:
            if link.may_move_in:
                await self._load(link)

    async def _load(self, link: QuickLink) -> None:
        try:
            loop = asyncio.get_running_loop()
            answer_all = await loop.run_in_executor(self._reader, load_quick, link.folder)
            link.move_in(answer_all, self._told)
        except Exception as error:  # noqa: BLE001 - whatever it is, its process answers
            link.quick = False
            _log.warning("the student in %s answers in its own process: %s", link.folder, error)

    def _new_link(self, task: str, plan: Plan, folder: Path) -> QuickLink:
        if not plan.texts:
            return QuickLink(task, folder, self._limits.student_seconds)
        # It says nothing while it writes what was asked at once.
        seconds = self._limits.writer_seconds
        return QuickLink(task, folder, seconds, _SILENCE * seconds)

    def processes(self) -> list[Process]:
        """Return how the students' processes do."""
        return [
            Process(one.promotion.task, one.link.state, one.link.reason, one.link.failures)
            for one in self.stand_ins
            if one.link is not None
        ]

    def sweep(self, now: float) -> None:
        """Look after the students' processes."""
        for stand_in in self.stand_ins:
            if stand_in.link is not None:
                stand_in.link.sweep(now)
        self._leaving = [link for link in self._leaving if not link.left()]

    def give_up(self) -> None:
        """Let nobody wait for a student's answer any more."""
        for stand_in in self.stand_ins:
            if stand_in.link is not None:
                stand_in.link.give_up()

    def close(self) -> None:
        """End all processes."""
        for stand_in in self.stand_ins:
            if stand_in.link is not None:
                stand_in.link.close()
                self._leaving.append(stand_in.link)
        self.stand_ins = ()
        for link in self._leaving:
            link.wait()
        # By the thread that uses it, for which nobody waits: it may hang.
        self._reader.submit(self._store.close)
        self._reader.shutdown(wait=False)


def _said_of(found: _Found) -> str:
    """What the log says of a promotion."""
    return found.fault or (found.warning and f"{found.promotion.task}: {found.warning}")


def _head(promotion: Promotion, plan: Plan) -> bytes:
    promise = b"agreement>=%g; confidence=%g" % (plan.target, plan.confidence)
    student = promotion.artefact[:12].encode()
    lines = (
        b"x-locum-route: student",
        b"x-locum-task: %b" % promotion.task.encode(),
        b"x-locum-certificate: %b; student=%b" % (promise, student),
    )
    return b"\r\n".join(lines)
