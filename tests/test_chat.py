"""A teacher behind a chat completions endpoint, against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
import orjson
import pytest
from aiohttp import web

from demo.questions import input_id
from demo.replay import RECORDING, Recording, replay_server
from locum.errors import TeacherError, UsageError
from locum.schema import OwnPrice, Task, Usage
from locum.store import LabelStore
from locum.teachers import (
    API_KEY_VARIABLES,
    Budget,
    ChatTeacher,
    Failure,
    build_messages,
    crew,
    label_texts,
)
from tests.asking import TASK, answers_to, ask, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "key-that-nobody-may-see"
START = '{"choices": [{"message": {"content": "a"}'


def entry(token: str, probability: float) -> dict[str, Any]:
    return {"token": token, "logprob": math.log(probability), "bytes": list(token.encode())}


def completion(text: str, *, logprobs: bool = True, usage: bool = True) -> dict[str, Any]:
    others = {"cash": [("cash", 0.75), ("card", 0.25)], "card": [("card", 0.875), ("cash", 0.125)]}
    content = [
        {**entry(text, others[text][0][1]), "top_logprobs": [entry(*pair) for pair in others[text]]}
    ]
    body: dict[str, Any] = {
        "id": "1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": {"content": content} if logprobs else None,
            }
        ],
    }
    return body | {"usage": {"prompt_tokens": 40, "completion_tokens": 2}} if usage else body


def text_of(request: dict[str, Any]) -> str:
    content: str = request["messages"][-1]["content"]
    return content


class Server:
    """A chat completions server whose answers the tests script.

    Scripted replies come first, in their order; then every question is answered with ``card``
    where it mentions a card, and with ``cash`` otherwise.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.paths: list[str] = []
        self.script: deque[web.Response] = deque()
        self.forever: tuple[int, str] | None = None
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        self.break_off = False
        self.one_a_connection = False
        self.hung_up = 0
        self.used: set[object] = set()
        self.in_flight = 0
        self.most_in_flight = 0

    def reply(self, status: int, body: str = "", headers: dict[str, str] | None = None) -> None:
        """Script one reply."""
        self.script.append(web.Response(status=status, text=body, headers=headers))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        self.requests.append(body)
        self.authorizations.append(request.headers.get("authorization"))
        self.paths.append(request.path)
        if self.seconds:
            await asyncio.sleep(self.seconds * (1 + len(text_of(body)) % 3))
        if self.break_off:
            response = web.StreamResponse(headers={"content-length": "1000"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            if request.transport is not None:
                request.transport.abort()
            return response
        if self.one_a_connection and request.transport is not None:
            if request.transport in self.used:
                self.hung_up += 1
                request.transport.abort()
            self.used.add(request.transport)
        if self.script:
            return self.script.popleft()
        if self.forever:
            return web.Response(status=self.forever[0], text=self.forever[1])
        answer = completion(
            "card" if "card" in text_of(body) else "cash", logprobs=body.get("logprobs", False)
        )
        return web.Response(
            body=orjson.dumps(answer), content_type="application/json", headers=self.headers
        )


@contextmanager
def serving(server: Server) -> Iterator[None]:
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    loop, stop = started[0]
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in API_KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    served = Server()
    with serving(served):
        yield served


def refusal(teacher: ChatTeacher, text: str = "a text") -> str:
    with pytest.raises(TeacherError) as caught:
        ask(teacher, [text])
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_an_answer_with_log_probabilities(server: Server) -> None:
    answer = answers_to(ChatTeacher(server.url, "m"), ["a lost card"])[0]
    assert answer.text == "card"
    assert answer.distribution == pytest.approx((0.125, 0.875))
    assert answer.usage == Usage(40, 2)
    assert answer.latency_ms is not None
    assert 0 < answer.latency_ms < 5000


def test_an_answer_without_log_probabilities(server: Server) -> None:
    answer = answers_to(ChatTeacher(server.url, "m", top_logprobs=0), ["a lost card"])[0]
    assert answer.text == "card"
    assert answer.distribution is None
    assert not {"logprobs", "top_logprobs"} & set(server.requests[0])


@pytest.mark.parametrize(
    "logprobs",
    [
        "[]",
        '{"content": [{"token": "card"}]}',
        '{"content": [{"token": "card", "logprob": null}]}',
        '{"content": [{"token": "card", "logprob": 5}]}',
        '{"content": [{"token": "card", "logprob": NaN}]}',
    ],
)
def test_log_probabilities_that_say_nothing_cost_no_answer(server: Server, logprobs: str) -> None:
    server.reply(
        200, f'{{"choices": [{{"message": {{"content": "card"}}, "logprobs": {logprobs}}}]}}'
    )
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert (answer.text, answer.distribution) == ("card", None)


@pytest.mark.parametrize(("logprob", "cash"), [(-math.inf, 0.0), (None, 0.25), (math.nan, 0.25)])
def test_an_alternative_without_a_number_costs_no_answer(
    server: Server, logprob: float | None, cash: float
) -> None:
    card, other = entry("card", 0.75), {"token": "cash", "logprob": logprob}
    said = completion("card")
    said["choices"][0]["logprobs"]["content"] = [{**card, "top_logprobs": [card, other]}]
    server.reply(200, json.dumps(said))
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert answer.distribution == pytest.approx((cash, 0.75))


def test_what_a_model_thought_is_no_part_of_its_answer(server: Server) -> None:
    said = completion("card")
    thoughts = [entry("<think>", 0.99), entry("cash?", 0.3), entry("</think>", 0.9)]
    content = said["choices"][0]["logprobs"]["content"]
    said["choices"][0]["logprobs"]["content"] = [*thoughts, *content, entry("<|im_end|>", 1.0)]
    server.reply(200, orjson.dumps(said).decode())
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert answer.distribution == pytest.approx((0.125, 0.875))


def test_an_answer_in_parts_is_what_its_texts_say(server: Server) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "cash?"}]}
    said = completion("card")
    said["choices"][0]["message"]["content"] = [thought, {"type": "text", "text": "card"}]
    server.reply(200, orjson.dumps(said).decode())
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert answer.text == "card"
    assert answer.distribution == pytest.approx((0.125, 0.875))


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135}, Usage(32, 103)),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 41}, Usage(32, 9)),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 9}, Usage(32, 9)),
        ({"prompt_tokens": 8, "total_tokens": 72}, Usage(8, 64)),
        ({"prompt_tokens": 8}, None),
    ],
)
def test_tokens_of_thoughts_count_as_the_answer_s(
    server: Server, usage: dict[str, int], read: Usage | None
) -> None:
    server.reply(200, orjson.dumps(completion("card") | {"usage": usage}).decode())
    assert answers_to(ChatTeacher(server.url, "m"), ["a text"])[0].usage == read


def test_an_answer_without_usage_or_content(server: Server) -> None:
    server.reply(200, '{"choices": [{"message": {"content": null}}]}')
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert (answer.text, answer.usage) == ("", None)


def test_the_request_holds_the_prompt_and_asks_for_log_probabilities(server: Server) -> None:
    ask(ChatTeacher(server.url, "m", top_logprobs=7), ["a text"])
    (request,) = server.requests
    assert request["model"] == "m"
    assert request["messages"] == build_messages(TASK, "a text")
    assert request["temperature"] == 0
    assert request["logprobs"] is True
    assert request["top_logprobs"] == 7
    assert server.paths == ["/v1/chat/completions"]


@pytest.mark.parametrize("ending", ["/", "/chat/completions", "/chat/completions/"])
def test_the_whole_address_may_be_given(server: Server, ending: str) -> None:
    ask(ChatTeacher(server.url + ending, "m"), ["a text"])
    assert server.paths == ["/v1/chat/completions"]


def test_the_key_is_sent_and_not_shown(server: Server) -> None:
    teacher = ChatTeacher(server.url, "m", api_key=KEY)
    ask(teacher, ["a text"])
    assert server.authorizations == [f"Bearer {KEY}"]
    assert KEY not in repr(teacher)
    assert KEY not in teacher.identify(TASK, "a text")


@pytest.mark.parametrize("name", API_KEY_VARIABLES)
def test_the_key_may_stand_in_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, KEY)
    ask(ChatTeacher(server.url, "m"), ["a text"])
    assert server.authorizations == [f"Bearer {KEY}"]


def test_without_a_key_none_is_sent(server: Server) -> None:
    ask(ChatTeacher(server.url, "m"), ["a text"])
    assert server.authorizations == [None]


@pytest.mark.parametrize("status", [401, 404], ids=str)
@pytest.mark.parametrize("before", [0, 280], ids=["whole", "cut"])
def test_a_key_that_the_server_repeats_in_a_refusal_is_not_shown(
    server: Server, status: int, before: int
) -> None:
    server.forever = (status, " " * before + f"bad key {KEY}")
    assert KEY[:8] not in refusal(ChatTeacher(server.url, "m", api_key=KEY))


@pytest.mark.parametrize("status", [200, 400, 429, 500], ids=str)
@pytest.mark.parametrize("before", [0, 280], ids=["whole", "cut"])
def test_a_key_that_the_server_repeats_in_a_failure_is_not_shown(
    server: Server, status: int, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "_MOST_TIMES_TOO_MANY", 1)
    server.forever = (status, " " * before + f"bad key {KEY}")
    failure = failure_of(ChatTeacher(server.url, "m", api_key=KEY, attempts=1))
    assert KEY[:8] not in failure.reason


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "set LOCUM_API_KEY or OPENAI_API_KEY to a valid key"),
        (404, "check the model's name and the URL"),
        (402, "there is no credit left on the account"),
        (403, "check what it may be used for"),
    ],
)
def test_refusals_of_everything_name_their_cure_and_are_not_tried_again(
    server: Server, status: int, cure: str
) -> None:
    server.forever = (status, "not here")
    message = refusal(ChatTeacher(server.url, "m"))
    assert f"{server.url} answered HTTP {status}: not here" in message
    assert cure in message
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529, 530])
def test_what_may_pass_is_tried_again(server: Server, status: int) -> None:
    server.reply(status, headers={"retry-after": "0"})
    answer = answers_to(ChatTeacher(server.url, "m", attempts=2), ["a text"])[0]
    assert answer.text == "cash"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "charged"), [(500, False), (503, False), (504, True), (522, True), (524, True)]
)
def test_a_model_that_may_have_answered_all_the_same_may_have_charged(
    server: Server, tmp_path: Path, status: int, *, charged: bool
) -> None:
    server.forever = (status, "gave up")
    budget = Budget(prices={"m": OwnPrice(1.0, 1.0)})
    with LabelStore(tmp_path / "labels.sqlite") as store:
        teacher = ChatTeacher(server.url, "m", attempts=1)
        tally = label_texts(TASK, teacher, ["a text"], store, budget=budget).tally
    assert tally.failed == {"unavailable": 1}
    assert (tally.spent_usd > 0) == charged


def test_the_wait_that_the_server_asks_for_is_kept(server: Server) -> None:
    server.reply(429, headers={"retry-after": "1"})
    started = time.perf_counter()
    ask(ChatTeacher(server.url, "m", attempts=2), ["a text"])
    assert time.perf_counter() - started >= 1


def test_a_failure_that_stays_ends_after_the_attempts(server: Server) -> None:
    server.forever = (500, "out of order")
    failure = failure_of(ChatTeacher(server.url, "m", attempts=2))
    assert failure == Failure("unavailable", "2 times; last: HTTP 500: out of order")
    assert len(server.requests) == 2


def test_connections_are_not_used_again_where_the_server_closes_them(server: Server) -> None:
    server.one_a_connection = True
    teacher = ChatTeacher(server.url, "m", concurrency=2)
    assert len(answers_to(teacher, [f"text {number}" for number in range(30)])) == 30
    assert 0 < server.hung_up <= 4
    server.one_a_connection = False
    answers_to(teacher, [f"later text {number}" for number in range(200)])
    assert teacher.transport.hangs_up is False, "they are kept again where that goes well"


def test_refusals_for_too_many_calls_end_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "_MOST_TIMES_TOO_MANY", 2)
    server.forever = (429, "slowly")
    failure = failure_of(ChatTeacher(server.url, "m", attempts=1))
    assert failure == Failure("rate limited", "2 times; last: HTTP 429: slowly")
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 403, 429], ids=str)
@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_account_without_credit_ends_the_run(server: Server, status: int, code: str) -> None:
    server.forever = (status, f'{{"error": {{"message": "no", "code": "{code}"}}}}')
    assert "there is no credit left on the account" in refusal(ChatTeacher(server.url, "m"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 403], ids=str)
def test_a_refusal_of_one_input_by_the_content_policy_fails_it_alone(
    server: Server, status: int
) -> None:
    server.reply(status, '{"error": {"message": "no", "code": "content_filter"}}')
    found = ask(ChatTeacher(server.url, "m", concurrency=1), ["a bad text", "a card"])
    assert isinstance(found[0], Failure)
    assert found[0].kind == "refused"
    assert not isinstance(found[1], Failure)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 413, 422], ids=str)
@pytest.mark.parametrize(
    "said",
    [
        '{"error": {"message": "no", "code": "context_length_exceeded"}}',
        '{"error": {"message": "the maximum is 4096 tokens", "type": "BadRequestError"}}',
        '{"error": {"message": "too long", "type": "exceed_context_size_error", "code": 400}}',
        "too long",
    ],
)
def test_an_input_that_is_refused_fails_alone_also_before_others_are_answered(
    server: Server, status: int, said: str
) -> None:
    server.reply(status, said)
    found = ask(ChatTeacher(server.url, "m", concurrency=1), ["a long text", "a card"])
    assert found[0] == Failure("refused", f"HTTP {status}: {said}")
    assert not isinstance(found[1], Failure)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            "'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            "--parameter max_tokens=none --parameter max_completion_tokens=2000",
        ),
        ("'temperature' does not support 0 with this model.", "--parameter temperature=none"),
        ("logprobs are not supported", "--top-logprobs 0"),
        ("too long", "too long"),
    ],
)
def test_a_parameter_that_a_model_refuses_is_told_with_its_cure(
    server: Server, said: str, cure: str
) -> None:
    server.forever = (400, said)
    assert failure_of(ChatTeacher(server.url, "m")).reason.endswith(cure)


def test_a_server_that_points_elsewhere_is_told_with_where(server: Server) -> None:
    server.reply(308, headers={"location": "https://api.example/v1/chat/completions"})
    message = refusal(ChatTeacher(server.url, "m"))
    assert "it points to https://api.example/v1/chat/completions: give that URL" in message


def test_a_server_that_gives_no_log_probabilities_ends_the_run_with_the_cure(
    server: Server, tmp_path: Path
) -> None:
    server.forever = (400, "logprobs are not supported")
    texts = [f"text {number}" for number in range(100)]
    with LabelStore(tmp_path / "labels.sqlite") as store, pytest.raises(TeacherError) as caught:
        label_texts(TASK, ChatTeacher(server.url, "m", concurrency=1), texts, store)
    assert "20 calls of teacher 'm' failed, and none was answered" in str(caught.value)
    assert "input 20 of 100 (7 characters): refused: HTTP 400: logprobs" in str(caught.value)
    assert "ask for none: --top-logprobs 0" in str(caught.value)
    assert len(server.requests) < 30


def test_a_refusal_in_the_answer_is_an_answer_that_was_refused(server: Server) -> None:
    server.reply(200, '{"choices": [{"message": {"content": null, "refusal": "I will not."}}]}')
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert (answer.text, answer.refused) == ("I will not.", True)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_an_answer_that_the_server_gave_up_is_none_and_is_asked_for_again(
    server: Server, reason: str
) -> None:
    choice = {"message": {"content": "card"}, "finish_reason": reason}
    server.reply(200, orjson.dumps({"choices": [choice]}).decode())
    answer = answers_to(ChatTeacher(server.url, "m", attempts=2), ["a text"])[0]
    assert answer.text == "cash"
    assert len(server.requests) == 2


def test_a_server_that_gives_up_each_time_is_told_with_what_it_says(server: Server) -> None:
    choice = {"message": {"content": ""}, "finish_reason": "error", "error": {"message": "no GPU"}}
    server.forever = (200, orjson.dumps({"choices": [choice]}).decode())
    failure = failure_of(ChatTeacher(server.url, "m", attempts=1))
    assert failure.kind == "broken off"
    assert "no GPU" in failure.reason


def test_an_answer_that_was_filtered_counts_as_refused(server: Server) -> None:
    server.reply(
        200, '{"choices": [{"message": {"content": "ca"}, "finish_reason": "content_filter"}]}'
    )
    assert answers_to(ChatTeacher(server.url, "m"), ["a text"])[0].refused


def test_version_and_cached_tokens_are_read(server: Server) -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 20},
    }
    said = completion("card") | {"model": "m-1", "system_fingerprint": "fp", "usage": usage}
    server.reply(200, orjson.dumps(said).decode())
    answer = answers_to(ChatTeacher(server.url, "m"), ["a text"])[0]
    assert (answer.version, answer.usage) == ("m-1 fp", Usage(30, 1, 20))


@pytest.mark.parametrize(
    "body",
    [
        "{oops",
        "",
        "<html><body>Welcome</body></html>",
        "[]",
        "{}",
        '{"choices": []}',
        '{"choices": [{}]}',
        '{"choices": [{"message": {"content": 7}}]}',
        START + '}], "usage": {"prompt_tokens": -1, "completion_tokens": 1}}',
    ],
)
def test_what_is_no_completion_is_refused(server: Server, body: str) -> None:
    server.forever = (200, body)
    failure = failure_of(ChatTeacher(server.url, "m", attempts=1))
    assert failure.kind == "malformed"
    assert failure.reason.startswith("1 times; last: not a chat completion (")
    assert body[:40] in failure.reason


def test_a_slow_answer_times_out(server: Server) -> None:
    server.seconds = 2.0
    failure = failure_of(ChatTeacher(server.url, "m", timeout=0.3, attempts=1))
    assert failure.kind == "timed out"
    assert "Timeout" in failure.reason


def test_a_connection_that_closes_inside_the_answer_is_refused(server: Server) -> None:
    server.break_off = True
    failure = failure_of(ChatTeacher(server.url, "m", attempts=1))
    assert failure.kind == "broken off"
    assert failure.reason.startswith("1 times; last: ClientPayloadError")


def test_a_server_that_is_not_there_is_refused_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        message = refusal(ChatTeacher(url, "m", attempts=5))
    assert f"{url} cannot be reached" in message, "and not: failed 5 times"
    assert "check that the server runs" in message


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.reply(307, headers={"location": f"{server.url}/elsewhere"})
    assert "HTTP 307" in refusal(ChatTeacher(server.url, "m", api_key=KEY))
    assert server.paths == ["/v1/chat/completions"]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_calls_than_allowed_are_in_flight(server: Server, concurrency: int) -> None:
    server.seconds = 0.02
    texts = [f"{number} {'a' * (number % 7)}" for number in range(12)]
    assert len(ask(ChatTeacher(server.url, "m", concurrency=concurrency), texts)) == 12
    assert min(2, concurrency) <= server.most_in_flight <= concurrency


def test_answers_come_with_their_positions(server: Server) -> None:
    server.seconds = 0.01
    texts = [f"{'card' if number % 3 else 'note'} {'x' * number}" for number in range(20)]
    answers = answers_to(ChatTeacher(server.url, "m", concurrency=5), texts)
    assert sorted(answers) == list(range(20))
    assert [answers[n].text for n in range(20)] == [
        "card" if "card" in text else "cash" for text in texts
    ]
    assert sorted(map(text_of, server.requests)) == sorted(texts)


def test_no_texts_are_no_calls(server: Server) -> None:
    assert ask(ChatTeacher(server.url, "m"), []) == {}
    assert server.requests == []


def test_the_same_question_has_the_same_key() -> None:
    url = "http://127.0.0.1:1/v1"
    teacher = ChatTeacher(url, "m")
    key = teacher.identify(TASK, "a text")
    others = [
        ChatTeacher(url, "n").identify(TASK, "a text"),
        ChatTeacher("http://127.0.0.1:2/v1", "m").identify(TASK, "a text"),
        ChatTeacher(url, "m", top_logprobs=5).identify(TASK, "a text"),
        teacher.identify(TASK, "another text"),
        teacher.identify(Task("topics", ("cash", "fee")), "a text"),
        teacher.identify(TASK, "a text", 1),
        ChatTeacher(url, "m", version="2026").identify(TASK, "a text"),
        ChatTeacher(url, "m", parameters={"seed": 1}).identify(TASK, "a text"),
    ]
    assert ChatTeacher(f"{url}/", "m", concurrency=2).identify(TASK, "a text") == key
    assert len({key, *others}) == 9


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://host/v1", "file:///etc/passwd"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        ChatTeacher(url, "m")
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"attempts": 0},
        {"timeout": 0},
        {"top_logprobs": 21},
        {"top_logprobs": -1},
        {"max_tokens": 0},
        {"temperature": -0.5},
        {"timeout": math.inf},
        {"timeout": math.nan},
        {"temperature": math.nan},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    (name, value), *_ = options.items()
    with pytest.raises(UsageError, match=f"{name}={value}"):
        ChatTeacher("http://127.0.0.1:1/v1", "m", **options)


@pytest.mark.parametrize("name", ["requests_a_minute", "tokens_a_minute"])
@pytest.mark.parametrize("limit", [0, math.inf, math.nan])
def test_a_limit_that_is_none_is_refused(name: str, limit: float) -> None:
    options: dict[str, Any] = {name: limit}
    with pytest.raises(UsageError, match="expected more than 0"):
        ChatTeacher("http://127.0.0.1:1/v1", "m", **options)


def test_parameters_go_into_the_request_and_out_of_it(server: Server) -> None:
    parameters = {"seed": 7, "max_tokens": None, "max_completion_tokens": 9}
    teacher = ChatTeacher(server.url, "m", parameters=parameters)
    answers_to(teacher, ["a text"])
    (request,) = server.requests
    assert (request["seed"], request["max_completion_tokens"]) == (7, 9)
    assert "max_tokens" not in request
    assert teacher.worst_case(TASK, "a text").output == 9


def test_an_answer_of_open_length_has_no_worst_case() -> None:
    teacher = ChatTeacher("http://127.0.0.1:1/v1", "m", parameters={"max_tokens": None})
    with pytest.raises(UsageError, match="leave the length of its answers open"):
        teacher.worst_case(TASK, "a text")


def test_a_writer_is_asked_with_the_text_alone(server: Server) -> None:
    teacher = ChatTeacher(server.url, "m")
    writer = teacher.as_writer(max_tokens=500, temperature=0.75)
    answers_to(writer, ["write something"])
    (request,) = server.requests
    assert request["messages"] == [{"role": "user", "content": "write something"}]
    assert (request["max_tokens"], request["temperature"]) == (500, 0.75)
    assert "logprobs" not in request
    assert (writer.writes, teacher.writes) == (True, False)
    assert teacher.request(TASK, "a text")["max_tokens"] == 64
    keys = {one.identify(TASK, "write something") for one in (teacher, writer)}
    assert len(keys) == 2


def write_recording(path: Path) -> Path:
    header = {"model": "tiny-teacher", "latency_ms": 250.0, "top": 20}
    row = {
        "id": input_id("Where is my card ?"),
        "prompt_tokens": 31,
        "tokens": ["ca", "rd", "<|im_end|>"],
        "top": [
            [["ca", -0.25], ["fee", -1.6], ["x", -4.0]],
            [["rd", -0.5], ["sh", -1.0]],
            [["<|im_end|>", -0.01]],
        ],
    }
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, (header, row)))))
    return path


def test_the_openai_client_reads_the_replay(tmp_path: Path) -> None:
    recording = Recording(write_recording(tmp_path / "recording.jsonl.gz"))
    with (
        replay_server(recording) as url,
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        found = client.chat.completions.create(
            model=recording.model,
            messages=[{"role": "user", "content": "Where is my card ?"}],
            logprobs=True,
            top_logprobs=2,
        )
        with pytest.raises(openai.NotFoundError, match="not recorded"):
            client.chat.completions.create(
                model=recording.model, messages=[{"role": "user", "content": "What else ?"}]
            )
    (choice,) = found.choices
    assert found.model == "tiny-teacher"
    assert choice.message.content == "card"
    assert choice.finish_reason == "stop"
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert [(token.token, token.logprob) for token in choice.logprobs.content] == [
        ("ca", -0.25),
        ("rd", -0.5),
    ]
    assert [other.token for other in choice.logprobs.content[0].top_logprobs] == ["ca", "fee"]
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (31, 3)


def test_the_teacher_reads_the_replay(tmp_path: Path) -> None:
    recording = Recording(write_recording(tmp_path / "recording.jsonl.gz"))
    task = Task("topics", ("cash", "card", "fee"))
    with replay_server(recording) as url:
        answer = answers_to(ChatTeacher(url, recording.model), ["Where is my card ?"], task)[0]
    first, second = math.exp(-0.25), math.exp(-1.6)
    assert answer.text == "card"
    assert answer.usage == Usage(31, 3)
    assert answer.distribution == pytest.approx(
        (first * math.exp(-1.0), first * math.exp(-0.5), second)
    )


def test_the_committed_recording_is_whole() -> None:
    header, *rows = map(orjson.loads, gzip.decompress(RECORDING.read_bytes()).splitlines())
    assert Recording().model == header["model"]
    assert len({row["id"] for row in rows}) == len(rows) == 5381
    for row in rows:
        logprobs = [value for _, value in row["top"][0]]
        assert logprobs == sorted(logprobs, reverse=True)
        assert len(logprobs) <= header["top"]
        assert sum(map(math.exp, logprobs)) <= 1.001
        assert row["tokens"][0] == row["top"][0][0][0]


def test_a_line_end_after_the_key_does_not_count(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUM_API_KEY", f"{KEY}\n")
    ask(ChatTeacher(server.url, "m", attempts=1), ["a text"])
    assert server.authorizations == [f"Bearer {KEY}"]
