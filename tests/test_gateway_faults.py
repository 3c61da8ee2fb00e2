"""What goes wrong with an upstream, a client or a disk does not go wrong with the others."""

from __future__ import annotations

import asyncio
import http.client
import os
import resource
import socket
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.config import LimitSettings, UpstreamSettings
from locum.serving.open_files import raise_file_limit
from tests.gateway_clients import metrics
from tests.gateways import (
    STREAM_HEAD,
    Received,
    Running,
    Upstream,
    chunk,
    running_gateway,
    upstream_server,
)
from tests.gateways import http as answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Where is it?"}]})
SAID = orjson.dumps({"choices": [{"message": {"role": "assistant", "content": "here"}}]})
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"he"}}]}\n\n'
QUICK = LimitSettings(head_seconds=0.2, body_seconds=0.2, answer_seconds=0.4, drain_seconds=5.0)
CHAT = "/v1/chat/completions"


@contextmanager
def serving(
    script: Callable[[Received, asyncio.StreamWriter], Awaitable[None]],
    tmp_path: Path,
    limits: LimitSettings | None = None,
) -> Iterator[tuple[Upstream, Running]]:
    with (
        upstream_server(script) as upstream,
        running_gateway(tmp_path, {"main": UpstreamSettings(url=upstream.url)}, limits) as gateway,
    ):
        yield upstream, gateway


def post(gateway: Running, body: bytes = BODY) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        connection.request("POST", CHAT, body, {"content-type": "application/json"})
        response = connection.getresponse()
        return response, response.read()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def error_of(read: bytes) -> dict[str, Any]:
    error: dict[str, Any] = orjson.loads(read)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def well(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.method
    writer.write(answer(200, SAID))


# The upstream


def test_a_refusal_of_the_upstream_passes_as_it_is(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body == BODY
        body = b'{"error":{"message":"slow down"}}'
        writer.write(answer(429, body, headers="Retry-After: 7\r\nx-request-id: r1\r\n"))

    with serving(script, tmp_path) as (upstream, gateway):
        response, read = post(gateway)
        assert (response.status, read) == (429, b'{"error":{"message":"slow down"}}')
        assert response.getheader("Retry-After") == "7"
        assert response.getheader("x-request-id") == "r1"
        assert len(upstream.received) == 1
        (call,) = gateway.calls()
        assert (call.facts.outcome, call.facts.status) == ("failed", 429)


def test_an_error_page_that_is_no_json_passes_and_is_recorded_as_failed(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(answer(500, b"<h1>oops</h1>", "text/html"))

    with serving(script, tmp_path) as (_, gateway):
        response, read = post(gateway)
        assert (response.status, read) == (500, b"<h1>oops</h1>")
        (call,) = gateway.calls()
        assert (call.facts.outcome, call.response) == ("failed", None)


def test_an_upstream_that_is_down_is_a_correct_error(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with running_gateway(tmp_path, {"gone": UpstreamSettings(url=url)}) as gateway:
            response, read = post(gateway)
            assert response.status == 502
            assert error_of(read)["code"] == "upstream_unreachable"
            assert "'gone'" in error_of(read)["message"]
            (call,) = gateway.calls()
            assert (call.facts.outcome, call.facts.status) == ("failed", None)


def test_an_upstream_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert writer
        assert await request.reader.read() == b""

    with serving(script, tmp_path, QUICK) as (upstream, gateway):
        response, read = post(gateway)
        assert response.status == 504
        assert error_of(read)["code"] == "upstream_timeout"
        assert upstream.closed.wait(20)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_that_breaks_before_an_answer(tmp_path: Path, how: str) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        if how == "reset":
            writer.transport.abort()
        else:
            writer.close()

    with serving(script, tmp_path) as (upstream, gateway):
        response, read = post(gateway)
        assert response.status == 502
        assert error_of(read)["type"] == "api_error"
        assert len(upstream.received) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_once(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        if len(upstream.received) == 2:
            writer.transport.abort()
        else:
            await well(request, writer)

    with serving(script, tmp_path) as (upstream, gateway):
        assert [post(gateway)[0].status for _ in range(2)] == [200, 200]
        assert len(upstream.received) == 3


@pytest.mark.parametrize(
    ("sent", "streamed"),
    [
        (STREAM_HEAD + chunk(EVENT), True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + SAID, False),
    ],
)
def test_an_answer_that_breaks_off_is_seen_and_never_stored_as_whole(
    tmp_path: Path, sent: bytes, *, streamed: bool
) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()

    with serving(script, tmp_path) as (_, gateway):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            post(gateway)
        (call,) = gateway.calls()
        assert (call.facts.outcome, call.facts.streamed) == ("incomplete", streamed)


def test_a_stream_that_ends_without_its_end_is_incomplete(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(STREAM_HEAD + chunk(EVENT) + b"0\r\n\r\n")

    with serving(script, tmp_path) as (_, gateway):
        assert post(gateway)[1] == EVENT
        (call,) = gateway.calls()
        assert call.facts.outcome == "incomplete"


def test_a_slow_drip_is_passed_on_drop_by_drop(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(STREAM_HEAD + chunk(EVENT))
        await gate.wait()
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    with (
        upstream_server(script) as upstream,
        running_gateway(tmp_path, {"u": UpstreamSettings(url=upstream.url)}) as gateway,
        closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection,
    ):
        connection.request("POST", CHAT, BODY)
        response = connection.getresponse()
        assert response.read1(1000) == EVENT
        upstream.call_soon(gate.set)
        assert response.read() == b"data: [DONE]\n\n"


def test_nonsense_instead_of_http(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(b"SSH-2.0-OpenSSH\r\n")

    with serving(script, tmp_path) as (_, gateway):
        response, read = post(gateway)
        assert response.status == 502
        assert "HTTP" in error_of(read)["message"]


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(answer(307, b"", headers="location: http://169.254.169.254/latest\r\n"))

    with serving(script, tmp_path) as (upstream, gateway):
        assert post(gateway)[0].status == 307
        assert len(upstream.received) == 1


def test_a_base_url_in_the_body_changes_nothing(tmp_path: Path) -> None:
    body = orjson.dumps({**orjson.loads(BODY), "base_url": "http://evil", "api_base": "http://e"})
    with serving(well, tmp_path) as (upstream, gateway):
        assert post(gateway, body)[0].status == 200
        assert upstream.received[0].body == body


# The client


def test_a_client_that_leaves_stops_its_call(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        writer.write(STREAM_HEAD + chunk(EVENT))
        while not writer.is_closing():
            writer.write(chunk(EVENT))
            await writer.drain()
            await asyncio.sleep(0.01)

    with serving(script, tmp_path) as (upstream, gateway):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        connection.request("POST", CHAT, BODY)
        response = connection.getresponse()
        assert response.read1(10)
        response.close()
        connection.close()
        assert upstream.closed.wait(20)
        (call,) = gateway.calls()
        assert call.facts.outcome == "incomplete"


def test_a_client_that_reads_slowly_slows_its_upstream_alone(tmp_path: Path) -> None:
    sent = 0

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if b"Where" not in request.body:
            await well(request, writer)
            return
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunk(b"x" * 65536))
            await writer.drain()
            sent += 65536

    with serving(script, tmp_path) as (_, gateway):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
            head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}\r\n\r\n"
            sock.sendall(head.encode() + BODY)
            assert sock.recv(10)
            time.sleep(1.0)
            held = sent
            assert post(gateway, b'{"model":"other"}')[0].status == 200
            time.sleep(0.5)
            assert sent == held
        assert sent < 64 * 2**20


@pytest.mark.parametrize(
    "sent", [b"POST /v1/x HTTP/1.1\r\nhos", b"POST /v1/x HTTP/1.1\r\ncontent-length: 9\r\n\r\nab"]
)
def test_a_slow_head_and_a_slow_body_are_closed(tmp_path: Path, sent: bytes) -> None:
    with (
        serving(well, tmp_path, QUICK) as (upstream, gateway),
        socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock,
    ):
        sock.sendall(sent)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
        assert received.startswith(b"HTTP/1.1 408 ")
        assert not upstream.received


def test_a_thousand_idle_sockets_block_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    idle: list[socket.socket] = []
    try:
        with serving(well, tmp_path, LimitSettings(idle_seconds=1.0)) as (_, gateway):
            idle += [
                socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
                for _ in range(1000)
            ]
            assert post(gateway)[0].status == 200
            wait_for(lambda: metrics(gateway)["locum_client_connections"] == 1)
            assert idle[0].recv(1) == b""
    finally:
        for sock in idle:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_lack_of_files_is_no_fault_of_the_upstream(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    with (
        serving(well, tmp_path) as (upstream, gateway),
        closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as client,
    ):
        client.request("GET", "/ready")
        assert client.getresponse().read()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
            with suppress(OSError):
                while True:
                    taken.append(os.dup(client.sock.fileno()))
            client.request("POST", CHAT, BODY)
            response = client.getresponse()
            code = error_of(response.read())["code"]
        finally:
            for number in taken:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (response.status, code) == (503, "too_many_files")
        assert response.getheader("retry-after") == "1"
        assert not upstream.received
        assert post(gateway)[0].status == 200
        assert [call.facts.outcome for call in gateway.calls()] == ["failed", "whole"]


def test_a_gateway_may_have_open_what_the_machine_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        most = raise_file_limit()
        assert most == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
        assert raise_file_limit() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_connections_and_calls_than_allowed(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)
        await well(request, writer)

    with (
        serving(script, tmp_path, LimitSettings(calls=1, connections=3)) as (_, gateway),
        closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as first,
        ExitStack() as opened,
    ):
        first.request("POST", CHAT, BODY)
        wait_for(lambda: metrics(gateway)["locum_calls_running"] == 1)
        response, read = post(gateway)
        assert response.status == 503
        assert response.getheader("retry-after") == "1"
        assert error_of(read)["code"] == "too_many_calls"
        assert first.getresponse().status == 200
        *_, fourth = [
            opened.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 20))
            for _ in range(3)
        ]
        with suppress(ConnectionError):
            assert fourth.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /v1/x HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc", 400),
        (b"POST /v1/x HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
        (b"POST /v1/x HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 40_000, 431),
        (b"GET /v1/x HTTP/1.1\r\nx: " + b"a" * 200_000, 431),
        (b"GET /v1/r HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", 501),
        (b"GET http://169.254.169.254/latest HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\ncontent-length: 104857600\r\n\r\n", 413),
    ],
    ids=range(11),
)
def test_what_is_no_request_is_refused_with_a_readable_answer(
    tmp_path: Path, sent: bytes, status: int
) -> None:
    with (
        serving(well, tmp_path) as (upstream, gateway),
        socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock,
    ):
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
        assert received.startswith(f"HTTP/1.1 {status} ".encode())
        error_of(received.partition(b"\r\n\r\n")[2])
        assert not upstream.received


# The disk and the recorder


def recorder_of(gateway: Running) -> int:
    process = gateway.gateway._recorder._process  # noqa: SLF001 - the fault is put into it
    assert process is not None
    return process.pid


def test_a_full_disk_stops_no_call_and_loses_none_that_fits_in_the_queue(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(well, tmp_path) as (_, gateway):
        post(gateway)
        wait_for(lambda: metrics(gateway)["locum_calls_stored_total"] == 1)
        pid = recorder_of(gateway)
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        padding = orjson.dumps({**orjson.loads(BODY), "user": "x" * 50_000})
        assert [post(gateway, padding)[0].status for _ in range(20)] == [200] * 20
        wait_for(lambda: metrics(gateway)["locum_recorder_failing"] == 1)
        assert metrics(gateway)["locum_calls_not_yet_durable"] == 20
        assert [post(gateway)[0].status for _ in range(5)] == [200] * 5
        assert len(gateway.readable()) == 1
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_for(lambda: metrics(gateway)["locum_calls_stored_total"] == 26)
        assert metrics(gateway)["locum_recorder_failing"] == 0
        said = [record for record in caplog.records if "cannot be recorded" in record.message]
        assert len(said) == 1


def test_what_does_not_fit_in_the_queue_is_counted_as_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(well, tmp_path) as (_, gateway):
        link = gateway.gateway._recorder  # noqa: SLF001 - the fault is put into it
        link._most_waiting = 100  # noqa: SLF001
        assert [post(gateway)[0].status for _ in range(3)] == [200] * 3
        assert metrics(gateway)['locum_calls_lost_total{reason="queue_full"}'] == 3
        said = [record for record in caplog.records if "queue_full" in record.message]
        assert len(said) == 1


def test_a_recorder_that_is_killed_starts_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(well, tmp_path) as (_, gateway):
        post(gateway)
        wait_for(lambda: metrics(gateway)["locum_calls_stored_total"] == 1)
        process = gateway.gateway._recorder._process  # noqa: SLF001 - the fault is put into it
        assert process is not None
        process.kill()
        assert post(gateway)[0].status == 200
        wait_for(lambda: "starts again" in caplog.text)
        assert post(gateway)[0].status == 200
        wait_for(lambda: metrics(gateway)["locum_calls_not_yet_durable"] == 0)
        counted = metrics(gateway)
        lost = counted.get('locum_calls_lost_total{reason="recorder_died"}', 0)
        assert counted["locum_calls_stored_total"] + lost == 3
        assert len(gateway.calls()) == counted["locum_calls_stored_total"]
