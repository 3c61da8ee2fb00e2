"""Bodies of requests and answers, from what logs hold in their place.

A model may answer, and be asked, in JSON whose fields are called as those of an API. So a body is
told by what an API alone writes, and everything else is text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis import Assembled, StreamEvents, assemble, stream_events
from locum.traffic.apis.lenient import as_object, as_text, objects
from locum.traffic.apis.messages import to_chat_usage
from locum.traffic.imports.values import as_written, decoded, first, whole_number

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject, Outcome

__all__ = ["outcome_of", "to_answer", "to_request", "with_logged_usage", "with_usage"]

_ASKED = ("prompt_tokens", "input_tokens", "promptTokens", "inputTokens")
_ANSWERED = ("completion_tokens", "output_tokens", "completionTokens", "outputTokens")
_BODY_NAMES = ("messages", "prompt", "input", "contents", "system")
_SETTINGS = ("model", "instructions", "tools", "temperature", "max_tokens", "max_output_tokens")
_ROLES = (
    *("system", "developer", "user", "assistant", "tool", "function"),
    *("model", "human", "ai"),
)
_SAID = ("content", "tool_calls", "function_call", "refusal")
# What a message may have that does not say whose it is.
_BARE = {*_SAID, "annotations", "audio", "reasoning_content"}
_OBJECTS = ("chat.completion", "text_completion", "response")
_COMPLETION = {"id", "object", "created", "model", "choices", "usage", "system_fingerprint"}
_ITEMS = ("message", "function_call", "reasoning")
_ERROR = {
    *("error", "type", "message", "detail", "code", "param", "status", "status_code"),
    *("id", "object", "created", "model", "request_id", "user_id", "provider"),
}
_STREAM_STARTS = ("data:", "event:", ":")
_MESSAGE_EVENTS = ("message_start", "content_block_start", "content_block_delta", "message_delta")


def to_request(
    given: object, settings: JsonObject | None = None, *, is_body: bool = False
) -> JsonObject:
    """Return a request body, from one or from the messages or the text that a log calls an input.

    Args:
        given: The input.
        settings: The model and its parameters, where the log has them beside the input.
        is_body: Whether the log calls it a body.

    Raises:
        BadRowError: There is no input.
    """
    value = decoded(given)
    if isinstance(value, dict) and (_is_request(value) or (is_body and _has(value, _BODY_NAMES))):
        return {**(settings or {}), **value}
    messages = [value] if isinstance(value, dict) else value
    if isinstance(messages, list) and any(map(_is_message, objects(messages))):
        return {**(settings or {}), "messages": messages}
    if value is None or value in ("", [], {}):
        raise BadRowError("the input is missing: the log was written without contents")
    return {**(settings or {}), "messages": [{"role": "user", "content": as_written(value)}]}


def to_answer(given: object) -> Assembled:
    """Return a response body, from one, from a stream's text or events, from messages or from text.

    Numbers and other JSON count as the text that they are written as.
    """
    value = decoded(given)
    if value is None or value == "":
        return Assembled(None, whole=False)
    if isinstance(value, dict) and _is_response(value):
        return Assembled(value, whole=True)
    return _of_ollama(value) or _of_stream(value) or Assembled(_of_messages(value), whole=True)


def outcome_of(
    response: JsonObject | None,
    status: int | None = None,
    error: object = None,
    *,
    whole: bool = True,
) -> Outcome:
    """Return whether an answer arrived, by its status and by what stands in its place.

    Args:
        response: The body.
        status: HTTP status, where it is known.
        error: What the log says went wrong.
        whole: Whether a stream was seen to its end.
    """
    bad = status is not None and status >= 400
    if response is None or bad or error or _holds_error(response):
        return "failed"
    return "whole" if whole else "incomplete"


def with_usage(
    response: JsonObject | None,
    input_tokens: object,
    output_tokens: object,
    cached_tokens: object = None,
    written_tokens: object = None,
) -> JsonObject | None:
    """Return the response with the tokens that a log counted, where it does not tell its own.

    Args:
        response: The body.
        input_tokens: Tokens of the request. Those from and to the provider's cache are among them,
            unless they are more: then they were counted apart.
        output_tokens: Tokens of the answer.
        cached_tokens: Tokens that were read from the provider's cache.
        written_tokens: Tokens that were written to it.
    """
    asked, answered = whole_number(input_tokens), whole_number(output_tokens)
    if response is None or as_object(response.get("usage")) or (asked, answered) == (None, None):
        return response
    cached, written = whole_number(cached_tokens) or 0, whole_number(written_tokens) or 0
    if asked is not None and cached + written > asked:
        asked += cached + written
    usage: JsonObject = {"prompt_tokens": asked, "completion_tokens": answered}
    usage = {name: count for name, count in usage.items() if count is not None}
    if cached or written:
        details = {"cached_tokens": cached, "cache_write_tokens": written}
        usage["prompt_tokens_details"] = details
    return {**response, "usage": usage}


def with_logged_usage(response: JsonObject | None, record: JsonObject) -> JsonObject | None:
    """Return the response with the tokens that a log of an application's own has beside it."""
    usage = as_object(decoded(record.get("usage")))
    if usage and response is not None and not as_object(response.get("usage")):
        return {**response, "usage": to_chat_usage(usage)}
    return with_usage(response, first(record, *_ASKED), first(record, *_ANSWERED))


def _is_request(value: JsonObject) -> bool:
    return (
        any(map(_is_message, objects(value.get("messages"))))
        or any("parts" in content for content in objects(value.get("contents")))
        or (_has(value, ("prompt", "input")) and _has(value, _SETTINGS))
    )


def _is_message(value: JsonObject) -> bool:
    return value.get("role") in _ROLES and _has(value, _SAID)


def _is_response(value: JsonObject) -> bool:
    choices = objects(value.get("choices"))
    return (
        value.get("object") in _OBJECTS
        or any(isinstance(choice.get("message"), dict) for choice in choices)
        or (any("text" in choice for choice in choices) and value.keys() <= _COMPLETION)
        or any(item.get("type") in _ITEMS for item in objects(value.get("output")))
        or (value.get("object") == "list" and isinstance(value.get("data"), list))
        or (value.get("type") == "message" and isinstance(value.get("content"), list))
        or _is_error(value)
    )


def _is_error(value: JsonObject) -> bool:
    return _holds_error(value) and value.keys() <= _ERROR


def _holds_error(body: JsonObject) -> bool:
    """Tell whether an error stands where a body has its answer."""
    error = body.get("error")
    named = isinstance(error, (dict, str)) and bool(error)
    return named and not any(body.get(name) for name in ("choices", "output", "content"))


def _of_ollama(value: object) -> Assembled | None:
    """The answer of Ollama's own API."""
    body = as_object(value)
    message = as_object(body.get("message"))
    if "done" not in body or not _is_message(message):
        return None
    choice = {"index": 0, "message": message, "finish_reason": body.get("done_reason")}
    told: JsonObject = {name: body[name] for name in ("model", "created_at") if name in body}
    counts = (body.get("prompt_eval_count"), body.get("eval_count"))
    response = with_usage({**told, "choices": [choice]}, *counts)
    return Assembled(response, whole=body["done"] is True)


def _of_stream(value: object) -> Assembled | None:
    stream = _events(value)
    kinds = [kind for event in stream.events if (kind := _kind(event)) is not None]
    if kinds:
        return assemble(kinds[0], stream.events, done=stream.done)
    errors = [event for event in stream.events if _is_error(event)]
    return Assembled(errors[0], whole=False) if errors and isinstance(value, str) else None


def _events(value: object) -> StreamEvents:
    if isinstance(value, str) and value.lstrip().startswith(_STREAM_STARTS):
        return stream_events(value.lstrip().encode("utf-8", "surrogatepass"))
    return StreamEvents(objects(value), done=False, bad=0)


def _kind(event: JsonObject) -> Endpoint | None:
    """The API whose stream an event is of."""
    named = as_text(event.get("type"))
    if named.startswith("response."):
        return "responses"
    if named in _MESSAGE_EVENTS:
        return "messages"
    chunk = event.get("object") == "chat.completion.chunk"
    deltas = any("delta" in choice for choice in objects(event.get("choices")))
    return "chat" if chunk or deltas or event.get("object") == "text_completion" else None


def _of_messages(value: object) -> JsonObject:
    spoken = [value] if isinstance(value, dict) else objects(value)
    messages = [message for message in spoken if _is_message(message) or _is_bare(message)]
    choices = [
        {"index": index, "message": {"role": "assistant", **message}}
        for index, message in enumerate(messages or [{"content": as_written(value)}])
    ]
    return {"choices": choices}


def _is_bare(value: JsonObject) -> bool:
    """Tell whether an object is a message that does not say whose it is, as LangChain's do not."""
    content = value.get("content")
    told = isinstance(content, (str, list)) or bool(objects(value.get("tool_calls")))
    return told and (value.keys() <= _BARE or "additional_kwargs" in value)


def _has(value: JsonObject, names: tuple[str, ...]) -> bool:
    return any(name in value for name in names)
