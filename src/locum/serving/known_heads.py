"""Requests whose heads came before: clients send the same head with each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.serving.wire import Request

if TYPE_CHECKING:
    from locum.serving.routing import Caller
    from locum.serving.wire import Headers

__all__ = ["KnownHeads"]

_MOST = 1_024
_LARGEST = 4 * 1024
_END = b"\r\n\r\n"
# Of these the body does not end where its length says, or its client waits for a word first.
_UNSUITED = (b"transfer-encoding", b"upgrade", b"expect")


class _KnownHead(NamedTuple):
    """What a head says."""

    method: bytes
    target: bytes
    headers: Headers
    http_1_1: bool
    caller: Caller
    length: int


class KnownHeads:
    """Remembers heads of whole requests, so that the same bytes need not be parsed again.

    Only for what is read by the same limits and lets the same callers in. 1,024 heads are
    remembered; then it begins anew, as heads that never come again would fill it.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownHead] = {}

    def find(self, data: bytes) -> Request | None:
        """Return the request that some bytes are, if they are one as a whole and its head is known.

        Args:
            data: What came where a request may begin.
        """
        body = data.find(_END) + len(_END)
        known = self._known.get(data[:body])
        if known is None or len(data) - body != known.length:
            return None
        method, target, headers, http_1_1, caller, _ = known
        return Request(
            method, target, headers, data[body:], http_1_1, keep_alive=True, caller=caller
        )

    def learn(self, data: bytes, request: Request) -> None:
        """Remember the head of a request, if bytes with the same head mean the same.

        Args:
            data: What was read.
            request: What it was found to be, and nothing besides.
        """
        body = data.find(_END) + len(_END)
        length = len(request.body)
        *unsuited, stated = request.headers.pick((*_UNSUITED, b"content-length"))
        framed = stated == b"%d" % length and len(data) - body == length
        if not (framed and request.keep_alive) or body > _LARGEST or any(unsuited):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        method, target, headers, _, http_1_1, _, caller = request
        self._known[data[:body]] = _KnownHead(method, target, headers, http_1_1, caller, length)
