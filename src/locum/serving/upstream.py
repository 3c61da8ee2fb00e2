"""The upstreams' side of the gateway: connections that are kept for the next call."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from locum.serving.name_lookup import NameLookup
from locum.serving.open_files import refuse_lack_of_files
from locum.serving.origin import is_metadata_address
from locum.serving.wire import WITHOUT_BODY, Headers, ResponseHead

if TYPE_CHECKING:
    from locum.config import LimitSettings
    from locum.serving.origin import Origin

__all__ = ["Sink", "UpstreamConnection", "UpstreamError", "UpstreamPool"]

_KEPT_CONNECTIONS = 256
# Less than what servers and address translators between allow a connection that says nothing.
_IDLE_SECONDS = 45.0
_INFORMATION = range(100, 200)


class UpstreamError(Exception):
    """An upstream cannot be reached, or did not answer to the end.

    Args:
        message: What happened.
        timed_out: Whether it was too slow.
        unanswered: Whether not one byte of an answer came.
        sent: Whether the request was sent.
    """

    def __init__(
        self, message: str, *, timed_out: bool = False, unanswered: bool = False, sent: bool = False
    ) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.unanswered = unanswered
        self.sent = sent


class Sink(Protocol):
    """Takes an answer as it arrives."""

    def begin(self, head: ResponseHead) -> None:
        """Take status and headers."""

    def body(self, data: bytes) -> None:
        """Take a piece of the body, without its transfer encoding."""

    def end(self) -> None:
        """Take note that the answer is whole."""

    def flush(self) -> None:
        """Pass on what was taken since the last time."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream; takes one call after the other.

    Args:
        limits: How long an answer may take.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._seconds = limits.answer_seconds
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._sink: Sink | None = None
        self._done: asyncio.Future[None] | None = None
        self._lost = False
        self.used = False
        self.idle_since: float | None = None
        self.deadline: float | None = None

    async def exchange(self, data: bytes, sink: Sink, *, without_body: bool) -> None:
        """Send a request and pass its answer on, to its end.

        Args:
            data: The request.
            sink: Takes the answer.
            without_body: Whether the answer has none by its request's method.

        Raises:
            UpstreamError: The answer did not come, or broke off.
        """
        if self._lost:
            raise UpstreamError("it closed the connection", unanswered=True)
        self.idle_since = None
        self._sink = sink
        self._without_body = without_body
        self._answered = self._complete = self._spoiled = False
        self._begin_head()
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self.deadline = time.monotonic() + self._seconds
        self._transport.write(data)
        try:
            await self._done
        finally:
            self._sink = self._done = None
            self.deadline = None
            self.used = True

    @property
    def reusable(self) -> bool:
        """Whether another call may follow."""
        transport = self._transport
        unsent = transport.get_write_buffer_size()
        return self._complete and self._keep_alive and transport.is_reading() and not unsent

    @property
    def lost(self) -> bool:
        """Whether it was closed."""
        return self._lost

    def close(self) -> None:
        """Give the connection up."""
        self._transport.abort()

    def expire(self) -> None:
        """Give up an answer that takes too long."""
        self._fail(f"it sent nothing for {self._seconds:g} s", timed_out=True)

    def pause_reading(self) -> None:
        """Wait for a client that reads slowly."""
        if not self._lost:
            self.deadline = None
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if not self._lost:
            self.deadline = time.monotonic() + self._seconds
            self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass a piece of an answer on."""
        if self._sink is None or self._done is None:
            self._transport.abort()
            return
        self.deadline = time.monotonic() + self._seconds
        self._answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._fail(f"it sent what is not valid HTTP: {error}")
                return
            self._keep_alive = False
        if self._spoiled:
            self._keep_alive = False
        self._sink.flush()
        if self._complete and not self._done.done():
            self._done.set_result(None)

    def eof_received(self) -> bool:
        """An answer of no stated length ends with its connection."""
        if self._done is not None and not self._done.done() and self._until_close:
            assert self._sink is not None
            self._complete = True
            self._sink.end()
            self._sink.flush()
            self._done.set_result(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that an answer broke off."""
        self._lost = True
        self._fail(f"the connection broke: {exc}" if exc else "it closed the connection")

    def _fail(self, why: str, *, timed_out: bool = False) -> None:
        if self._done is not None and not self._done.done():
            early = not self._answered
            error = UpstreamError(why, timed_out=timed_out, unanswered=early, sent=True)
            self._done.set_exception(error)

    # What the parser calls.

    def _begin_head(self) -> None:
        self._reason = b""
        self._headers = Headers()
        self._until_close = self._informs = self._keep_alive = self._head_ended = False

    def on_message_begin(self) -> None:
        """Begin an answer; an informational one may come before the final one, none after it."""
        self._spoiled = self._complete
        if not self._complete:
            self._begin_head()

    def on_status(self, reason: bytes) -> None:
        """Take the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._head_ended:
            self._headers.add(name, value)

    def on_headers_complete(self) -> None:
        """Pass the head on."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        self._head_ended = True
        self._informs = status in _INFORMATION
        if self._informs or self._sink is None:
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._sink.begin(ResponseHead(status, self._reason, self._headers))
        self._until_close = (
            self._headers.get(b"content-length") is None
            and self._headers.get(b"transfer-encoding") is None
        )
        if self._without_body or status in WITHOUT_BODY:
            self._until_close = self._keep_alive = False
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        if self._sink is not None and not self._complete:
            self._sink.body(body)

    def on_message_complete(self) -> None:
        """Pass the end on."""
        if self._sink is not None and not (self._informs or self._complete):
            self._complete = True
            self._sink.end()


class UpstreamPool:
    """Connections to one upstream, kept open between calls.

    Args:
        origin: Where it listens.
        limits: How long connecting and answering may take.
    """

    def __init__(self, origin: Origin, limits: LimitSettings) -> None:
        self._origin = origin
        self._lookup = NameLookup(origin)
        self._limits = limits
        self._idle: list[UpstreamConnection] = []
        self._busy: set[UpstreamConnection] = set()

    async def acquire(self, *, fresh: bool = False) -> UpstreamConnection:
        """Return a connection: the one that was used last, or a new one.

        Raises:
            UpstreamError: None can be made.
            Refusal: Too many files are open here.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.reusable and not connection.lost:
                self._busy.add(connection)
                return connection
            connection.close()
        connection = await self._connect()
        self._busy.add(connection)
        return connection

    def release(self, connection: UpstreamConnection) -> None:
        """Take a connection back after its call, however it ended."""
        self._busy.discard(connection)
        if connection.reusable and not connection.lost and len(self._idle) < _KEPT_CONNECTIONS:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def expire(self, now: float) -> None:
        """Give up answers that take too long, and connections that nobody needs."""
        for connection in list(self._busy):
            if connection.deadline is not None and connection.deadline < now:
                connection.expire()
        while self._idle and (self._idle[0].idle_since or now) < now - _IDLE_SECONDS:
            self._idle.pop(0).close()

    def close(self) -> None:
        """Close all connections."""
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()
        self._lookup.close()

    async def _connect(self) -> UpstreamConnection:
        """Try one address after the other; each has its share of the time that is left."""
        seconds = self._limits.connect_seconds
        end = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses()
        except TimeoutError:
            raise UpstreamError("its name was not resolved in time", timed_out=True) from None
        except OSError as error:
            refuse_lack_of_files(error)
            raise UpstreamError(str(error), unanswered=True) from None
        failures, timed_out = [], False
        for place, address in enumerate(addresses):
            share = max(end - time.monotonic(), 0.0) / (len(addresses) - place)
            try:
                async with asyncio.timeout(share):
                    return await self._connect_to(address)
            except TimeoutError:
                timed_out = True
                failures.append(f"{address} accepted no connection in time")
            except OSError as error:
                refuse_lack_of_files(error)
                failures.append(str(error))
        raise UpstreamError("; ".join(failures), timed_out=timed_out, unanswered=True)

    async def _addresses(self) -> list[str]:
        """The host's addresses, checked where they are used: names can change what they mean."""
        addresses = await self._lookup.addresses()
        for address in addresses:
            if is_metadata_address(address):
                raise UpstreamError(f"its address {address} is one that gives out credentials")
        return addresses

    async def _connect_to(self, address: str) -> UpstreamConnection:
        origin = self._origin
        transport, connection = await asyncio.get_running_loop().create_connection(
            lambda: UpstreamConnection(self._limits),
            address,
            origin.port,
            ssl=_tls() if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
