"""Exactly the same call gets the same answer again, from its own application's calls alone."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.config import ApplicationSettings, CacheSettings, UpstreamSettings
from locum.serving.answer_cache import AnswerCache, KeptAnswer
from tests.gateway_clients import Answer, ask, metrics, post
from tests.gateways import STREAM_HEAD, Received, Running, chunk, http, running_gateway
from tests.gateways import upstream_server as serve_upstream
from tests.promoted import LIMITS, UNSURE, chat_request, promote, upstreams, wait_until_ready
from tests.promoted import send as promoted_send

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateways import Upstream

BODY: dict[str, Any] = {
    "model": "m",
    "temperature": 0,
    "messages": [{"role": "user", "content": "Where is it?"}],
}
CACHE = CacheSettings(seconds=60.0)


@contextmanager
def caching(
    tmp_path: Path,
    cache: CacheSettings = CACHE,
    *,
    soft_labels: bool = False,
    **settings: Any,  # noqa: ANN401 - those of the gateway
) -> Iterator[Running]:
    """A gateway with a cache, before an upstream that never says the same twice."""
    numbers = count(1)

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        said = b'"%d"' % next(numbers)
        asked = received.json
        if asked.get("user") == "overloaded":
            broken = b'{"error":{"message":%b}}' % said
            stream = STREAM_HEAD + chunk(b"data: %b\n\n" % broken) + chunk(b"")
            writer.write(stream if asked.get("stream") else http(200, broken))
            return
        if asked.get("stream"):
            event = b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % said
            writer.write(STREAM_HEAD + chunk(event) + chunk(b"data: [DONE]\n\n") + chunk(b""))
            return
        logprobs = b'{"content":[]}' if asked.get("logprobs") else b"null"
        message = b'{"message":{"content":%b},"logprobs":%b}' % (said, logprobs)
        status = 500 if asked.get("user") == "unlucky" else 200
        writer.write(http(status, b'{"model":"m","choices":[%b]}' % message))

    with serve_upstream(answer) as upstream:
        upstreams = {"main": UpstreamSettings(url=upstream.url, soft_labels=soft_labels)}
        with running_gateway(tmp_path, upstreams, cache=cache, **settings) as gateway:
            yield gateway


def send(gateway: Running, *headers: str, **more: Any) -> Answer:  # noqa: ANN401 - JSON
    return ask(gateway, post(orjson.dumps(BODY | more), *headers))


def test_the_same_call_gets_the_same_answer(tmp_path: Path) -> None:
    with caching(tmp_path) as gateway:
        first, again = send(gateway), send(gateway)
        assert first.body == again.body
        assert (first.headers["x-locum-route"], again.headers["x-locum-route"]) == (
            "teacher",
            "cache",
        )
        assert metrics(gateway)["locum_answers_given_again_total"] == 1
        assert len(gateway.calls()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "n"},
        {"messages": [{"role": "user", "content": "Where is it"}]},
        {"temperature": 0.0, "seed": 1},
        {"max_tokens": 5},
        {"stream": True},
    ],
    ids=range(5),
)
def test_another_call_gets_its_own(tmp_path: Path, changed: dict[str, Any]) -> None:
    with caching(tmp_path) as gateway:
        send(gateway)
        assert send(gateway, **changed).headers["x-locum-route"] == "teacher"


@pytest.mark.parametrize("temperature", [None, 0.5, 1])
def test_calls_whose_answers_may_differ_are_left_alone(
    tmp_path: Path, temperature: float | None
) -> None:
    with caching(tmp_path) as gateway:
        first, again = (send(gateway, temperature=temperature) for _ in range(2))
        assert first.body != again.body


def test_the_order_of_keys_makes_no_difference(tmp_path: Path) -> None:
    with caching(tmp_path) as gateway:
        turned = orjson.dumps(dict(reversed(BODY.items())))
        assert send(gateway).body == ask(gateway, post(turned)).body


def test_nobody_gets_the_answers_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE", "sk-one-0123456789abcdef")
    monkeypatch.setenv("TWO", "sk-two-0123456789abcdef")
    applications = {name: ApplicationSettings(key_env=name.upper()) for name in ("one", "two")}
    with caching(tmp_path, applications=applications) as gateway:
        mine = [send(gateway, "authorization: Bearer sk-one-0123456789abcdef") for _ in range(2)]
        other = send(gateway, "authorization: Bearer sk-two-0123456789abcdef")
    assert mine[0].body == mine[1].body != other.body


def test_without_applications_a_key_gets_its_own(tmp_path: Path) -> None:
    with caching(tmp_path) as gateway:
        one, other = (send(gateway, f"authorization: Bearer sk-{name}") for name in "ab")
        assert one.body != other.body
        assert send(gateway, "authorization: Bearer sk-a").body == one.body


@pytest.mark.parametrize(
    "header",
    [
        *("x-goog-api-key", "ocp-apim-subscription-key", "cookie", "cf-access-client-secret"),
        *("x-tenant", "openai-organization"),
    ],
)
def test_who_sends_another_header_gets_its_own(tmp_path: Path, header: str) -> None:
    with caching(tmp_path) as gateway:
        sent = [f"{header}: one", f"{header}: other", "x-nothing: one"]
        one, other, none = (send(gateway, line) for line in sent)
        assert len({one.body, other.body, none.body}) == 3
        assert send(gateway, f"{header}: one").body == one.body


def test_an_application_s_users_get_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE", "sk-one-0123456789abcdef")
    applications = {"one": ApplicationSettings(key_env="ONE")}
    own = "0123456789abcdef"
    with caching(tmp_path, applications=applications) as gateway:
        keys = (
            "x-api-key: sk-one-0123456789abcdef",
            "authorization: Bearer sk-one-0123456789abcdef",
        )
        first, again = (send(gateway, key) for key in keys)
        assert first.body == again.body
        users = [send(gateway, keys[0], f"authorization: Bearer {own}{n}").body for n in (1, 2, 1)]
    assert users[0] == users[2] != users[1]
    assert first.body not in users


def test_headers_that_each_request_has_of_its_own_make_no_difference(tmp_path: Path) -> None:
    names = (
        "x-request-id",
        "traceparent",
        "x-stainless-retry-count",
        "user-agent",
        "x-forwarded-for",
    )
    with caching(tmp_path) as gateway:
        first, again = (send(gateway, *(f"{name}: {n}" for name in names)) for n in (1, 2))
        assert first.body == again.body


def test_a_failure_is_not_given_again(tmp_path: Path) -> None:
    with caching(tmp_path) as gateway:
        first, again = (send(gateway, user="unlucky") for _ in range(2))
        assert first.status == again.status == 500
        assert first.body != again.body


@pytest.mark.parametrize(("stream", "outcome"), [(True, "incomplete"), (False, "failed")])
def test_an_error_with_a_good_status_is_not_given_again(
    tmp_path: Path, outcome: str, *, stream: bool
) -> None:
    with caching(tmp_path) as gateway:
        first, again = (send(gateway, stream=stream, user="overloaded") for _ in range(2))
        assert first.status == again.status == 200
        assert first.body != again.body
        assert {call.facts.outcome for call in gateway.calls()} == {outcome}


def test_a_stream_is_given_again_as_a_stream(tmp_path: Path) -> None:
    with caching(tmp_path) as gateway:
        first, again = (send(gateway, stream=True) for _ in range(2))
        assert first.body == again.body
        assert first.headers["content-type"] == again.headers["content-type"]


def test_log_probabilities_that_were_taken_out_stay_out(tmp_path: Path) -> None:
    with caching(tmp_path, soft_labels=True) as gateway:
        send(gateway, seed=1)  # from which the gateway learns how plain answers look
        first, again = send(gateway), send(gateway)
        assert again.headers["x-locum-route"] == "cache"
        assert first.body == again.body
        assert b'"logprobs":null' in again.body


def test_an_answer_is_given_again_for_a_while_alone(tmp_path: Path) -> None:
    with caching(tmp_path, CacheSettings(seconds=1e-9)) as gateway:
        assert send(gateway).body != send(gateway).body


def test_without_the_setting_nothing_is_kept(tmp_path: Path) -> None:
    with caching(tmp_path, CacheSettings()) as gateway:
        assert send(gateway).body != send(gateway).body


def test_the_answers_that_were_not_asked_for_longest_make_room() -> None:
    cache = AnswerCache(CacheSettings(seconds=60.0, bytes=16_000))
    answers = {b"%d" % n: KeptAnswer(b"x" * 800, b"text") for n in range(20)}
    for key, answer in answers.items():
        cache.keep(key, answer)
        cache.find(b"0")
    kept = [key for key in answers if cache.find(key) is not None]
    assert kept == [b"0", *list(answers)[-15:]]
    cache.keep(b"large", KeptAnswer(b"x" * 1_001, b"text"))
    assert cache.find(b"large") is None


def test_an_answer_that_is_given_again_names_the_task_of_its_call(
    tmp_path: Path, upstream: Upstream
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "support")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS, cache=CACHE) as gateway:
        wait_until_ready(gateway)
        answers = [promoted_send(gateway, chat_request(UNSURE)) for _ in range(2)]
    assert [one.headers["x-locum-route"] for one in answers] == ["teacher", "cache"]
    assert [one.headers["x-locum-task"] for one in answers] == ["support"] * 2
