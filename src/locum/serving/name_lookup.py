"""Which addresses an upstream's name stands for."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.serving.origin import Origin

__all__ = ["NameLookup"]


class NameLookup:
    """Asks for a name's addresses each time that they are needed: they may change.

    A lookup cannot be given up. One that hangs holds up those who need the same name alone, and
    they share it.

    Args:
        origin: Whose name it is.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._thread = ThreadPoolExecutor(1, "locum-names")
        self._running: asyncio.Future[list[str]] | None = None

    async def addresses(self) -> list[str]:
        """Return the addresses of the name.

        Raises:
            OSError: There are none, or nobody can tell.
        """
        if self._running is None:
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._resolve)
            self._running.add_done_callback(self._end)
        return await asyncio.shield(self._running)

    def close(self) -> None:
        """Begin no other lookup."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _resolve(self) -> list[str]:
        found = socket.getaddrinfo(self._origin.host, self._origin.port, 0, socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _end(self, lookup: asyncio.Future[list[str]]) -> None:
        self._running = None
        if not lookup.cancelled():
            # All who waited may have given up; a failure that nobody asks for would be logged.
            lookup.exception()
