"""Clients that read slowly, send more than a request, or stop in the middle of one."""

from __future__ import annotations

import asyncio
import gzip
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import orjson
import pytest

from locum.config import LimitSettings
from tests.gateway_clients import (
    BODY,
    CHAT,
    SAID,
    Client,
    ask,
    get,
    happens,
    metrics,
    narrow,
    post,
    serving,
)
from tests.gateways import STREAM_HEAD, Received, chunk
from tests.gateways import http as answer

if TYPE_CHECKING:
    from pathlib import Path

QUICK = LimitSettings(head_seconds=0.1, body_seconds=0.1)
CHUNKED = get(CHAT, "transfer-encoding: chunked", method="POST")
KIBIBYTE = 1024


@pytest.fixture(autouse=True)
def _often_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locum.serving.gateway._SWEEP_SECONDS", 0.05)


async def well(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.method
    writer.write(answer(200, SAID))


async def slowly(request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.6)
    await well(request, writer)


async def sized(request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with as many bytes as the path ends with."""
    writer.write(answer(200, b"x" * int(request.target.rpartition("/")[2])))


# Clients that do not read


def test_what_one_client_does_not_read_stops_no_other(tmp_path: Path) -> None:
    with serving(sized, tmp_path) as (upstream, gateway), ExitStack() as opened:
        narrow(gateway)
        for size in range(64 * KIBIBYTE, 2048 * KIBIBYTE, 16 * KIBIBYTE):
            asked = len(upstream.received)
            opened.enter_context(Client(gateway)).send(get(f"/v1/files/{size}"))
            assert happens(lambda asked=asked: len(upstream.received) > asked)  # type: ignore[misc]
            passed = happens(lambda: metrics(gateway)["locum_calls_running"] == 0, 0.4)
            assert ask(gateway, get("/v1/files/3")).body == b"xxx"
            if not passed:
                break
        assert not passed, "all answers fitted into buffers"


@pytest.mark.parametrize("headers", [(), ("connection: close",)])
def test_a_client_that_never_reads_is_closed(tmp_path: Path, headers: tuple[str, ...]) -> None:
    sizes = [*range(128 * KIBIBYTE, 768 * KIBIBYTE, 40 * KIBIBYTE), 16 * 1024 * KIBIBYTE]
    limits = LimitSettings(answer_seconds=0.4, idle_seconds=0.4)
    with serving(sized, tmp_path, limits) as (upstream, gateway), ExitStack() as opened:
        narrow(gateway)
        for size in sizes:
            opened.enter_context(Client(gateway)).send(get(f"/v1/files/{size}", *headers))
        assert happens(lambda: len(upstream.received) == len(sizes))
        assert happens(lambda: metrics(gateway)["locum_client_connections"] == 1, 5.0)


def test_requests_in_line_wait_until_their_client_reads(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, request.target.encode().ljust(512 * KIBIBYTE)))

    targets = [f"/v1/files/{number}" for number in range(30)]
    with serving(script, tmp_path) as (upstream, gateway), ExitStack() as opened:
        narrow(gateway)
        client = opened.enter_context(Client(gateway))
        client.send(b"".join(map(get, targets)))
        assert happens(lambda: len(upstream.received) > 0)
        time.sleep(0.4)
        assert len(upstream.received) <= 6
        for target in targets:
            read = client.answer()
            assert (read.status, len(read.body)) == (200, 512 * KIBIBYTE)
            assert read.body.rstrip() == target.encode()


# What comes before its time


@pytest.mark.parametrize(
    "early", [b"\r\n", b"POST /v1/x HT", b"GET /v1/x HTTP/1.1\r\nhost: localhost\r\n"]
)
def test_a_running_call_is_answered_whatever_its_client_sends_meanwhile(
    tmp_path: Path, early: bytes
) -> None:
    with serving(slowly, tmp_path, QUICK) as (upstream, gateway), Client(gateway) as client:
        client.send(post())
        assert happens(lambda: len(upstream.received) == 1)
        client.send(early)
        assert client.answer().body == SAID


def test_a_stray_line_end_is_no_request(tmp_path: Path) -> None:
    limits = LimitSettings(head_seconds=0.1, body_seconds=0.1, idle_seconds=0.4)
    with serving(well, tmp_path, limits) as (_, gateway), Client(gateway) as client:
        client.send(post())
        assert client.answer().status == 200
        client.send(b"\r\n")
        assert client.rest() == b""


def test_a_stray_line_end_before_a_request_is_skipped(tmp_path: Path) -> None:
    with serving(well, tmp_path) as (_, gateway), Client(gateway) as client:
        client.send(post() + b"\r\n" + post())
        assert [client.answer().body for _ in range(2)] == [SAID, SAID]


@pytest.mark.parametrize(
    "half", [b"POST /v1/x HT", b"POST /v1/x HTTP/1.1\r\ncontent-length: 9\r\n\r\nab"]
)
def test_half_a_request_behind_an_answer_has_its_own_time(tmp_path: Path, half: bytes) -> None:
    with serving(well, tmp_path, QUICK) as (_, gateway), Client(gateway, 5.0) as client:
        client.send(post() + half)
        assert client.answer().body == SAID
        assert client.rest()[:12] in {b"HTTP/1.1 408", b""}


def test_the_body_of_one_request_is_no_head_of_the_next(tmp_path: Path) -> None:
    body = orjson.dumps({"model": "m", "messages": [], "user": "x" * 60_000})
    following = get("/v1/models")
    with serving(well, tmp_path) as (upstream, gateway), Client(gateway) as client:
        client.send(post(body) + following[:20])
        assert client.answer().body == SAID
        client.send(following[20:])
        assert client.answer().status == 200
        assert [request.target for request in upstream.received] == [CHAT, "/v1/models"]


def test_a_refusal_waits_for_the_answer_before_it_and_what_follows_is_thrown_away(
    tmp_path: Path,
) -> None:
    with serving(slowly, tmp_path) as (upstream, gateway), Client(gateway) as client:
        client.send(post() + get("/v1/x", "x: " + "a" * 40_000))
        with suppress(ConnectionError):
            client.send(get("/v1/y")[:-2] + (b"x: " + b"a" * 1000 + b"\r\n") * 4000)
        assert client.answer().body == SAID
        assert client.answer().status == 431
        assert client.rest() == b""
        assert len(upstream.received) == 1


def test_no_leave_to_go_on_stands_inside_a_running_answer(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body == BODY
        writer.write(STREAM_HEAD + chunk(b"data: 1\n\n"))
        await writer.drain()
        await gate.wait()
        writer.write(chunk(b"data: 2\n\n") + b"0\r\n\r\n")

    head, body = post(BODY, "expect: 100-continue")[: -len(BODY)], BODY
    with serving(script, tmp_path) as (upstream, gateway), Client(gateway) as client:
        client.send(post() + head)
        assert happens(lambda: len(upstream.received) == 1)
        time.sleep(0.1)
        upstream.call_soon(gate.set)
        assert client.answer().body == b"data: 1\n\ndata: 2\n\n"
        client.send(body)
        second = client.answer()
        if second.status == 100:
            second = client.answer()
        assert second.body == b"data: 1\n\ndata: 2\n\n"


# Trailers, upgrades, and headers between two hops


def test_trailers_are_no_headers(tmp_path: Path) -> None:
    trailers = b"authorization: Bearer forged\r\nx-locum-task: forged\r\nopenai-beta: forged\r\n"
    with serving(well, tmp_path) as (upstream, gateway), Client(gateway) as client:
        client.send(CHUNKED + chunk(BODY) + b"0\r\n" + trailers + b"\r\n" + get("/v1/models"))
        assert [client.answer().body for _ in range(2)] == [SAID, SAID]
        assert upstream.received[0].body == BODY
        assert not [r for r in upstream.received if "forged" in str(r.headers)]
        (call,) = gateway.calls()
        assert call.facts.task != "forged"


def test_trailers_without_an_end_are_closed(tmp_path: Path) -> None:
    with serving(well, tmp_path) as (upstream, gateway), Client(gateway, 5.0) as client:
        with suppress(ConnectionError):
            client.send(CHUNKED + chunk(BODY) + b"0\r\n")
            client.send((b"x: " + b"a" * 1000 + b"\r\n") * 1000)
        assert client.rest()[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}
        assert not upstream.received


@pytest.mark.parametrize("sent", [get("/v1/models"), post()], ids=["GET", "POST"])
def test_an_offer_of_http_2_is_passed_over(tmp_path: Path, sent: bytes) -> None:
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"
    line, _, rest = sent.partition(b"\r\n")
    with serving(well, tmp_path) as (upstream, gateway), Client(gateway) as client:
        for _ in range(2):
            client.send(line + b"\r\n" + offer + rest)
            assert client.answer().body == SAID
        for received in upstream.received:
            assert received.body == sent.partition(b"\r\n\r\n")[2]
            assert not received.headers.keys() & {"upgrade", "http2-settings"}


def test_another_upgrade_is_refused(tmp_path: Path) -> None:
    with serving(well, tmp_path) as (upstream, gateway):
        sent = get("/v1/realtime", "connection: Upgrade", "upgrade: websocket")
        assert ask(gateway, sent).status == 501
        assert not upstream.received


def test_what_any_connection_header_names_ends_here(tmp_path: Path) -> None:
    headers = ["connection: keep-alive, x-one", "x-one: 1", "x-two: 2", "connection: X-Two"]
    with serving(well, tmp_path) as (upstream, gateway):
        assert ask(gateway, post(BODY, *headers, "x-three: 3")).status == 200
        assert upstream.received[0].headers.keys() & {"x-one", "x-two", "x-three"} == {"x-three"}


# Refusals


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"POST /v1/x HT", 408),
        (get(CHAT, "content-length: 104857600", method="POST"), 413),
        (get("/v1/x", "x: " + "a" * 40_000), 431),
        (get("/v1/x", "connection: upgrade", "upgrade: websocket"), 501),
        (get(CHAT, "transfer-encoding: gzip, chunked", method="POST") + chunk(BODY), 501),
    ],
    ids=range(6),
)
def test_refusals_of_a_connection_are_counted(tmp_path: Path, sent: bytes, status: int) -> None:
    with serving(well, tmp_path, QUICK) as (upstream, gateway):
        refused = ask(gateway, sent)
        assert refused.status == status
        code = orjson.loads(refused.body)["error"]["code"]
        assert metrics(gateway)[f'locum_requests_refused_total{{code="{code}"}}'] == 1
        assert not upstream.received


def test_a_refused_body_is_spelt_as_its_api_spells_errors(tmp_path: Path) -> None:
    with serving(well, tmp_path, LimitSettings(body_bytes=100)) as (_, gateway):
        refused = ask(gateway, get("/v1/messages", "content-length: 500", method="POST"))
        said = orjson.loads(refused.body)
        assert (refused.status, said["type"]) == (413, "error")
        assert said["error"].keys() == {"type", "message"}


def test_bodies_beyond_what_is_held_at_once_are_refused(tmp_path: Path) -> None:
    sent = post(b'{"user":"' + b"x" * 1536 * KIBIBYTE + b'"}')
    most = len(sent) - 64 * KIBIBYTE
    limits = LimitSettings(body_bytes=2048 * KIBIBYTE, held_bytes=2048 * KIBIBYTE)
    with serving(well, tmp_path, limits) as (upstream, gateway), ExitStack() as opened:
        held, *others = [opened.enter_context(Client(gateway)) for _ in range(4)]
        held.send(sent[:most])
        assert happens(lambda: metrics(gateway)["locum_request_bytes_held"] > 1400 * KIBIBYTE)
        for client in others:
            with suppress(ConnectionError):
                client.send(sent[:most])
            refused = client.answer()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        held.send(sent[most:])
        assert held.answer().body == SAID
        assert ask(gateway, sent).body == SAID
        assert len(upstream.received) == 2


def test_what_a_packed_body_takes_is_held_while_it_is_answered(tmp_path: Path) -> None:
    body = gzip.compress(b'{"user":"' + b"x" * 1536 * KIBIBYTE + b'"}')
    sent = post(body, "content-encoding: gzip")
    limits = LimitSettings(body_bytes=2048 * KIBIBYTE, held_bytes=2048 * KIBIBYTE)
    with serving(slowly, tmp_path, limits) as (upstream, gateway), Client(gateway) as held:
        held.send(sent)
        assert happens(lambda: metrics(gateway)["locum_request_bytes_held"] > 1536 * KIBIBYTE)
        refused = ask(gateway, sent)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert held.answer().body == SAID
        assert happens(lambda: metrics(gateway)["locum_request_bytes_held"] == 0)
        assert len(upstream.received) == 1
