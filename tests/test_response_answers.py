"""A student's answers in the shape of OpenAI's Responses API, as the official SDK reads them."""

from __future__ import annotations

import copy
import math
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from locum.promotion import ask_of
from locum.promotion.response_answers import (
    repeated_in_response,
    response_body,
    response_stream,
    takes_response,
)
from locum.traffic import (
    SplitRequest,
    answer_text,
    assemble,
    is_stored,
    split_request,
    stream_events,
    to_chat,
    token_logprobs,
)
from tests.promoted import INSTRUCTION, response_request
from tests.test_promotion_answers import ANSWER, PLAIN, TEXTS, assert_known
from tests.test_promotion_frame import JSON

if TYPE_CHECKING:
    from locum.schema import JsonObject

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
ASKED = response_request("Where is it?")
REPEATED = repeated_in_response(ASKED)
LOGPROBS = {"include": ["message.output_text.logprobs"]}
SCHEMA = {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True}
KINDS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def written(asked: JsonObject = ASKED, **ask: Any) -> JsonObject:  # noqa: ANN401 - of Ask
    body: JsonObject = orjson.loads(
        response_body(ANSWER, PLAIN._replace(**ask), repeated_in_response(asked))
    )
    return body


def read(body: JsonObject) -> Response:
    """Read a response; the SDK knows all of it but ``store``, which the API repeats as well."""
    assert body["store"] is False
    found = Response.model_validate(
        {name: value for name, value in body.items() if name != "store"}, strict=True
    )
    assert_known(found)
    return found


def test_a_response_is_what_the_sdk_expects() -> None:
    found = read(written())
    [item] = found.output
    assert item.type == "message"
    assert re.fullmatch(r"resp_[0-9a-f]{48}", found.id)
    assert re.fullmatch(r"msg_[0-9a-f]{48}", item.id)
    assert (found.output_text, item.role, item.status) == ("Shipping.", "assistant", "completed")
    assert (found.status, found.model, found.created_at) == (
        "completed",
        "teacher-1",
        1_760_000_000,
    )
    [part] = item.content
    assert part.type == "output_text"
    assert (part.annotations, part.logprobs) == ([], [])
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (17, 2)
    assert found.usage.total_tokens == 19


def test_every_response_has_ids_of_its_own() -> None:
    found = [read(written()) for _ in range(200)]
    assert len({one.id for one in found} | {one.output[0].id for one in found}) == 400


def test_a_response_says_what_the_api_says_where_nothing_was_set() -> None:
    found = written({"model": "m", "input": "x"})
    named = ("instructions", "temperature", "top_p", "metadata", "max_output_tokens", "user")
    assert [found[name] for name in named] == [None, 1.0, 1.0, {}, None, None]
    assert (found["tools"], found["tool_choice"], found["parallel_tool_calls"]) == (
        [],
        "auto",
        True,
    )
    assert (found["truncation"], found["top_logprobs"]) == ("disabled", 0)
    assert found["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert found["reasoning"] == {"effort": None, "summary": None}
    assert (found["error"], found["incomplete_details"]) == (None, None)


def test_a_response_repeats_what_was_asked_for() -> None:
    asked = response_request(
        "x",
        top_p=0.5,
        max_output_tokens=32,
        metadata={"a": "b"},
        user="eve",
        safety_identifier="s",
        prompt_cache_key="k",
        parallel_tool_calls=False,
        tool_choice="none",
        truncation="auto",
        text={"format": SCHEMA, "verbosity": "low"},
        reasoning={"effort": "low"},
        top_logprobs=2,
        **LOGPROBS,
    )
    body = written(asked)
    found = read(body)
    repeated = asked.keys() & body.keys() - {"model", "text", "reasoning"}
    assert {name: body[name] for name in repeated} == {name: asked[name] for name in repeated}
    assert len(repeated) == 13
    assert found.instructions == INSTRUCTION
    assert found.text is not None
    assert body["text"] == {"format": {**SCHEMA, "description": None}, "verbosity": "low"}
    assert found.reasoning is not None
    assert found.reasoning.effort == "low"


def test_a_stream_is_what_the_sdk_expects() -> None:
    raw = response_stream(ANSWER, PLAIN._replace(stream=True), REPEATED)
    stream = stream_events(raw)
    assert (stream.bad, stream.done) == (0, False)
    names = [line[7:].decode() for line in raw.split(b"\n") if line.startswith(b"event: ")]
    assert names == [event["type"] for event in stream.events] == KINDS
    assert [event["sequence_number"] for event in stream.events] == list(range(len(KINDS)))
    for event in stream.events:
        if "response" in event:
            assert event["response"].pop("store") is False
        assert_known(EVENT.validate_python(event))
    first, last = stream.events[0]["response"], stream.events[-1]["response"]
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert (last["status"], last["id"]) == ("completed", first["id"])
    [item] = last["output"]
    told = [event for event in stream.events if "item_id" in event]
    assert {event["item_id"] for event in told} == {item["id"]}
    assert stream.events[-2]["item"] == item
    assert stream.events[-3]["part"] == item["content"][0]


@given(TEXTS, TEXTS)
def test_all_shapes_say_the_same_to_whoever_records_them(text: str, model: str) -> None:
    answer = ANSWER._replace(text=text, model=model)
    events = stream_events(response_stream(answer, PLAIN, REPEATED)).events
    whole, broken = assemble("responses", events), assemble("responses", events[:-1])
    assert (whole.whole, broken.whole) == (True, False)
    bodies = [orjson.loads(response_body(answer, PLAIN, REPEATED)), whole.response]
    for body in bodies:
        chat = to_chat("responses", {}, body).response
        assert chat is not None
        assert answer_text(chat) == (text or None)
        assert (chat["choices"][0]["finish_reason"], chat["model"]) == ("stop", model)
        usage = chat["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (17, 2)
    rest = to_chat("responses", {}, broken.response).response
    assert rest is not None
    assert answer_text(rest) == (text or None)


def test_log_probabilities_are_those_of_whole_answers() -> None:
    [item] = read(written(top_logprobs=2)).output
    assert item.type == "message"
    [part] = item.content
    assert part.type == "output_text"
    assert part.logprobs is not None
    [scored] = part.logprobs
    assert [scored.token] == ["Shipping."]
    assert scored.logprob == pytest.approx(math.log(0.75))
    assert bytes(scored.bytes) == b"Shipping."
    assert [one.token for one in scored.top_logprobs] == ["Shipping.", "Billing."]
    chat = to_chat("responses", {}, written(top_logprobs=2)).response
    assert chat is not None
    tokens = token_logprobs(chat)
    assert tokens is not None
    assert [token["token"] for token in tokens] == ["Shipping."]


def test_a_stream_gives_log_probabilities_with_its_text() -> None:
    events = stream_events(response_stream(ANSWER, PLAIN._replace(top_logprobs=1), REPEATED)).events
    for kind in ("response.output_text.delta", "response.output_text.done"):
        [event] = [event for event in events if event["type"] == kind]
        assert_known(EVENT.validate_python(event))
        [scored] = event["logprobs"]
        assert (scored["token"], len(scored["top_logprobs"])) == ("Shipping.", 1)
    [scored] = events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert scored["bytes"] == list(b"Shipping.")


def test_a_schema_with_numbers_beyond_64_bits_is_repeated() -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"maximum": 10**30}}
    body = response_body(ANSWER, PLAIN, {"text": {"format": form}})
    assert b'"maximum":1000000000000000000000000000000' in body


# What can be answered.


def may_be_answered(asked: JsonObject) -> bool:
    """Tell whether a student could answer, were the call one of its task."""
    chat = to_chat("responses", asked, None).request
    known = takes_response(asked) and not is_stored("responses", asked)
    split = split_request(chat, "responses")
    return known and isinstance(split, SplitRequest) and ask_of(chat) is not None


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
        {"top_p": 1, "max_output_tokens": 16, "reasoning": {"effort": "low", "summary": None}},
        {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        {"text": {}, "include": [], "tools": [], "tool_choice": "auto", "background": False},
        {**LOGPROBS, "top_logprobs": 5},
        {"metadata": {}, "user": "eve", "service_tier": "auto", "truncation": "disabled"},
        {"previous_response_id": None, "conversation": None, "prompt": None, "not_yet": None},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]},
        {"input": [{"role": "developer", "content": "y"}, {"role": "user", "content": "x"}]},
    ],
    ids=str,
)
def test_words_alone_are_asked_for(more: dict[str, Any]) -> None:
    assert may_be_answered(ASKED | more)


@pytest.mark.parametrize(
    "more",
    [
        {"store": True},
        {"store": None},
        {"store": 0},
        {"tools": [{"type": "function", "name": "find", "parameters": {}}]},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "web_search"}},
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"background": True},
        {"background": 0},
        {"prompt": {"id": "pmpt_1"}},
        {"include": ["reasoning.encrypted_content"]},
        {"include": ["message.output_text.logprobs", "reasoning.encrypted_content"]},
        {"include": "message.output_text.logprobs"},
        {"top_logprobs": 5},
        {**LOGPROBS, "top_logprobs": 21},
        {"reasoning": {"effort": "low", "summary": "auto"}},
        {"reasoning": "low"},
        {"text": {"next_year": 1}},
        {"text": {"format": "json_object"}},
        {"text": "json_object"},
        {"truncation": "middle"},
        {"context_management": [{"type": "compaction"}]},
        {"moderation": {"model": "m"}},
        {"max_tool_calls": 1},
        {"stream": 1},
        {"max_output_tokens": 0},
        {"max_output_tokens": 16.0},
        {"metadata": "a"},
        {"a_parameter_of_next_year": False},
        {"messages": [{"role": "user", "content": "x"}]},
        {"max_tokens": 16},
        {"response_format": {"type": "json_object"}},
        {"n": 1},
        {"seed": 1},
        {"logprobs": True},
        {"input": None},
        {"input": []},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"type": "reasoning", "summary": []}, {"role": "user", "content": "x"}]},
        {"input": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "It is"}]},
        {"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]},
    ],
    ids=str,
)
def test_what_else_is_asked_for_is_the_teachers(more: dict[str, Any]) -> None:
    assert not may_be_answered(ASKED | more)


NAMED = st.dictionaries(
    st.sampled_from(
        [
            *("input", "instructions", "text", "reasoning", "include", "metadata", "tools"),
            *("temperature", "top_p", "top_logprobs", "max_output_tokens", "tool_choice"),
            *("truncation", "stream", "stream_options", "user", "model", "background"),
        ]
    ),
    JSON | st.dictionaries(st.sampled_from(["format", "effort", "verbosity", "schema"]), JSON),
)


@given(NAMED)
@example({"text": {"format": {"type": []}}, "reasoning": {"effort": []}})
def test_no_request_makes_the_gateway_stumble(asked: dict[str, Any]) -> None:
    given = copy.deepcopy(asked)
    if may_be_answered(ASKED | asked):
        repeated = repeated_in_response(ASKED | asked)
        body: JsonObject = orjson.loads(response_body(ANSWER, PLAIN, repeated))
        assert body["status"] == "completed"
        assert stream_events(response_stream(ANSWER, PLAIN, repeated)).bad == 0
    assert asked == given
