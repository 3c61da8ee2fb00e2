"""The gateway as a process: killed, stopped, flooded, and searched for secrets."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest

from locum.config import ApplicationSettings
from locum.errors import UsageError
from locum.store import CallFilter, CallStore, open_database
from tests.commands import locum
from tests.gateways import (
    STREAM_HEAD,
    Received,
    chunk,
    running_gateway,
    upstream_server,
    wait_for_port,
)
from tests.gateways import http as answer

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT = "/v1/chat/completions"
BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Where is it?"}]})
CANARY = "sk-canary-7d1f0c9b8a6e5d4c3b2a1908f7e6d5c4"


@dataclass
class Process:
    """A gateway that runs by itself."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a page of its own."""
        with closing(self.connect()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def post(self, body: bytes = BODY, **headers: str) -> tuple[int, bytes]:
        """Send a call."""
        with closing(self.connect()) as connection:
            connection.request("POST", CHAT, body, headers)
            response = connection.getresponse()
            return response.status, response.read()


@contextmanager
def gateway_process(home: Path, url: str, *arguments: str) -> Iterator[Process]:
    """Run ``locum gateway`` in a process group of its own."""
    home.mkdir(exist_ok=True)
    log = home / "gateway.log"
    command = [sys.executable, "-m", "locum", "gateway", "--port", "0", "--upstream", url]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--home", str(home), *arguments],
            stderr=output,
            text=True,
            start_new_session=True,
        )
    try:
        yield Process(process, wait_for_port(log, process), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def stored_answers(home: Path) -> set[str]:
    """Return what the answers of the stored calls say."""
    with open_database(home / "locum.sqlite") as database:
        calls = list(CallStore(database).iterate(CallFilter()))
    return {call.response["choices"][0]["message"]["content"] for call in calls if call.response}


def child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    (child,) = map(int, children)
    return child


def wait_for_end(pid: int) -> None:
    """Wait until a process is no more, or a zombie that nobody has taken leave of."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError("a recorder did not end")


class Numbered:
    """An upstream whose answers are all different."""

    def __init__(self) -> None:
        self.answers = 0

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Say a number."""
        self.answers += 1
        said = {"role": "assistant", "content": f"answer {self.answers}"}
        if request.json.get("stream"):
            event = orjson.dumps(
                {"choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
            )
            events = chunk(b"data: " + event + b"\n\n") + chunk(b"data: [DONE]\n\n")
            writer.write(STREAM_HEAD + events + b"0\r\n\r\n")
        else:
            writer.write(answer(200, orjson.dumps({"choices": [{"index": 0, "message": said}]})))


class Client(threading.Thread):
    """Sends calls until its gateway is gone, and remembers the answers that it got whole."""

    def __init__(self, port: int, *, streamed: bool) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.body = orjson.dumps({**orjson.loads(BODY), "stream": streamed})
        self.finished: list[str] = []

    def run(self) -> None:
        """Send calls."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            while True:
                connection.request("POST", CHAT, self.body)
                response = connection.getresponse()
                read = response.read()
                if response.status == 200:
                    found = re.search(rb"answer \d+", read)
                    assert found
                    self.finished.append(found[0].decode())
        except (OSError, http.client.HTTPException):
            connection.close()


class Killed(NamedTuple):
    """What was known when a gateway was killed."""

    finished: set[str]
    stored: int


def kill_under_load(home: Path, url: str, chance: random.Random, *, group: bool) -> Killed:
    """Kill a gateway at a random moment of its work, alone or together with its recorder."""
    with gateway_process(home, url) as running:
        clients = [Client(running.port, streamed=bool(number % 2)) for number in range(4)]
        for client in clients:
            client.start()
        time.sleep(chance.uniform(0.02, 0.5))
        stored = re.search(rb"\nlocum_calls_stored_total (\d+)", running.get("/metrics")[1])
        assert stored
        recorder = child_of(running.process.pid)
        if group:
            os.kill(recorder, signal.SIGKILL)
        running.process.kill()
        for client in clients:
            client.join(30)
    wait_for_end(recorder)
    return Killed({said for client in clients for said in client.finished}, int(stored[1]))


def check_integrity(home: Path) -> None:
    with closing(sqlite3.connect(home / "locum.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_no_finished_call_is_lost_when_the_gateway_is_killed(tmp_path: Path, kills: int) -> None:
    chance = random.Random(20_261_124)  # noqa: S311 - no secret
    finished: set[str] = set()
    with upstream_server(Numbered()) as upstream:
        for _ in range(kills):
            finished |= kill_under_load(tmp_path, upstream.url, chance, group=False).finished
            check_integrity(tmp_path)
    assert len(finished) > 10 * kills
    assert finished <= stored_answers(tmp_path)


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_no_call_is_lost_that_was_said_to_be_stored_when_both_are_killed(
    tmp_path: Path, kills: int
) -> None:
    chance = random.Random(11)  # noqa: S311 - no secret
    stored = 0
    with upstream_server(Numbered()) as upstream:
        for _ in range(kills):
            stored += kill_under_load(tmp_path, upstream.url, chance, group=True).stored
            check_integrity(tmp_path)
            assert len(stored_answers(tmp_path)) >= stored
            stored = len(stored_answers(tmp_path))
    assert stored > 0


def test_sigterm_takes_readiness_first_and_lets_streams_end(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        event = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
        writer.write(STREAM_HEAD)
        for _ in range(30):
            writer.write(chunk(event))
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    with (
        upstream_server(script) as upstream,
        gateway_process(tmp_path, upstream.url) as running,
        closing(running.connect()) as stream,
    ):
        assert running.get("/ready") == (200, b"ready\n")
        stream.request("POST", CHAT, BODY)
        response = stream.getresponse()
        assert response.read1(10)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert running.get("/ready") == (503, b"stopping\n")
        assert running.get("/health")[0] == 200
        assert response.read().endswith(b"data: [DONE]\n\n")
        assert running.process.wait(30) == 0
        assert stored_answers(tmp_path) == {"a" * 30}


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert writer
        await request.reader.read()

    with (
        upstream_server(script) as upstream,
        gateway_process(tmp_path, upstream.url) as running,
        closing(running.connect()) as waiting,
    ):
        waiting.request("POST", CHAT, BODY)
        time.sleep(0.3)
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(20) == 0


def peak_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - no file on a disk
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_megabytes_is_refused_in_bounded_memory(
    tmp_path: Path, *, chunked: bool
) -> None:
    piece = b"a" * 2**20

    with (
        upstream_server(Numbered()) as upstream,
        gateway_process(tmp_path, upstream.url) as running,
    ):
        before = peak_bytes(running.process.pid)
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as sock:
            framing = "transfer-encoding: chunked" if chunked else "content-length: 104857600"
            sock.sendall(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n".encode())
            sent = chunk(piece) if chunked else piece
            try:
                for _ in range(100):
                    sock.sendall(sent)
            except ConnectionError:
                pass
            try:
                received = sock.recv(65536)
            except ConnectionError:
                received = b""
        if received:
            assert received.startswith(b"HTTP/1.1 413 ")
        bomb = gzip.compress(b'{"a":"' + bytes(100 * 2**20) + b'"}')
        status, read = running.post(bomb, **{"content-encoding": "gzip"})
        assert (status, orjson.loads(read)["error"]["code"]) == (413, "body_too_large")
        assert running.post()[0] == 200
        assert peak_bytes(running.process.pid) - before < 120 * 2**20
        assert len(upstream.received) == 1


def test_a_canary_key_reaches_no_log_store_or_metric(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        if b"break" in request.body:
            writer.write(b"HTTP/1.1 200 " + CANARY.encode() + b"\r\nx\r\n\r\n")
            return
        error = {"error": {"message": f"Incorrect API key provided: {CANARY}"}}
        writer.write(answer(401, orjson.dumps(error)))

    inside = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": CANARY}]})
    breaking = orjson.dumps({"model": "break", "messages": []})
    with upstream_server(script) as upstream, gateway_process(tmp_path, upstream.url) as running:
        pages = [running.post(inside, authorization=f"Bearer {CANARY}")[1]]
        pages.append(running.post(breaking, **{"x-api-key": CANARY})[1])
        running.post(b'{"' + CANARY.encode() + b'": NaN}', **{"x-api-key": CANARY})
        with closing(running.connect()) as connection:
            connection.request("POST", f"{CHAT}?key={CANARY}", b"{}", {"api-key": CANARY})
            connection.getresponse().read()
        metrics = running.get("/metrics")[1]
    assert CANARY in pages[0].decode(), "the client sees what its upstream said"
    assert CANARY.encode() not in metrics
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"locum.sqlite", "gateway.log"}
    holding = [path.name for path in files if CANARY.encode() in path.read_bytes()]
    assert holding == []
    with open_database(tmp_path / "locum.sqlite") as database:
        assert CallStore(database).count(CallFilter()) == 3


def test_a_gateway_for_others_needs_keys(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "locum", "gateway", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    ended = subprocess.run(
        [*command, "--home", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "gateway.applications" in ended.stderr


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "locum", "gateway", "--home", str(tmp_path)]
        ended = subprocess.run(
            [*command, "--port", str(taken.getsockname()[1])],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 2
    assert "cannot listen" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_cannot_be_is_a_clear_error(tmp_path: Path, port: str) -> None:
    said = " ".join(locum(tmp_path, "gateway", "--port", port, code=2).split())
    assert "'--port': Input should be" in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_host_that_is_no_name_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_KEY", "web-key-12345")
    applications = {"web": ApplicationSettings(key_env="WEB_KEY")}
    with (
        pytest.raises(UsageError, match=r"cannot listen on a\.\.b:0"),
        running_gateway(tmp_path, {}, host="a..b", applications=applications),
    ):
        pass
