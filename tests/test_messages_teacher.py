"""A teacher behind Anthropic's Messages API, against a server of its shape on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

from locum.errors import TeacherError
from locum.schema import OwnPrice, Usage
from locum.store import LabelStore
from locum.teachers import Budget, MessagesTeacher, Votes, label_texts
from locum.teachers.messages import ANTHROPIC_KEY_VARIABLES
from tests.asking import TASK, answers_to, ask, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "claude-test"
KEY = "key-that-nobody-may-see"
LIMITS = {
    "anthropic-ratelimit-requests-limit": "1000",
    "anthropic-ratelimit-requests-remaining": "999",
    "anthropic-ratelimit-tokens-limit": "100000",
    "anthropic-ratelimit-tokens-remaining": "99000",
}


def message(text: str, **others: object) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-20260101",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 30, "output_tokens": 4},
        **others,
    }


class Server:
    """Answers with scripted responses first; then each text gets its words in turn."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.script: deque[web.Response] = deque()
        self.words: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()

    def reply(self, body: dict[str, Any] | str, status: int = 200, **headers: str) -> None:
        """Script one response; underscores in the names of headers are hyphens."""
        content = body.encode() if isinstance(body, str) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append(web.Response(status=status, body=content, headers=named))

    def refuse(self, status: int, kind: str, said: str = "so it is", **headers: str) -> None:
        """Script one error in Anthropic's shape."""
        error = {"type": kind, "message": said}
        self.reply({"type": "error", "error": error}, status, **headers)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        if self.script:
            return self.script.popleft()
        text = body["messages"][-1]["content"]
        words = self.words.get(text, ["card" if "card" in text else "cash"])
        said = words[self.asked[text] % len(words)]
        self.asked[text] += 1
        return web.Response(
            body=orjson.dumps(message(said)), content_type="application/json", headers=LIMITS
        )


@contextmanager
def serving(server: Server) -> Iterator[None]:
    ready, started = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", server.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop, stop = started[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ANTHROPIC_KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    served = Server()
    with serving(served):
        yield served


def test_the_request_is_in_the_shape_of_the_api(server: Server) -> None:
    answer = answers_to(MessagesTeacher(server.url, MODEL, api_key=KEY), ["a lost card"])[0]
    assert (answer.text, answer.distribution) == ("card", None)
    assert answer.usage == Usage(30, 4)
    assert answer.version == "claude-test-20260101"
    (body,), (headers,) = server.bodies, server.headers
    assert body["system"].startswith("Say what it is about.")
    assert body["messages"] == [{"role": "user", "content": "a lost card"}]
    assert (body["model"], body["max_tokens"], body["temperature"]) == (MODEL, 64, 1.0)
    assert "logprobs" not in body
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in headers
    assert server.paths == ["/v1/messages"]


@pytest.mark.parametrize("ending", ["/", "/v1", "/v1/", "/v1/messages"])
def test_the_whole_address_may_be_given(server: Server, ending: str) -> None:
    answers_to(MessagesTeacher(server.url + ending, MODEL), ["a text"])
    assert server.paths == ["/v1/messages"]


def test_the_key_may_stand_in_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f"{KEY}\n")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    answers_to(MessagesTeacher(server.url, MODEL), ["a text"])
    assert server.headers[0]["x-api-key"] == KEY


def test_text_blocks_are_joined_and_others_left_out(server: Server) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "ca"},
        {"type": "text", "text": "rd"},
    ]
    server.reply(message("", content=blocks))
    assert answers_to(MessagesTeacher(server.url, MODEL), ["a text"])[0].text == "card"


def test_tokens_from_and_to_the_cache_are_tokens_of_the_request(server: Server) -> None:
    usage = {
        "input_tokens": 5,
        "output_tokens": 2,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
    }
    server.reply(message("cash", usage=usage))
    answer = answers_to(MessagesTeacher(server.url, MODEL), ["a text"])[0]
    assert answer.usage == Usage(125, 2, 100, 20)


def test_a_refusal_is_an_answer_that_was_refused(server: Server) -> None:
    server.reply(message("", content=[], stop_reason="refusal"))
    answer = answers_to(MessagesTeacher(server.url, MODEL), ["a text"])[0]
    assert (answer.text, answer.refused) == ("", True)


@pytest.mark.parametrize("body", ["", "{oops", "[]", "{}", '{"content": "cash"}', "<html>"])
def test_what_is_no_message_is_a_failure(server: Server, body: str) -> None:
    server.reply(body)
    failure = failure_of(MessagesTeacher(server.url, MODEL, attempts=1))
    assert failure.kind == "malformed"
    assert "not a message (" in failure.reason


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limit_error"), (529, "overloaded_error"), (500, "api_error")],
)
def test_what_may_pass_is_tried_again(server: Server, status: int, kind: str) -> None:
    server.refuse(status, kind, retry_after="0")
    assert answers_to(MessagesTeacher(server.url, MODEL), ["a text"])[0].text == "cash"
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("status", "kind", "cure"),
    [
        (401, "authentication_error", "set ANTHROPIC_API_KEY to a valid key"),
        (404, "not_found_error", "check the model's name"),
        (403, "permission_error", "so it is"),
    ],
)
def test_refusals_of_everything_end_the_run(
    server: Server, status: int, kind: str, cure: str
) -> None:
    server.refuse(status, kind)
    with pytest.raises(TeacherError, match=cure):
        ask(MessagesTeacher(server.url, MODEL, api_key=KEY), ["a text"])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (413, "request_too_large")]
)
def test_a_text_that_is_too_long_fails_alone(server: Server, status: int, kind: str) -> None:
    server.refuse(status, kind)
    assert failure_of(MessagesTeacher(server.url, MODEL)).kind == "refused"


def test_an_account_without_credit_ends_the_run(server: Server) -> None:
    said = "Your credit balance is too low to access the Anthropic API. Please go to Plans."
    server.refuse(400, "invalid_request_error", said)
    with pytest.raises(TeacherError, match="there is no credit left on the account"):
        ask(MessagesTeacher(server.url, MODEL, api_key=KEY), ["a text"])


def test_draws_are_questions_of_their_own() -> None:
    teacher = MessagesTeacher("http://127.0.0.1:1", MODEL)
    keys = {teacher.identify(TASK, "a text", draw) for draw in range(3)}
    assert len(keys) == 3
    assert MessagesTeacher("http://127.0.0.1:1/v1/", MODEL).identify(TASK, "a text") in keys


def test_a_writer_is_asked_with_the_text_alone(server: Server) -> None:
    writer = MessagesTeacher(server.url, MODEL).as_writer(max_tokens=900, temperature=0.5)
    answers_to(writer, ["write something"])
    (body,) = server.bodies
    assert body["messages"] == [{"role": "user", "content": "write something"}]
    assert "system" not in body
    assert (body["max_tokens"], body["temperature"]) == (900, 0.5)


def test_votes_make_distributions_and_are_bought_once(server: Server, tmp_path: Path) -> None:
    texts = [f"{number} plain" for number in range(30)] + ["split"]
    server.words["split"] = ["card", "cash", "card"]
    budget = Budget(cap_usd=1.0, prices={MODEL: OwnPrice(1.0, 5.0)})
    teacher = Votes(MessagesTeacher(server.url, MODEL), least=3, most=6)
    with LabelStore(tmp_path / "labels.sqlite") as store:
        first = label_texts(TASK, teacher, texts, store, budget=budget)
        calls = len(server.bodies)
        second = label_texts(TASK, teacher, texts, store, budget=budget)
    assert len(server.bodies) == calls >= 3 * len(texts)
    assert second.answers == first.answers
    plain, split = first.answers[0], first.answers[-1]
    assert plain is not None
    assert split is not None
    assert plain.distribution is not None
    assert split.distribution is not None
    assert plain.distribution[0] > 0.9 > split.distribution[1] > 0.4
    assert split.text == "card"
    assert first.tally.spent_usd == pytest.approx(calls * (30 * 1.0 + 4 * 5.0) / 1e6)
    assert teacher.self_agreement is not None
