"""The gateway's status page: how students do, shown to a browser and kept up to date there."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from locum.serving.refusals import Refusal
from locum.serving.status_source import StatusSource
from locum.serving.status_view import content_policy, render_page
from locum.serving.wire import Headers, ResponseHead, response_head

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.promotion import Standing
    from locum.serving.client import ClientConnection
    from locum.serving.status_source import Board
    from locum.serving.status_view import Health
    from locum.serving.wire import Request

__all__ = ["StatusPage"]

_PAGE, _JSON, _EVENTS = b"/", b"/status.json", b"/events"
_EVERY_SECONDS = 2.0
_MOST_LISTENERS = 16
_SAFE = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)


class StatusPage:
    """Answers the routes of the page.

    Args:
        place: Path or URL of the store.
        health: How the gateway does; is asked on the event loop.
    """

    routes = frozenset({_PAGE, _JSON, _EVENTS})
    """The paths that it answers, to GET and HEAD."""

    def __init__(self, place: str | Path, health: Callable[[], Health]) -> None:
        self._source = StatusSource(place, health)
        self._listeners = 0
        self._closed = asyncio.Event()

    def let_go(self) -> None:
        """End the answers to those who listen: the gateway waits for them else."""
        self._closed.set()

    async def close(self) -> None:
        """Close the store."""
        await self._source.close()

    async def standings(self) -> list[Standing]:
        """Return how promoted students do, as far as the store says so in time."""
        board = await self._source.latest()
        return [] if board is None else board.standings

    async def serve(self, request: Request, client: ClientConnection) -> None:
        """Answer a request for one of its routes.

        Raises:
            Refusal: The store does not answer, or too many listen already.
        """
        if request.path == _EVENTS:
            await self._serve_events(request, client)
            return
        board = await self._source.latest()
        if board is None:
            message = "the store has not answered yet: ask again"
            raise Refusal(503, "no_status", message, retry_after=1)
        if request.path == _JSON:
            client.reply(200, _status_object(board), b"application/json", _SAFE)
        else:
            policy = (b"content-security-policy", content_policy().encode())
            page = render_page(board.live).encode("utf-8", "xmlcharrefreplace")
            client.reply(200, page, b"text/html; charset=utf-8", (*_SAFE, policy))

    async def _serve_events(self, request: Request, client: ClientConnection) -> None:
        if self._listeners >= _MOST_LISTENERS:
            message = f"{_MOST_LISTENERS} pages listen already: reload this one for new figures"
            raise Refusal(503, "too_many_listeners", message, retry_after=10)
        self._listeners += 1
        try:
            client.keep_alive = False
            client.write(_events_head())
            if request.method != b"HEAD":
                await self._tell(client)
        finally:
            self._listeners -= 1

    async def _tell(self, client: ClientConnection) -> None:
        """Send the page's changing part again and again; one who reads slowly misses some."""
        listener = _Listener()
        client.answered_by(listener)
        while not self._closed.is_set():
            board = await self._source.latest() if listener.reads else None
            if board is not None and listener.reads:
                client.write(b"data: " + _as_json(board.live) + b"\n\n")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _EVERY_SECONDS)
        # What somebody has not read by now would keep the gateway from stopping.
        client.abort()


class _Listener:
    """Whether somebody who listens reads what is sent."""

    def __init__(self) -> None:
        self.reads = True

    def pause_reading(self) -> None:
        """Send no more for now."""
        self.reads = False

    def resume_reading(self) -> None:
        """Go on."""
        self.reads = True


def _events_head() -> bytes:
    headers = Headers([(b"content-type", b"text/event-stream"), *_SAFE, (b"connection", b"close")])
    return response_head(ResponseHead(200, b"", headers))


def _status_object(board: Board) -> bytes:
    """What ``locum status --json`` prints."""
    return orjson.dumps({"tasks": [standing.to_object() for standing in board.standings]}) + b"\n"


def _as_json(text: str) -> bytes:
    """Text as one line, whatever ends lines in it."""
    return orjson.dumps(text.encode("utf-8", "xmlcharrefreplace").decode())
