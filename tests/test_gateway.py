"""What passes through the gateway is what the upstream and the client said."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import orjson
import pytest

from locum.config import UpstreamSettings
from locum.traffic import answer_text, input_text, token_logprobs
from tests.gateways import (
    KEY,
    STREAM_HEAD,
    Received,
    Running,
    Upstream,
    chunk,
    running_gateway,
    upstream_server,
)
from tests.gateways import (
    http as answer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAID = "card_arrival: schön"
LOGPROBS = {"content": [{"token": SAID, "logprob": -0.25, "bytes": None, "top_logprobs": []}]}
MESSAGES: list[Any] = [
    {"role": "system", "content": "Name the intent."},
    {"role": "user", "content": "Where is my card?"},
]


def completion(number: int, *, logprobs: bool, style: str = "null") -> bytes:
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": SAID},
        "finish_reason": "stop",
    }
    if logprobs or style == "null":
        choice["logprobs"] = LOGPROBS if logprobs else None
    body = {
        "id": f"chatcmpl-{number:032d}",
        "object": "chat.completion",
        "created": 1,
        "model": "m-2026",
        "choices": [choice],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    }
    return orjson.dumps(body)


def stream_events(number: int, *, logprobs: bool, style: str = "null") -> list[bytes]:
    events = []
    for piece in [*SAID, None]:
        delta = {"content": piece} if piece is not None else {}
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": None}
        if piece is None:
            choice["finish_reason"] = "stop"
        token = {"token": piece, "logprob": -0.5, "bytes": None, "top_logprobs": []}
        if logprobs:
            choice["logprobs"] = {"content": [token] if piece is not None else []}
        elif style == "null":
            choice["logprobs"] = None
        event = {
            "id": f"chatcmpl-{number:032d}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m-2026",
            "choices": [choice],
        }
        events.append(b"data: " + orjson.dumps(event) + b"\n\n")
    return [*events, b"data: [DONE]\n\n"]


class Model:
    """An upstream that speaks OpenAI's API; each answer has another id."""

    def __init__(self, *, style: str = "null", refuses: bool = False) -> None:
        self.style = style
        self.refuses = refuses
        self.answers = 0

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Answer by path."""
        self.answers += 1
        path = request.target.partition("?")[0]
        if path == "/v1/chat/completions":
            await self.chat(request, writer)
        elif path == "/v1/messages":
            writer.write(answer(200, orjson.dumps(message(self.answers))))
        elif path == "/v1/models":
            writer.write(answer(200, b'{"object":"list","data":[]}', headers="X-Odd: \xe9\r\n"))
        else:
            body = orjson.dumps({"path": request.target, "echo": request.body.decode("latin-1")})
            writer.write(answer(200, body))

    async def chat(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Answer a chat completion."""
        asked = bool(request.json.get("logprobs"))
        if asked and self.refuses:
            writer.write(answer(400, b'{"error":{"message":"logprobs are not supported"}}'))
        elif request.json.get("stream"):
            writer.write(STREAM_HEAD)
            for event in stream_events(self.answers, logprobs=asked, style=self.style):
                writer.write(chunk(event))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(answer(200, completion(self.answers, logprobs=asked, style=self.style)))


def message(number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{number:024d}",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": SAID}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 4},
    }


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def upstream(model: Model) -> Iterator[Upstream]:
    with upstream_server(model) as server:
        yield server


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    upstreams = {
        "main": UpstreamSettings(url=upstream.url),
        "claude": UpstreamSettings(url=upstream.url.removesuffix("/v1"), api="anthropic"),
    }
    with running_gateway(tmp_path, upstreams) as running:
        yield running


def client(gateway: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0)


def post(
    gateway: Running, path: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    sent = {"content-type": "application/json", **(headers or {})}
    connection.request("POST", path, body, sent)
    response = connection.getresponse()
    read = response.read()
    connection.close()
    return response, read


# The official SDKs


def test_a_plain_call_of_the_openai_sdk(gateway: Running, upstream: Upstream) -> None:
    with client(gateway) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            model="m", messages=MESSAGES, temperature=0
        )
    assert raw.parse().choices[0].message.content == SAID
    assert raw.headers["x-locum-route"] == "teacher"
    assert upstream.received[0].headers["authorization"] == f"Bearer {KEY}"
    assert upstream.received[0].headers["host"] == f"127.0.0.1:{upstream.port}"
    (call,) = gateway.calls()
    facts = call.facts
    assert (facts.source, facts.endpoint, facts.outcome) == ("gateway", "chat", "whole")
    assert (facts.model, facts.upstream, facts.status, facts.streamed) == ("m", "main", 200, False)
    assert (facts.input_tokens, facts.output_tokens) == (11, 3)
    assert facts.latency_ms is not None
    assert facts.first_byte_ms is not None
    assert 0 < facts.first_byte_ms <= facts.latency_ms
    assert input_text(call.request) == "Where is my card?"
    assert call.response is not None
    assert answer_text(call.response) == SAID


def test_a_streamed_call_of_the_openai_sdk(gateway: Running) -> None:
    with client(gateway) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        said = [event.choices[0].delta.content or "" for event in stream]
    assert said == [*SAID, ""]
    (call,) = gateway.calls()
    assert call.facts.streamed
    assert call.facts.outcome == "whole"
    assert call.response is not None
    assert answer_text(call.response) == SAID


def test_calls_of_the_async_openai_sdk(gateway: Running) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
            plain = [sdk.chat.completions.create(model="m", messages=MESSAGES) for _ in range(8)]
            said = [str(one.choices[0].message.content) for one in await asyncio.gather(*plain)]
            stream = await sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            pieces = [event.choices[0].delta.content or "" async for event in stream]
            return [*said, "".join(pieces)]

    assert asyncio.run(run()) == [SAID] * 9
    assert len(gateway.calls()) == 9


def test_the_anthropic_sdk(gateway: Running) -> None:
    url = gateway.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as sdk:
        said = sdk.messages.create(
            model="claude-x", max_tokens=9, system="Name the intent.", messages=MESSAGES[1:]
        )
    assert said.content[0].to_dict()["text"] == SAID
    (call,) = gateway.calls()
    assert (call.facts.endpoint, call.facts.upstream) == ("messages", "claude")
    assert (call.facts.input_tokens, call.facts.output_tokens) == (9, 4)
    assert call.response is not None
    assert answer_text(call.response) == SAID


def test_calls_of_both_apis_with_one_instruction_are_one_task(gateway: Running) -> None:
    url = gateway.url.removesuffix("/v1")
    with client(gateway) as sdk, anthropic.Anthropic(base_url=url, api_key=KEY) as other:
        sdk.chat.completions.create(model="m", messages=MESSAGES)
        other.messages.create(
            model="claude-x", max_tokens=9, system="Name the intent.", messages=MESSAGES[1:]
        )
    one, two = gateway.calls()
    assert one.facts.fingerprint == two.facts.fingerprint


# Bytes


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/files/x/content?after=a%20b&x=%C3%A9"),
        ("DELETE", "/v1/files/x"),
        ("PUT", "/v1/anything"),
        ("POST", "/v1/audio/transcriptions"),
    ],
)
def test_any_other_path_passes_untouched(
    gateway: Running, upstream: Upstream, method: str, target: str
) -> None:
    body = bytes(range(256)) if method in {"PUT", "POST"} else b""

    def ask(port: int) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request(method, target, body, {"x-own": "1", "content-type": "a/b; c=d"})
        response = connection.getresponse()
        read = response.read()
        connection.close()
        return response.status, response.getheaders(), read

    status, headers, read = ask(gateway.port)
    direct_status, direct_headers, direct_read = ask(upstream.port)
    assert (status, read) == (direct_status, direct_read)
    assert sorted(headers) == sorted([*direct_headers, ("x-locum-route", "teacher")])
    first, second = upstream.received
    assert first.body == second.body == body
    ignored = {"host", "accept-encoding"}
    assert {k: v for k, v in first.headers.items() if k not in ignored} == {
        k: v for k, v in second.headers.items() if k not in ignored
    }
    assert gateway.calls() == []


def test_the_bytes_of_a_body_are_those_that_were_sent(gateway: Running, upstream: Upstream) -> None:
    body = b'{ "model" :"m",\n"messages":[{"role":"user","content":"\\u00e9\xc3\xa9 1.0e5"}]\t}'
    response, read = post(gateway, "/v1/chat/completions", body)
    assert upstream.received[0].body == body
    assert read == completion(1, logprobs=False)
    assert response.getheader("content-length") == str(len(read))


def test_a_call_names_its_task_by_a_header_that_ends_here(
    gateway: Running, upstream: Upstream
) -> None:
    body = orjson.dumps({"model": "m", "messages": MESSAGES})
    post(gateway, "/v1/chat/completions", body, {"x-locum-task": "intents"})
    assert "x-locum-task" not in upstream.received[0].headers
    assert gateway.calls()[0].facts.task == "intents"


@pytest.mark.parametrize("name", ["john.doe@bank.com 4111", "../evil", "x" * 101])
def test_what_no_task_can_be_called_is_told_of_once_and_not_recorded(
    gateway: Running, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    body = orjson.dumps({"model": "m", "messages": MESSAGES})
    for _ in range(2):
        response, _ = post(gateway, "/v1/chat/completions", body, {"x-locum-task": name})
        assert response.status == 200
    assert [call.facts.task for call in gateway.calls()] == [None, None]
    [told] = [one.getMessage() for one in caplog.records if "x-locum-task" in one.getMessage()]
    assert name not in told


def test_a_number_that_cannot_be_written_again_is_refused(gateway: Running) -> None:
    response, said = post(gateway, "/v1/chat/completions", b'{"model":"m","messages":[],"x":1e999}')
    assert response.status == 400
    assert b"not valid JSON" in said


def test_a_compressed_request_passes_as_it_is_and_is_read(
    gateway: Running, upstream: Upstream
) -> None:
    packed = gzip.compress(orjson.dumps({"model": "m", "messages": MESSAGES}))
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("POST", "/v1/responses", packed, {"content-encoding": "gzip"})
    assert connection.getresponse().status == 200
    connection.close()
    assert upstream.received[0].body == packed
    assert upstream.received[0].headers["content-encoding"] == "gzip"
    assert gateway.calls()[0].facts.model == "m"


def test_a_compressed_answer_passes_as_it_is_and_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(completion(1, logprobs=False))

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.headers["accept-encoding"] == "gzip, deflate"
        writer.write(answer(200, packed, headers="content-encoding: gzip\r\n"))

    with (
        upstream_server(script) as upstream,
        running_gateway(tmp_path, {"u": UpstreamSettings(url=upstream.url)}) as gateway,
    ):
        body = orjson.dumps({"model": "m", "messages": MESSAGES})
        accepted = {"accept-encoding": "br, gzip, deflate, zstd"}
        _, read = post(gateway, "/v1/chat/completions", body, accepted)
        assert read == packed
        (call,) = gateway.calls()
        assert call.response is not None
        assert answer_text(call.response) == SAID


def test_an_answer_that_ends_with_its_connection(tmp_path: Path) -> None:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        assert request.body
        body = completion(1, logprobs=False)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + body)
        writer.close()

    with (
        upstream_server(script) as upstream,
        running_gateway(tmp_path, {"u": UpstreamSettings(url=upstream.url)}) as gateway,
    ):
        body = orjson.dumps({"model": "m", "messages": MESSAGES})
        response, read = post(gateway, "/v1/chat/completions", body)
        assert (response.status, read) == (200, completion(1, logprobs=False))
        assert gateway.calls()[0].facts.outcome == "whole"


def test_requests_that_wait_in_line_are_answered_in_order(gateway: Running) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        request = b"GET /v1/files/%d HTTP/1.1\r\nhost: localhost\r\n\r\n"
        sock.sendall(b"".join(request % number for number in range(3)))
        received = b""
        while received.count(b"x-locum-route") < 3 or not received.endswith(b"}"):
            received += sock.recv(65536)
    places = [received.index(b"/v1/files/%d" % number) for number in range(3)]
    assert places == sorted(places)


def test_a_head_request_and_an_old_client(gateway: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("HEAD", "/v1/models")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    connection.close()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received.endswith(b'{"object":"list","data":[]}')
    assert b"transfer-encoding" not in received


# Soft labels


@pytest.mark.parametrize("style", ["null", "absent"])
@pytest.mark.parametrize("streamed", [False, True])
def test_soft_labels_come_along_and_the_client_sees_none(
    tmp_path: Path, style: str, *, streamed: bool
) -> None:
    body = orjson.dumps({"model": "m", "messages": MESSAGES, "stream": streamed})
    with (
        upstream_server(Model(style=style)) as upstream,
        running_gateway(
            tmp_path, {"u": UpstreamSettings(url=upstream.url, soft_labels=True)}
        ) as gateway,
    ):
        answers = [post(gateway, "/v1/chat/completions", body) for _ in range(3)]
        calls = gateway.calls()
    expected = [
        b"".join(stream_events(number, logprobs=False, style=style))
        if streamed
        else completion(number, logprobs=False, style=style)
        for number in (1, 2, 3)
    ]
    assert [read for _, read in answers] == expected
    assert [b'"top_logprobs":20' in request.body for request in upstream.received] == [
        False,
        True,
        True,
    ]
    tokens = [token_logprobs(call.response or {}) for call in calls]
    assert tokens[0] is None
    assert all(tokens[1:])


def test_a_model_that_refuses_is_asked_once_and_nobody_notices(tmp_path: Path) -> None:
    body = orjson.dumps({"model": "m", "messages": MESSAGES})
    with (
        upstream_server(Model(refuses=True)) as upstream,
        running_gateway(
            tmp_path, {"u": UpstreamSettings(url=upstream.url, soft_labels=True)}
        ) as gateway,
    ):
        answers = [post(gateway, "/v1/chat/completions", body) for _ in range(4)]
        calls = gateway.calls()
    assert [response.status for response, _ in answers] == [200] * 4
    asked = [b"logprobs" in request.body for request in upstream.received]
    assert asked == [False, True, False, False, False]
    assert [call.facts.outcome for call in calls] == ["whole"] * 4


def test_what_the_client_asks_for_it_gets(tmp_path: Path) -> None:
    body = orjson.dumps({"model": "m", "messages": MESSAGES, "logprobs": True})
    with (
        upstream_server(Model()) as upstream,
        running_gateway(
            tmp_path, {"u": UpstreamSettings(url=upstream.url, soft_labels=True)}
        ) as gateway,
    ):
        answers = [post(gateway, "/v1/chat/completions", body)[1] for _ in range(2)]
    assert answers == [completion(number, logprobs=True) for number in (1, 2)]
    assert all(request.body == body for request in upstream.received)
