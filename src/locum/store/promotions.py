"""Which students stand in for their teachers, and what is known of how they do."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

import orjson

from locum.errors import InputError
from locum.store.student_files import StudentFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema import JsonObject
    from locum.store.database import Database, Row

__all__ = ["EventKind", "Promotion", "PromotionEvent", "PromotionState", "PromotionStore"]

PromotionState = Literal["active", "demoted", "revoked"]
EventKind = Literal["promoted", "demoted", "revoked", "alarm", "refused"]

_COLUMNS = "task, revision, state, artefact, percent, shadow, plan, changed, reason"
_LOCK = 0x6C6F_6375_6D03


class Promotion(NamedTuple):
    """A student that stands in, or did.

    Args:
        task: Of which task.
        revision: Counts up with each change.
        state: ``active``, ``demoted`` by somebody, or ``revoked`` by the watch.
        artefact: SHA-256 of the student's manifest.
        percent: Of how many calls in a hundred the student is asked for the answer; 0 lets it be
            scored beside the teacher alone.
        shadow: Share of calls on which the teacher is asked besides, by chance.
        plan: How its calls are recognised and its answers are worded, as JSON.
        changed: When it was last changed, in seconds since 1970.
        reason: Why it is in this state; empty where somebody wished so.
    """

    task: str
    revision: int
    state: PromotionState
    artefact: str
    percent: float
    shadow: float
    plan: JsonObject
    changed: float
    reason: str


class PromotionEvent(NamedTuple):
    """Something that happened to a promotion, at a time in seconds since 1970."""

    task: str
    time: float
    kind: EventKind
    message: str


class PromotionStore:
    """The promotions of a store; threads may share it.

    Every method raises `InputError` where the store cannot be read or written.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._files = StudentFiles(database)

    # Promotions.

    def all(self) -> list[Promotion]:
        """Return all promotions by task."""
        query = f"SELECT {_COLUMNS} FROM promotions ORDER BY task"  # noqa: S608 - no value in it
        return [_to_promotion(row) for row in self._database.execute(query)]

    def find(self, task: str) -> Promotion | None:
        """Return the promotion of a task."""
        query = f"SELECT {_COLUMNS} FROM promotions WHERE task = ?"  # noqa: S608 - no value in it
        for row in self._database.execute(query, (task,)):
            return _to_promotion(row)
        return None

    def revisions(self) -> dict[str, int]:
        """Return the revision of each promotion; cheap enough to ask every second."""
        return dict(self._database.execute("SELECT task, revision FROM promotions"))

    def promote(
        self,
        task: str,
        artefact: str,
        files: Mapping[str, bytes],
        plan: JsonObject,
        *,
        percent: float,
        shadow: float,
        expected: int | None = None,
    ) -> Promotion:
        """Let a student stand in from now on, instead of any that did.

        Its files are written first, a piece in a transaction, so that nobody waits for all of them.
        Where that is broken off, the next promotion drops them.

        Args:
            task: Of which task.
            artefact: SHA-256 of the student's manifest.
            files: Its files by name: a copy is kept, so that what is promoted cannot change.
            plan: How its calls are recognised and its answers are worded.
            percent: See `Promotion`.
            shadow: See `Promotion`.
            expected: The revision that is to be changed; by default whichever there is.

        Raises:
            InputError: Somebody has changed the promotion meanwhile.
        """
        wanted = Promotion(task, 1, "active", artefact, percent, shadow, plan, 0.0, "")
        promotion = None
        try:
            while promotion is None:
                self._files.write(artefact, files)
                promotion = self._switch_to(wanted, files, expected)
        finally:
            # What cannot be dropped now is dropped by the next promotion.
            with suppress(InputError):
                self._drop_unused_files()
        return promotion

    def _switch_to(
        self, wanted: Promotion, files: Mapping[str, bytes], expected: int | None
    ) -> Promotion | None:
        """Make a promotion that of its task; ``None`` where its files are not whole any more."""
        with self._database.transaction():
            self._lock()
            before = self.find(wanted.task)
            if expected is not None and (before is None or before.revision != expected):
                raise InputError(
                    f"the promotion of {wanted.task!r} was changed meanwhile: see locum status, "
                    "and try again"
                )
            if not self._files.settle(wanted.artefact, files):
                return None
            revision = before.revision + 1 if before else 1
            promotion = wanted._replace(revision=revision, changed=time.time())
            self._write(promotion)
            share = f"{promotion.percent:g}% of calls, {promotion.shadow:.1%} shadowed"
            self.note(PromotionEvent(promotion.task, promotion.changed, "promoted", share))
        return promotion

    def _drop_unused_files(self) -> None:
        for piece in self._files.unused():
            with self._database.transaction():
                self._lock()
                self._files.drop(*piece)

    def end(
        self, task: str, state: PromotionState, reason: str, artefact: str | None = None
    ) -> Promotion | None:
        """Let the teacher answer again.

        Args:
            task: Of which task.
            state: ``demoted`` or ``revoked``.
            reason: Why.
            artefact: Only where this student stands in.

        Returns:
            The promotion as it is now; ``None`` where no such student stood in.
        """
        with self._database.transaction():
            return self.end_within(task, state, reason, artefact)

    def end_within(
        self, task: str, state: PromotionState, reason: str, artefact: str | None = None
    ) -> Promotion | None:
        """Do as `end`, as a part of a transaction of the caller's."""
        self._lock()
        before = self.find(task)
        if before is None or artefact not in {None, before.artefact}:
            return None
        # Who demotes what was revoked says that it is to stay so.
        if before.state != "active" and (before.state, state) != ("revoked", "demoted"):
            return None
        ended = before._replace(
            revision=before.revision + 1, state=state, changed=time.time(), reason=reason
        )
        self._write(ended)
        kind: EventKind = "revoked" if state == "revoked" else "demoted"
        self.note(PromotionEvent(task, ended.changed, kind, reason))
        return ended

    def _lock(self) -> None:
        """Let others wait who would change promotions, until the transaction ends."""
        if self._database.dialect == "postgres":  # in SQLite it keeps other writers out already
            self._database.execute("SELECT pg_advisory_xact_lock(?::bigint)", (_LOCK,))

    def _write(self, promotion: Promotion) -> None:
        self._database.execute("DELETE FROM promotions WHERE task = ?", (promotion.task,))
        plan = orjson.dumps(promotion.plan)
        values = [plan if value is promotion.plan else value for value in promotion]
        self._database.execute(
            f"INSERT INTO promotions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - no value in it
            values,
        )

    # Students.

    def pieces(self, artefact: str) -> dict[str, int]:
        """Return the names of a promoted student's files; see `StudentFiles.pieces`."""
        return self._files.pieces(artefact)

    def piece(self, artefact: str, name: str, part: int) -> bytes:
        """Return a piece of a file; see `StudentFiles.piece`."""
        return self._files.piece(artefact, name, part)

    # Events.

    def note(self, event: PromotionEvent) -> None:
        """Keep an event."""
        self._database.execute(
            "INSERT INTO promotion_events (task, time, kind, message) VALUES (?, ?, ?, ?)", event
        )

    def note_unless_last(self, event: PromotionEvent) -> None:
        """Keep an event, unless the last one of its task said the same."""
        with self._database.transaction():
            self._lock()
            last = self.events(event.task, 1)
            if [one[2:] for one in last] != [event[2:]]:
                self.note(event)

    def events(self, task: str, limit: int) -> list[PromotionEvent]:
        """Return the last events of a task, the newest first."""
        rows = self._database.execute(
            "SELECT task, time, kind, message FROM promotion_events WHERE task = ? "
            "ORDER BY number DESC LIMIT ?",
            (task, limit),
        )
        return [PromotionEvent(*row) for row in rows]


def _to_promotion(row: Row) -> Promotion:
    promotion = Promotion(*row)
    try:
        plan: JsonObject = orjson.loads(bytes(row[6]))
    except orjson.JSONDecodeError:
        # Whoever reads the plan says so: other promotions are not to suffer.
        plan = {}
    return promotion._replace(plan=plan)
