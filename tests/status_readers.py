"""Gateways with a status page, and who reads it, for tests."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from locum.config import UpstreamSettings
from tests.gateway_clients import get
from tests.gateways import running_gateway
from tests.status_stores import Story, tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateways import Running

__all__ = ["ROUTES", "STORY", "Listener", "watched"]

ROUTES = ["/", "/events", "/status.json"]
UPSTREAMS = {"main": UpstreamSettings(url="http://127.0.0.1:9/v1")}
STORY = Story(compared=(400, 8), said=("billing", "returns"), percent=25.0)


@contextmanager
def watched(home: Path, *stories: Story, **settings: Any) -> Iterator[Running]:  # noqa: ANN401 - those of GatewaySettings
    """Run a gateway over what promoted students did."""
    tell(home / "calls.sqlite", *stories)
    with running_gateway(home, UPSTREAMS, **settings) as gateway:
        yield gateway


class Listener:
    """Somebody who listens for events."""

    def __init__(self, gateway: Running, *headers: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", gateway.port), 15)
        self.sock.sendall(get("/events", *headers))
        self._file = self.sock.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        lines = iter(lambda: self._file.readline().strip().decode(), "")
        pairs = (line.partition(": ") for line in lines)
        self.headers = {name: value for name, _, value in pairs}

    def next(self) -> str:
        """Return the next event; empty at the end."""
        line, end = self._file.readline(), self._file.readline()
        assert end == (b"\n" if line else b"")
        assert not line or line.startswith(b"data: ")
        return orjson.loads(line[6:]) if line else ""

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self.sock.close()
