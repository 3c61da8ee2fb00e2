"""An application stays within its cap also where answers do not say what they took."""

from __future__ import annotations

import asyncio
import gzip
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.config import ApplicationSettings, UpstreamSettings
from locum.schema import OwnPrice
from locum.store import SpendStore, open_database
from tests.gateway_clients import Client, ask, happens, post
from tests.gateways import STREAM_HEAD, Received, Running, chunk, http, running_gateway
from tests.gateways import upstream_server as serve_upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-web-0123456789abcdef"
TOKENS = 10_000
# An answer of so many tokens costs ten dollars, and a request of a million bytes five at worst.
PRICE = OwnPrice(input=5.0, output=1_000.0, cached_input=0.0)
BODY: dict[str, Any] = {
    "model": "mine",
    "max_tokens": TOKENS,
    "messages": [{"role": "user", "content": "Where is it?"}],
}
EVENT = b'data: {"model":"mine-7","choices":[{"index":0,"delta":{"content":"so"}}]}\n\n'
# An answer in Anthropic's way says at its beginning what was asked, and that it has one token.
BEGUN = {
    "type": "message_start",
    "message": {"model": "mine", "usage": {"input_tokens": 10, "output_tokens": 1}},
}
# Of a million tokens that were asked half came out of the upstream's cache, at no cost.
USAGE = {
    "prompt_tokens": 1_000_000,
    "completion_tokens": 1_000,
    "prompt_tokens_details": {"cached_tokens": 500_000},
}
COST = 2.5 + 1


async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
    """Answer as the call's user says."""
    packed = "content-encoding" in received.headers
    asked = orjson.loads(gzip.decompress(received.body) if packed else received.body)
    user = asked.get("user", "")
    if asked.get("stream"):
        begun = b"event: message_start\ndata: %b\n\n" % orjson.dumps(BEGUN)
        writer.write(STREAM_HEAD + chunk(begun if received.target == "/v1/messages" else EVENT))
        if user == "leaves":
            await writer.drain()
            await asyncio.sleep(60)
        writer.write(chunk(b"data: [DONE]\n\n") + chunk(b""))
    elif user == "leaves":
        await asyncio.sleep(60)
    elif user == "breaks":
        writer.transport.abort()
    elif user.isdecimal():
        writer.write(http(int(user), b'{"error":{"message":"no"}}'))
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Here."}}
        said = {"model": "deployment-1", "choices": [choice], "usage": USAGE}
        writer.write(http(200, orjson.dumps(said)))


@contextmanager
def capped(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("WEB_KEY", KEY)
    applications = {"web": ApplicationSettings(key_env="WEB_KEY", day_usd=25.0)}
    with serve_upstream(answer) as upstream:
        upstreams = {
            "main": UpstreamSettings(url=upstream.url, soft_labels=False),
            "claude": UpstreamSettings(url=upstream.url, api="anthropic"),
            "away": UpstreamSettings(url="http://127.0.0.1:1", models=["away"]),
        }
        with running_gateway(
            home, upstreams, applications=applications, prices={"mine": PRICE, "away": PRICE}
        ) as gateway:
            yield gateway


def request(
    *headers: str,
    packed: bool = False,
    path: str = "/v1/chat/completions",
    **more: Any,  # noqa: ANN401 - JSON
) -> bytes:
    body = orjson.dumps(BODY | more)
    if packed:
        body, headers = gzip.compress(body), (*headers, "content-encoding: gzip")
    return post(body, f"authorization: Bearer {KEY}", *headers, path=path)


def spent(gateway: Running) -> float:
    with open_database(gateway.store) as database:
        return SpendStore(database).spent(["web"], time.time())["web"].day_usd or 0.0


def leave(gateway: Running, sent: bytes, *, begun: bool) -> None:
    with Client(gateway) as client:
        client.send(sent)
        assert happens(lambda: gateway.gateway._running == 1)  # noqa: SLF001 - no page tells it
        if begun:
            client.answer(to_head=True)


def test_a_stream_that_says_nothing_of_tokens_costs_what_it_might(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        for number in (1, 2):
            assert ask(gateway, request(stream=True)).status == 200
            assert happens(lambda number=number: round(spent(gateway)) == 10 * number)  # type: ignore[misc]
        assert ask(gateway, request(stream=True)).status == 429


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/v1/chat/completions", True),
        ("/v1/chat/completions", False),
        ("/v1/messages", True),
    ],
)
def test_a_client_that_leaves_pays_what_its_answer_might_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, *, stream: bool
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        version = ("anthropic-version: 2023-06-01",) if path == "/v1/messages" else ()
        sent = request(*version, stream=stream, user="leaves", path=path)
        leave(gateway, sent, begun=stream)
        assert happens(lambda: round(spent(gateway)) == 10)


def test_a_failure_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        for _ in range(5):
            # What a call might cost is kept from others until the recorder tells that it did not.
            assert happens(lambda: ask(gateway, request(user="500")).status == 500)
        gateway.stop()
        assert spent(gateway) == 0


@pytest.mark.parametrize(("user", "status"), [("breaks", 502), ("502", 502), ("524", 524)])
def test_a_call_that_was_sent_and_had_no_answer_costs_what_it_might(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, status: int
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        assert ask(gateway, request(user=user)).status == status
        assert happens(lambda: round(spent(gateway)) == 10)


def test_a_call_that_was_never_sent_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        assert ask(gateway, request(model="away")).status == 502
        gateway.stop()
        assert spent(gateway) == 0


def test_an_answer_by_another_name_has_the_price_of_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        assert ask(gateway, request()).status == 200
        [call] = gateway.calls()
        assert call.facts.cost_usd == pytest.approx(COST)
        assert spent(gateway) == pytest.approx(COST)


@pytest.mark.parametrize("packed", [True, False])
def test_the_size_of_a_request_is_that_of_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        for megabytes, status in ((2, 200), (4, 429)):
            long = {"role": "user", "content": "so so so " * (megabytes * 10**6 // 9)}
            assert ask(gateway, request(packed=packed, messages=[long])).status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/images/generations#/chat/completions", 400),
        ("/openai/deployments/dear/chat/completions", 403),
        ("/openai/deployments/mine/chat/completions", 200),
    ],
)
def test_a_path_that_leads_to_another_price_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    with capped(tmp_path, monkeypatch) as gateway:
        assert ask(gateway, request(path=path)).status == status
