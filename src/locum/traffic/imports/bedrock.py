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
from locum.traffic.apis.lenient import as_object, objects, without
from locum.traffic.imports.bodies import with_usage
from locum.traffic.imports.items import LogFormat, LoggedCall, Unusable
from locum.traffic.imports.values import amount, decoded, first, moment, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import Endpoint, JsonObject, Outcome

__all__ = ["BEDROCK"]

_COHERE_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}


def _matches(record: JsonObject) -> bool:
    return any(map(_is_invocation, _entries(record)))


def _entries(record: JsonObject) -> list[JsonObject]:
    """An entry by itself, or those that are messages of events in CloudWatch."""
    events = objects(record.get("events")) or [record]
    return [as_object(decoded(event.get("message"))) or event for event in events]


def _is_invocation(record: JsonObject) -> bool:
    return record.get("schemaType") == "ModelInvocationLog" or (
        "modelId" in record and "inputBodyJson" in as_object(record.get("input"))
    )


def _read(record: JsonObject) -> Iterator[LoggedCall | Unusable]:
    if not _matches(record):
        raise BadRowError("not an entry of a log of model invocations")
    for entry in filter(_is_invocation, _entries(record)):
        try:
            yield _to_call(entry)
        except BadRowError as error:
            yield Unusable(str(error))


def _to_call(record: JsonObject) -> LoggedCall:
    sent = as_object(record.get("input"))
    came = as_object(record.get("output"))
    body = as_object(decoded(sent.get("inputBodyJson")))
    if not body:
        raise BadRowError("the body is not in the log: it is too large, or stands in S3 by itself")
    answer = _assembled(body, decoded(came.get("outputBodyJson")))
    endpoint = _endpoint(record.get("modelId"), body)
    chat = _to_chat(endpoint, body, answer.response)
    error = word(record.get("errorCode"))
    counted = with_usage(chat.response, sent.get("inputTokenCount"), came.get("outputTokenCount"))
    return LoggedCall(
        endpoint=endpoint,
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


def _endpoint(model: object, body: JsonObject) -> Endpoint | None:
    """Which API a body is closest to; ``None`` for images, ranks and the like."""
    if "inputText" in body and "embed" in str(model):
        return "embeddings"
    texts = ("messages", "prompt", "inputText", "message")
    images = "taskType" in body or "text_prompts" in body
    return "chat" if any(name in body for name in texts) and not images else None


def _to_chat(endpoint: Endpoint | None, body: JsonObject, answer: JsonObject | None) -> Exchange:
    if endpoint != "chat":
        return _embedding(body, answer) if endpoint else Exchange(body, answer)
    if _is_anthropic(body):
        return to_chat("messages", body, answer)
    if "message" in body:
        return _of_cohere(body, answer)
    if "prompt" in body or "inputText" in body:
        return to_chat("completions", _prompt(body), _completion(answer))
    if answer is not None and "choices" in answer:
        return Exchange(body, answer)
    return converse_to_chat(body, answer)


def _embedding(body: JsonObject, answer: JsonObject | None) -> Exchange:
    vectors = answer and {"data": [{"embedding": answer.get("embedding")}]}
    return Exchange({**without(body, "inputText"), "input": body["inputText"]}, vectors)


def _completion(answer: JsonObject | None) -> JsonObject | None:
    """The texts of Llama, Mistral, Titan and Cohere as completions."""
    if answer is None or "choices" in answer:
        return answer
    lists = (objects(answer.get(name)) for name in ("outputs", "results", "generations"))
    texts = next(filter(None, lists), [answer])
    choices = [
        {
            "index": index,
            "text": first(text, "text", "outputText", "generation"),
            "finish_reason": first(text, "stop_reason", "completionReason", "finish_reason"),
        }
        for index, text in enumerate(texts)
    ]
    return {"choices": choices}


def _prompt(body: JsonObject) -> JsonObject:
    """A completion's request; Titan calls the prompt otherwise."""
    if "prompt" in body:
        return body
    settings = as_object(body.get("textGenerationConfig"))
    return {**without(body, "inputText", "textGenerationConfig"), **settings} | {
        "prompt": body["inputText"]
    }


def _of_cohere(body: JsonObject, answer: JsonObject | None) -> Exchange:
    """Command R's talk: the new message beside the ones before."""
    said = [
        {"role": _COHERE_ROLES.get(str(turn.get("role"))), "content": turn.get("message")}
        for turn in objects(body.get("chat_history"))
    ]
    told = [{"role": "system", "content": body["preamble"]}] if body.get("preamble") else []
    messages = [*told, *said, {"role": "user", "content": body["message"]}]
    settings = without(body, "message", "chat_history", "preamble")
    if answer is None:
        return Exchange({**settings, "messages": messages}, None)
    message = {"role": "assistant", "content": answer.get("text")}
    choice = {"index": 0, "message": message, "finish_reason": answer.get("finish_reason")}
    return Exchange({**settings, "messages": messages}, {"choices": [choice]})


BEDROCK = LogFormat("bedrock", "Amazon Bedrock model invocation log", _matches, _read)
