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
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.config import RedactionSettings
from locum.errors import LocumError
from locum.redaction import Redactor
from locum.serving.bodies import unpack
from locum.serving.frames import take_frames
from locum.serving.refusals import Refusal
from locum.store import CallStore, open_database
from locum.traffic import assemble, make_call, stream_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Call, JsonObject
    from locum.store import Database

__all__ = ["Record", "main", "to_call"]

_READ_BYTES = 1024 * 1024
_UNPACKED_BYTES = 64 * 1024 * 1024
_GATHER_SECONDS = 0.002
_RETRY_SECONDS = 1.0
_RETRIES_ALONE = 30
# Calls come before their record where both want a processor, and leave no cycles behind.
_NICE = 10
_OBJECTS_BEFORE_COLLECTION = 100_000
# What databases say of values that they do not take, by the names of PEP 249, which all drivers
# share; and what bodies raise that are no JSON.
_FAULTS_OF_CALLS = {
    *("DataError", "IntegrityError"),
    *("OverflowError", "RecursionError", "TypeError", "ValueError"),
}


class Record(NamedTuple):
    """One call as it went over the wire.

    Args:
        facts: What the gateway knows of it.
        request: The body of the request.
        response: The body of the answer, or what came of it.
    """

    facts: JsonObject
    request: bytes
    response: bytes


class _Link:
    """The recorder's end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = bytearray()
        self.open = True

    def records(self) -> Iterator[list[Record]]:
        """Yield what has arrived since the last time, at least one record each time."""
        while True:
            frames = take_frames(self._received)
            if frames:
                yield [Record(orjson.loads(facts), *bodies) for facts, *bodies in frames]
                time.sleep(_GATHER_SECONDS)
                continue
            data = self._receive()
            if not data:
                self.open = False
                return
            self._received += data

    def _receive(self) -> bytes:
        """Read on; a gateway that was killed counts as one that has closed its end."""
        try:
            return self._end.recv(_READ_BYTES)
        except ConnectionError:
            return b""

    def say(
        self, *, stored: int = 0, unreadable: int = 0, failing: str = "", reason: str = ""
    ) -> None:
        """Tell the gateway how it goes, if it is still there."""
        said = {"stored": stored, "unreadable": unreadable, "failing": failing, "reason": reason}
        try:
            self._end.sendall(orjson.dumps(said) + b"\n")
        except OSError:
            self.open = False


def main() -> None:
    """Write what comes through the socket that the command line names, to its end."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    with suppress(AttributeError):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as end:
        link = _Link(end)
        batches = link.records()
        opening = next(batches, None)
        if opening is None:
            return
        settings, *first = opening
        redaction = settings.facts["redaction"]
        redactor = Redactor(RedactionSettings(frozenset(redaction["off"]), redaction["patterns"]))
        writer = _Writer(settings.facts["store"], link)
        writer.write([], redactor)
        writer.write(first, redactor)
        for batch in batches:
            writer.write(batch, redactor)


class _StoreGoneError(Exception):
    """Nothing can be written, and the gateway that knew of it is gone."""


class _Writer:
    """Writes batches; waits and tries again where the store fails.

    A call that the store does not take is found by halving its batch, and left out.
    """

    def __init__(self, place: str, link: _Link) -> None:
        self._place = place
        self._link = link
        self._database: Database | None = None
        self._tries = 0

    def write(self, records: list[Record], redactor: Redactor) -> None:
        """Write one batch as one transaction: it is on disk before the gateway hears of it."""
        calls, reasons = [], []
        for record in records:
            with suppress(AttributeError):
                os.sched_yield()
            try:
                calls.append(to_call(record, redactor))
            except Exception as error:  # noqa: BLE001 - no call may stop the ones after it
                reasons.append(type(error).__name__)
        try:
            reasons += self._add(calls)
        except _StoreGoneError:
            sys.stderr.write(f"locum: {len(calls)} calls are lost: nothing could be written\n")
            return
        unreadable = len(reasons)
        reason = reasons[-1] if reasons else ""
        self._link.say(stored=len(records) - unreadable, unreadable=unreadable, reason=reason)

    def _add(self, calls: list[Call]) -> list[str]:
        """Write calls; of those that the store does not take, return why."""
        refusal = self._add_all(calls)
        if refusal is None:
            return []
        if len(calls) == 1:
            return [refusal]
        half = len(calls) // 2
        return self._add(calls[:half]) + self._add(calls[half:])

    def _add_all(self, calls: list[Call]) -> str | None:
        """Write all calls, or none where one of them is refused; then return why."""
        while self._link.open or self._tries < _RETRIES_ALONE:
            try:
                return self._try_all(calls)
            except LocumError as error:
                self._wait(error)
        raise _StoreGoneError

    def _try_all(self, calls: list[Call]) -> str | None:
        store = CallStore(self._open())
        try:
            store.add(calls)
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None or not calls:
                raise
            return refusal
        self._tries = 0
        return None

    def _wait(self, error: LocumError) -> None:
        self._tries += 1
        self._close()
        self._link.say(failing=str(error))
        time.sleep(_RETRY_SECONDS)

    def _open(self) -> Database:
        if self._database is None:
            self._database = open_database(self._place)
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _refusal(error: Exception) -> str | None:
    """Return why the store does not take calls for what they hold; ``None`` where it fails."""
    if not isinstance(error, LocumError):
        return type(error).__name__
    kind = type(error.__context__)
    names = {base.__name__ for base in kind.__mro__}
    return None if names.isdisjoint(_FAULTS_OF_CALLS) else kind.__name__


def to_call(record: Record, redactor: Redactor) -> Call:
    """Return a record as a call, with what must not reach the disk taken out.

    Raises:
        Exception: The record cannot be read.
    """
    facts = record.facts
    endpoint = facts["endpoint"]
    request = orjson.loads(_unpacked(record.request, facts["request_encoding"]))
    outcome, response = facts["outcome"], None
    body = _unpacked(record.response, facts["response_encoding"])
    if facts["streamed"]:
        stream = stream_events(body)
        assembled = assemble(endpoint, stream.events, done=stream.done)
        response = assembled.response
        if outcome == "whole" and not assembled.whole:
            outcome = "incomplete"
    elif body and outcome == "whole":
        response = _read_object(body)
    if outcome == "whole" and (facts["status"] or 500) >= 400:
        outcome = "failed"
    return make_call(
        source="gateway",
        endpoint=endpoint,
        request=request,
        response=response,
        time=facts["time"],
        outcome=outcome,
        status=facts["status"],
        application=facts["application"],
        upstream=facts["upstream"],
        streamed=facts["streamed"],
        latency_ms=facts["latency_ms"],
        first_byte_ms=facts["first_byte_ms"],
        task=facts["task"],
        redactor=redactor,
        secrets=facts["secrets"],
    )


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    if not encoding:
        return body
    try:
        return unpack(body, encoding.encode("latin-1"), _UNPACKED_BYTES)
    except Refusal as refusal:
        raise ValueError(refusal.message) from None


def _read_object(body: bytes) -> JsonObject | None:
    """An upstream's error page may be anything."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None


if __name__ == "__main__":
    main()
