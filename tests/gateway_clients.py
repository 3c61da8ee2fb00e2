"""Clients of a gateway that hold every byte in their hands, for tests."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from locum.config import UpstreamSettings
from tests.gateways import running_gateway, upstream_server

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from locum.config import LimitSettings
    from tests.gateways import Received, Running, Upstream

CHAT = "/v1/chat/completions"
BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Where is it?"}]})
SAID = orjson.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]})


class Answer(NamedTuple):
    """One answer, as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection to a gateway."""

    def __init__(self, gateway: Running, seconds: float = 10.0) -> None:
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), seconds)
        self._file = self.sock.makefile("rb")

    def __enter__(self) -> Self:
        """Do nothing more."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self._file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def answer(self, *, to_head: bool = False) -> Answer:
        """Read the next answer, and nothing of what follows it."""
        status = int(self._line().split(" ")[1])
        headers = {}
        while line := self._line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, b"" if to_head else self._body(headers))

    def rest(self) -> bytes:
        """Read until the gateway closes the connection."""
        read = b""
        with suppress(ConnectionError):
            while data := self._file.read1(65536):
                read += data
        return read

    def _line(self) -> str:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), f"the connection ended: {line!r}"
        return line[:-2].decode("latin-1")

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self._file.read(int(headers.get("content-length", "0")))
        pieces = []
        while size := int(self._line(), 16):
            pieces.append(self._file.read(size))
            assert self._line() == ""
        assert self._line() == ""
        return b"".join(pieces)


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    """Spell a request without a body."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: localhost", *headers, "", "")).encode()


def post(body: bytes = BODY, *headers: str, path: str = CHAT) -> bytes:
    """Spell a call."""
    return get(path, f"content-length: {len(body)}", *headers, method="POST") + body


def ask(gateway: Running, sent: bytes) -> Answer:
    """Send one request over a connection of its own."""
    with Client(gateway) as client:
        client.send(sent)
        return client.answer()


def metrics(gateway: Running) -> dict[str, float]:
    """Read what the gateway counts; the connection that asks is counted too."""
    lines = ask(gateway, get("/metrics")).body.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def happens(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for something; false where it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def narrow(gateway: Running) -> None:
    """Let the system hold little of what the gateway sends, so that small answers fill it."""
    for sock in gateway.gateway._server.sockets:  # noqa: SLF001 - no setting for it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)


@contextmanager
def serving(
    script: Callable[[Received, asyncio.StreamWriter], Awaitable[None]],
    home: Path,
    limits: LimitSettings | None = None,
    **settings: Any,  # noqa: ANN401 - those of UpstreamSettings
) -> Iterator[tuple[Upstream, Running]]:
    """Run a gateway in front of a script."""
    with upstream_server(script) as upstream:
        chosen = {"main": UpstreamSettings(url=upstream.url, **settings)}
        with running_gateway(home, chosen, limits) as gateway:
            yield upstream, gateway
