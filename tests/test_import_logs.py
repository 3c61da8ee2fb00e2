"""What the logs of tools and clouds hold beside what their documentation shows first."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.traffic import instruction
from tests.importing import calls_of, lines, said_in, take, write

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import Call, JsonObject
    from locum.store import CallStore

MESSAGES = [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Where is it?"}]
ANSWER = {
    "id": "chatcmpl-" + "4" * 32,
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "shipping"}}],
    "usage": {"prompt_tokens": 60, "completion_tokens": 4},
}


def only(store: CallStore, tmp_path: Path, record: JsonObject) -> Call:
    """The one call of a log of one record."""
    take(store, write(tmp_path / "one.jsonl", lines(record)))
    [call] = calls_of(store)
    return call


def reasons(store: CallStore, tmp_path: Path, record: JsonObject) -> list[str]:
    """Why a record is skipped."""
    [file] = take(store, write(tmp_path / "bad.jsonl", lines(record))).files
    assert file.added == 0
    return list(file.skipped.counts)


# LiteLLM

SPEND: JsonObject = {
    "request_id": "chatcmpl-" + "4" * 32,
    "call_type": "acompletion",
    "spend": 0.25,
    "startTime": "2026-01-01T00:00:00Z",
    "model": "gpt-4o-mini",
    "custom_llm_provider": "openai",
    "messages": {},
    "response": ANSWER,
    "metadata": '{"user_api_key_alias": "helpdesk"}',
}


@pytest.mark.parametrize("wrapped", [False, True])
def test_rows_of_spends_tell_what_was_asked_as_the_proxy_got_it(
    store: CallStore, tmp_path: Path, *, wrapped: bool
) -> None:
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "temperature": 0}
    sent = {"url": "http://proxy/chat/completions", "body": body} if wrapped else body
    call = only(store, tmp_path, {**SPEND, "proxy_server_request": sent})
    assert said_in(call) == ("Where is it?", "shipping")
    assert instruction(call.request) == "Sort."
    assert call.request["temperature"] == 0
    assert (call.facts.cost_usd, call.facts.application) == (0.25, "helpdesk")


def test_embeddings_of_spends(store: CallStore, tmp_path: Path) -> None:
    body = {"model": "text-embedding-3-small", "input": "a parcel"}
    vector = {"object": "list", "data": [{"embedding": [0.5]}]}
    row = {**SPEND, "call_type": "aembedding", "proxy_server_request": body, "response": vector}
    call = only(store, tmp_path, row)
    assert (call.facts.endpoint, call.facts.preview) == ("embeddings", "a parcel")


def test_rows_of_spends_that_litellm_cut_are_not_learned_from(
    store: CallStore, tmp_path: Path
) -> None:
    cut = "Where ... (litellm_truncated 4117 chars) it?"
    body = {"messages": [{"role": "user", "content": cut}]}
    [reason] = reasons(store, tmp_path, {**SPEND, "proxy_server_request": body})
    assert "MAX_STRING_LENGTH_PROMPT_IN_DB" in reason
    [reason] = reasons(store, tmp_path, {**SPEND, "proxy_server_request": {}})
    assert "store_prompts_in_spend_logs" in reason


# Langfuse


def test_each_kind_of_tokens_that_langfuse_counts_apart_is_counted(
    store: CallStore, tmp_path: Path
) -> None:
    usage = {
        "input": 100,
        "input_cached_tokens": 80,
        "input_audio_tokens": 7,
        "output": 20,
        "output_reasoning_tokens": 800,
        "total": 1007,
    }
    record = {
        "traceId": "t",
        "id": "o",
        "type": "GENERATION",
        "model": "o3-mini",
        "startTime": "2026-01-01T00:00:00Z",
        "input": MESSAGES,
        "output": "shipping",
        "usageDetails": usage,
    }
    facts = only(store, tmp_path, record).facts
    assert (facts.input_tokens, facts.output_tokens) == (187, 820)


# Numbers that no column of a database takes


@pytest.mark.parametrize("much", [1e30, 2**63, "1e30"])
def test_numbers_of_more_than_64_bits_count_as_missing(
    store: CallStore, tmp_path: Path, much: object
) -> None:
    named = ("status", "latency_ms", "cost_usd", "prompt_tokens")
    told: JsonObject = {"messages": MESSAGES, "response": "shipping", **dict.fromkeys(named, much)}
    facts = only(store, tmp_path, told).facts
    assert (facts.status, facts.latency_ms, facts.cost_usd, facts.input_tokens) == (None,) * 4


# Bedrock


def invocation(model: str, sent: JsonObject, came: JsonObject) -> JsonObject:
    """An entry of the log of model invocations."""
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-01-01T00:00:00Z",
        "requestId": "r",
        "modelId": model,
        "input": {"inputBodyJson": sent, "inputTokenCount": 60},
        "output": {"outputBodyJson": came, "outputTokenCount": 4},
    }


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (
            {"inputText": "Where is it?", "textGenerationConfig": {"maxTokenCount": 5}},
            {"results": [{"outputText": "shipping", "completionReason": "FINISH"}]},
        ),
        ({"inputText": "Where is it?"}, {"results": [{"outputText": "shipping"}]}),
        (
            {"message": "Where is it?", "chat_history": [{"role": "USER", "message": "Hi"}]},
            {"text": "shipping", "finish_reason": "COMPLETE"},
        ),
        ({"prompt": "Where is it?"}, {"generations": [{"text": "shipping"}]}),
        ({"prompt": "Where is it?"}, {"generation": "shipping", "stop_reason": "stop"}),
    ],
)
def test_models_of_bedrock_with_bodies_of_their_own(
    store: CallStore, tmp_path: Path, sent: JsonObject, came: JsonObject
) -> None:
    call = only(store, tmp_path, invocation("m", sent, came))
    assert said_in(call) == ("Where is it?", "shipping")
    assert (call.facts.input_tokens, call.facts.output_tokens) == (60, 4)


def test_embeddings_of_bedrock(store: CallStore, tmp_path: Path) -> None:
    sent, came = {"inputText": "a parcel", "dimensions": 256}, {"embedding": [0.5]}
    call = only(store, tmp_path, invocation("amazon.titan-embed-text-v2:0", sent, came))
    assert (call.facts.endpoint, call.facts.preview) == ("embeddings", "a parcel")


def test_what_cloudwatch_prints(store: CallStore, tmp_path: Path) -> None:
    sent, came = {"prompt": "Where is it?"}, {"generation": "shipping"}
    logged = [
        {"timestamp": 1_767_225_600_000, "message": json.dumps(invocation("m", sent, came) | own)}
        for own in ({}, {"requestId": "s"})
    ]
    path = write(tmp_path / "a.json", json.dumps({"events": logged}, indent=4))
    (file,) = take(store, path, format=None).files
    assert (file.format, file.added) == ("bedrock", 2)
    assert said_in(calls_of(store)[0]) == ("Where is it?", "shipping")


def test_images_of_bedrock_are_counted_alone(store: CallStore, tmp_path: Path) -> None:
    sent = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a parcel"}}
    record = invocation("amazon.nova-canvas-v1:0", sent, {"images": ["AAAA"]})
    (file,) = take(store, write(tmp_path / "a.jsonl", lines(record))).files
    assert (file.added, file.other, file.skipped.total) == (0, 1, 0)


# Lines and tables of an application's own


def test_talks_that_end_with_the_answer_tell_what_stands_beside_them(
    store: CallStore, tmp_path: Path
) -> None:
    said = [*MESSAGES, {"role": "assistant", "content": "shipping"}]
    own = {"timestamp": "2026-01-01T00:00:00Z", "user_id": "u1", "id": "row1", "latency_ms": 7}
    line = {"messages": said, "model": "gpt-4o-mini", **own, "usage": ANSWER["usage"]}
    call = only(store, tmp_path, line)
    assert call.request == {"model": "gpt-4o-mini", "messages": MESSAGES}
    facts = call.facts
    assert (facts.time, facts.latency_ms, facts.source) == (1_767_225_600, 7, "fine-tuning")
    assert (facts.input_tokens, facts.output_tokens) == (60, 4)


def test_an_instruction_in_json_stays_the_text_that_was_sent(
    store: CallStore, tmp_path: Path
) -> None:
    told = '{"role": "clerk", "words": ["billing"]}'
    call = only(store, tmp_path, {"system": told, "messages": MESSAGES[1:], "response": "shipping"})
    assert str(call.request).count('["billing"]') == 1


@pytest.mark.parametrize("answer", ["shipping", json.dumps(ANSWER)])
def test_a_table_with_messages_in_a_column(store: CallStore, tmp_path: Path, answer: str) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["created_at", "model", "messages", "temperature", "tools", "response"])
        sent = json.dumps(MESSAGES)
        rows.writerow(["2026-01-01T00:00:00Z", "gpt-4o-mini", sent, "0.0", "", answer])
    take(store, path)
    [call] = calls_of(store)
    assert call.request == {"model": "gpt-4o-mini", "messages": MESSAGES, "temperature": 0}
    assert said_in(call) == ("Where is it?", "shipping")
    assert (call.facts.time, call.facts.source) == (1_767_225_600, "pairs")


def test_answers_of_ollama(store: CallStore, tmp_path: Path) -> None:
    message = {"role": "assistant", "content": "shipping"}
    answer = {"model": "llama3", "created_at": "2026-01-01T00:00:00.25Z", "message": message}
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 60, "eval_count": 4}
    record = {"request": {"model": "llama3", "messages": MESSAGES}, "response": answer | counts}
    call = only(store, tmp_path, record)
    assert said_in(call) == ("Where is it?", "shipping")
    facts = call.facts
    assert (facts.time, facts.input_tokens, facts.output_tokens) == (1_767_225_600.25, 60, 4)


# Times and tables as tools write them


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-01 00:00:00 UTC",
        "2026-01-01 00:00:00.000000 UTC",
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 01:00:00 +0100",
        {"$date": "2026-01-01T00:00:00Z"},
    ],
)
def test_times_as_databases_and_headers_write_them(
    store: CallStore, tmp_path: Path, time: object
) -> None:
    line = {"timestamp": time, "messages": MESSAGES, "response": "shipping"}
    assert only(store, tmp_path, line).facts.time == 1_767_225_600
    assert store.untimed() == frozenset()


@pytest.mark.parametrize("before", ["sep=;\n", "sep=;\r\n", "\n\n", "\ufeffsep=;\n"])
def test_what_stands_before_a_header(store: CallStore, tmp_path: Path, before: str) -> None:
    content = f"{before}text;answer\nWhere is it, please?;shipping\n"
    (file,) = take(store, write(tmp_path / "a.csv", content)).files
    assert (file.added, file.skipped.total) == (1, 0)
    assert said_in(calls_of(store)[0]) == ("Where is it, please?", "shipping")


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"PAR1", "is Parquet: "), (b"PK\x03\x04", "a ZIP archive"), (b"\xfd7zXZ\0", "by XZ")],
)
def test_files_of_other_kinds_are_named(
    store: CallStore, tmp_path: Path, start: bytes, kind: str
) -> None:
    with pytest.raises(InputError, match=kind):
        take(store, write(tmp_path / "a.jsonl", start + b"\0" * 20))
