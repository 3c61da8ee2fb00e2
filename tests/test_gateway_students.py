"""A promoted student answers the calls that its certificate covers, and the teacher all others."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import orjson
import pytest

from tests.gateways import KEY, Running, Upstream, running_gateway
from tests.json_traffic import make_short_mails
from tests.promoted import (
    INSTRUCTION,
    LIMITS,
    MESSAGES,
    MODEL,
    SURE,
    UNSURE,
    Promoted,
    chat_request,
    fenced,
    label_calls,
    mail_request,
    message_request,
    object_student,
    promote,
    record,
    route,
    said,
    send,
    spelled,
    upstreams,
    wait_until_ready,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locum.schema import Call, JsonObject

PERSONAL = "Which team should answer? Where none should: boss@example.com, +49 30 901820."
SYSTEM: Any = {"role": "system", "content": INSTRUCTION}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
TEXT = SURE["shipping"]
_numbers = count()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("students")


@pytest.fixture(scope="module")
def promoted(home: Path) -> Promoted:
    promote(home / "calls.sqlite", home / "mail", object_student())
    return promote(home / "calls.sqlite", home / "support", calls=[*label_calls(), *personal()])


@pytest.fixture(scope="module")
def gateway(home: Path, upstream: Upstream, promoted: Promoted) -> Iterator[Running]:
    assert promoted.prepared.recognised == promoted.prepared.calls
    with running_gateway(home, upstreams(upstream.url), LIMITS) as running:
        wait_until_ready(running, 2)
        yield running


def personal() -> list[Call]:
    """Calls whose instruction holds what is redacted."""
    return [
        record(
            chat_request(f"a{number}", PERSONAL), spelled(list(SURE)[number % 3]), 3_000 + number
        )
        for number in range(12)
    ]


def user(text: str) -> Any:  # noqa: ANN401 - a message
    return {"role": "user", "content": text}


# Who answers.


@pytest.mark.parametrize("label", SURE)
@pytest.mark.parametrize(
    ("path", "request_of"), [("/v1/chat/completions", chat_request), (MESSAGES, message_request)]
)
def test_a_student_answers_where_it_is_sure(
    gateway: Running,
    upstream: Upstream,
    promoted: Promoted,
    label: str,
    path: str,
    request_of: Callable[[str], JsonObject],
) -> None:
    asked = len(upstream.received)
    answer = send(gateway, request_of(SURE[label]), path=path)
    assert (answer.status, said(answer)) == (200, spelled(label))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-locum-route"] == "student"
    assert answer.headers["x-locum-task"] == "support"
    assert 0.7 <= float(answer.headers["x-locum-confidence"]) <= 1
    assert answer.headers["x-locum-certificate"] == (
        f"agreement>=0.9; confidence=0.95; student={promoted.promotion.artefact[:12]}"
    )
    assert len(upstream.received) == asked


@pytest.mark.parametrize("text", [UNSURE, "zzz qqq", "", " \n"])
def test_the_teacher_answers_where_the_student_defers(gateway: Running, text: str) -> None:
    answer = send(gateway, chat_request(text))
    assert (answer.headers["x-locum-route"], said(answer)) == ("teacher", spelled("billing"))
    assert answer.headers["x-locum-task"] == "support"
    assert "x-locum-confidence" not in answer.headers


OTHERS: dict[str, JsonObject] = {
    "another instruction": chat_request(TEXT, f"{INSTRUCTION}!"),
    "no instruction": chat_request(TEXT, messages=[user(TEXT)]),
    "another model": chat_request(TEXT, model="teacher-2"),
    "another temperature": chat_request(TEXT, temperature=0.5),
    "no temperature": chat_request(TEXT, temperature=None),
    "tools": chat_request(TEXT, tools=TOOLS),
    "two answers": chat_request(TEXT, n=2),
    "a list of answers": chat_request(TEXT, n=[]),
    "earlier turns": chat_request(TEXT, messages=[SYSTEM, user("a"), SYSTEM, user(TEXT)]),
    "a schema": chat_request(TEXT, response_format={"type": "json_object"}),
    "a name": chat_request(TEXT, messages=[SYSTEM, {**user(TEXT), "name": "eve"}]),
    "to be stored": chat_request(TEXT, store=True),
    "an unknown parameter": chat_request(TEXT, a_parameter_of_next_year=1),
    "an odd delivery": chat_request(TEXT, logprobs=5),
    "less room": chat_request(TEXT, max_tokens=3),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_changed_prompt_goes_to_the_teacher(
    gateway: Running, upstream: Upstream, other: str
) -> None:
    answer = send(gateway, OTHERS[other])
    assert (answer.status, answer.headers["x-locum-route"]) == (200, "teacher")
    assert "x-locum-task" not in answer.headers
    assert upstream.received[-1].json == OTHERS[other]


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({}, "student"),
        ({"max_tokens": 33}, "teacher"),
        ({"stop_sequences": ["Ship"]}, "teacher"),
        ({"tools": [{"name": "find", "input_schema": {"type": "object"}}]}, "teacher"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "teacher"),
        ({"metadata": {"user_id": "eve"}}, "student"),
        ({"system": [{"type": "text", "text": INSTRUCTION}]}, "student"),
    ],
)
def test_a_message_is_answered_by_who_can(gateway: Running, more: JsonObject, by: str) -> None:
    assert route(gateway, message_request(TEXT, **more), path=MESSAGES) == by


@pytest.mark.parametrize(
    ("label", "more", "by"),
    [
        ("shipping", {"max_tokens": 1}, "teacher"),
        ("shipping", {"max_tokens": 2}, "student"),
        ("shipping", {"stop": ["Ship"]}, "teacher"),
        ("billing", {"stop": ["Ship"]}, "student"),
    ],
)
def test_an_answer_that_would_be_cut_off_is_left_to_the_teacher(
    gateway: Running, label: str, more: JsonObject, by: str
) -> None:
    answer = send(gateway, chat_request(SURE[label], **more))
    assert answer.headers["x-locum-task"] == "support"
    assert answer.headers["x-locum-route"] == by


def test_a_call_that_is_named_otherwise_is_another_task(gateway: Running) -> None:
    assert route(gateway, chat_request(TEXT), "x-locum-task: support") == "student"
    assert route(gateway, chat_request(TEXT), "x-locum-task: other") == "teacher"


def test_parts_of_text_and_order_of_keys_do_not_matter(gateway: Running) -> None:
    parts = [{"type": "text", "text": TEXT}]
    asked = chat_request(TEXT, messages=[SYSTEM, {"content": parts, "role": "user"}], seed=1)
    assert route(gateway, dict(reversed(asked.items()))) == "student"


def test_a_prompt_with_personal_data_is_known_again(gateway: Running) -> None:
    asked = chat_request(f"{TEXT}, eve@example.com or +49 30 901821", PERSONAL)
    assert route(gateway, asked) == "student"
    assert route(gateway, {"user": "eve@example.com", **asked}) == "student"
    assert (
        route(gateway, chat_request(TEXT, PERSONAL.replace("boss", "not an address"))) == "teacher"
    )


def test_an_object_is_answered_as_the_teacher_writes_it(gateway: Running) -> None:
    mails = make_short_mails(20, seed=9)
    answers = [send(gateway, mail_request(mail.text)) for mail in mails]
    by_student = [
        (said(answer), fenced(mail.answer))
        for answer, mail in zip(answers, mails, strict=True)
        if answer.headers["x-locum-route"] == "student"
    ]
    assert len(by_student) > 10
    for found, expected in by_student:
        assert found.startswith("```json\n{")
        read = [
            orjson.loads(text.removeprefix("```json").strip("`\n")) for text in (found, expected)
        ]
        assert read[0] == read[1]


def test_requests_on_one_connection_may_be_answered_by_both(gateway: Running) -> None:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        found = [
            sdk.chat.completions.with_raw_response.create(**chat_request(text))
            for text in (TEXT, UNSURE) * 3
        ]
    routes = [answer.headers["x-locum-route"] for answer in found]
    assert routes == ["student", "teacher"] * 3


# The official SDKs.


def test_the_sdk_sees_no_difference(gateway: Running) -> None:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(**chat_request(TEXT))
        found = raw.parse()
        assert raw.headers["x-locum-route"] == "student"
        assert found.choices[0].message.content == "Shipping."
        assert found.model == MODEL
        assert found.usage is not None
        assert found.usage.total_tokens == found.usage.prompt_tokens + 2
        assert raw.request_id == raw.headers["x-request-id"]


def test_the_sdk_reads_a_stream(gateway: Running) -> None:
    asked = chat_request(TEXT, stream=True, stream_options={"include_usage": True})
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(**asked)
        assert raw.headers["content-type"].startswith("text/event-stream")
        chunks: list[Any] = list(raw.parse())
        assert raw.headers["x-locum-route"] == "student"
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Shipping."
    assert chunks[-1].usage is not None
    with openai.OpenAI(base_url=gateway.url, api_key=KEY) as sdk:
        del asked["stream"]
        with sdk.chat.completions.stream(**asked) as stream:
            whole = stream.get_final_completion()
    assert whole.choices[0].message.content == "Shipping."


def test_the_asynchronous_sdk_asks_many_at_once(gateway: Running) -> None:
    async def run() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:

            async def one(number: int) -> str | None:
                label = list(SURE)[number % 3]
                asked = chat_request(f"{SURE[label]} {number}", stream=number % 2 == 0)
                found: Any = await sdk.chat.completions.create(**asked)
                if number % 2:
                    return str(found.choices[0].message.content)
                return "".join([c.choices[0].delta.content or "" async for c in found])

            return await asyncio.gather(*(one(number) for number in range(60)))

    assert asyncio.run(run()) == [spelled(list(SURE)[number % 3]) for number in range(60)]


def test_the_sdk_reads_log_probabilities(gateway: Running) -> None:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            **chat_request(TEXT, logprobs=True, top_logprobs=2)
        )
        found = raw.parse()
    assert raw.headers["x-locum-route"] == "student"
    logprobs = found.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    [scored] = logprobs.content
    assert bytes(scored.bytes or []) == b"Shipping."
    assert len(scored.top_logprobs) == 2
    assert scored.top_logprobs[0].logprob == scored.logprob > scored.top_logprobs[1].logprob


def test_the_other_sdk_sees_no_difference(gateway: Running) -> None:
    url = gateway.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as sdk:
        raw = sdk.messages.with_raw_response.create(**message_request(TEXT))
        found = raw.parse()
        assert raw.headers["x-locum-route"] == "student"
        assert raw.headers["request-id"]
        [block] = found.content
        assert block.type == "text"
        assert (block.text, found.stop_reason, found.model) == ("Shipping.", "end_turn", MODEL)
        with sdk.messages.stream(**message_request(TEXT)) as stream:
            assert stream.response.headers["x-locum-route"] == "student"
            assert "".join(stream.text_stream) == "Shipping."
            assert stream.get_final_message().usage.output_tokens == 2
        with sdk.messages.stream(**message_request(UNSURE)) as stream:
            assert stream.response.headers["x-locum-route"] == "teacher"
            assert stream.get_final_text() == "Billing."


# What is recorded.


def test_a_students_answers_are_never_recorded_as_its_teachers(
    gateway: Running, upstream: Upstream
) -> None:
    before = len(gateway.readable())
    text = f"{SURE['returns']} {next(_numbers)} never to be recorded"
    assert route(gateway, chat_request(text)) == "student"
    assert route(gateway, chat_request(UNSURE)) == "teacher"
    gateway.stop()
    calls = gateway.readable()
    assert len(calls) > before
    recorded = [call for call in calls if call.facts.upstream is not None]
    assert len(recorded) == len(upstream.received)
    assert "never to be recorded" not in str([call.request for call in calls])
    assert "locum_" not in str([call.response for call in recorded])
