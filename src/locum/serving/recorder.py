"""The recorder: a process that writes the calls that the gateway hands over.

It is apart from the gateway so that reading, redacting and writing take no time from calls, and so
that what was handed over is written even where the gateway is killed.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from locum.config import RedactionSettings
from locum.errors import ArtefactError, InputError, LocumError
from locum.redaction import Redactor
from locum.schema import OwnPrice
from locum.serving.notes import Notes, uncompared
from locum.serving.recorder_deaths import NO_DEATHS, Deaths, tell_deaths
from locum.serving.recorder_end import RecorderEnd
from locum.serving.records import teacher_answer, to_call
from locum.serving.same_answers import tell_apart
from locum.serving.traces import Traces
from locum.store import CallStore, OpenStore, PromotionStore, Shadow
from locum.traffic import input_text
from locum.traffic.apis.lenient import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locum.promotion import Judge
    from locum.schema import Call, JsonObject
    from locum.serving.records import Record
    from locum.serving.watch_keeper import WatchKeeper

__all__ = ["main"]

T = TypeVar("T")

_RETRY_SECONDS = 1.0
_RETRIES_ALONE = 30
_DIGITS = 16
# Calls come before their record where both want a processor, and leave no cycles behind.
_NICE = 10
_OBJECTS_BEFORE_COLLECTION = 100_000
# What databases say of values that they do not take, by the names of PEP 249, which all drivers
# share; and what bodies raise that are no JSON.
_FAULTS_OF_ROWS = {
    *("DataError", "IntegrityError"),
    *("OverflowError", "RecursionError", "TypeError", "ValueError"),
}


def main() -> None:
    """Write what comes through the socket that the command line names, to its end."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    with suppress(AttributeError):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as end:
        link = RecorderEnd(end)
        batches = link.records()
        opening = next(batches, None)
        if opening is None:
            return
        settings, *first = opening
        redaction = settings.facts["redaction"]
        redactor = Redactor(RedactionSettings(frozenset(redaction["off"]), redaction["patterns"]))
        prices = {
            name: OwnPrice(*price) for name, price in settings.facts.get("prices", {}).items()
        }
        endpoint = settings.facts.get("traces")
        traces = Traces(endpoint) if endpoint else None
        writer = _Writer(settings.facts["store"], link, prices, traces)
        writer.write([], redactor)
        writer.prepare(Deaths(*settings.facts.get("deaths", NO_DEATHS)))
        writer.write(first, redactor)
        for batch in batches:
            writer.write(batch, redactor)
        writer.close()
        if traces is not None:
            traces.close()


class _StoreGoneError(Exception):
    """Nothing can be written, and the gateway that knew of it is gone."""


class _Writer:
    """Writes batches; waits and tries again where the store fails.

    A row that the store does not take is found by halving its batch, and left out.
    """

    def __init__(
        self, place: str, link: RecorderEnd, prices: Mapping[str, OwnPrice], traces: Traces | None
    ) -> None:
        self._store = OpenStore(place)
        self._prices = prices
        self._traces = traces
        self._link = link
        self._tries_alone = 0
        self._keeper: WatchKeeper | None = None
        self._judges: dict[Path, Judge] = {}

    def prepare(self, deaths: Deaths) -> None:
        """Look at what is promoted, and begin the watches: under load that would take long."""
        with suppress(_StoreGoneError):
            self._insist(lambda: self._begin_watches(deaths))

    def _begin_watches(self, deaths: Deaths) -> None:
        if PromotionStore(self._store.use()).revisions():
            tell_deaths(self._store.use(), deaths)
            self._watch().begin()

    def write(self, records: list[Record], redactor: Redactor) -> None:
        """Write one batch as one transaction: it is on disk before the gateway hears of it."""
        notes = Notes()
        records = notes.take_others(records)
        with self._link.at_work([*records, *notes.scored]):
            read, unread = self._read(records, redactor)
            # What is wrong with one of these was said when its call was recorded.
            scored, unscored = self._read(notes.scored, redactor)
        reasons = [reason for _, reason in unread]
        for record, _ in unread:
            notes.take_cost(record)
        for record, _ in (*unread, *unscored):
            notes.take_unread(record)
        self._trace([(call, record.facts) for record, call in read], notes.answers)
        try:
            named = self._insist(lambda: tell_apart([*read, *scored], CallStore(self._store.use())))
            for record, call in named:
                self._compare(record, call, redactor, notes)
            read = named[: len(read)]
            for record, call in read:
                notes.take(record, call)
            calls = [call for _, call in read]
            self._insist(lambda: notes.write_deferred(self._store.use()))
            reasons += self._add(calls, lambda some: CallStore(self._store.use()).add(some))
            self._insist(lambda: notes.write_spent(self._store.use()))
            self._insist(lambda: notes.write_tallies(self._store.use()))
            self._insist(lambda: notes.write_unwatched(self._store.use()))
            self._add_shadows(notes.shadows)
        except _StoreGoneError:
            sys.stderr.write(f"locum: {len(read)} calls are lost: nothing could be written\n")
            return
        self._link.say(
            stored=len(records) - len(reasons),
            unreadable=len(reasons),
            reason=reasons[-1] if reasons else "",
            tallied=notes.frames,
            spent=notes.spent,
        )

    def _read(
        self, records: list[Record], redactor: Redactor
    ) -> tuple[list[tuple[Record, Call]], list[tuple[Record, str]]]:
        """Return records with the calls that they are, and those that cannot be read, with why."""
        read: list[tuple[Record, Call]] = []
        unread: list[tuple[Record, str]] = []
        for record in records:
            with suppress(AttributeError):
                os.sched_yield()
            try:
                read.append((record, to_call(record, redactor, self._prices)))
            except Exception as error:  # noqa: BLE001 - no call may stop the ones after it
                unread.append((record, type(error).__name__))
        return read, unread

    def close(self) -> None:
        """Close the store until the next write."""
        self._keeper = None
        # Where it cannot be closed, the next write says why.
        with suppress(LocumError):
            self._store.close()

    def _add_shadows(self, shadows: list[Shadow]) -> None:
        refused = self._add(shadows, lambda some: self._watch().add(some)) if shadows else []
        for reason in refused:
            sys.stderr.write(f"locum: a sampled call cannot be kept: {reason}\n")

    def _add(self, rows: list[T], write: Callable[[list[T]], object]) -> list[str]:
        """Write rows; of those that the store does not take, return why."""
        refusal = self._insist(lambda: self._try_all(rows, write))
        if refusal is None:
            return []
        if len(rows) == 1:
            return [refusal]
        half = len(rows) // 2
        return self._add(rows[:half], write) + self._add(rows[half:], write)

    def _try_all(self, rows: list[T], write: Callable[[list[T]], object]) -> str | None:
        """Write all rows, or none where the store refuses one of them; then return why."""
        try:
            write(rows)
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None or not rows:
                raise
            return refusal
        self._tries_alone = 0
        return None

    def _insist(self, write: Callable[[], T]) -> T:
        """Write until the store takes it.

        Raises:
            _StoreGoneError: It does not, and the gateway is gone.
        """
        while self._link.open or self._tries_alone < _RETRIES_ALONE:
            try:
                return write()
            except LocumError as error:
                self._wait(error)
        raise _StoreGoneError

    def _watch(self) -> WatchKeeper:
        database = self._store.use()
        if self._keeper is None:
            from locum.serving.watch_keeper import WatchKeeper

            # One that says nothing for long counts as failing.
            self._keeper = WatchKeeper(database, self._link.say)
        return self._keeper

    def _compare(self, record: Record, call: Call, redactor: Redactor, notes: Notes) -> None:
        """Note what student and teacher said of a call, if it was sampled."""
        sampled = record.facts.get("sampled")
        if sampled is None:
            return
        try:
            judge = self._judge(Path(sampled["folder"]))
        except InputError as error:  # the store fails: the next sampled call tries again
            sys.stderr.write(f"locum: a sampled call cannot be compared: {error}\n")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody would watch the student
            reason = str(error) if isinstance(error, LocumError) else repr(error)
            notes.unwatched[sampled["task"], sampled["artefact"]] = reason
            return
        try:
            shadow = self._shadow(judge, record, call, redactor)
        except Exception as error:  # noqa: BLE001 - the call itself is to be kept
            sys.stderr.write(f"locum: a sampled call cannot be compared: {error!r}\n")
            shadow = uncompared(record, call.facts.id)
        notes.shadows.append(shadow)

    def _trace(self, calls: list[tuple[Call, JsonObject]], answers: list[JsonObject]) -> None:
        """Send spans, where there are any; no call may stop for one."""
        if self._traces is None:
            return
        try:
            for call, facts in calls:
                self._traces.teacher_call(call, facts)
            for answer in answers:
                self._traces.student_answer(answer)
        except Exception as error:  # noqa: BLE001 - the calls themselves are to be kept
            sys.stderr.write(f"locum: calls cannot be traced: {error}\n")

    def _shadow(self, judge: Judge, record: Record, call: Call, redactor: Redactor) -> Shadow:
        answer = teacher_answer(record) if call.facts.outcome == "whole" else None
        said = record.facts["sampled"]["said"]
        return uncompared(record, call.facts.id)._replace(
            agrees=None if answer is None else judge(said, answer),
            said=redactor.redact([said], record.facts["secrets"]).values[0],
            input_hash=_digest(input_text(call.request)),
            answer_hash="" if answer is None else _digest(judge.meaning(answer)),
            teacher=as_text((call.response or {}).get("model")),
        )

    def _judge(self, folder: Path) -> Judge:
        if folder not in self._judges:
            # The folders of students that are promoted no more are removed in the end.
            self._judges = {one: judge for one, judge in self._judges.items() if one.is_dir()}
            self._judges[folder] = self._load_judge(folder)
        return self._judges[folder]

    def _load_judge(self, folder: Path) -> Judge:
        """Load a judge from the student's folder; where that is damaged, from the store's copy."""
        from locum.promotion import load_judge, unpack_student

        try:
            return load_judge(folder)
        except ArtefactError:
            # What is wrong with the store's copy too shows as it is loaded.
            with suppress(ArtefactError, OSError):
                unpack_student(PromotionStore(self._store.use()), folder.name, folder.parent)
            return load_judge(folder)

    def _wait(self, error: LocumError) -> None:
        self._tries_alone += not self._link.open
        self.close()
        self._link.say(failing=str(error))
        time.sleep(_RETRY_SECONDS)


def _refusal(error: Exception) -> str | None:
    """Return why the store does not take rows for what they hold; ``None`` where it fails."""
    if not isinstance(error, LocumError):
        return type(error).__name__
    kind = type(error.__context__)
    names = {base.__name__ for base in kind.__mro__}
    return None if names.isdisjoint(_FAULTS_OF_ROWS) else kind.__name__


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGITS]


if __name__ == "__main__":
    main()
