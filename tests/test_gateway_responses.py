"""A promoted student answers calls of OpenAI's Responses API, as the official SDK sends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import openai
import orjson
import pytest
from pydantic import BaseModel

from locum.traffic import answer_text
from tests.gateways import KEY, Running, Upstream, running_gateway, upstream_server
from tests.json_traffic import make_short_mails
from tests.promoted import (
    INSTRUCTION,
    LIMITS,
    MODEL,
    RESPONSES,
    SURE,
    UNSURE,
    Promoted,
    chat_request,
    object_student,
    promote,
    response_request,
    said,
    send,
    spelled,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher
from tests.traffic import make_examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.schema import Call, JsonObject

TEXT = SURE["shipping"]
ANSWERED_BY = f"{MODEL}-2026-01-01"
MAIL_INSTRUCTION = "Say what the mail is about."
TOOL: Any = {"type": "function", "name": "find", "parameters": {"type": "object"}}
PARTS = [{"role": "user", "content": [{"type": "input_text", "text": TEXT}]}]
SETTINGS: dict[str, Any] = {
    "temperature": None,
    "max_output_tokens": 16,
    "reasoning": {"effort": "low"},
    "text": {"format": {"type": "text"}, "verbosity": "low"},
}


class Mail(BaseModel):
    """What a mail says."""

    intent: Literal["refund", "delivery", "exchange", "invoice"]
    urgent: bool
    number: str | None


class MailTeacher(Teacher):
    """A teacher of both tasks."""

    def say(self, text: str) -> str:
        """Say the label, or the object."""
        known = {orjson.dumps(mail.text): mail.answer for mail in make_short_mails(60)}
        answer = known.get(text.encode())
        if answer is None:
            return super().say(text)
        return orjson.dumps({name: answer[name] for name in Mail.model_fields}).decode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with upstream_server(MailTeacher()) as server:
        yield server


@pytest.fixture(scope="module")
def recorded(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Calls of the official SDK, as a gateway recorded them."""
    home = tmp_path_factory.mktemp("recorded")
    with running_gateway(home, upstreams(upstream.url)) as gateway:
        with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:
            for number, one in enumerate(make_examples(30, noise=0.0)):
                more = SETTINGS if number % 3 == 0 else {}
                found: Any = sdk.responses.create(
                    **response_request(one.text, stream=number % 2 == 0, **more)
                )
                if number % 2 == 0:
                    list(found)
            for mail in make_short_mails(30):
                assert parse(sdk, mail.text)[1] is not None
        return gateway.calls()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("responses")


@pytest.fixture(scope="module")
def promoted(home: Path, recorded: list[Call]) -> Promoted:
    place = home / "calls.sqlite"
    promote(place, home / "mail", object_student(), recorded[30:])
    return promote(place, home / "support", calls=recorded[:30])


@pytest.fixture(scope="module")
def gateway(home: Path, upstream: Upstream, promoted: Promoted) -> Iterator[Running]:
    assert (promoted.prepared.recognised, promoted.prepared.stored) == (30, 0)
    with running_gateway(home, upstreams(upstream.url), LIMITS) as running:
        wait_until_ready(running, 2)
        yield running


@pytest.fixture
def sdk(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as client:
        yield client


def parse(sdk: openai.OpenAI, text: str) -> tuple[str | None, Mail | None]:
    """Ask about a mail with a pydantic schema; return who answered, and what."""
    raw: Any = sdk.responses.with_raw_response.parse(
        model=MODEL, instructions=MAIL_INSTRUCTION, input=text, store=False, text_format=Mail
    )
    return raw.headers.get("x-locum-route"), raw.parse().output_parsed


def test_what_was_recorded_is_learned_from(recorded: list[Call]) -> None:
    for number, call in enumerate(recorded[:30]):
        assert (call.facts.endpoint, call.facts.outcome) == ("responses", "whole")
        assert call.facts.streamed == (number % 2 == 0)
        assert call.response is not None
        assert (answer_text(call.response) or "").removesuffix(".").lower() in SURE
        assert (call.facts.input_tokens, call.facts.output_tokens) == (12, 2)


@pytest.mark.parametrize("label", SURE)
def test_a_student_answers_where_it_is_sure(
    gateway: Running, upstream: Upstream, promoted: Promoted, label: str
) -> None:
    asked = len(upstream.received)
    answer = send(gateway, response_request(SURE[label]), path=RESPONSES)
    assert (answer.status, said(answer)) == (200, spelled(label))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-locum-route"] == "student"
    assert answer.headers["x-locum-task"] == "support"
    assert 0.7 <= float(answer.headers["x-locum-confidence"]) <= 1
    assert answer.headers["x-locum-certificate"] == (
        f"agreement>=0.9; confidence=0.95; student={promoted.promotion.artefact[:12]}"
    )
    assert answer.headers["x-request-id"].startswith("req_")
    assert len(upstream.received) == asked


@pytest.mark.parametrize(
    "more",
    [
        {"input": PARTS},
        {"input": [{"type": "message", **PARTS[0]}]},
        {"input": [{"role": "user", "content": TEXT}]},
        {
            "instructions": None,
            "input": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": TEXT},
            ],
        },
        SETTINGS,
        {"tools": [], "tool_choice": "auto", "metadata": {"a": "b"}, "user": "eve"},
        {"previous_response_id": None, "truncation": "auto", "background": False},
    ],
    ids=str,
)
def test_calls_that_look_as_the_recorded_ones_are_answered(
    gateway: Running, more: dict[str, Any]
) -> None:
    answer = send(gateway, response_request(TEXT, **more), path=RESPONSES)
    assert (answer.headers["x-locum-route"], said(answer)) == ("student", "Shipping.")


OTHERS: dict[str, dict[str, Any]] = {
    "another instruction": {"instructions": f"{INSTRUCTION}!"},
    "no instruction": {"instructions": None},
    "another role": {
        "instructions": None,
        "input": [{"role": "assistant", "content": INSTRUCTION}, *PARTS],
    },
    "another model": {"model": "teacher-2"},
    "another temperature": {"temperature": 0.5},
    "another verbosity": SETTINGS | {"text": {"verbosity": "high"}},
    "another effort": SETTINGS | {"reasoning": {"effort": "high"}},
    "a summary of reasoning": SETTINGS | {"reasoning": {"effort": "low", "summary": "auto"}},
    "a schema": {"text": {"format": {"type": "json_object"}}},
    "to be stored": {"store": True},
    "stored by default": {"store": None},
    "a previous response": {"previous_response_id": "resp_1"},
    "a conversation": {"conversation": "conv_1"},
    "in the background": {"background": True},
    "tools": {"tools": [TOOL]},
    "more than log-probabilities": {"include": ["reasoning.encrypted_content"]},
    "a kept prompt": {"prompt": {"id": "pmpt_1"}},
    "an image": {
        "input": [{"role": "user", "content": [{"type": "input_image", "image_url": ""}]}]
    },
    "earlier turns": {"input": [{"role": "user", "content": "a"}, *PARTS]},
    "a parameter of the other API": {"messages": PARTS, "input": None},
    "an unknown parameter": {"a_parameter_of_next_year": 1},
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_a_student_cannot_honour_goes_to_the_teacher(
    gateway: Running, upstream: Upstream, other: str
) -> None:
    asked = response_request(TEXT, **OTHERS[other])
    answer = send(gateway, asked, path=RESPONSES)
    assert (answer.status, answer.headers["x-locum-route"]) == (200, "teacher")
    assert "x-locum-task" not in answer.headers
    assert upstream.received[-1].json == asked


def test_the_teacher_answers_where_the_student_defers(gateway: Running) -> None:
    answer = send(gateway, response_request(UNSURE), path=RESPONSES)
    assert (answer.headers["x-locum-route"], said(answer)) == ("teacher", spelled("billing"))
    assert answer.headers["x-locum-task"] == "support"


def test_the_same_student_answers_chat_completions(gateway: Running) -> None:
    answer = send(gateway, chat_request(TEXT))
    assert (answer.headers["x-locum-route"], said(answer)) == ("student", "Shipping.")
    assert orjson.loads(answer.body)["model"] == ANSWERED_BY


# The official SDK.


def test_the_sdk_sees_no_difference(sdk: openai.OpenAI) -> None:
    raw = sdk.responses.with_raw_response.create(**response_request(TEXT, max_output_tokens=None))
    found = raw.parse()
    assert raw.headers["x-locum-route"] == "student"
    assert raw.request_id == raw.headers["x-request-id"]
    assert (found.output_text, found.status, found.model) == ("Shipping.", "completed", ANSWERED_BY)
    assert (found.instructions, found.temperature) == (INSTRUCTION, 0)
    assert found.usage is not None
    assert found.usage.total_tokens == found.usage.input_tokens + 2


def test_the_sdk_reads_a_stream(sdk: openai.OpenAI) -> None:
    raw = sdk.responses.with_raw_response.create(**response_request(TEXT, stream=True))
    assert raw.headers["content-type"].startswith("text/event-stream")
    events: list[Any] = list(raw.parse())
    assert raw.headers["x-locum-route"] == "student"
    assert [event.sequence_number for event in events] == list(range(9))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Shipping."
    assert events[-1].response.output_text == "Shipping."
    with sdk.responses.stream(**response_request(TEXT)) as stream:
        assert stream.get_final_response().output_text == "Shipping."
    with sdk.responses.stream(**response_request(UNSURE)) as stream:
        assert stream.get_final_response().output_text == "Billing."


def test_the_sdk_reads_log_probabilities(sdk: openai.OpenAI) -> None:
    asked = response_request(TEXT, include=["message.output_text.logprobs"], top_logprobs=2)
    raw = sdk.responses.with_raw_response.create(**asked)
    assert raw.headers["x-locum-route"] == "student"
    [item] = raw.parse().output
    assert item.type == "message"
    [part] = item.content
    assert part.type == "output_text"
    assert part.logprobs is not None
    [scored] = part.logprobs
    assert bytes(scored.bytes) == b"Shipping."
    assert scored.top_logprobs[0].logprob == scored.logprob > scored.top_logprobs[1].logprob


def test_the_sdk_parses_objects(sdk: openai.OpenAI) -> None:
    mails = make_short_mails(60)[30:]
    found = [(*parse(sdk, mail.text), mail) for mail in mails]
    by_student = [(answer, mail) for by, answer, mail in found if by == "student"]
    assert len(by_student) > 10
    right = [
        answer is not None
        and answer.model_dump() == {name: mail.answer[name] for name in Mail.model_fields}
        for answer, mail in by_student
    ]
    assert sum(right) >= 0.85 * len(right)


def test_the_sdk_streams_objects(sdk: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "instructions": MAIL_INSTRUCTION, "store": False}
    for mail in make_short_mails(10):
        with sdk.responses.stream(**asked, input=mail.text, text_format=Mail) as stream:
            assert isinstance(stream.get_final_response().output_parsed, Mail)


def test_the_asynchronous_sdk_asks_many_at_once(gateway: Running) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk:

            async def one(number: int) -> str:
                label = list(SURE)[number % 3]
                asked = response_request(f"{SURE[label]} {number}", stream=number % 2 == 0)
                found: Any = await sdk.responses.create(**asked)
                if number % 2:
                    return str(found.output_text)
                events = [event async for event in found]
                return str(events[-1].response.output_text)

            return await asyncio.gather(*(one(number) for number in range(30)))

    assert asyncio.run(run()) == [spelled(list(SURE)[number % 3]) for number in range(30)]


# What is compared and recorded.


def test_a_sampled_call_is_compared_with_its_teacher(
    upstream: Upstream, recorded: list[Call], tmp_path: Path
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "a", calls=recorded[:30], shadow=1.0)
    asked: list[JsonObject] = [response_request(TEXT, stream=stream) for stream in (True, False)]
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        for request in asked:
            answer = send(gateway, request, path=RESPONSES)
            assert answer.headers["x-locum-route"] == "student"
        calls = gateway.calls()[30:]
    assert len(calls) == 2
    for call in calls:
        assert call.response is not None
        assert (answer_text(call.response), call.response["model"]) == ("Shipping.", ANSWERED_BY)
