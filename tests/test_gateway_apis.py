"""Every API of the official SDK works through the gateway as it does without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import orjson
import pytest

from locum.config import UpstreamSettings
from locum.traffic import answer_text, input_text
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
from tests.gateways import http as answer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find", "arguments": '{"order": "A7"}'},
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
]
SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {"name": "label", "schema": {"type": "object"}, "strict": True},
}
IMAGE: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ],
    }
]
ASKED: list[Any] = [{"role": "user", "content": "Where is it?"}]


def chat(message: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return {
        "id": "chatcmpl-" + "a" * 24,
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{**choice, "logprobs": None}],
        "usage": USAGE,
    }


RESPONSE = {
    "id": "resp_" + "a" * 24,
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "m",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "shipping", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9},
}
EMBEDDINGS = {
    "object": "list",
    "model": "e",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
COMPLETION = {
    "id": "cmpl-" + "a" * 24,
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "text": "shipping", "finish_reason": "stop", "logprobs": None}],
    "usage": USAGE,
}
BODIES = {
    "/v1/chat/completions": chat({"content": "shipping"}),
    "/v1/responses": RESPONSE,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/completions": COMPLETION,
    "/v1/models": {
        "object": "list",
        "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "o"}],
    },
}


async def script(request: Received, writer: asyncio.StreamWriter) -> None:
    body = BODIES[request.target]
    if request.method == "POST" and request.json.get("tools"):
        body = chat({"content": None, "tool_calls": [TOOL_CALL]}, "tool_calls")
    if request.method == "POST" and request.json.get("stream"):
        writer.write(STREAM_HEAD)
        for event in events(request.target):
            writer.write(chunk(b"data: " + orjson.dumps(event) + b"\n\n"))
            await writer.drain()
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    else:
        writer.write(answer(200, orjson.dumps(body)))


def events(target: str) -> list[dict[str, Any]]:
    if target == "/v1/responses":
        created = {"type": "response.created", "sequence_number": 0, "response": RESPONSE}
        return [created, {**created, "type": "response.completed", "sequence_number": 1}]
    function = {"index": 0, **TOOL_CALL, "function": {"name": "find", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": '{"order": "A7"}'}}
    deltas = [{"tool_calls": [function]}, {"tool_calls": [rest]}, {}]
    return [
        {
            "id": "chatcmpl-" + "b" * 24,
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "delta": delta, "finish_reason": None if delta else "tool_calls"}
            ],
        }
        for delta in deltas
    ]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstream_server(script) as server:
        yield server


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with running_gateway(tmp_path, {"main": UpstreamSettings(url=upstream.url)}) as running:
        yield running


def stream_tools(sdk: openai.OpenAI) -> object:
    stream = sdk.chat.completions.create(model="m", messages=ASKED, tools=TOOLS, stream=True)
    return [event.to_dict() for event in stream]


def stream_response(sdk: openai.OpenAI) -> object:
    return [event.to_dict() for event in sdk.responses.create(model="m", input="It", stream=True)]


CALLS: dict[str, Callable[[openai.OpenAI], object]] = {
    "tools": lambda sdk: sdk.chat.completions.create(model="m", messages=ASKED, tools=TOOLS),
    "schema": lambda sdk: sdk.chat.completions.create(
        model="m", messages=ASKED, response_format=SCHEMA
    ),
    "image": lambda sdk: sdk.chat.completions.create(model="m", messages=IMAGE),
    "streamed tools": stream_tools,
    "completions": lambda sdk: sdk.completions.create(model="m", prompt="Where is it?"),
    "embeddings": lambda sdk: sdk.embeddings.create(model="e", input="Where is it?"),
    "responses": lambda sdk: sdk.responses.create(model="m", input="Where is it?"),
    "streamed response": stream_response,
    "models": lambda sdk: sdk.models.list().data,
}


@pytest.mark.parametrize("name", CALLS)
def test_the_sdk_gets_the_same_with_and_without_a_gateway(
    name: str, gateway: Running, upstream: Upstream
) -> None:
    got = []
    for url in (gateway.url, upstream.url):
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as sdk:
            got.append(CALLS[name](sdk))
    assert got[0] == got[1]
    first, second = upstream.received
    assert first.body == second.body


@pytest.mark.parametrize(
    ("name", "endpoint", "asked", "answered"),
    [
        ("tools", "chat", "Where is it?", None),
        ("schema", "chat", "Where is it?", "shipping"),
        ("image", "chat", "What is this?\n[image]", "shipping"),
        ("streamed tools", "chat", "Where is it?", None),
        ("completions", "completions", "Where is it?", "shipping"),
        ("embeddings", "embeddings", "Where is it?", None),
        ("responses", "responses", "Where is it?", "shipping"),
        ("streamed response", "responses", "It", "shipping"),
    ],
)
def test_each_call_is_recorded_in_one_shape(
    name: str, endpoint: str, asked: str, answered: str | None, gateway: Running
) -> None:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        CALLS[name](sdk)
    (call,) = gateway.calls()
    assert (call.facts.endpoint, call.facts.outcome) == (endpoint, "whole")
    assert input_text(call.request) == asked
    assert call.response is not None
    assert answer_text(call.response) == answered
    if "tools" in name:
        (tool_call,) = call.response["choices"][0]["message"]["tool_calls"]
        assert tool_call["function"] == TOOL_CALL["function"]
