"""From the streams of each API to the body that a plain call would have brought."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import example, given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import TypeAdapter

from locum.traffic import assemble, stream_events, to_chat
from locum.traffic.apis import assemble_converse, converse_to_chat
from tests.odd_json import OBJECTS, STREAMED

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject


@given(st.sampled_from(STREAMED), st.lists(OBJECTS, max_size=4), st.booleans())
def test_any_events_are_taken(endpoint: Endpoint, events: list[JsonObject], done: bool) -> None:  # noqa: FBT001 - a drawn value
    before = copy.deepcopy(events)
    assembled = assemble(endpoint, events, done=done)
    assert orjson.dumps(list(assembled))
    assert orjson.dumps(list(assemble_converse(events)))
    assert events == before
    if assembled.response is not None:
        assert orjson.dumps(list(to_chat(endpoint, {}, assembled.response)))


def render(events: list[JsonObject], end: str, *, ended: bool = True) -> bytes:
    """A stream with comments, names and data over several lines, in one kind of line end."""
    lines = [": ping", ""]
    for number, event in enumerate(events):
        lines.append(f"event: {event.get('type', 'message')}")
        indent = 1 if number % 2 else None
        lines += [f"data: {line}" for line in json.dumps(event, indent=indent).split("\n")]
        lines += [f"id: {number}", ""]
    lines += ["data:[DONE]", ""] if ended else []
    return end.join(["\ufeff" + lines[0], *lines[1:], ""]).encode()


@given(st.lists(OBJECTS, max_size=4), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_events_survive_their_stream(events: list[JsonObject], end: str, ended: bool) -> None:  # noqa: FBT001 - a drawn value
    read = stream_events(render(events, end, ended=ended))
    assert read.events == [orjson.loads(orjson.dumps(event)) for event in events]
    assert read.done == ended
    assert read.bad == 0


def test_bad_events_are_counted() -> None:
    raw = b'data: {"a":1}\n\ndata: {"b":NaN}\n\ndata: [1]\n\ndata: {"c":"\\ud800"}\n\ndata: {"d":'
    read = stream_events(raw)
    assert read.events == [{"a": 1}]
    assert read.bad == 4


def test_an_event_counts_without_the_line_after_it() -> None:
    read = stream_events(b'data: {"a":1}\n\ndata: [DONE]')
    assert read.done


@given(st.binary(max_size=200))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert stream_events(raw).bad >= 0


def cut(text: str, places: list[int]) -> list[str]:
    """A text in pieces."""
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)] or [""]


def chunk(choice: JsonObject | None = None, **more: object) -> JsonObject:
    choices = [{"index": 0, "delta": {}, "finish_reason": None, "logprobs": None, **(choice or {})}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "gpt-x",
        "system_fingerprint": "fp",
        "choices": choices if choice else [],
        **more,
    }


PLACES = st.lists(st.integers(0, 40), max_size=6)


@given(st.text(min_size=1, max_size=30), PLACES, st.text(max_size=30), PLACES)
def test_a_chat_stream_gives_what_the_sdk_makes_of_it(
    first: str, at: list[int], second: str, then: list[int]
) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = [chunk({"index": i, "delta": {"role": "assistant", "content": ""}}) for i in (0, 1)]
    events += [
        chunk(
            {
                "delta": {"content": piece},
                "logprobs": {"content": [{"token": piece, "logprob": -1.0, "top_logprobs": []}]},
            }
        )
        for piece in cut(first, at)
    ]
    calls = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f"}}]
    events.append(chunk({"index": 1, "delta": {"tool_calls": calls}}))
    for piece in cut(second, then):
        part = [{"index": 0, "function": {"arguments": piece}}]
        events.append(chunk({"index": 1, "delta": {"tool_calls": part}}))
    events += [chunk({"finish_reason": "stop"}), chunk({"index": 1, "finish_reason": "tool_calls"})]
    events.append(chunk(usage=usage))
    state: Any = ChatCompletionStreamState()
    for event in events:
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    expected = ChatCompletion.model_validate(state.get_final_completion().to_dict())
    assembled = assemble("chat", events, done=True)
    assert assembled.whole
    assert assembled.response is not None
    got = ChatCompletion.model_validate(assembled.response)
    # The SDK adds a field for parsed answers.
    hidden: Any = {"message": {"parsed"}}
    assert got.choices[0].model_dump(exclude=hidden) == expected.choices[0].model_dump(
        exclude=hidden
    )
    called = [c.choices[1].message.tool_calls or [] for c in (got, expected)]
    names: Any = {"id": True, "type": True, "function": {"name", "arguments"}}
    dumped = [[call.model_dump(include=names) for call in calls] for calls in called]
    assert dumped[0] == dumped[1]
    assert got.choices[1].finish_reason == "tool_calls"
    assert (got.id, got.model, got.created) == (expected.id, expected.model, expected.created)
    assert got.usage == expected.usage
    assert got.system_fingerprint == "fp"


def test_a_completions_stream() -> None:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m"}
    logprobs = [{"tokens": [t], "token_logprobs": [-1.0], "text_offset": [0]} for t in "ab"]
    events = [
        {**head, "choices": [{"index": 0, "text": t, "logprobs": scores, "finish_reason": None}]}
        for t, scores in zip("ab", logprobs, strict=True)
    ]
    events.append({**head, "choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
    assembled = assemble("completions", events)
    assert assembled.whole
    assert assembled.response is not None
    choice = Completion.model_validate(assembled.response).choices[0]
    assert choice.text == "ab"
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["a", "b"]
    chat = to_chat("completions", {}, assembled.response).response
    assert chat is not None
    assert chat["choices"][0]["message"]["content"] == "ab"


@pytest.mark.parametrize(
    ("endpoint", "events", "done", "whole"),
    [
        ("chat", [chunk({"delta": {"content": "a"}})], False, False),
        ("chat", [chunk({"delta": {"content": "a"}})], True, True),
        ("chat", [chunk({"finish_reason": "stop"})], False, True),
        ("chat", [chunk({"finish_reason": "stop"}), {"error": {"message": "x"}}], True, False),
        ("chat", [{"error": {"message": "x"}}], True, False),
        ("chat", [], True, False),
        ("messages", [{"type": "message_start", "message": {}}], False, False),
        (
            "messages",
            [{"type": "message_start", "message": {}}, {"type": "message_stop"}],
            False,
            True,
        ),
        (
            "messages",
            [{"type": "message_start", "message": {}}, {"type": "error", "error": {}}],
            False,
            False,
        ),
        ("messages", [], True, False),
        ("responses", [{"type": "response.created", "response": {}}], True, False),
        ("responses", [{"type": "response.completed", "response": {}}], False, True),
        ("responses", [{"type": "response.incomplete", "response": {}}], False, True),
        ("responses", [{"type": "response.failed", "response": {}}], False, False),
        ("responses", [{"type": "error", "message": "x"}], False, False),
    ],
)
def test_when_a_stream_is_whole(
    endpoint: Endpoint,
    events: list[JsonObject],
    done: bool,  # noqa: FBT001 - a column of the table
    whole: bool,  # noqa: FBT001 - likewise
) -> None:
    assert assemble(endpoint, events, done=done).whole == whole


def block_events(index: int, block: JsonObject, deltas: list[JsonObject]) -> list[JsonObject]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


@given(st.text(max_size=30), PLACES, st.dictionaries(st.text(max_size=3), st.integers()), PLACES)
@example("", [], {"": 2**64}, [])
def test_an_anthropic_stream_gives_what_the_sdk_makes_of_it(
    said: str, at: list[int], given_input: dict[str, int], then: list[int]
) -> None:
    usage = {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}
    start: JsonObject = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    thinking = [
        {"type": "thinking_delta", "thinking": "h"},
        {"type": "thinking_delta", "thinking": "m"},
        {"type": "signature_delta", "signature": "sig"},
    ]
    texts = [{"type": "text_delta", "text": piece} for piece in cut(said, at)]
    inputs = [
        {"type": "input_json_delta", "partial_json": piece}
        for piece in ["", *cut(json.dumps(given_input), then)]
    ]
    tool = {"type": "tool_use", "id": "t1", "name": "track", "input": {}}
    events = [
        {"type": "message_start", "message": start},
        *block_events(0, {"type": "thinking", "thinking": "", "signature": ""}, thinking),
        {"type": "ping"},
        *block_events(1, {"type": "text", "text": ""}, texts),
        *block_events(2, tool, inputs),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 22},
        },
        {"type": "message_stop"},
    ]
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":
            snapshot = accumulate_event(
                event=cast("Any", adapter.validate_python(event)),
                current_snapshot=snapshot,
                json_bufs=buffers,
            )
    assembled = assemble("messages", events)
    assert assembled.whole
    assert Message.model_validate(assembled.response) == Message.model_validate(snapshot.to_dict())


def test_tool_input_that_breaks_off_stays_text() -> None:
    tool = {"type": "tool_use", "id": "t1", "name": "track", "input": {}}
    half = block_events(0, tool, [{"type": "input_json_delta", "partial_json": '{"a": 1'}])
    assembled = assemble("messages", half[:-1])
    assert not assembled.whole
    assert assembled.response is not None
    assert assembled.response["content"] == [{**tool, "input": '{"a": 1'}]


def response_events() -> list[JsonObject]:
    message = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress"}
    place = {"output_index": 0, "content_index": 0, "item_id": "m1"}
    base = {
        "id": "resp_1",
        "object": "response",
        "created_at": 5.0,
        "model": "gpt-x",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": "in_progress",
        "output": [],
    }
    part = {"type": "output_text", "text": "card", "annotations": [], "logprobs": []}
    call = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "f", "arguments": "{}"}
    whole = {**message, "status": "completed", "content": [part]}
    return [
        {"type": "response.created", "response": base},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": "ca", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "rd", "logprobs": []},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {**call, "arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"},
        {
            "type": "response.completed",
            "response": {**base, "status": "completed", "output": [whole, call]},
        },
    ]


def test_a_responses_stream_ends_with_the_whole_response() -> None:
    events = response_events()
    assembled = assemble("responses", events)
    assert assembled.whole
    assert assembled.response == events[-1]["response"]
    Response.model_validate(assembled.response)


def test_a_responses_stream_that_breaks_off_gives_its_deltas() -> None:
    events = response_events()
    assembled = assemble("responses", events[:-1])
    assert not assembled.whole
    assert assembled.response is not None
    whole = to_chat("responses", {}, events[-1]["response"]).response
    broken = to_chat("responses", {}, {**assembled.response, "status": "completed"}).response
    assert broken is not None
    assert whole is not None
    assert broken["choices"] == whole["choices"]


def test_a_converse_stream() -> None:
    events: list[JsonObject] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "ca"}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "rd"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {
            "contentBlockStart": {
                "contentBlockIndex": 1,
                "start": {"toolUse": {"toolUseId": "t", "name": "f"}},
            }
        },
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}}},
    ]
    assembled = assemble_converse(events)
    assert assembled.whole
    chat = converse_to_chat({}, assembled.response).response
    assert chat is not None
    assert chat["choices"][0]["message"]["content"] == "card"
    assert chat["choices"][0]["finish_reason"] == "tool_calls"
    assert chat["usage"] == {"prompt_tokens": 3, "completion_tokens": 1}
    assert not assemble_converse([*events[:6], {"throttlingException": {}}]).whole
