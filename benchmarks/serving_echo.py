"""Locum's HTTP protocol with nothing behind it: a fixed answer of JSON to every request.

``python -m benchmarks.serving_echo PORT``
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING

from locum.config import LimitSettings
from locum.serving.client import ClientConnection
from locum.serving.known_heads import KnownHeads
from locum.serving.outbox import Outbox
from locum.serving.routing import Caller

if TYPE_CHECKING:
    from locum.serving.refusals import Refusal
    from locum.serving.wire import Headers, Request

__all__ = ["main"]

ANSWER = b'{"intent": "card_arrival"}'


class Echo:
    """What a client's connection asks of its host."""

    limits = LimitSettings()
    heads = KnownHeads()
    outbox = Outbox()
    stopping = False

    def opened(self, connection: ClientConnection) -> bool:
        """Take any connection."""
        del connection
        return True

    def closed(self, connection: ClientConnection) -> None:
        """Forget a connection."""

    def admit(self, method: bytes, target: bytes, headers: Headers) -> Caller:
        """Let everyone in."""
        del method, target, headers
        return Caller(None, ())

    def hold(self, size: int) -> None:
        """Count no bytes."""

    def release(self, size: int) -> None:
        """Count no bytes."""

    def count_refusal(self, refusal: Refusal) -> None:
        """Count no refusals."""

    async def serve(self, request: Request, client: ClientConnection) -> None:
        """Answer."""
        del request
        client.reply(200, ANSWER, b"application/json")


async def main(port: int) -> None:
    """Listen until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: ClientConnection(Echo()), "127.0.0.1", port, backlog=1024
    )
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
