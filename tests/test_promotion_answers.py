"""A student's answers in the shapes of both APIs, as the official SDKs read them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter

from locum.promotion import Ask, StudentAnswer, random_name
from locum.promotion.answers import chat_body, chat_stream, message_body, message_stream
from locum.traffic import answer_text, assemble, stream_events, to_chat, token_logprobs

if TYPE_CHECKING:
    from locum.schema import JsonObject

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
PLAIN = Ask(
    stream=False, include_usage=False, top_logprobs=None, most_tokens=float("inf"), stops=()
)
ANSWER = StudentAnswer(
    text="Shipping.",
    model="teacher-1",
    prompt_tokens=17,
    completion_tokens=2,
    chances=[("Shipping.", 0.75), ("Billing.", 0.25), ("returns", 0.0)],
    created=1_760_000_000,
    artefact="0123456789abcdef" * 4,
    name="Nobody0Else1Is2Called3Like4This5",
)
# U+2028 ends a line for some readers of streams; half surrogates no JSON holds.
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["\u2028\r\n\n\0", "data: [DONE]\n\n", '```json\n{"a": 1}\n```', "📦"]
)


def read_chat(body: bytes) -> ChatCompletion:
    found = ChatCompletion.model_validate_json(body, strict=True)
    assert_known(found)
    return found


def read_chunks(raw: bytes) -> list[ChatCompletionChunk]:
    stream = stream_events(raw)
    assert (stream.done, stream.bad) == (True, 0)
    return [ChatCompletionChunk.model_validate(event) for event in stream.events]


def assert_known(value: object) -> None:
    """Every name is one that the SDK knows."""
    if isinstance(value, list):
        for part in value:
            assert_known(part)
    if isinstance(value, BaseModel):
        assert not value.model_extra
        for name in type(value).model_fields:
            assert_known(getattr(value, name))


def test_a_body_of_chat_is_what_the_sdk_expects() -> None:
    found = read_chat(chat_body(ANSWER, PLAIN))
    [choice] = found.choices
    assert re.fullmatch(r"chatcmpl-[0-9A-Za-z]{29}", found.id)
    assert (choice.message.content, choice.finish_reason) == ("Shipping.", "stop")
    assert (choice.message.role, choice.message.refusal, choice.logprobs) == (
        "assistant",
        None,
        None,
    )
    assert (found.object, found.created, found.model) == (
        "chat.completion",
        1_760_000_000,
        "teacher-1",
    )
    assert found.system_fingerprint == "locum_0123456789ab"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (17, 2)
    assert found.usage.total_tokens == 19


def test_every_answer_has_an_id_of_its_own() -> None:
    answers = [ANSWER._replace(name=random_name(29)) for _ in range(1_000)]
    assert len({read_chat(chat_body(answer, PLAIN)).id for answer in answers}) == 1_000
    assert len({orjson.loads(message_body(answer))["id"] for answer in answers}) == 1_000


@pytest.mark.parametrize("include_usage", [False, True])
def test_a_stream_of_chat_is_what_the_sdk_expects(include_usage: bool) -> None:  # noqa: FBT001
    raw = chat_stream(ANSWER, PLAIN._replace(stream=True, include_usage=include_usage))
    chunks = read_chunks(raw)
    for chunk in chunks:
        assert_known(chunk)
        assert chunk.object == "chat.completion.chunk"
    assert len({chunk.id for chunk in chunks}) == 1
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "Shipping."
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons == [*[None] * (len(reasons) - 1), "stop"]
    usages = [chunk.usage for chunk in chunks]
    assert all(usage is None for usage in usages[: len(deltas)])
    assert (usages[-1] is not None) == include_usage
    if include_usage:
        assert (chunks[-1].choices, usages[-1]) == ([], read_chat(chat_body(ANSWER, PLAIN)).usage)


def test_a_message_is_what_the_sdk_expects() -> None:
    found = Message.model_validate_json(message_body(ANSWER), strict=True)
    assert_known(found)
    assert re.fullmatch(r"msg_01[0-9A-Za-z]{22}", found.id)
    [block] = found.content
    assert block.type == "text"
    assert (block.text, found.stop_reason, found.model) == ("Shipping.", "end_turn", "teacher-1")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (17, 2)


def test_a_stream_of_a_message_is_what_the_sdk_expects() -> None:
    raw = message_stream(ANSWER)
    stream = stream_events(raw)
    assert stream.bad == 0
    kinds = [event["type"] for event in stream.events]
    names = [line[7:].decode() for line in raw.split(b"\n") if line.startswith(b"event: ")]
    assert names == kinds
    assert kinds == [
        *("message_start", "content_block_start", "ping", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    for event in stream.events:
        if event["type"] != "ping":
            assert_known(EVENT.validate_python(event))


@given(TEXTS, TEXTS)
def test_all_shapes_say_the_same_to_whoever_records_them(text: str, model: str) -> None:
    answer = ANSWER._replace(text=text, model=model, chances=[(text, 0.5)])
    streamed = PLAIN._replace(stream=True, include_usage=True)
    stream = stream_events(chat_stream(answer, streamed))
    assembled = assemble("chat", stream.events, done=stream.done)
    assert assembled.whole
    events = stream_events(message_stream(answer)).events
    message = assemble("messages", events)
    assert message.whole
    whole = [
        orjson.loads(chat_body(answer, PLAIN)),
        assembled.response,
        to_chat("messages", {}, orjson.loads(message_body(answer))).response,
        to_chat("messages", {}, message.response).response,
    ]
    for response in whole:
        assert response is not None
        assert answer_text(response) == (text or None)
        assert response["choices"][0]["finish_reason"] == "stop"
        assert response["model"] == model
        usage = response["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (17, 2)


# Log-probabilities.


def logprobs(ask: Ask, answer: StudentAnswer = ANSWER) -> Any:  # noqa: ANN401 - of the SDK
    found = read_chat(chat_body(answer, ask)).choices[0].logprobs
    assert found is not None
    assert found.content is not None
    [token] = found.content
    return token


def test_log_probabilities_are_those_of_whole_answers() -> None:
    token = logprobs(PLAIN._replace(top_logprobs=2))
    assert (token.token, token.logprob) == ("Shipping.", pytest.approx(math.log(0.75)))
    assert bytes(token.bytes) == b"Shipping."
    listed = [(one.token, one.logprob) for one in token.top_logprobs]
    assert listed == [
        ("Shipping.", pytest.approx(math.log(0.75))),
        ("Billing.", pytest.approx(math.log(0.25))),
    ]


def test_no_more_alternatives_are_given_than_were_asked_for() -> None:
    assert logprobs(PLAIN._replace(top_logprobs=0)).top_logprobs == []
    assert len(logprobs(PLAIN._replace(top_logprobs=20)).top_logprobs) == 3


def test_what_is_impossible_has_a_finite_log_probability() -> None:
    last = logprobs(PLAIN._replace(top_logprobs=3)).top_logprobs[-1]
    assert (last.token, last.logprob) == ("returns", -9999.0)


def test_a_stream_gives_log_probabilities_with_its_text() -> None:
    chunks = read_chunks(chat_stream(ANSWER, PLAIN._replace(stream=True, top_logprobs=1)))
    given = [choice for chunk in chunks for choice in chunk.choices if choice.logprobs is not None]
    [choice] = given
    assert choice.delta.content == "Shipping."
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    [scored] = choice.logprobs.content
    assert scored.bytes == list(b"Shipping.")


def test_a_recorder_reads_the_log_probabilities() -> None:
    body: JsonObject = orjson.loads(chat_body(ANSWER, PLAIN._replace(top_logprobs=2)))
    tokens = token_logprobs(body)
    assert tokens is not None
    assert [token["token"] for token in tokens] == ["Shipping."]
