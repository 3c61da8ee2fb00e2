"""What imports take for a body, for messages and for text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.store import CallStore, open_database
from locum.traffic import answer_text, assemble, input_text
from locum.traffic.apis import to_chat
from locum.traffic.imports.bodies import outcome_of, to_answer, to_request, with_usage
from tests.importing import calls_of, lines, pair, take, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.schema import Call, JsonObject

ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "a"}]}
ERROR = {"error": {"message": "Rate limit reached", "type": "tokens"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    with open_database(tmp_path / "calls.db") as database:
        yield CallStore(database)


def only(store: CallStore, tmp_path: Path, record: JsonObject) -> Call:
    """The one call of a log of one record."""
    take(store, write(tmp_path / "a.jsonl", lines(record)))
    (call,) = calls_of(store)
    return call


def said(given: object) -> str | None:
    return answer_text(to_answer(given).response or {})


# Answers in JSON, and bodies.


@pytest.mark.parametrize(
    "answer",
    [
        {"content": "positive", "score": 3},
        {"content": {"a": 1}},
        {"error": None, "category": "A"},
        {"error": {"type": "typo", "message": "ther"}, "line": 4},
        {"output": "spam", "reason": "x"},
        {"output": [{"type": "spam"}]},
        {"choices": ["a", "b"]},
        {"question": "Which?", "choices": [{"text": "this"}, {"text": "that"}]},
        {"type": "message", "content": "spam"},
        {"role": "CEO", "name": "Ann", "content": "x"},
        [{"role": "CEO", "name": "Ann"}, {"role": "CFO", "name": "Bob"}],
        [{"object": "lamp"}],
        ["a", "b"],
        {"completion": "spam"},
    ],
)
def test_json_that_a_model_answers_is_text(answer: object) -> None:
    written = json.dumps(answer, separators=(",", ":"))
    assert said(answer) == said(written) == written


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"role": "assistant", "content": "x"}}]},
        {"object": "chat.completion", "choices": []},
        {"choices": [{"text": "x", "index": 0}], "usage": {"prompt_tokens": 1}},
        {"object": "response", "output": []},
        {"output": [{"type": "message", "content": []}]},
        {"type": "message", "content": [{"type": "text", "text": "x"}]},
        {"object": "list", "data": [{"embedding": [0.5]}]},
        ERROR,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"error": "model not found"},
    ],
)
def test_bodies_stay_as_they_are(body: JsonObject) -> None:
    assert to_answer(body).response == to_answer(json.dumps(body)).response == body


@pytest.mark.parametrize(
    "message",
    [
        {"content": "x"},
        {"role": "assistant", "content": "x", "name": "helper"},
        {"content": "x", "additional_kwargs": {}, "type": "ai", "id": "run-1"},
        [{"role": "assistant", "content": "x"}],
        [{"type": "reasoning"}, {"type": "message", "role": "assistant", "content": "x"}],
    ],
)
def test_messages_are_answers(message: object) -> None:
    assert said(message) == said(json.dumps(message)) == "x"


@pytest.mark.parametrize(
    "given",
    [
        {"role": "engineer", "years": 5},
        {"input": "text to classify"},
        {"prompt": "text", "tone": "kind"},
        {"messages": ["hi", "hello"]},
        [{"role": "CEO", "name": "Ann"}],
    ],
)
def test_json_that_a_model_is_given_is_text(given: object) -> None:
    written = json.dumps(given, separators=(",", ":"))
    expected = {"model": "m", "messages": [{"role": "user", "content": written}]}
    assert to_request(given, {"model": "m"}) == to_request(written, {"model": "m"}) == expected


@pytest.mark.parametrize(
    "given",
    [
        ASKED,
        {"instructions": "Be short.", "input": "a"},
        {"model": "m", "prompt": "a"},
        {"contents": [{"role": "user", "parts": [{"text": "a"}]}]},
    ],
)
def test_requests_stay_as_they_are(given: JsonObject) -> None:
    assert to_request(given) == to_request(json.dumps(given)) == given


@pytest.mark.parametrize("given", [{"input": "a"}, {"prompt": "a"}, {"messages": []}])
def test_what_a_log_calls_a_body_is_one(given: JsonObject) -> None:
    assert to_request(given, is_body=True) == given


def test_an_input_in_json_is_no_body_of_a_pair(store: CallStore, tmp_path: Path) -> None:
    call = only(store, tmp_path, {"input": {"input": "a"}, "output": "b", "id": "x"})
    assert input_text(call.request) == '{"input":"a"}'


# Requests whose parts stand in the line itself.


@pytest.mark.parametrize(
    "parameters",
    [
        {"temperature": 0, "max_tokens": 20, "user": "u1", "stream": False},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
        {"response_format": {"type": "json_object"}, "logit_bias": {"50256": -100}},
        {"guided_choice": ["a", "b"], "extra_body": {"top_k": 1}},
    ],
)
def test_what_an_application_notes_beside_a_request_is_no_part_of_it(
    store: CallStore, tmp_path: Path, parameters: JsonObject
) -> None:
    noted = {"level": "info", "session": "s1", "tags": ["web"], "status_code": 200, "url": "/ask"}
    call = only(store, tmp_path, {**noted, **ASKED, **parameters, "response": "spam"})
    assert call.request == {**ASKED, **parameters}
    assert call.facts.status == 200


def test_a_line_in_the_shape_of_anthropics_keeps_all_that_was_asked(
    store: CallStore, tmp_path: Path
) -> None:
    asked = {"system": "Be short.", "stop_sequences": ["!"], "max_tokens": 9, "top_k": 1}
    call = only(store, tmp_path, {"level": "info", **asked, **ASKED, "response": "spam"})
    whole = {**asked, **ASKED}
    assert call.request == to_chat("messages", whole, None).request


def test_what_no_api_knows_stays_in_a_body(store: CallStore, tmp_path: Path) -> None:
    body = {**ASKED, "level": "info"}
    call = only(store, tmp_path, {"level": "warn", "request": body, "response": "spam"})
    assert call.request == body


# Errors.


@pytest.mark.parametrize("body", [ERROR, {"error": "model not found"}])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_without_a_status_is_no_answer(
    store: CallStore,
    tmp_path: Path,
    body: JsonObject,
    wrapped: bool,  # noqa: FBT001 - a parameter
) -> None:
    response = {"body": body} if wrapped else body
    call = only(store, tmp_path, {"request": ASKED, "response": response})
    assert call.facts.outcome == "failed"
    assert call.response == body


def test_a_stream_of_an_error_alone_is_no_answer() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    answer = to_answer(f"event: error\ndata: {json.dumps(error)}\n\n")
    assert answer.response == error
    assert outcome_of(answer.response, whole=answer.whole) == "failed"
    assert said([{"error": "a typo"}]) == '[{"error":"a typo"}]'


def test_an_answer_with_an_empty_error_is_whole() -> None:
    answered = {"object": "response", "error": None, "output": [{"type": "message"}]}
    assert outcome_of(answered) == "whole"
    failed = {"object": "response", "error": {"code": "server_error"}, "output": []}
    assert outcome_of(failed) == "failed"


# Streams.


def chunk(content: str, reason: str | None = None) -> JsonObject:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


CHUNKS = [chunk("pos"), chunk("itive", "stop")]
STREAMS: dict[str, tuple[list[JsonObject], list[JsonObject]]] = {
    "chat": (CHUNKS[:1], CHUNKS[1:]),
    "completions": (
        [{"object": "text_completion", "choices": [{"text": "pos"}]}],
        [{"object": "text_completion", "choices": [{"text": "itive", "finish_reason": "stop"}]}],
    ),
    "messages": (
        [
            {"type": "message_start", "message": {"type": "message", "content": []}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "pos"}},
        ],
        [
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "itive"}},
            {"type": "message_stop"},
        ],
    ),
    "responses": (
        [{"type": "response.output_text.delta", "output_index": 0, "delta": "pos"}],
        [
            {"type": "response.output_text.delta", "output_index": 0, "delta": "itive"},
            {
                "type": "response.completed",
                "response": {
                    "object": "response",
                    "output": [
                        {
                            "type": "message",
                            "content": [{"type": "output_text", "text": "positive"}],
                        }
                    ],
                },
            },
        ],
    ),
}


def events(stream: list[JsonObject]) -> str:
    return "".join(f"event: x\ndata: {json.dumps(event)}\n\n" for event in stream)


@pytest.mark.parametrize("api", STREAMS)
@pytest.mark.parametrize("written", [events, list, json.dumps])
def test_streams_are_put_together(store: CallStore, tmp_path: Path, api: str, written: Any) -> None:  # noqa: ANN401 - any of three
    begun, ended = STREAMS[api]
    record = {"request": {**ASKED, "stream": True}, "response": written(begun + ended)}
    cut = {
        "request": {**ASKED, "stream": True},
        "response": written(begun),
        "id": "of sixteen chars",
    }
    take(store, write(tmp_path / "a.jsonl", lines(record, cut)))
    found = {(answer_text(c.response or {}), c.facts.outcome) for c in calls_of(store)}
    assert found == {("positive", "whole"), ("pos", "incomplete")}


@pytest.mark.parametrize("body", [events(CHUNKS), {"streamed_data": CHUNKS}])
def test_streams_in_helicone(store: CallStore, tmp_path: Path, body: object) -> None:
    record = {
        "request_id": "11111111-1111-1111-1111-111111111111",
        "request_body": {**ASKED, "stream": True},
        "response_body": body,
        "response_status": 200,
    }
    call = only(store, tmp_path, record)
    assert answer_text(call.response or {}) == "positive"
    assert (call.facts.outcome, call.facts.streamed) == ("whole", True)


@pytest.mark.parametrize("text", ["data: none", "event: a fire", ": x", 'data: {"a": 1}\n\n'])
def test_text_that_begins_like_a_stream_is_text(text: str) -> None:
    assert said(text) == text


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5))
def test_streams_are_read_as_the_gateway_reads_them(parts: list[str]) -> None:
    stream = [*map(chunk, parts), chunk("", "stop")]
    assert to_answer(events(stream)) == to_answer(stream) == assemble("chat", stream)


# Other endpoints.


@pytest.mark.parametrize(
    "record",
    [
        pair(url="/v1/messages/count_tokens"),
        pair(url="https://api.openai.com/v1/moderations?x=1"),
        {
            "request": {"url": "/v1/images/generations", "body": {"prompt": "a cat"}},
            "response": {"data": []},
        },
        {
            "request_id": "r",
            "request_path": "/v1/moderations",
            "request_body": {"input": "a"},
            "response_body": {"results": []},
        },
        *(
            {
                "call_type": call_type,
                "messages": "a cat",
                "response": {"data": []},
                "litellm_call_id": "i",
            }
            for call_type in ("image_generation", "amoderation", "arerank", "transcription")
        ),
    ],
)
def test_calls_of_other_kinds_are_counted_alone(
    store: CallStore, tmp_path: Path, record: JsonObject
) -> None:
    (file,) = take(store, write(tmp_path / "a.jsonl", lines(record))).files
    assert (file.added, file.other, file.skipped.total) == (0, 1, 0)


def test_calls_of_other_kinds_need_no_body(store: CallStore, tmp_path: Path) -> None:
    sound = {"url": "/v1/audio/transcriptions", "request": None, "response": {"text": "a"}}
    form = {"request_id": "r", "request_path": "/v1/audio/transcriptions", "request_body": ""}
    rows = [form | {"response_body": {"text": "a"}}]
    paths = [
        write(tmp_path / "a.jsonl", lines(pair(), sound)),
        write(tmp_path / "b.jsonl", lines(*rows)),
    ]
    found = [(file.other, file.skipped.total) for file in take(store, *paths).files]
    assert found == [(1, 0), (1, 0)]


def test_calls_of_other_kinds_in_batches_are_counted_alone(
    store: CallStore, tmp_path: Path
) -> None:
    paths = {"a": "/v1/moderations", "b": "/v1/chat/completions"}
    asked = [{"custom_id": key, "url": url, "body": ASKED} for key, url in paths.items()]
    answered = [
        {"custom_id": key, "response": {"status_code": 200, "body": {"id": key}}, "error": None}
        for key in paths
    ]
    (file,) = take(store, write(tmp_path / "a.jsonl", lines(*asked, *answered))).files
    assert (file.added, file.other, file.skipped.total) == (1, 1, 0)


def test_a_path_of_the_application_says_nothing(store: CallStore, tmp_path: Path) -> None:
    assert only(store, tmp_path, pair(url="/triage")).facts.endpoint == "chat"


# Tokens.


def span(**attributes: object) -> JsonObject:
    """A span of a call of 10,000 tokens."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "claude-3-5-haiku-latest",
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "a"}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": []}],
        "gen_ai.usage.input_tokens": 10_000,
        "gen_ai.usage.output_tokens": 5,
    }
    return {"traceId": "t", "spanId": "s", "attributes": {**told, **attributes}}


@pytest.mark.parametrize("name", ["cache_read.input_tokens", "cache_read_input_tokens"])
def test_cached_tokens_of_spans_cost_less(store: CallStore, tmp_path: Path, name: str) -> None:
    call = only(store, tmp_path, span(**{f"gen_ai.usage.{name}": 9_900}))
    assert call.facts.input_tokens == 10_000
    assert call.facts.cost_usd == pytest.approx((100 * 0.8 + 9_900 * 0.08 + 5 * 4) / 1e6)


def test_cached_tokens_of_langfuse_are_counted_apart(store: CallStore, tmp_path: Path) -> None:
    record = {
        "traceId": "t",
        "id": "o",
        "type": "GENERATION",
        "startTime": "2026-01-01T00:00:00Z",
        "model": "claude-3-5-haiku-latest",
        "input": "a",
        "output": "b",
        "usageDetails": {"input": 100, "output": 5, "input_cache_read": 900, "total": 1005},
    }
    call = only(store, tmp_path, record)
    assert call.facts.input_tokens == 1_000
    assert call.facts.cost_usd == pytest.approx((100 * 0.8 + 900 * 0.08 + 5 * 4) / 1e6)


def test_litellm_s_own_table_tells_what_was_spent_and_what_its_cache_answered(
    store: CallStore, tmp_path: Path
) -> None:
    row: JsonObject = {"request_id": "chatcmpl-" + "4" * 32, "call_type": "acompletion"}
    row |= {"spend": 0.25, "cache_hit": "False", "custom_llm_provider": "openai", "model": "m"}
    row |= {"startTime": "2026-01-01T00:00:00Z", "messages": ASKED["messages"]}
    row |= {"response": {"choices": [{"message": {"role": "assistant", "content": "b"}}]}}
    cached = {**row, "request_id": "chatcmpl-" + "5" * 32, "cache_hit": "True", "spend": 0.0}
    take(store, write(tmp_path / "a.jsonl", lines(row, cached)))
    assert sorted(call.facts.cost_usd or 0.0 for call in calls_of(store)) == [0.0, 0.25]
    assert [call.facts.cost_usd for call in calls_of(store)].count(None) == 0


def test_what_langfuse_noted_of_a_client_was_never_sent(store: CallStore, tmp_path: Path) -> None:
    noted: JsonObject = {
        "temperature": "0",
        "top_p": "0.5",
        "max_tokens": "Infinity",
        "stop": "None",
    }
    noted |= {"request_timeout": "60", "seed": 7, "stream": "False", "user": "desk 4"}
    record: JsonObject = {"traceId": "t", "id": "o", "type": "GENERATION"}
    record |= {"startTime": "2026-01-01T00:00:00Z"}
    record |= {"model": "gpt-4o-mini", "input": "a", "output": "b", "modelParameters": noted}
    request = only(store, tmp_path, record).request
    sent = {name: value for name, value in request.items() if name not in {"model", "messages"}}
    assert sent == {"temperature": 0, "top_p": 0.5, "seed": 7, "stream": False, "user": "desk 4"}


def test_what_langfuse_filled_in_was_never_asked_for(store: CallStore, tmp_path: Path) -> None:
    noted: JsonObject = {"temperature": 0, "top_p": 1, "frequency_penalty": 0}
    record: JsonObject = {"traceId": "t", "id": "o", "type": "GENERATION"}
    record |= {"startTime": "2026-01-01T00:00:00Z", "model": "gpt-4o-mini", "input": "a"}
    record |= {"output": "b", "modelParameters": {**noted, "presence_penalty": 0}}
    request = only(store, tmp_path, record).request
    assert request.keys() == {"model", "messages", "temperature"}
    take(store, write(tmp_path / "b.jsonl", lines({**record, "id": "p", "modelParameters": noted})))
    [other] = [call.request for call in calls_of(store) if call.request != request]
    assert other["top_p"] == 1


def test_tokens_from_the_cache_may_be_counted_apart() -> None:
    usage = (with_usage({"choices": []}, 10, 5, 90, 20) or {})["usage"]
    assert usage["prompt_tokens"] == 120
    assert usage["prompt_tokens_details"] == {"cached_tokens": 90, "cache_write_tokens": 20}
    assert with_usage({"usage": {"prompt_tokens": 1}}, 10, 5, 9) == {"usage": {"prompt_tokens": 1}}
