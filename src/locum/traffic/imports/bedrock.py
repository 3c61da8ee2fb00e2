"""Amazon Bedrock: the log of model invocations, from S3 or CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis import (
    Assembled,
    Exchange,
    assemble,
    assemble_converse,
    converse_to_chat,
    to_chat,
)
from locum.traffic.apis.lenient import as_object, objects
from locum.traffic.imports.bodies import with_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import amount, decoded, moment, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject, Outcome

__all__ = ["BEDROCK"]


def _matches(record: JsonObject) -> bool:
    return record.get("schemaType") == "ModelInvocationLog" or (
        "modelId" in record and "inputBodyJson" in as_object(record.get("input"))
    )


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    if not _matches(record):
        raise BadRowError("not an entry of a log of model invocations")
    sent = as_object(record.get("input"))
    came = as_object(record.get("output"))
    body = as_object(decoded(sent.get("inputBodyJson")))
    if not body:
        raise BadRowError("the body is not in the log: it is too large, or stands in S3 by itself")
    answer = _assembled(body, decoded(came.get("outputBodyJson")))
    chat = _to_chat(body, answer.response)
    error = word(record.get("errorCode"))
    counted = with_usage(chat.response, sent.get("inputTokenCount"), came.get("outputTokenCount"))
    yield LoggedCall(
        endpoint="chat",
        request={"model": record.get("modelId"), **chat.request},
        response={"error": {"code": error}} if error else counted,
        id=word(record.get("requestId")),
        time=moment(record.get("timestamp")),
        outcome="failed" if error else _outcome(answer),
        upstream="bedrock",
        latency_ms=amount(as_object((answer.response or {}).get("metrics")).get("latencyMs")),
        streamed="Stream" in (word(record.get("operation")) or ""),
    )


def _outcome(answer: Assembled) -> Outcome:
    if answer.response is None:
        return "failed"
    return "whole" if answer.whole else "incomplete"


def _is_anthropic(body: JsonObject) -> bool:
    return "anthropic_version" in body


def _assembled(body: JsonObject, output: object) -> Assembled:
    """A stream is logged as the list of its events."""
    if isinstance(output, list) and _is_anthropic(body):
        return assemble("messages", objects(output))
    if isinstance(output, list) and any("choices" in event for event in objects(output)):
        return assemble("chat", objects(output))
    if isinstance(output, list):
        return assemble_converse(objects(output))
    return Assembled(as_object(output) or None, whole=True)


def _to_chat(body: JsonObject, answer: JsonObject | None) -> Exchange:
    if _is_anthropic(body):
        return to_chat("messages", body, answer)
    if "prompt" in body:
        return to_chat("completions", body, _completion(answer))
    if answer is not None and "choices" in answer:
        return Exchange(body, answer)
    return converse_to_chat(body, answer)


def _completion(answer: JsonObject | None) -> JsonObject | None:
    """The texts of Llama (``generation``) and Mistral (``outputs``) as completions."""
    if answer is None or "choices" in answer:
        return answer
    texts = objects(answer.get("outputs")) or [{**answer, "text": answer.get("generation")}]
    choices = [
        {"index": index, "text": text.get("text"), "finish_reason": text.get("stop_reason")}
        for index, text in enumerate(texts)
    ]
    return {"choices": choices}


BEDROCK = LogFormat("bedrock", "Amazon Bedrock model invocation log", _matches, _read)
