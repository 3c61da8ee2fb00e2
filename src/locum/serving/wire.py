"""HTTP/1.1 heads, as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from locum.serving.routing import Caller

__all__ = [
    "LAST_CHUNK",
    "STATUS_LINES",
    "WITHOUT_BODY",
    "Headers",
    "Request",
    "ResponseHead",
    "chunk",
    "request_bytes",
    "response_head",
]

WITHOUT_BODY = frozenset({204, 304})
"""Statuses whose answers have no body."""

LAST_CHUNK = b"0\r\n\r\n"
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_CONNECTION = frozenset({b"connection"})
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

STATUS_LINES = {s: b"HTTP/1.1 %d %b" % (s, phrase) for s, phrase in _REASONS.items()}
"""The first line of an answer, by its status."""


class Headers:
    """Headers in their order and spelling; looked up by their names in lower case.

    Args:
        headers: Names and values.
    """

    __slots__ = ("_first", "_lines")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._lines = [(name.lower(), name, value) for name, value in headers]
        self._first: dict[bytes, bytes] | None = None

    def add(self, name: bytes, value: bytes) -> None:
        """Put one at the end."""
        self._lines.append((name.lower(), name, value))
        self._first = None

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a name."""
        return self._firsts().get(name)

    def pick(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Return the first value of each of some names."""
        return [*map(self._firsts().get, names)]

    def _firsts(self) -> dict[bytes, bytes]:
        if self._first is None:
            self._first = {key: value for key, _, value in reversed(self._lines)}
        return self._first

    def get_text(self, name: bytes) -> str | None:
        """Return the first value of a name as text."""
        value = self.get(name)
        return None if value is None else value.decode("latin-1")

    def all(self, names: Container[bytes]) -> list[bytes]:
        """Return the values of some names."""
        return [value for key, _, value in self._lines if key in names]

    def where(self, holds: Callable[[bytes], bool]) -> tuple[tuple[bytes, bytes], ...]:
        """Return the names in lower case for which something holds, with their values."""
        return tuple([(key, value) for key, _, value in self._lines if holds(key)])

    def size(self) -> int:
        """Return how many bytes the headers take."""
        return sum([len(name) + len(value) + 4 for _, name, value in self._lines])

    def end_to_end(self, also: frozenset[bytes] = frozenset()) -> Headers:
        """Return what is meant for the other end (RFC 9110, section 7.6.1).

        Args:
            also: Names that are left out besides.
        """
        left_out = _HOP_BY_HOP | also
        for named in self.all(_CONNECTION):
            left_out |= {name.strip() for name in named.lower().split(b",")}
        others = Headers()
        others._lines = [line for line in self._lines if line[0] not in left_out]
        return others

    def lines(self) -> list[bytes]:
        """Return the headers as they go over the wire."""
        return [b"%b: %b" % (name, value) for _, name, value in self._lines]


class Request(NamedTuple):
    """One whole request of a client.

    Args:
        method: Such as ``POST``.
        target: Path and query, as they were sent.
        headers: In their order, with their spelling.
        body: Without its transfer encoding.
        http_1_1: Whether the client understands chunks.
        keep_alive: Whether another request may follow.
        caller: Who sent it.
    """

    method: bytes
    target: bytes
    headers: Headers
    body: bytes
    http_1_1: bool
    keep_alive: bool
    caller: Caller

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers of an answer.

    Args:
        status: Such as 200.
        reason: The phrase after it.
        headers: In their order, with their spelling.
    """

    status: int
    reason: bytes
    headers: Headers


def request_bytes(method: bytes, target: bytes, headers: Headers, body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    lines += headers.lines()
    return b"\r\n".join((*lines, b"", body))


def response_head(head: ResponseHead) -> bytes:
    """Return status line and headers as they go over the wire."""
    reason = head.reason or _REASONS.get(head.status, b"")
    lines = [b"HTTP/1.1 %d %b" % (head.status, reason)]
    lines += head.headers.lines()
    return b"\r\n".join((*lines, b"", b""))


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of a body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
