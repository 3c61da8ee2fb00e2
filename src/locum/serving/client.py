"""The client's side of the gateway: one connection, one request after the other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from locum.serving.refusals import Refusal, error_body
from locum.serving.wire import Headers, Request, ResponseHead, response_head

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from locum.config import LimitSettings

__all__ = ["ClientConnection", "Host", "Pausable"]

_LINGER_SECONDS = 2.0
_QUEUED_REQUESTS = 4
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Pausable(Protocol):
    """A source of data that can be told to wait."""

    def pause_reading(self) -> None:
        """Send no more for now."""

    def resume_reading(self) -> None:
        """Go on."""


class Host(Protocol):
    """Who owns the connections and answers their requests."""

    limits: LimitSettings
    stopping: bool

    def opened(self, connection: ClientConnection) -> bool:
        """Take note of a connection; false where there are too many."""
        ...

    def closed(self, connection: ClientConnection) -> None:
        """Forget a connection."""

    def serve(self, request: Request, client: ClientConnection) -> Coroutine[None, None, None]:
        """Answer one request; is cancelled when the client leaves."""
        ...


class ClientConnection(asyncio.Protocol):
    """One connection of a client.

    Requests are read whole, within the limits on size and time, before they are served. A client
    that leaves cancels the call that it waits for.

    Args:
        host: Who answers.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._transport: asyncio.Transport
        self._requests: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._source: Pausable | None = None
        self._refused = False
        self._begin_request()
        self._parser = httptools.HttpRequestParser(self)
        self.deadline: float | None = None
        self.keep_alive = True

    def _begin_request(self) -> None:
        self._target = b""
        self._headers = Headers()
        self._body: list[bytes] = []
        self._body_size = 0
        self._head_fed = 0
        self._head_ended = False
        self._refusal: Refusal | None = None
        self._reading = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._host.opened(self):
            self._transport.abort()
            return
        self.deadline = time.monotonic() + self._limits.idle_seconds

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Cancel what is being answered."""
        self._host.closed(self)
        self._requests.clear()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; what follows a refusal is thrown away."""
        if self._refused:
            return
        if not self._reading:
            self.on_message_begin()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            assert self._refusal is not None
        except httptools.HttpParserError as error:
            self._refusal = self._refusal or Refusal(400, "bad_http", f"not valid HTTP: {error}")
        if self._refusal is not None:
            self._refuse(self._refusal)
        elif self._reading and not self._head_ended:
            self._head_fed += len(data)
            if self._head_fed > self._limits.head_bytes:
                self._refuse(_head_too_large(self._limits.head_bytes))

    def pause_writing(self) -> None:
        """Let who answers wait: this client reads slowly."""
        self.deadline = time.monotonic() + self._limits.answer_seconds
        if self._source is not None:
            self._source.pause_reading()

    def resume_writing(self) -> None:
        """Let who answers go on."""
        self.deadline = None
        if self._source is not None:
            self._source.resume_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin to wait for the headers."""
        self._reading = True
        self.deadline = time.monotonic() + self._limits.head_seconds

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.add(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what is too large before it is sent, and let the body come."""
        self._head_ended = True
        self.deadline = time.monotonic() + self._limits.body_seconds
        if len(self._target) + self._headers.size() > self._limits.head_bytes:
            self._refusal = _head_too_large(self._limits.head_bytes)
            return
        if self._parser.should_upgrade():
            self._refusal = Refusal(501, "no_upgrade", "the gateway speaks HTTP/1.1 alone")
            return
        length = self._headers.get(b"content-length")
        if length is not None and int(length) > self._limits.body_bytes:
            self._refusal = body_too_large(self._limits.body_bytes)
            return
        expects = self._headers.get(b"expect")
        if expects is not None and expects.lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_size += len(body)
        if self._body_size > self._limits.body_bytes:
            self._refusal = body_too_large(self._limits.body_bytes)
        if self._refusal is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Queue the request for serving."""
        if self._refusal is not None:
            return
        request = Request(
            self._parser.get_method(),
            self._target,
            self._headers,
            b"".join(self._body),
            self._parser.get_http_version() == "1.1",
        )
        self._requests.append((request, self._parser.should_keep_alive()))
        self._begin_request()
        self.deadline = None
        if len(self._requests) > _QUEUED_REQUESTS:
            self._refusal = Refusal(400, "pipelined", "too many requests at once", closes=True)
        elif self._task is None:
            self._serve_next()

    # How requests are served.

    def _serve_next(self) -> None:
        request, keep_alive = self._requests.popleft()
        self.keep_alive = keep_alive and not self._host.stopping
        self._task = asyncio.get_running_loop().create_task(self._host.serve(request, self))
        self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        self._source = None
        if task.cancelled() or self._transport.is_closing():
            return
        if task.exception() is not None:
            self._transport.abort()
            task.result()
        if not self.keep_alive:
            self._transport.close()
        elif self._requests:
            self._serve_next()
        elif self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self.deadline = time.monotonic() + self._limits.idle_seconds

    # What is answered.

    def answered_by(self, source: Pausable) -> None:
        """Say who is to wait when the client reads slowly."""
        self._source = source

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """Cut the connection, so that the client sees that its answer is not whole."""
        self.keep_alive = False
        self._transport.abort()

    def reply(
        self,
        status: int,
        body: bytes,
        content_type: bytes,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Send a whole answer of the gateway's own."""
        said = Headers([(b"content-type", content_type), (b"content-length", b"%d" % len(body))])
        for name, value in headers:
            said.add(name, value)
        if not self.keep_alive:
            said.add(b"connection", b"close")
        self.write(response_head(ResponseHead(status, b"", said)) + body)

    def refuse(self, refusal: Refusal, *, anthropic: bool = False) -> None:
        """Send an error of the gateway's own."""
        self.keep_alive = self.keep_alive and not refusal.closes
        again = refusal.retry_after
        headers = [(b"retry-after", b"%d" % again)] if again is not None else []
        body = error_body(refusal, anthropic=anthropic)
        self.reply(refusal.status, body, b"application/json", headers)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a request that cannot be read on, and let the client see the answer."""
        self._refusal = refusal
        if self._task is not None:
            return
        self._refused = True
        self.keep_alive = False
        self.refuse(refusal)
        self._body.clear()
        self.deadline = time.monotonic() + _LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def expire(self) -> None:
        """Close a connection whose deadline has passed."""
        if self._refused or self._task is not None:
            self._transport.abort()
        elif self._reading:
            self._refuse(Refusal(408, "too_slow", "the request did not arrive in time"))
        else:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Close a connection on which nothing is being read or served."""
        self.keep_alive = False
        if self._task is None and not self._reading:
            self._transport.close()


def body_too_large(limit: int) -> Refusal:
    """Refuse a body."""
    message = f"the body is larger than {limit:,} bytes: raise gateway.limits.body_bytes"
    return Refusal(413, "body_too_large", message, closes=True)


def _head_too_large(limit: int) -> Refusal:
    message = f"the headers are larger than {limit:,} bytes: raise gateway.limits.head_bytes"
    return Refusal(431, "head_too_large", message, closes=True)
