"""Pages of the gateway's own: health, readiness, metrics, and the status page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.serving.routing import Caller
from locum.serving.status_access import admit_reader
from locum.serving.status_page import StatusPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.serving.client import ClientConnection
    from locum.serving.metrics import Metrics
    from locum.serving.routing import Keys
    from locum.serving.status_view import Health
    from locum.serving.wire import Headers, Request

__all__ = ["OwnPages"]

_TEXT = b"text/plain; charset=utf-8"
_METRICS = b"text/plain; version=0.0.4; charset=utf-8"
_READING = frozenset({b"GET", b"HEAD"})
_OPEN = frozenset({b"/health", b"/ready"})
_NOBODY = Caller(None, ())


class OwnPages:
    """Answers what is asked of the gateway itself.

    Args:
        status: The status page.
        is_stopping: Tells whether the gateway is about to stop.
        health: Tells how it does at this moment.
        metrics: Its metrics.
        keys: Let readers in.
    """

    def __init__(
        self,
        status: StatusPage,
        is_stopping: Callable[[], bool],
        health: Callable[[], Health],
        metrics: Metrics,
        keys: Keys,
    ) -> None:
        self._status = status
        self._is_stopping = is_stopping
        self._health = health
        self._metrics = metrics
        self._keys = keys

    def admit(self, method: bytes, target: bytes, headers: Headers) -> Caller | None:
        """Tell who asks for one of the pages; ``None`` where it is no page that is asked for here.

        Raises:
            Refusal: The page is not for everyone.
        """
        if method not in _READING:
            return None
        if target in _OPEN:
            return _NOBODY
        if target.partition(b"?")[0] in StatusPage.routes:
            return admit_reader(self._keys, headers)
        return None

    async def serve(self, request: Request, client: ClientConnection) -> bool:
        """Answer a request, if it asks for one of the pages; tell whether it does."""
        if request.method not in _READING:
            return False
        match request.path:
            case b"/health":
                client.reply(200, b"ok\n", _TEXT)
            case b"/ready" if self._is_stopping():
                client.reply(503, b"stopping\n", _TEXT)
            case b"/ready":
                client.reply(200, b"ready\n", _TEXT)
            case path if path in StatusPage.routes:
                await self._status.serve(request, client)
            case b"/metrics":
                client.reply(200, await self._metrics_page(), _METRICS)
            case _:
                return False
        return True

    async def _metrics_page(self) -> bytes:
        metrics, health = self._metrics, self._health()
        metrics.stand_ins.standings = await self._status.standings()
        metrics.stand_ins.processes = health.processes
        metrics.running.set(health.running)
        metrics.connections.set(health.connections)
        metrics.held.set(health.held)
        metrics.waiting.set(health.waiting)
        metrics.keeps_dying.set(health.deaths.is_repeated(time.time()))
        metrics.blind.set(health.blind)
        return metrics.page()

    def let_go(self) -> None:
        """End the streams of those who watch."""
        self._status.let_go()

    async def close(self) -> None:
        """Close what the pages read from."""
        await self._status.close()
