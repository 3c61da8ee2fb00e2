"""The client's side of the gateway: one connection, one request after the other."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from locum.serving.refusals import Refusal, error_body
from locum.serving.request_reader import RequestReader
from locum.serving.routing import speaks_anthropic
from locum.serving.wire import STATUS_LINES, Request

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from locum.config import LimitSettings
    from locum.serving.known_heads import KnownHeads
    from locum.serving.outbox import Outbox
    from locum.serving.routing import Caller
    from locum.serving.wire import Headers

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
    heads: KnownHeads
    outbox: Outbox
    stopping: bool

    def opened(self, connection: ClientConnection) -> bool:
        """Take note of a connection; false where there are too many."""
        ...

    def closed(self, connection: ClientConnection) -> None:
        """Forget a connection."""

    def admit(self, method: bytes, target: bytes, headers: Headers) -> Caller:
        """Tell who sends a request, by its head; raise `Refusal` where it may not come."""
        ...

    def hold(self, size: int) -> None:
        """Note bytes of bodies; raise `Refusal` where there are too many."""

    def release(self, size: int) -> None:
        """Note that bytes of bodies are not held any more."""

    def count_refusal(self, refusal: Refusal) -> None:
        """Take note of an error of the gateway's own."""

    def serve(
        self, request: Request, client: ClientConnection
    ) -> Coroutine[None, None, None] | None:
        """Answer one request.

        Returns:
            What is to be run for that, and cancelled when the client leaves; ``None`` where it is
            answered, or will be: then `ClientConnection.served` is called.
        """
        ...


class ClientConnection(asyncio.Protocol):
    """One connection of a client.

    Requests are served one by one, in their order. A client that leaves cancels the call that it
    waits for; one that does not read lets who answers wait, and is cut off in the end.

    Args:
        host: Who answers.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._transport: asyncio.Transport
        self._reader = RequestReader(host.limits, host.admit, self._hold, host.heads)
        self._held = self._held_besides = 0
        self._unsent = b""
        self._serving = False
        self._task: asyncio.Task[None] | None = None
        self._request: Request | None = None
        self._source: Pausable | None = None
        self._paused = self._refused = False
        self._idle_deadline: float | None = None
        self._write_deadline: float | None = None
        self.keep_alive = True

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._host.opened(self):
            self._transport.abort()
            return
        self._wait_for_next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """Cancel what is being answered."""
        self._host.closed(self)
        self._release(self._held)
        self._reader.requests.clear()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._refused:
            return
        self._reader.feed(data)
        if not self._serving:
            self._go_on()
        if len(self._reader.requests) >= _QUEUED_REQUESTS:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Send what was answered already: a client that says no more is left then."""
        self.flush()

    def pause_writing(self) -> None:
        """Let who answers wait: this client reads slowly."""
        self._paused = True
        self._write_deadline = time.monotonic() + self._limits.answer_seconds
        if self._source is not None:
            self._source.pause_reading()

    def resume_writing(self) -> None:
        """Let who answers go on."""
        self._paused = False
        self._write_deadline = None
        if self._source is not None:
            self._source.resume_reading()
        elif not self._serving:
            self._go_on()

    def sweep(self, now: float) -> None:
        """Close what is too slow."""
        if self._write_deadline is not None and self._write_deadline < now:
            self._transport.abort()
            return
        self._reader.expire(now)
        if self._serving or self._refused or self._transport.is_closing():
            return
        if self._reader.refusal is not None:
            self._go_on()
        elif self._idle_deadline is not None and self._idle_deadline < now:
            self._close()

    # How requests are served.

    def hold(self, size: int) -> None:
        """Note bytes that the request that is being served takes besides its body.

        Raises:
            Refusal: There are too many.
        """
        self._hold(size)
        self._held_besides += size

    def _hold(self, size: int) -> None:
        self._host.hold(size)
        self._held += size

    def _release(self, size: int) -> None:
        self._host.release(size)
        self._held -= size

    def _go_on(self) -> None:
        """Serve the next request, answer one that cannot be read on, or wait."""
        if self._paused or self._serving or self._refused:
            return
        if self._reader.requests:
            self._serve(self._reader.requests.popleft())
        elif self._reader.refusal is not None:
            self._refuse(self._reader.refusal)
        elif self._reader.wants_continue:
            self._reader.wants_continue = False
            self._transport.write(_CONTINUE)

    def _serve(self, request: Request) -> None:
        self._idle_deadline = None
        self._request, self._serving = request, True
        self.keep_alive = request.keep_alive and not self._host.stopping
        work = self._host.serve(request, self)
        if work is not None:
            self.run(work)

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Let something answer the request that is being served; it ends when the client leaves."""
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._task = None
        failed = not task.cancelled() and task.exception() is not None
        if failed:
            self._transport.abort()
        self.served()
        if failed:
            task.result()

    def served(self) -> None:
        """Take note that the request is answered, and go on with the next one."""
        request, self._request = self._request, None
        self._serving, self._source = False, None
        if request is not None:
            self._release(min(len(request.body) + self._held_besides, self._held))
            self._held_besides = 0
        if self._transport.is_closing():
            return
        if not self.keep_alive:
            self._close()
            return
        self._wait_for_next()
        if self._reader.waiting:
            # Other connections come first: many requests may lie here.
            asyncio.get_running_loop().call_soon(self._go_on)
        if len(self._reader.requests) < _QUEUED_REQUESTS:
            self._transport.resume_reading()

    def _wait_for_next(self) -> None:
        if not self._reader.reading:
            self._idle_deadline = time.monotonic() + self._limits.idle_seconds

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a request that cannot be read on, and let the client see the answer."""
        self._refused = True
        self.keep_alive = False
        self._release(self._held)
        self.refuse(refusal, anthropic=speaks_anthropic(self._reader.target, self._reader.headers))
        self._write_deadline = time.monotonic() + _LINGER_SECONDS
        self.flush()
        if self._transport.can_write_eof():
            with suppress(OSError):
                self._transport.write_eof()

    def _close(self) -> None:
        """Close once all is sent, and soon also where the client does not take it."""
        self._write_deadline = self._write_deadline or (
            time.monotonic() + self._limits.answer_seconds
        )
        self.flush()
        self._transport.close()

    def close_if_idle(self) -> None:
        """Close a connection on which nothing is being read or served."""
        self.keep_alive = False
        if not self._serving and not self._reader.reading:
            self._close()

    # What is answered.

    @property
    def gone(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._transport.is_closing()

    def answered_by(self, source: Pausable) -> None:
        """Say who is to wait when the client reads slowly."""
        self._source = source
        if self._paused:
            source.pause_reading()

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        """Send what was to leave together with others' answers."""
        data, self._unsent = self._unsent, b""
        if data and not self._transport.is_closing():
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
        lines = [
            STATUS_LINES[status],
            b"content-type: %b" % content_type,
            *[b"%b: %b" % header for header in headers],
        ]
        self.send(b"\r\n".join(lines), body)

    def send(self, head: bytes, body: bytes) -> None:
        """Send a whole answer, together with others that are given now.

        Args:
            head: Its status line and headers, but for those that say how long it is and whether
                the connection stays.
            body: Its body.
        """
        length, closing = len(body), b"" if self.keep_alive else b"\r\nconnection: close"
        if self._request is not None and self._request.method == b"HEAD":
            body = b""
        parts = (head, length, closing, body)
        self._unsent += b"%b\r\ncontent-length: %d%b\r\n\r\n%b" % parts
        self._host.outbox.add(self)

    def refuse(self, refusal: Refusal, *, anthropic: bool = False) -> None:
        """Send an error of the gateway's own."""
        self._host.count_refusal(refusal)
        again = refusal.retry_after
        headers = [(b"retry-after", b"%d" % again)] if again is not None else []
        if refusal.challenge is not None:
            headers.append((b"www-authenticate", refusal.challenge))
        body = error_body(refusal, anthropic=anthropic)
        self.reply(refusal.status, body, b"application/json", headers)
