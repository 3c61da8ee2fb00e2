"""One call on its way: the upstream's answer to the client, and a copy for the record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.serving.soft_labels import REFUSING, JsonFilter, StreamFilter
from locum.serving.wire import (
    LAST_CHUNK,
    WITHOUT_BODY,
    Headers,
    ResponseHead,
    chunk,
    response_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.schema import Outcome
    from locum.serving.nobody import Waiting
    from locum.serving.refusals import Refusal
    from locum.serving.soft_labels import Style
    from locum.serving.wire import Request

__all__ = ["Attempt", "Relay"]

_STREAM = b"text/event-stream"
_OWN_FRAMING = frozenset({b"content-length"})
_ERRORS = 400
# What a proxy on the way says that had no answer of the upstream, which may compute all the same.
_UNANSWERED = frozenset({502, 504, 520, 524})


class Relay:
    """Passes one answer on as it arrives, and keeps a copy up to a size.

    Args:
        client: Who waits for it.
        request: What it asked.
        style: How the answer is to look once log-probabilities are out of it; ``None`` where none
            were asked for.
        copy_bytes: How much of the body is kept; 0 keeps none.
        task: The promoted task whose call it is, for a header.
        finished: Is called once when the call has ended, however it did; where the answer is
            whole, before its last byte is sent.

    Attributes:
        may_cost: Whether the upstream may want money for it.
    """

    def __init__(
        self,
        client: Waiting,
        *,
        request: Request,
        style: Style | None,
        copy_bytes: int,
        task: str | None,
        finished: Callable[[Relay], None],
    ) -> None:
        self._client = client
        self._http_1_1 = request.http_1_1
        self._without_body = request.method == b"HEAD"
        self._style = style
        self._copy_bytes = copy_bytes
        self._task = task
        self._finished = finished
        self._over = False
        self._filter: JsonFilter | StreamFilter | None = None
        self._head: ResponseHead | None = None
        self._chunked = False
        self._out: list[bytes] = []
        self._copy: list[bytes] = []
        self._copied = 0
        self.started_sending = False
        self.first_byte: float | None = None
        self.outcome: Outcome = "failed"
        self.status: int | None = None
        self.may_cost = False
        self.encoding: str | None = None
        self.streamed = False
        self.content_type = b""

    @property
    def copy(self) -> bytes | None:
        """The body as the upstream sent it; ``None`` where it was too large to keep."""
        return b"".join(self._copy) if self._copied <= self._copy_bytes else None

    @property
    def plain(self) -> bool:
        """Whether it is a success that is not compressed."""
        return self.status == 200 and self.encoding is None

    def as_sent(self, copy: bytes) -> bytes:
        """Return the body as the client got it.

        Args:
            copy: As the upstream sent it.
        """
        if self._filter is None or self._style is None:
            return copy
        again = (StreamFilter if self.streamed else JsonFilter)(self._style)
        return again.feed(copy) + again.end()

    # What the upstream's connection calls.

    def begin(self, head: ResponseHead) -> None:
        """Take status and headers, and decide how the body goes on."""
        self.first_byte = time.monotonic()
        self.status = head.status
        self.may_cost = head.status < _ERRORS or head.status in _UNANSWERED
        self.outcome = "incomplete"
        self.encoding = head.headers.get_text(b"content-encoding")
        kind = head.headers.get(b"content-type") or b""
        self.content_type = kind
        self.streamed = kind.lower().startswith(_STREAM)
        if self._style is not None and head.status == 200 and not self.encoding:
            self._filter = (StreamFilter if self.streamed else JsonFilter)(self._style)
        self._head = head
        if self._filter is None or not self._filter.holds_head:
            self._send_head(head.headers.get(b"content-length"))

    def _send_head(self, length: bytes | None) -> None:
        assert self._head is not None
        head = self._head
        if self._filter is not None and not self._filter.holds_head:
            length = None
        headers = head.headers.end_to_end(_OWN_FRAMING)
        headers.add(b"x-locum-route", b"teacher")
        if self._task is not None:
            headers.add(b"x-locum-task", self._task.encode())
        self._add_framing(headers, head.status, length)
        self._out.append(response_head(ResponseHead(head.status, head.reason, headers)))

    def _add_framing(self, headers: Headers, status: int, length: bytes | None) -> None:
        if length is not None:
            headers.add(b"content-length", length)
        elif status in WITHOUT_BODY or self._without_body:
            pass
        elif self._http_1_1:
            self._chunked = True
            headers.add(b"transfer-encoding", b"chunked")
        else:
            self._client.keep_alive = False
        if not self._client.keep_alive:
            headers.add(b"connection", b"close")

    def body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._copied += len(data)
        if self._copied <= self._copy_bytes:
            self._copy.append(data)
        else:
            self._copy.clear()
        self._pass_on(data if self._filter is None else self._filter.feed(data))

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._out.append(chunk(data) if self._chunked else data)

    def end(self) -> None:
        """Take note that the answer is whole."""
        if self._filter is not None:
            rest = self._filter.end()
            if self._filter.holds_head:
                self._send_head(b"%d" % len(rest))
            self._pass_on(rest)
        if self._chunked:
            self._out.append(LAST_CHUNK)
        self.outcome = "whole"
        self.finish()

    def finish(self) -> None:
        """Count and record the call, once, however it ended."""
        if not self._over:
            self._over = True
            self._finished(self)

    def flush(self) -> None:
        """Send what is ready."""
        if self._out:
            self.started_sending = True
            self._client.write(b"".join(self._out))
            self._out.clear()

    def break_off(self, refusal: Refusal, *, anthropic: bool) -> None:
        """Tell the client that no more comes: by an error where it saw nothing yet."""
        self.finish()
        if self.started_sending:
            self._client.abort()
        else:
            self._client.refuse(refusal, anthropic=anthropic)


class Attempt:
    """Passes an answer on to a relay, unless it refuses the log-probabilities that were asked for.

    Args:
        relay: Passes on what is no refusal.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.refused = False

    def begin(self, head: ResponseHead) -> None:
        """Look at the status."""
        self.refused = head.status in REFUSING
        if not self.refused:
            self._relay.begin(head)

    def body(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if not self.refused:
            self._relay.body(data)

    def end(self) -> None:
        """Pass the end on."""
        if not self.refused:
            self._relay.end()

    def flush(self) -> None:
        """Send what is ready."""
        self._relay.flush()
