"""What the status page and the metrics show of the store: read seldom, and for all at once."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import LocumError
from locum.promotion import read_standings
from locum.serving.status_view import render_live
from locum.store import OpenStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.promotion import Standing
    from locum.serving.status_view import Health

__all__ = ["Board", "StatusSource"]

_PAUSE_SECONDS = 1.0
# A store that takes long is asked less often: a fifth of the time at most goes into reading.
_PAUSE_A_SECOND = 4.0
_PATIENCE_SECONDS = 2.0


class Board(NamedTuple):
    """What is shown at a time.

    Args:
        standings: How promoted students do, by task.
        read: When the store said so, in seconds since 1970; 0 before the first time.
        error: Why it cannot be read any more; empty where it can.
        live: The part of the page that changes, as HTML.
    """

    standings: list[Standing]
    read: float
    error: str
    live: str


class StatusSource:
    """Reads the store in a thread of its own, about once a second however many ask.

    Args:
        place: Path or URL of the store.
        health: How the gateway does; is asked on the event loop.
    """

    def __init__(self, place: str | Path, health: Callable[[], Health]) -> None:
        self._store = OpenStore(place)
        self._health = health
        self._reader = ThreadPoolExecutor(1, "locum-status")
        self._reading: asyncio.Task[None] | None = None
        self._due = 0.0
        self._closed = False
        self.board: Board | None = None

    async def latest(self) -> Board | None:
        """Return what is known, read anew where that is due.

        Where the store takes long, it is what was known before; ``None`` where nothing was.
        """
        reading = self._reading
        if reading is None or (reading.done() and time.monotonic() >= self._due):
            if self._closed:
                return self.board
            reading = self._reading = asyncio.get_running_loop().create_task(self._read())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), _PATIENCE_SECONDS)
        return self.board

    async def _read(self) -> None:
        if self._closed:
            return
        began = time.monotonic()
        work = (self._health(), self.board)
        try:
            loop = asyncio.get_running_loop()
            self.board = await loop.run_in_executor(self._reader, self._make, *work)
        finally:
            now = time.monotonic()
            self._due = now + max(_PAUSE_SECONDS, _PAUSE_A_SECOND * (now - began))

    def _make(self, health: Health, before: Board | None) -> Board:
        standings, read, error = [] if before is None else before.standings, 0.0, ""
        try:
            standings, read = read_standings(self._store.use()), time.time()
        except LocumError as failed:
            read, error = before.read if before else 0.0, str(failed)
        live = render_live(standings, health, read, error)
        return Board(standings, read, error, live)

    async def close(self) -> None:
        """Close the store, after what is being read of it; waits a little for that."""
        self._closed = True
        loop = asyncio.get_running_loop()
        # The reader itself closes it: a connection must not be closed while a thread uses it.
        closing = loop.run_in_executor(self._reader, self._store.close)
        self._reader.shutdown(wait=False)
        with suppress(TimeoutError, LocumError):
            await asyncio.wait_for(asyncio.shield(closing), _PATIENCE_SECONDS)
