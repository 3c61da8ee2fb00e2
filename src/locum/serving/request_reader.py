"""Reads the requests of one connection, within the limits on size and time."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import httptools

from locum.serving.refusals import Refusal, body_too_large
from locum.serving.wire import Headers, Request, request_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.config import LimitSettings
    from locum.serving.known_heads import KnownHeads
    from locum.serving.routing import Caller

__all__ = ["RequestReader"]

# A chunk of one byte takes six on the wire.
_WIRE_BYTES_A_BODY_BYTE = 8
_FRAMING = (b"upgrade", b"transfer-encoding", b"content-length")
_OFFER = frozenset({b"http2-settings"})


class RequestReader:
    """Turns bytes into whole requests; what follows a refusal is thrown away.

    Args:
        limits: What a request may take.
        admit: Tells by its head who sends a request; raises `Refusal` where it may not come.
        hold: Is told of each piece of a body; raises `Refusal` where there is no room for it.
        heads: Those of requests that were read by the same limits, and let in by the same rules.
    """

    def __init__(
        self,
        limits: LimitSettings,
        admit: Callable[[bytes, bytes, Headers], Caller],
        hold: Callable[[int], None],
        heads: KnownHeads,
    ) -> None:
        self._limits = limits
        self._admit = admit
        self._hold = hold
        self._heads = heads
        self._parser = httptools.HttpRequestParser(self)
        self._begin()
        self.requests: deque[Request] = deque()
        self.refusal: Refusal | None = None
        self.deadline: float | None = None
        self.wants_continue = False
        self._was_last = False

    def _begin(self) -> None:
        self.target = b""
        self.headers = Headers()
        self._body = bytearray()
        self._body_size = self._head_fed = self._body_fed = 0
        self._head_ended = False
        self.reading = False

    @property
    def waiting(self) -> bool:
        """Whether something is to be done: for a request, a refusal, or a client that waits."""
        return bool(self.requests) or self.refusal is not None or self.wants_continue

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        if self.refusal is not None:
            return
        known = None if self.reading or self._was_last else self._heads.find(data)
        if known is None:
            self._parse(data)
        else:
            self._take(known)

    def _take(self, request: Request) -> None:
        """Queue a request that need not be parsed."""
        try:
            self._hold(len(request.body))
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self.requests.append(request)

    def _parse(self, data: bytes) -> None:
        message, in_head = self.headers, self.reading and not self._head_ended
        in_body, begins, queued = self._head_ended, not self.reading, len(self.requests)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.refusal is None:
                self._pass_over_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(Refusal(400, "bad_http", f"not valid HTTP: {error}"))
        if self.headers is message and self.reading:
            self._count(len(data), in_head=in_head, in_body=in_body)
        elif begins and self.refusal is None and len(self.requests) == queued + 1:
            self._heads.learn(data, self.requests[-1])

    def _pass_over_upgrade(self, rest: bytes) -> None:
        """Read a request that offers another protocol as if it did not (RFC 9110, 7.8).

        The parser takes what follows its head for the other protocol, so the head is read again.
        """
        headers = self.headers.end_to_end(_OFFER)
        if self.headers.get(b"transfer-encoding") is not None:
            headers.add(b"transfer-encoding", b"chunked")
        if b"close" in (self.headers.get(b"connection") or b"").lower():
            headers.add(b"connection", b"close")
        head = request_bytes(self._method, self.target, headers, b"")
        self._parser = httptools.HttpRequestParser(self)
        self._begin()
        self._parse(head + rest)

    def _count(self, fed: int, *, in_head: bool, in_body: bool) -> None:
        """Bound what the parser keeps of lines and trailers that have not ended."""
        if in_head and not self._head_ended:
            self._head_fed += fed
        elif in_body:
            self._body_fed += fed
        most = self._limits.head_bytes
        framing = self._body_fed - _WIRE_BYTES_A_BODY_BYTE * self._body_size
        if max(len(self.target), self._head_fed, framing) > most:
            self._refuse(_head_too_large(most))

    def expire(self, now: float) -> None:
        """Refuse a request that takes too long."""
        if self.deadline is not None and self.deadline < now:
            self._refuse(Refusal(408, "too_slow", "the request did not arrive in time"))

    def _refuse(self, refusal: Refusal) -> None:
        if self.refusal is None:
            self.refusal = refusal
            self.deadline = None
            self._body.clear()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin to wait for the headers."""
        self.reading = True
        self.deadline = time.monotonic() + self._limits.head_seconds

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers are none."""
        if not self._head_ended:
            self.headers.add(name, value)

    def on_headers_complete(self) -> None:
        """Refuse by its head what may not come, before its body is sent."""
        self._head_ended = True
        self._method = self._parser.get_method()
        self.deadline = time.monotonic() + self._limits.body_seconds
        try:
            self._check_head(*self.headers.pick(_FRAMING))
            self._caller = self._admit(self._method, self.target, self.headers)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        expects = self.headers.get(b"expect")
        self.wants_continue = expects is not None and expects.lower() == b"100-continue"

    def _check_head(
        self, upgrade: bytes | None, coding: bytes | None, length: bytes | None
    ) -> None:
        limits = self._limits
        if len(self.target) + self.headers.size() > limits.head_bytes:
            raise _head_too_large(limits.head_bytes)
        is_websocket = upgrade is not None and upgrade.lower() == b"websocket"
        if self._parser.should_upgrade() and (is_websocket or self._method == b"CONNECT"):
            raise Refusal(501, "no_upgrade", "the gateway speaks HTTP/1.1 alone")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise Refusal(
                501, "unknown_coding", "the gateway knows no transfer-encoding but chunked"
            )
        if length is not None and int(length) > limits.body_bytes:
            raise body_too_large(limits.body_bytes)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self.refusal is not None:
            return
        self._body_size += len(body)
        try:
            if self._body_size > self._limits.body_bytes:
                raise body_too_large(self._limits.body_bytes)
            self._hold(len(body))
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._body += body

    def on_message_complete(self) -> None:
        """Queue the request."""
        if self.refusal is not None or self._parser.should_upgrade():
            return
        keep_alive = self._parser.should_keep_alive()
        self.requests.append(
            Request(
                self._method,
                self.target,
                self.headers,
                bytes(self._body),
                self._parser.get_http_version() == "1.1",
                keep_alive,
                self._caller,
            )
        )
        self._was_last = not keep_alive
        self._begin()
        self.deadline = None
        self.wants_continue = False


def _head_too_large(limit: int) -> Refusal:
    message = f"the headers are larger than {limit:,} bytes: raise gateway.limits.head_bytes"
    return Refusal(431, "head_too_large", message)
