"""Upstreams that say too much, too little, too early, or nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.config import LimitSettings, UpstreamSettings
from locum.serving.soft_labels import StreamFilter
from tests.gateway_clients import BODY, SAID, Client, ask, get, post, serving
from tests.gateways import Loop, Received, running_gateway, upstream_server
from tests.gateways import http as answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.serving.soft_labels import Style

HEALTHY = b"ok\n"


async def well(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.method
    writer.write(answer(200, SAID))


# Too much, too early


@pytest.mark.parametrize(
    "more",
    [b"\r\n", b"x", b"HTTP/1.1 ", answer(200, b"forged"), answer(200, b"forged") * 20],
    ids=range(5),
)
def test_what_an_upstream_sends_after_its_answer_reaches_nobody(
    tmp_path: Path, more: bytes
) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, request.target.encode()) + more)

    with serving(script, tmp_path) as (_, gateway), Client(gateway) as client:
        for number in range(3):
            client.send(get(f"/v1/files/{number}"))
            assert client.answer().body == f"/v1/files/{number}".encode()
        client.send(get("/health"))
        assert client.answer().body == HEALTHY


@contextmanager
def refusing_bodies() -> Iterator[int]:
    """Serve 413 to every POST without reading its body; yields the port."""
    never = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"POST"):
                    writer.write(answer(413, b"{}"))
                    await never.wait()
                writer.write(answer(200, SAID))

    loop = Loop()
    server = loop.run(asyncio.start_server(handle, "127.0.0.1", 0))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        loop.close()


def test_a_connection_that_still_sends_a_body_is_not_used_again(tmp_path: Path) -> None:
    with (
        refusing_bodies() as port,
        running_gateway(
            tmp_path, {"u": UpstreamSettings(url=f"http://127.0.0.1:{port}/v1")}
        ) as gateway,
    ):
        assert ask(gateway, post(b"x" * 20 * 2**20, path="/v1/files")).status == 413
        assert ask(gateway, get("/v1/models")).body == SAID


# HEAD


def to_head(sent: bytes | None) -> Any:  # noqa: ANN401 - a script
    """Answer HEAD with some bytes, or by closing; everything else as it should be."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        if request.method != "HEAD":
            await well(request, writer)
        elif sent is None:
            writer.transport.abort()
        else:
            writer.write(sent)

    return script


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200),
        (b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n", 404),
        (None, 502),
    ],
    ids=range(5),
)
def test_an_answer_to_head_has_no_body(tmp_path: Path, sent: bytes | None, status: int) -> None:
    with serving(to_head(sent), tmp_path) as (_, gateway), Client(gateway) as client:
        for _ in range(2):
            client.send(get("/v1/files/f1", method="HEAD"))
            assert client.answer(to_head=True).status == status
            client.send(get("/v1/files/f1"))
            assert client.answer().body == SAID


def test_a_refusal_of_head_has_no_body(tmp_path: Path) -> None:
    with running_gateway(tmp_path, {}) as gateway, Client(gateway) as client:
        client.send(get("/v1/files/f1", method="HEAD"))
        assert client.answer(to_head=True).status == 404
        client.send(get("/health"))
        assert client.answer().body == HEALTHY


# Nothing


def test_an_address_that_swallows_what_is_sent_leaves_time_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo

    def both(host: str, *how: Any) -> list[Any]:  # noqa: ANN401 - as found has them
        hosts = ["127.0.0.2", "127.0.0.1"] if host == "two.example" else [host]
        return [address for host in hosts for address in found(host, *how)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with upstream_server(well) as upstream, ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind(("127.0.0.2", upstream.port))
        full.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        url = f"http://two.example:{upstream.port}/v1"
        limits = LimitSettings(connect_seconds=1.0)
        with running_gateway(tmp_path, {"u": UpstreamSettings(url=url)}, limits) as gateway:
            assert ask(gateway, post()).body == SAID


def test_a_name_that_nobody_can_resolve_holds_up_no_other_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, told = socket.getaddrinfo, threading.Event()
    asked = []

    def slow(host: str, *how: Any) -> list[Any]:  # noqa: ANN401 - as resolve has them
        if host != "far.example":
            return resolve(host, *how)
        asked.append(host)
        told.wait(60)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with upstream_server(well) as near, ExitStack() as opened:
        upstreams = {
            "near": UpstreamSettings(url=near.url, models=["near"]),
            "far": UpstreamSettings(url="http://far.example/v1"),
        }
        gateway = opened.enter_context(running_gateway(tmp_path, upstreams))
        waiting = [opened.enter_context(Client(gateway)) for _ in range(40)]
        for client in waiting:
            client.send(post(b'{"model":"far"}'))
        try:
            assert ask(gateway, post(b'{"model":"near"}')).body == SAID
        finally:
            told.set()
        assert {client.answer().status for client in waiting} == {502}
        assert len(asked) < len(waiting)


# Log-probabilities that the gateway asks for


def test_a_refusal_of_log_probabilities_that_breaks_off_is_not_seen(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        if b'"logprobs"' not in request.body:
            plain = b'{"choices":[{"index":0,"message":{"content":"x"},"logprobs":null}]}'
            writer.write(answer(200, plain))
            return
        writer.write(answer(400, b"{" + bytes(100))[:-100])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    with serving(script, tmp_path, soft_labels=True) as (upstream, gateway):
        assert ask(gateway, post()).status == 200
        with Client(gateway) as client:
            client.send(post() + get("/health"))
            assert client.answer().status == 200
            assert client.answer().body == HEALTHY
        assert [b'"logprobs"' in request.body for request in upstream.received] == [
            False,
            True,
            False,
        ]
        outcomes = [(call.facts.outcome, call.facts.status) for call in gateway.calls()]
        assert outcomes == [("whole", 200)] * 2


EVENT = b'data: {"choices":[{"index":0,"logprobs":{"content":[{"token":"x"}]}}]}'
PLAIN = b'data: {"choices":[{"index":0,"logprobs":null}]}'
SPREAD = b'data: {"choices":[{"index":0,%bdata: "logprobs":{"content":[{"token":"x"}]}}]}'


def said_by(event: bytes) -> Any:  # noqa: ANN401 - any JSON
    """What the data lines of one event say together."""
    lines = event.splitlines()
    return orjson.loads(b"\n".join(line.removeprefix(b"data:") for line in lines if line))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_go_on_one_by_one_whatever_ends_their_lines(end: bytes) -> None:
    stream = StreamFilter("null")
    passed = stream.feed(EVENT + end * 2 + b"data: [DONE]" + end)
    assert passed in {PLAIN + end * 2, EVENT + end * 2}
    assert stream.feed(end) + stream.end() == b"data: [DONE]" + end * 2


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("style", "choice"), [("null", {"logprobs": None}), ("absent", {})])
def test_an_event_of_several_lines_stays_one(
    end: bytes, style: Style, choice: dict[str, None]
) -> None:
    sent = SPREAD % end + end * 2
    passed = StreamFilter(style).feed(sent)
    assert passed == sent or said_by(passed) == {"choices": [{"index": 0, **choice}]}


def test_an_event_that_is_longer_than_its_pieces() -> None:
    event = b"data: " + b"x" * 4 * 2**20
    stream = StreamFilter("null")
    passed = [stream.feed(event[at : at + 16384]) for at in range(0, len(event), 16384)]
    assert b"".join(passed) == b""
    assert stream.feed(b"\n\n" + BODY) == event + b"\n\n"
    assert stream.end() == BODY


def test_the_end_of_an_event_may_be_cut_anywhere() -> None:
    whole = (EVENT + b"\r\n\r\n") * 2
    for at in range(len(whole)):
        stream = StreamFilter("null")
        passed = stream.feed(whole[:at]) + stream.feed(whole[at:]) + stream.end()
        assert passed == (PLAIN + b"\r\n\r\n") * 2
