"""A scripted upstream, and gateways in front of it, for tests: real servers on loopback."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from locum.config import GatewaySettings, LimitSettings, RedactionSettings, UpstreamSettings
from locum.serving.gateway import Gateway
from locum.store import CallFilter, CallStore, open_database

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from locum.schema import Call, OwnPrice

KEY = "sk-test-9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@dataclass
class Received:
    """A request as the upstream saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, read."""
        return orjson.loads(self.body)


@dataclass
class Upstream:
    """A server that answers by a script, and remembers what it was asked."""

    script: Callable[[Received, asyncio.StreamWriter], Awaitable[None]]
    received: list[Received] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    loop: Loop | None = None

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the server's thread."""
        assert self.loop is not None
        self.loop.loop.call_soon_threadsafe(function)

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.received.append(Received(method, target, headers, body, reader))
                await self.script(self.received[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:  # noqa: ANN401 - what the coroutine returns
        """Run a coroutine there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def close(self) -> None:
        """End the loop and its thread."""
        self.run(_cancel_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def upstream_server(
    script: Callable[[Received, asyncio.StreamWriter], Awaitable[None]],
) -> Iterator[Upstream]:
    """Serve a script."""
    loop = Loop()
    upstream = Upstream(script, loop=loop)
    server = loop.run(asyncio.start_server(upstream.handle, "127.0.0.1", 0, limit=2**26))
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        loop.close()


@dataclass
class Running:
    """A gateway that serves, and the place where it records."""

    gateway: Gateway
    port: int
    store: Path | str
    loop: Loop
    stopped: bool = False

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        """Stop, once; what was recorded is on disk after it."""
        if not self.stopped:
            self.stopped = True
            self.loop.run(self.gateway.stop())

    def calls(self) -> list[Call]:
        """Stop, and return what was recorded, oldest first."""
        self.stop()
        return self.readable()

    def readable(self) -> list[Call]:
        """Return what is on disk now, oldest first."""
        with open_database(self.store) as database:
            return list(CallStore(database).iterate(CallFilter()))


@contextmanager
def running_gateway(
    home: Path,
    upstreams: dict[str, UpstreamSettings],
    limits: LimitSettings | None = None,
    redaction: RedactionSettings | None = None,
    place: str | None = None,
    prices: Mapping[str, OwnPrice] | None = None,
    **settings: Any,  # noqa: ANN401 - those of GatewaySettings
) -> Iterator[Running]:
    """Run a gateway on a free port; by default its store is a file of its own."""
    chosen = GatewaySettings(
        port=0, upstreams=upstreams, limits=limits or LimitSettings(), **settings
    )
    store = place or home / "calls.sqlite"
    redaction = redaction or RedactionSettings()
    gateway = Gateway(chosen, store, redaction, home / "students", prices or {})
    loop = Loop()
    running = Running(gateway, loop.run(gateway.start()), store, loop)
    try:
        yield running
    finally:
        running.stop()
        loop.close()


def wait_for_port(log: Path, process: subprocess.Popen[str]) -> int:
    """Return the port of a gateway process, once it says that it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise AssertionError(log.read_text())


def http(
    status: int,
    body: bytes,
    kind: str = "application/json",
    headers: str = "",
) -> bytes:
    """Spell an answer of stated length."""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    """Spell one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
