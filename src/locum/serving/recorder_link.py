"""The gateway's end of the recorder: hands records over, never waits, never fails a call."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import subprocess
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from locum.errors import LocumError

if TYPE_CHECKING:
    from locum.schema import JsonObject
    from locum.serving.metrics import Metrics

__all__ = ["FRAME", "RecorderLink"]

FRAME = struct.Struct("!III")
"""Lengths of the three parts of a record: facts, request, response."""

_QUEUE_BYTES = 256 * 1024 * 1024
_SOCKET_BYTES = 4 * 1024 * 1024
_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 30.0
_LEAVE_SECONDS = 2.0
_log = logging.getLogger("locum.gateway")


class RecorderLink:
    """Feeds a recorder process through a socket pair.

    What was handed over survives the death of the gateway: it lies in the socket, and the recorder
    reads on to its end. What does not fit waits in a queue; what does not fit there is counted as
    lost. A recorder that dies is started again.

    Args:
        settings: What the recorder is told first: the store and the redaction.
        metrics: Where is counted what was stored and lost.
        queue_bytes: How much may wait.
    """

    def __init__(
        self, settings: JsonObject, metrics: Metrics, queue_bytes: int = _QUEUE_BYTES
    ) -> None:
        self._settings = orjson.dumps(settings)
        self._metrics = metrics
        self._most_waiting = queue_bytes
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._sent = 0
        self._handed = self._settled = 0
        self._said: set[str] = set()
        self._restart_seconds = _FIRST_RESTART_SECONDS
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._replies = b""
        self._closing = False

    def start(self) -> None:
        """Start the recorder."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready = asyncio.Event()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        with theirs:
            command = [sys.executable, "-m", "locum.serving.recorder", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        ours.sendall(_frame(self._settings, b"", b""))
        ours.settimeout(0)
        self._socket = ours
        self._replies = b""
        self._sent = 0
        self._loop.add_reader(ours.fileno(), self._read_replies)
        self._send()

    async def wait_until_ready(self, seconds: float) -> None:
        """Wait until the recorder has opened the store.

        Args:
            seconds: How long it may take.

        Raises:
            LocumError: It took longer.
        """
        try:
            await asyncio.wait_for(self._ready.wait(), seconds)
        except TimeoutError:
            raise LocumError(f"the recorder did not start within {seconds:g} s") from None

    def record(self, facts: JsonObject, request: bytes, response: bytes) -> None:
        """Hand one call over."""
        size = FRAME.size + len(request) + len(response)
        if self._queued + size > self._most_waiting:
            self._lose(1, "queue_full", "the recorder is too slow or stopped")
            return
        frame = _frame(orjson.dumps(facts), request, response)
        self._queue.append(frame)
        self._queued += len(frame)
        self._handed += 1
        if len(self._queue) == 1:
            self._send()

    @property
    def waiting(self) -> int:
        """Calls that were handed over and are not known to be on disk."""
        return self._handed - self._settled

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
            if self._closing:
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
        stored, unreadable, failing = reply["stored"], reply["unreadable"], reply["failing"]
        self._settled += stored + unreadable
        self._metrics.stored.inc(stored)
        if unreadable:
            self._lose(unreadable, "unreadable", reply["reason"])
        self._metrics.failing.set(1 if failing else 0)
        if failing:
            self._say(f"calls cannot be recorded: {failing}; traffic goes on, they wait")
        elif stored:
            self._restart_seconds = _FIRST_RESTART_SECONDS
            self._said.clear()

    def _died(self) -> None:
        self._detach()
        self._reap()
        if self._closing:
            self._ended.set()
            return
        gone = self.waiting - len(self._queue)
        self._settled += gone
        if gone:
            self._lose(gone, "recorder_died", "the recorder died with calls in its hands")
        self._metrics.failing.set(1)
        self._say(f"the recorder died; it starts again in {self._restart_seconds:g} s")
        self._loop.call_later(self._restart_seconds, self._restart)
        self._restart_seconds = min(2 * self._restart_seconds, _LONGEST_RESTART_SECONDS)

    def _restart(self) -> None:
        if not self._closing:
            self.start()

    def _detach(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _reap(self) -> None:
        """Take leave of a recorder that has closed its end of the socket."""
        assert self._process is not None
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

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

        Args:
            seconds: How long that may take.
        """
        self._closing = True
        self._send()
        if self._socket is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        if self.waiting:
            self._lose(self.waiting, "stopped", "the recorder did not end in time")
        self._detach()


def _frame(facts: bytes, request: bytes, response: bytes) -> bytes:
    return FRAME.pack(len(facts), len(request), len(response)) + facts + request + response
