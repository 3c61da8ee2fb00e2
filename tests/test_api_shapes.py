"""From the bodies and streams of each API to chat completions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from locum.traffic import endpoint_of_path, read_answer, to_chat
from locum.traffic.apis import converse_to_chat, guess_endpoint
from tests.odd_json import OBJECTS, STREAMED

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject

ENDPOINTS: tuple[Endpoint, ...] = (*STREAMED, "embeddings", "other")
USER = {"role": "user", "content": "Where is it?"}


@given(st.sampled_from(ENDPOINTS), OBJECTS, OBJECTS | st.none())
def test_any_bodies_are_taken(
    endpoint: Endpoint, request: JsonObject, response: JsonObject | None
) -> None:
    before = copy.deepcopy((request, response))
    chat = to_chat(endpoint, request, response)
    assert orjson.dumps(list(chat))
    assert (chat.response is None) == (response is None)
    assert (request, response) == before
    assert orjson.dumps(list(converse_to_chat(request, response)))
    assert guess_endpoint(request, response) in ENDPOINTS


@pytest.mark.parametrize("endpoint", ["chat", "embeddings", "other"])
def test_bodies_that_need_no_change_stay_the_same(endpoint: Endpoint) -> None:
    request: JsonObject = {"messages": [USER], "n": 2}
    response: JsonObject = {"choices": []}
    chat = to_chat(endpoint, request, response)
    assert chat.request is request
    assert chat.response is response


def test_a_completion_becomes_a_chat() -> None:
    request = {"model": "davinci", "prompt": "Where is it?", "max_tokens": 3}
    logprobs = {
        "tokens": ["<s>", "card", "s"],
        "token_logprobs": [None, -0.1, -0.2],
        "top_logprobs": [None, {"card": -0.1, "fee": -2.0}],
        "text_offset": [0, 3, 7],
    }
    choice = {"index": 0, "text": "cards", "finish_reason": "stop", "logprobs": logprobs}
    response = {"id": "cmpl-1", "object": "text_completion", "choices": [choice]}
    chat = to_chat("completions", request, response)
    assert chat.request == {"model": "davinci", "max_tokens": 3, "messages": [USER]}
    assert chat.response is not None
    top = [{"token": "card", "logprob": -0.1}, {"token": "fee", "logprob": -2.0}]
    assert chat.response["object"] == "chat.completion"
    assert chat.response["choices"] == [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "cards"},
            "logprobs": {
                "content": [
                    {"token": "card", "logprob": -0.1, "top_logprobs": top},
                    {"token": "s", "logprob": -0.2, "top_logprobs": []},
                ]
            },
        }
    ]


def test_prompts_of_several_texts_and_of_tokens() -> None:
    several = to_chat("completions", {"prompt": ["a", "b"]}, None).request
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert several == {"messages": [{"role": "user", "content": parts}]}
    assert to_chat("completions", {"prompt": [1, 2]}, None).request == {"prompt": [1, 2]}


def test_a_response_becomes_a_chat() -> None:
    schema = {"type": "object"}
    request = {
        "model": "gpt-5",
        "instructions": "Be short.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "reasoning", "encrypted_content": "x"},
            {"type": "function_call", "call_id": "c1", "name": "track", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "in Leipzig"},
            {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]},
        ],
        "max_output_tokens": 9,
        "tools": [{"type": "function", "name": "track", "parameters": {}}, {"type": "web_search"}],
        "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}},
    }
    call = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    assert to_chat("responses", request, None).request == {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"type": "reasoning", "encrypted_content": "x"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "in Leipzig"},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}],
            },
        ],
        "max_completion_tokens": 9,
        "tools": [
            {"type": "function", "function": {"name": "track", "parameters": {}}},
            {"type": "web_search"},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    }


@pytest.mark.parametrize(
    ("request_part", "chat_part"),
    [
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"of": "next year"}}, {"text": {"of": "next year"}}),
        ({"reasoning": {"effort": "low", "summary": None}}, {"reasoning_effort": "low"}),
        (
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
        ),
        ({"reasoning": "low"}, {"reasoning": "low"}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        (
            {"include": ["a", "message.output_text.logprobs"]},
            {"logprobs": True, "include": ["a"]},
        ),
        ({"include": ["a"]}, {"include": ["a"]}),
        ({"include": None, "reasoning": None}, {"include": None, "reasoning": None}),
    ],
)
def test_settings_of_the_responses_api(request_part: JsonObject, chat_part: JsonObject) -> None:
    assert to_chat("responses", request_part, None).request == {"messages": [], **chat_part}


def test_the_answer_of_the_responses_api() -> None:
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    parts = [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [token]}]
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 12.0,
        "model": "gpt-5-2025",
        "status": "completed",
        "instructions": "Be short.",
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": parts},
        ],
        "usage": {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 2},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 8,
        },
    }
    request = {"model": "gpt-5", "instructions": "Be short.", "input": "Hello"}
    chat = to_chat("responses", request, response).response
    assert chat is not None
    completion = ChatCompletion.model_validate(chat)
    assert completion.choices[0].message.content == "Hi"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].logprobs is not None
    assert completion.choices[0].logprobs.content is not None
    assert completion.usage is not None
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 2
    assert chat["created"] == 12.0
    assert chat["output"] == [{"type": "reasoning", "summary": []}]
    assert "instructions" not in chat


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "completed"}, "stop"),
        ({"status": "failed"}, None),
    ],
)
def test_why_a_response_ended(part: JsonObject, reason: str | None) -> None:
    message = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    chat = to_chat("responses", {}, {"output": [message], **part}).response
    assert chat is not None
    assert chat["choices"][0]["finish_reason"] == reason
    assert chat["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": "No.",
    }


def test_anthropic_messages_become_a_chat() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ"}}
    request = {
        "model": "claude",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "Wait."},
                    {"type": "tool_use", "id": "t1", "name": "track", "input": {"n": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "in Leipzig"},
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        "stop_sequences": ["."],
        "tools": [{"name": "track", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    }
    arguments = {"name": "track", "arguments": '{"n":1}'}
    assert to_chat("messages", request, None).request == {
        "model": "claude",
        "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be short."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ"}},
                ],
            },
            {
                "role": "assistant",
                "content": "Wait.",
                "tool_calls": [{"id": "t1", "type": "function", "function": arguments}],
                "thinking": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "in Leipzig"},
            {"role": "user", "content": "Well?"},
        ],
        "stop": ["."],
        "tools": [
            {
                "type": "function",
                "function": {"name": "track", "description": "d", "parameters": {"type": "object"}},
            }
        ],
        "tool_choice": "required",
        "output_config": {"effort": "low"},
        "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
    }


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        (None, None),
    ],
)
def test_an_anthropic_answer(stop: str | None, finish: str | None) -> None:
    response = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "ca"}, {"type": "text", "text": "rd"}],
        "stop_reason": stop,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 100,
            "output_tokens": 2,
        },
    }
    chat = to_chat("messages", {}, response).response
    assert chat is not None
    assert chat["id"] == "msg_1"
    assert chat["choices"][0]["message"] == {"role": "assistant", "content": "card"}
    assert chat["choices"][0]["finish_reason"] == finish
    assert (chat["usage"]["prompt_tokens"], chat["usage"]["completion_tokens"]) == (115, 2)
    assert chat["usage"]["prompt_tokens_details"]["cached_tokens"] == 100


@pytest.mark.parametrize("endpoint", STREAMED)
def test_an_error_stays_as_it_is(endpoint: Endpoint) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}
    assert to_chat(endpoint, {}, error).response == error


def test_converse_becomes_a_chat() -> None:
    request = {
        "system": [{"text": "Be short."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t", "name": "track", "input": {}}}],
            },
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "here"}]}}],
            },
        ],
        "inferenceConfig": {"maxTokens": 9, "stopSequences": ["."]},
        "toolConfig": {"tools": [{"toolSpec": {"name": "track", "inputSchema": {"json": {}}}}]},
    }
    call = {"id": "t", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    assert converse_to_chat(request, None).request == {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t", "content": "here"},
        ],
        "max_tokens": 9,
        "stop": ["."],
        "tools": [{"type": "function", "function": {"name": "track", "parameters": {}}}],
    }


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions", "chat"),
        ("https://api.example.com/openai/v1/chat/completions?api-version=1", "chat"),
        ("/v1/completions", "completions"),
        ("/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/v1/embeddings/", "embeddings"),
        ("/v1/models", "other"),
        ("", "other"),
    ],
)
def test_a_path_names_its_api(path: str, endpoint: Endpoint) -> None:
    assert endpoint_of_path(path) == endpoint


def test_an_output_that_the_request_has_too_is_no_repetition() -> None:
    exchange = to_chat("responses", {"output": []}, {"output": []})
    assert exchange.response is not None
    assert exchange.response["choices"][0]["message"]["role"] == "assistant"


# Answers with a good status


@given(st.sampled_from(ENDPOINTS), OBJECTS | st.text(), st.booleans())
def test_any_answer_is_read(endpoint: Endpoint, body: object, streamed: bool) -> None:  # noqa: FBT001 - a drawn value
    answer = read_answer(endpoint, orjson.dumps(body), streamed=streamed)
    assert answer.response is not None or not answer.whole


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"choices": [{"message": {"content": "Yes."}}], "error": None}),
        ("completions", {"choices": [{"text": "Yes."}]}),
        ("responses", {"output": [], "status": "completed", "error": None}),
        ("responses", {"output": [], "status": "incomplete"}),
        ("responses", {"output": []}),
        ("messages", {"content": []}),
        ("embeddings", {"data": []}),
    ],
)
def test_an_answer_is_known_as_one(endpoint: Endpoint, body: JsonObject) -> None:
    assert read_answer(endpoint, orjson.dumps(body), streamed=False) == (body, True)
    failed = body | {"error": {"message": "The model failed."}}
    assert read_answer(endpoint, orjson.dumps(failed), streamed=False) == (failed, False)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"choices": []}),
        ("chat", {"choices": [{"message": {"content": ""}, "error": {"code": 502}}]}),
        ("responses", {"output": [], "status": "queued"}),
        ("responses", {"output": [], "status": "failed"}),
        ("messages", {"type": "error"}),
        ("chat", [1]),
    ],
)
def test_what_comes_in_place_of_an_answer_is_none(endpoint: Endpoint, body: object) -> None:
    assert not read_answer(endpoint, orjson.dumps(body), streamed=False).whole


def test_a_page_is_no_answer() -> None:
    assert read_answer("chat", b"<html>", streamed=False) == (None, False)
