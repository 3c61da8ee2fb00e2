"""The gateway's end of the recorder: hands records over, never waits, never fails a call."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import orjson

from locum.errors import LocumError
from locum.serving.child import start_child, why_failed
from locum.serving.frames import pack
from locum.serving.recorder_deaths import NO_DEATHS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Sequence

    from locum.schema import JsonObject
    from locum.serving.metrics import Metrics
    from locum.serving.spending import Reservation

__all__ = ["RecorderLink"]

_QUEUE_BYTES = 256 * 1024 * 1024
_SOCKET_BYTES = 4 * 1024 * 1024
_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 30.0
_LEAVE_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_SILENT_SECONDS = 30.0
_log = logging.getLogger("locum.gateway")


class RecorderLink:
    """Feeds a recorder process through a socket pair.

    What was handed over survives the death of the gateway: it lies in the socket, and the recorder
    reads on to its end. What does not fit waits in a queue; what does not fit there is counted as
    lost. A recorder that dies is started again.

    Args:
        settings: What the recorder is told first; see `locum.serving.recorder_settings`.
        metrics: Where is counted what was stored and lost.
        settle: Is told of calls that are on disk: what was reserved for them, and whose they are
            with what they cost in US dollars; see `Spending.settle`.
        queue_bytes: How much may wait.
    """

    def __init__(
        self,
        settings: JsonObject,
        metrics: Metrics,
        settle: Callable[[Sequence[Reservation], Sequence[tuple[str, float]]], None] | None = None,
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._settle = settle
        self._most_waiting = queue_bytes
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._sent = 0
        self._unsettled: deque[Reservation | None] = deque()
        self._said: set[str] = set()
        self._failing_since: float | None = None
        self.deaths = NO_DEATHS
        self._heard = 0.0
        self._restart_seconds = _FIRST_RESTART_SECONDS
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._replies = b""
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._closing = asyncio.Event()

    def start(self) -> None:
        """Start the recorder.

        Raises:
            LocumError: It cannot be started.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self._launch()
        except OSError as error:
            raise LocumError(f"the recorder cannot be started: {why_failed(error)}") from None
        self._tender = self._loop.create_task(self._tend())

    def _launch(self) -> None:
        with ExitStack() as opened:
            ours, theirs = socket.socketpair()
            opened.callback(ours.close)
            with theirs:
                for end in (ours, theirs):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
                self._process = start_child("locum.serving.recorder", theirs)
            opened.pop_all()
        # One that is dead already is noticed where its replies are read.
        with suppress(OSError):
            told = orjson.dumps({**self._settings, "deaths": [*self.deaths]})
            ours.sendall(pack(told, b"", b""))
        ours.settimeout(0)
        self._socket = ours
        self._replies = b""
        self._sent = 0
        self._ended.clear()
        self._loop.add_reader(ours.fileno(), self._read_replies)
        self._send()

    async def wait_until_ready(self, seconds: float) -> None:
        """Wait until the recorder has answered.

        It has opened the store then, or says that it cannot and goes on trying: that is logged, and
        no reason for traffic to wait.

        Args:
            seconds: How long it may take.

        Raises:
            LocumError: It took longer; the recorder is closed.
        """
        try:
            await asyncio.wait_for(self._ready.wait(), seconds)
        except TimeoutError:
            await self.close(_LEAVE_SECONDS)
            raise LocumError(f"the recorder did not start within {seconds:g} s") from None

    def record(
        self,
        facts: JsonObject,
        request: bytes,
        response: bytes,
        reserved: Reservation | None = None,
    ) -> None:
        """Hand one call over.

        Args:
            facts: What is known of it.
            request: The body of the request.
            response: The body of the answer, or what came of it.
            reserved: What it may cost, until it is known what it did.
        """
        size = len(request) + len(response)
        if self._queued + size > self._most_waiting:
            self._lose(1, "queue_full", "the recorder is too slow or stopped")
            self._note_spent([reserved], facts.get("worst_usd") or 0.0)
            return
        self._push(pack(orjson.dumps(facts), request, response), reserved)

    def note(self, notes: JsonObject, request: bytes = b"", response: bytes = b"") -> None:
        """Hand over what is to be noted besides calls; where there is no room, it is lost.

        Args:
            notes: ``tallies``, ``answers`` of students, or a ``scored`` call, as `Notes` has them.
            request: The body of that call's request.
            response: The body of its answer.
        """
        frame = pack(orjson.dumps(notes), request, response)
        if self._queued + len(frame) <= self._most_waiting:
            self._push(frame)

    def _note_spent(
        self, lost: Iterable[Reservation | None], worst_usd: float | None = None
    ) -> None:
        """Let the worst case of lost calls be written; a cap bounds how many these can be.

        Args:
            lost: What they may cost.
            worst_usd: What each may have cost at worst, where that is known.
        """
        for reserved in lost:
            if reserved is not None:
                usd = reserved.worst_usd if worst_usd is None else worst_usd
                spent = {"spent": [[reserved.application, usd]]}
                self._push(pack(orjson.dumps(spent), b"", b""), reserved)

    def _push(self, frame: bytes, reserved: Reservation | None = None) -> None:
        if not self.waiting:
            self._heard = time.monotonic()
        self._unsettled.append(reserved)
        self._queue.append(frame)
        self._queued += len(frame)
        if len(self._queue) == 1:
            self._send()

    @property
    def waiting(self) -> int:
        """Calls that were handed over and are not known to be on disk."""
        return len(self._unsettled)

    @property
    def failing_seconds(self) -> float:
        """For how long nothing could be written; 0 where all is well."""
        since = self._failing_since
        return 0.0 if since is None else time.monotonic() - since

    def sweep(self, now: float) -> None:
        """Take note of a recorder that says nothing of what waits for it."""
        if self.waiting and self._failing_since is None and now - self._heard > _SILENT_SECONDS:
            self._note_failing(since=self._heard)
            self._say(
                f"the recorder has said nothing for {_SILENT_SECONDS:g} s; traffic goes on, calls "
                "wait for it"
            )

    def _note_failing(self, *, since: float | None) -> None:
        self._metrics.failing.set(0 if since is None else 1)
        self._failing_since = since

    def _send(self) -> None:
        while self._queue and self._socket is not None:
            frame = self._queue[0]
            try:
                self._sent += self._socket.send(memoryview(frame)[self._sent :])
            except BlockingIOError:
                self._loop.add_writer(self._socket.fileno(), self._send)
                return
            except OSError:
                return
            if self._sent == len(frame):
                self._queue.popleft()
                self._queued -= len(frame)
                self._sent = 0
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())
            if self._closing.is_set():
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)

    def _read_replies(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._died()
            return
        *lines, self._replies = (self._replies + data).split(b"\n")
        for line in lines:
            self._take_reply(orjson.loads(line))

    def _take_reply(self, reply: JsonObject) -> None:
        self._ready.set()
        self._heard = time.monotonic()
        stored, unreadable, failing = reply["stored"], reply["unreadable"], reply["failing"]
        ended = self._take_unsettled(stored + unreadable + reply["tallied"])
        self._metrics.stored.inc(stored)
        if self._settle is not None:
            self._settle([reserved for reserved in ended if reserved], reply["spent"])
        if unreadable:
            self._lose(unreadable, "unreadable", reply["reason"])
        self._note_failing(since=(self._failing_since or self._heard) if failing else None)
        if failing:
            self._say(f"calls cannot be recorded: {failing}; traffic goes on, they wait")
        elif stored:
            self._restart_seconds = _FIRST_RESTART_SECONDS
            self._said.clear()

    def _take_unsettled(self, frames: int) -> list[Reservation | None]:
        return [self._unsettled.popleft() for _ in range(frames)]

    def _died(self) -> None:
        self._detach()
        gone = self._take_unsettled(self.waiting - len(self._queue))
        if gone:
            self._lose(len(gone), "recorder_died", "the recorder died with calls in its hands")
            self._note_spent(gone)
        if not self._closing.is_set():
            self.deaths = self.deaths.with_one(time.time())
            self._metrics.died.inc()
            self._note_failing(since=self._failing_since or time.monotonic())
            self._say(f"the recorder died; it starts again in {self._restart_seconds:g} s")
        self._ended.set()

    async def _tend(self) -> None:
        """Take leave of each recorder that ends, and start the next, to the end of the last."""
        while not self._closing.is_set():
            await self._ended.wait()
            await self._take_leave()
            await self._pause()
            if self._queue or not self._closing.is_set():
                self._start_again()
        await self._ended.wait()
        await self._take_leave()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._restart_seconds)
        self._restart_seconds = min(2 * self._restart_seconds, _LONGEST_RESTART_SECONDS)

    def _start_again(self) -> None:
        try:
            self._launch()
        except OSError as error:
            self._say(f"the recorder cannot be started: {why_failed(error)}; it is tried again")

    async def _take_leave(self) -> None:
        """Wait for the end of a recorder that has closed its end of the socket."""
        assert self._process is not None
        latest = self._loop.time() + _LEAVE_SECONDS
        while self._process.poll() is None:
            if self._loop.time() > latest:
                self._process.kill()
            await asyncio.sleep(_LOOK_SECONDS)

    def _detach(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _lose(self, calls: int, reason: str, message: str) -> None:
        self._metrics.lost.labels(reason).inc(calls)
        self._say(f"calls are lost to the record ({reason}): {message}; see locum_calls_lost")

    def _say(self, message: str) -> None:
        """Say it loudly, once until things are well again."""
        if message not in self._said:
            self._said.add(message)
            _log.error(message)

    async def close(self, seconds: float) -> None:
        """Let the recorder write what it was given, and end.

        One that died is started once more where calls wait for it.

        Args:
            seconds: How long that may take.
        """
        self._closing.set()
        self._send()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tender, seconds)
        if self.waiting:
            self._lose(self.waiting, "stopped", "the recorder did not end in time")
        self._detach()
        if self._process is not None and self._process.poll() is None:
            # It goes on with what it was given: that nobody waits for it is meant.
            self._process.returncode = 0
