"""Requests made up from the API's schema bring no server error of the gateway's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from locum.config import UpstreamSettings
from tests.gateway_clients import ask, post
from tests.gateways import Received, Running, running_gateway, upstream_server
from tests.gateways import http as answer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool"]},
        "content": {"type": ["string", "null"]},
    },
}
BODY = {
    "type": "object",
    "required": ["model"],
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "items": MESSAGE},
        "input": {"type": ["string", "array"]},
        "prompt": {"type": ["string", "array"]},
        "stream": {"type": "boolean"},
        "n": {"type": "integer"},
        "logprobs": {"type": ["boolean", "integer", "null"]},
        "metadata": {"type": "object"},
        "tools": {"type": "array", "items": {"type": "object"}},
        "response_format": {"type": "object"},
    },
}
HEADERS = [
    {"name": name, "in": "header", "schema": {"type": "string"}}
    for name in ("x-locum-task", "authorization", "accept-encoding", "content-encoding")
]


def operation(method: str) -> dict[str, Any]:
    described: dict[str, Any] = {"parameters": HEADERS, "responses": {"200": {"description": ""}}}
    if method == "post":
        content = {"application/json": {"schema": BODY}}
        described["requestBody"] = {"required": True, "content": content}
    return {method: described}


SCHEMA = schemathesis.openapi.from_dict(
    {
        "openapi": "3.1.0",
        "info": {"title": "gateway", "version": "1"},
        "paths": {
            "/v1/chat/completions": operation("post"),
            "/v1/completions": operation("post"),
            "/v1/embeddings": operation("post"),
            "/v1/responses": operation("post"),
            "/v1/messages": operation("post"),
            "/v1/models": operation("get"),
            "/health": operation("get"),
            "/ready": operation("get"),
            "/metrics": operation("get"),
        },
    }
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        said = request.body or b"{}"
        writer.write(answer(200, said))

    with upstream_server(script) as upstream:
        upstreams = {
            "main": UpstreamSettings(url=upstream.url, soft_labels=True),
            "claude": UpstreamSettings(url=upstream.url, api="anthropic"),
        }
        home = tmp_path_factory.mktemp("fuzzed")
        with running_gateway(home, upstreams) as running:
            yield running


@SCHEMA.parametrize()
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_no_request_brings_a_server_error(case: schemathesis.Case[Any], gateway: Running) -> None:
    response = case.call(base_url=gateway.url.removesuffix("/v1"))
    assert response.status_code < 500


def test_every_call_that_passed_can_be_recorded(gateway: Running) -> None:
    # Of those above, other processes may have had all.
    assert ask(gateway, post()).status == 200
    gateway.stop()
    page = gateway.gateway.metrics.page()
    assert b'reason="unreadable"' not in page
    assert len(gateway.readable()) > 0
