"""The recorder's end of the socket between it and the gateway."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

import orjson

from locum.serving.frames import take_frames
from locum.serving.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["RecorderEnd"]

# Each read makes room for as much: more would be kept by the allocator.
_READ_BYTES = 64 * 1024
# A transaction takes nearly as long for one record as for several: few are waited with.
_FEW = 16
_GATHER_SECONDS = 0.05
_MOST_GATHERED_BYTES = 1024 * 1024
# A large body full of what is to be redacted may take a minute or more.
_LARGE_BYTES = 1024 * 1024
_TOLD_SECONDS, _MOST_TOLD = 5.0, 60


class RecorderEnd:
    """Reads what the gateway hands over, and tells it how that goes.

    Args:
        end: The socket.

    Attributes:
        open: Whether the gateway is still there.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = bytearray()
        self.open = True

    def records(self) -> Iterator[list[Record]]:
        """Yield what has arrived since the last time, at least one record each time."""
        while data := self._receive():
            self._received += data
            self._gather()
            frames = take_frames(self._received)
            if frames:
                yield [Record(orjson.loads(facts), *bodies) for facts, *bodies in frames]
            if 0 < len(frames) < _FEW:
                time.sleep(_GATHER_SECONDS)
        self.open = False

    def _gather(self) -> None:
        """Read what has arrived besides, up to a limit."""
        with suppress(BlockingIOError):
            while len(self._received) < _MOST_GATHERED_BYTES:
                data = self._receive(socket.MSG_DONTWAIT)
                if not data:
                    return
                self._received += data

    def _receive(self, flags: int = 0) -> bytes:
        """Read on; a gateway that was killed counts as one that has closed its end."""
        try:
            return self._end.recv(_READ_BYTES, flags)
        except ConnectionError:
            return b""

    @contextmanager
    def at_work(self, records: Sequence[Record]) -> Iterator[None]:
        """Tell the gateway now and then that records are read, where that may take long.

        One that says nothing for long counts as failing; and so does one that reads for too long.

        Args:
            records: What is read in the block, which says nothing itself.
        """
        size = sum(len(record.request) + len(record.response) for record in records)
        if size < _LARGE_BYTES:
            yield
            return
        ended = Event()

        def tell() -> None:
            for _ in range(_MOST_TOLD):
                if ended.wait(_TOLD_SECONDS):
                    return
                self.say()

        teller = Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()

    def say(
        self,
        *,
        stored: int = 0,
        unreadable: int = 0,
        tallied: int = 0,
        failing: str = "",
        reason: str = "",
        spent: Sequence[tuple[str, float]] = (),
    ) -> None:
        """Tell the gateway how it goes, if it is still there."""
        said = {
            "stored": stored,
            "unreadable": unreadable,
            "tallied": tallied,
            "failing": failing,
            "reason": reason,
            "spent": spent,
        }
        try:
            self._end.sendall(orjson.dumps(said) + b"\n")
        except OSError:
            self.open = False
