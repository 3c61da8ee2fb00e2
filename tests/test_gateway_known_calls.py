"""Calls that are like one before in all but their input: known without being read."""

from __future__ import annotations

import gzip
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.config import LimitSettings
from locum.promotion.plan import Plan
from locum.promotion.token_lines import TokenLine
from locum.serving import quick_link
from locum.serving.routing import Caller
from locum.serving.wire import Headers, Request
from tests.gateway_clients import CHAT, Client, happens, metrics, post
from tests.promoted import (
    LIMITS,
    MESSAGES,
    RESPONSES,
    SURE,
    UNSURE,
    change,
    chat_request,
    message_request,
    response_request,
    route,
    send,
    serving,
    student_pid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locum.schema import JsonObject
    from tests.gateways import Running, Upstream

TEXT, OTHER = SURE["shipping"], SURE["billing"]
FORMS: dict[str, Callable[..., JsonObject]] = {
    CHAT: chat_request,
    MESSAGES: message_request,
    RESPONSES: response_request,
}


@pytest.fixture
def gateway(tmp_path: Path, upstream: Upstream) -> Iterator[Running]:
    with serving(tmp_path, upstream) as running:
        yield running


def find(
    gateway: Running,
    body: bytes,
    path: str = CHAT,
    application: str | None = None,
    **headers: str,
) -> str | None:
    """Return the input of a call that is known."""
    if path == MESSAGES:
        headers["anthropic-version"] = "2023-06-01"
    lines = Headers([(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()])
    request = Request(
        b"POST",
        path.encode(),
        lines,
        body,
        http_1_1=True,
        keep_alive=True,
        caller=Caller(application, ()),
    )
    recogniser = gateway.gateway._stand_ins._recogniser  # noqa: SLF001 - nothing else shows it
    found = recogniser.find(request, 0.0)
    return None if found is None else found.text


def plain(answer: Any) -> Any:  # noqa: ANN401 - JSON
    """An answer without what differs from answer to answer."""
    if isinstance(answer, dict):
        named = {"id", "created", "created_at", "completed_at"}
        return {name: plain(value) for name, value in answer.items() if name not in named}
    return [plain(one) for one in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("path", FORMS)
def test_the_second_call_is_known_and_answered_alike(gateway: Running, path: str) -> None:
    request = FORMS[path]
    assert find(gateway, orjson.dumps(request(TEXT)), path) is None
    first = send(gateway, request(TEXT), path=path)
    assert find(gateway, orjson.dumps(request(OTHER)), path) == OTHER
    second = send(gateway, request(TEXT), path=path)
    assert plain(orjson.loads(first.body)) == plain(orjson.loads(second.body))
    assert first.headers.keys() == second.headers.keys()
    assert second.headers["x-locum-route"] == "student"


@pytest.mark.parametrize("path", FORMS)
def test_what_the_student_is_unsure_of_is_its_teachers(gateway: Running, path: str) -> None:
    request = FORMS[path]
    assert route(gateway, request(TEXT), path=path) == "student"
    assert route(gateway, request(UNSURE), path=path) == "teacher"
    assert route(gateway, request(OTHER), path=path) == "student"
    counted = metrics(gateway)
    for way, calls in (("student", 2), ("deferred", 1)):
        assert counted[f'locum_stand_in_calls_total{{route="{way}",task="support"}}'] == calls


def test_streams_and_plain_answers_are_kept_apart(gateway: Running) -> None:
    for _ in range(2):
        plainly = send(gateway, chat_request(TEXT))
        streamed = send(gateway, chat_request(TEXT, stream=True))
        assert orjson.loads(plainly.body)["object"] == "chat.completion"
        assert streamed.body.endswith(b"data: [DONE]\n\n")


def test_a_call_that_waited_for_the_student_first_took_that_long_too(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_link, "LONGEST_QUICK_TEXT", -1)
    with serving(tmp_path, upstream, LimitSettings(student_seconds=0.4)) as gateway:
        assert happens(lambda: route(gateway, chat_request(TEXT)) == "student")
        os.kill(student_pid(gateway), signal.SIGSTOP)
        assert route(gateway, chat_request(TEXT)) == "teacher"
        gateway.stop()
        calls = gateway.readable()
    late = calls[-1].facts.latency_ms
    assert late is not None
    assert late >= 400


def test_a_call_that_is_left_to_the_teacher_keeps_its_place(
    tmp_path: Path, upstream: Upstream
) -> None:
    with serving(tmp_path, upstream, LIMITS.model_copy(update={"calls": 3})) as gateway:
        assert happens(lambda: route(gateway, chat_request(TEXT)) == "student")
        with ThreadPoolExecutor(3) as pool:
            statuses = list(
                pool.map(lambda _: send(gateway, chat_request(UNSURE)).status, range(60))
            )
        assert statuses == [200] * 60
        assert metrics(gateway)["locum_calls_running"] == 0


def test_sampled_calls_are_remembered_once(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream, shadow=0.5) as gateway:
        streamed = chat_request(TEXT, stream=True)
        assert happens(lambda: route(gateway, streamed) in {"student", "shadow"})
        for _ in range(40):
            send(gateway, chat_request(TEXT))
        assert find(gateway, orjson.dumps(streamed)) == TEXT
        assert find(gateway, orjson.dumps(chat_request(OTHER))) == OTHER


@pytest.mark.parametrize(("owner", "name"), [(TokenLine, "count"), (Plan, "word")])
def test_an_answer_that_cannot_be_written_is_its_teachers(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    assert happens(lambda: route(gateway, chat_request(TEXT)) == "student")

    def fail(*_: object) -> int:
        raise ValueError("no such number")

    monkeypatch.setattr(owner, name, fail)
    for _ in range(3):
        assert route(gateway, chat_request(TEXT)) == "teacher"
    monkeypatch.undo()
    assert route(gateway, chat_request(TEXT)) == "student"


def test_an_application_is_known_by_its_own_calls_alone(gateway: Running) -> None:
    assert happens(lambda: route(gateway, chat_request(TEXT)) == "student")
    body = orjson.dumps(chat_request(OTHER))
    assert find(gateway, body) == OTHER
    assert find(gateway, body, application="another") is None


def test_what_differs_elsewhere_is_read(gateway: Running) -> None:
    body = orjson.dumps(chat_request(TEXT))
    send(gateway, chat_request(TEXT))
    assert find(gateway, body) == TEXT
    assert find(gateway, gzip.compress(body), content_encoding="gzip") is None
    assert find(gateway, body, x_locum_task="other") is None
    assert find(gateway, body, CHAT + "?version=2") is None
    assert find(gateway, body, anthropic_version="2023-06-01") is None
    assert find(gateway, orjson.dumps(chat_request(TEXT, temperature=1))) is None
    assert find(gateway, orjson.dumps(chat_request(TEXT, "Another instruction."))) is None
    assert find(gateway, orjson.dumps(chat_request("x" * 1_000_000))) is None
    assert route(gateway, chat_request(TEXT, "Another instruction.")) == "teacher"


def test_promotions_that_change_are_followed(gateway: Running) -> None:
    body = orjson.dumps(chat_request(TEXT))
    assert route(gateway, chat_request(TEXT)) == "student"
    assert find(gateway, body) == TEXT
    change(gateway.store, percent=0)
    assert happens(lambda: route(gateway, chat_request(TEXT)) == "teacher")
    change(gateway.store, percent=100)
    assert happens(lambda: route(gateway, chat_request(TEXT)) == "student")
    change(gateway.store, percent=50)
    assert happens(lambda: find(gateway, body) is None)
    users = [f"user-{number}" for number in range(40)]
    for _ in range(2):
        routes = [route(gateway, chat_request(TEXT, user=user)) for user in users]
        assert {"student", "teacher"} == set(routes)
        assert routes == [route(gateway, chat_request(OTHER, user=user)) for user in users]


def test_requests_that_come_at_once_are_answered_in_their_order(gateway: Running) -> None:
    texts = [TEXT, UNSURE, OTHER, TEXT, UNSURE] * 4
    send(gateway, chat_request(TEXT))
    with Client(gateway) as client:
        client.send(b"".join(post(orjson.dumps(chat_request(text))) for text in texts))
        answers = [client.answer() for _ in texts]
    by = ["teacher" if text == UNSURE else "student" for text in texts]
    assert [answer.headers["x-locum-route"] for answer in answers] == by
    named = {text: send(gateway, chat_request(text)).body for text in (TEXT, OTHER)}
    for text, answer in zip(texts, answers, strict=True):
        if text != UNSURE:
            expected = orjson.loads(named[text])["choices"]
            assert orjson.loads(answer.body)["choices"] == expected


def test_clients_that_leave_take_nothing_along(gateway: Running) -> None:
    sent = post(orjson.dumps(chat_request(TEXT)))
    send(gateway, chat_request(TEXT))
    for _ in range(50):
        with Client(gateway) as client:
            client.send(sent * 3)
    assert happens(lambda: metrics(gateway)["locum_calls_running"] == 0)
    assert happens(lambda: metrics(gateway)["locum_client_connections"] == 1)
    assert metrics(gateway)["locum_request_bytes_held"] == 0
    assert route(gateway, chat_request(OTHER)) == "student"
