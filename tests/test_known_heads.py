"""Requests whose heads came before are read as if they had not."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.config import LimitSettings
from locum.serving.known_heads import KnownHeads
from locum.serving.refusals import Refusal
from locum.serving.request_reader import RequestReader
from locum.serving.routing import Caller

if TYPE_CHECKING:
    from locum.serving.wire import Headers

LIMITS = LimitSettings(head_bytes=1_000, body_bytes=100)


class Read:
    """What a reader makes of bytes, and how often it asks who sent them."""

    def __init__(self, heads: KnownHeads) -> None:
        self.admitted = self.held = 0
        self.reader = RequestReader(LIMITS, self.admit, self.hold, heads)

    def admit(self, method: bytes, target: bytes, headers: Headers) -> Caller:
        """Let anyone in but one."""
        del method, target
        self.admitted += 1
        key = headers.get_text(b"authorization")
        if key == "wrong":
            raise Refusal(401, "invalid_api_key", "the key is wrong")
        return Caller(key, ())

    def hold(self, size: int) -> None:
        """Hold two bodies at most."""
        if self.held + size > 250:
            raise Refusal(503, "too_many_bytes", "there is no room")
        self.held += size

    def seen(self) -> tuple[object, ...]:
        """Return all that can be seen of what was read."""
        reader = self.reader
        requests = [
            (*request[:2], request.headers.lines(), *request[3:]) for request in reader.requests
        ]
        refused = reader.refusal and (reader.refusal.status, reader.refusal.code)
        waits = (reader.reading, reader.wants_continue, reader.deadline is None)
        return requests, refused, self.held, waits


def request(body: bytes = b"{}", *lines: bytes, length: int | None = None) -> bytes:
    """Return a request with some lines in its head, and one that says how long its body is."""
    stated = b"content-length: %d" % (len(body) if length is None else length)
    return b"\r\n".join(
        (b"POST /v1/chat/completions HTTP/1.1", b"Host: here", *lines, stated, b"", body)
    )


def read(pieces: list[bytes], heads: KnownHeads) -> Read:
    found = Read(heads)
    for piece in pieces:
        found.reader.feed(piece)
    return found


class Nothing(KnownHeads):
    """Knows no head."""

    def find(self, data: bytes) -> None:
        """Find nothing."""
        del data


LINES = st.sampled_from(
    [
        b"Authorization: one",
        b"Authorization: wrong",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Expect: 100-continue",
        b"Content-Length: 2",
        b"X-Long: " + b"x" * 1_000,
        b"bad line",
    ]
)
PIECES = st.one_of(
    st.builds(
        lambda body, lines, length: request(body, *lines, length=length),
        st.sampled_from([b"", b"{}", b"[]", b"\r\n\r\n{}", b"x" * 101]),
        st.lists(LINES, max_size=2),
        st.sampled_from([None, None, None, 0, 2, 6]),
    ),
    st.sampled_from(
        [b"\r\n", b"\r\n\r\n", b"{}", b"GET / HTTP/1.1\r\n\r\n", b"\n\n", b"0\r\n\r\n"]
    ),
)


@given(st.lists(PIECES, max_size=4), st.lists(st.lists(PIECES, min_size=1, max_size=3), max_size=4))
def test_what_is_known_of_heads_changes_nothing(
    before: list[bytes], connection: list[list[bytes]]
) -> None:
    heads = KnownHeads()
    for piece in before:
        read([piece], heads)
    pieces = [b"".join(piece) for piece in connection]
    assert read(pieces, heads).seen() == read(pieces, Nothing()).seen()
    assert read(pieces, heads).seen() == read(pieces, Nothing()).seen()


def test_a_head_that_came_before_is_not_parsed_again() -> None:
    heads = KnownHeads()
    first = read([request(b"{}"), request(b"[]"), request(b"[1]")], heads)
    other = read([request(b"[2]")], heads)
    assert (first.admitted, other.admitted) == (2, 0)
    assert [one.body for one in first.reader.requests] == [b"{}", b"[]", b"[1]"]
    assert [one.body for one in other.reader.requests] == [b"[2]"]
    assert first.reader.requests[2].headers is other.reader.requests[0].headers


@pytest.mark.parametrize(
    "pieces",
    [
        [request(b"{}")[:-1], b"}"],
        [request(b"{}")[:20], request(b"{}")[20:]],
        [request(b"{}") + request(b"{}")],
        [request(b"{}", b"Connection: close")],
        [request(b"{}", b"X-Long: " + b"x" * 5_000)],
    ],
)
def test_heads_that_came_otherwise_are_parsed_each_time(pieces: list[bytes]) -> None:
    heads = KnownHeads()
    first, second = read(pieces, heads), read(pieces, heads)
    assert first.seen() == second.seen()
    assert first.admitted == second.admitted > 0 or first.reader.refusal is not None


def test_a_known_head_lets_no_more_bytes_in_than_there_is_room_for() -> None:
    heads = KnownHeads()
    found = read([request(b"x" * 100)] * 3, heads)
    assert (len(found.reader.requests), found.held) == (2, 200)
    assert found.reader.refusal is not None
    assert found.reader.refusal.code == "too_many_bytes"


def test_heads_that_never_come_again_take_no_more_room_than_there_is() -> None:
    heads = KnownHeads()
    found = Read(heads)
    for number in range(1_100):
        found.reader.feed(request(b"", b"traceparent: %d" % number))
    again = Read(heads)
    again.reader.feed(request(b"", b"traceparent: 1"))
    again.reader.feed(request(b"", b"traceparent: 1099"))
    assert again.admitted == 1


def test_a_tunnel_is_refused_when_its_head_was_read_once() -> None:
    class Counting(RequestReader):
        heads = 0

        def on_headers_complete(self) -> None:
            self.heads += 1
            super().on_headers_complete()

    found = Read(Nothing())
    reader = Counting(LIMITS, found.admit, found.hold, Nothing())
    reader.feed(b"CONNECT a.b:443 HTTP/1.1\r\nhost: a.b\r\n\r\n")
    assert reader.refusal is not None
    assert (reader.refusal.status, reader.heads) == (501, 1)


def test_a_body_in_tiny_pieces_takes_no_more_than_it_is_long() -> None:
    length, chunk = 200_000, b"2\r\n{}\r\n"
    held: list[int] = []
    reader = RequestReader(LimitSettings(), lambda *_: Caller(None, ()), held.append, KnownHeads())
    reader.feed(b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n")
    tracemalloc.start()
    try:
        for _ in range(length // 200):
            reader.feed(chunk * 100)
            held.clear()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * length
    reader.feed(b"0\r\n\r\n")
    assert reader.requests.popleft().body == b"{}" * (length // 2)
