"""What a student says, as OpenAI's Responses API gives answers."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion.answers import random_digits, server_sent_events, token_scores
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from locum.promotion.answers import StudentAnswer
    from locum.promotion.frame import Ask
    from locum.schema import JsonObject

__all__ = ["repeated_in_response", "response_body", "response_stream", "takes_response"]

_ID_DIGITS = 48
_NUMBER = (int, float)
_TAKEN: dict[str, tuple[type, ...]] = {
    "background": (bool,),
    "include": (list,),
    "input": (str, list),
    "instructions": (str,),
    "max_output_tokens": (int,),
    "metadata": (dict,),
    "model": (str,),
    "parallel_tool_calls": (bool,),
    "prompt_cache_key": (str,),
    "prompt_cache_retention": (str,),
    "reasoning": (dict,),
    "safety_identifier": (str,),
    "service_tier": (str,),
    "store": (bool,),
    "stream": (bool,),
    "stream_options": (dict,),
    "temperature": _NUMBER,
    "text": (dict,),
    "tool_choice": (str,),
    "tools": (list,),
    "top_logprobs": (int,),
    "top_p": _NUMBER,
    "truncation": (str,),
    "user": (str,),
}
"""Parameters of which a student can honour some values at least, and what these look like."""
_REPEATED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what it says where that sets nothing."""
_CONSTANT: JsonObject = {
    "object": "response",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "max_tool_calls": None,
    "previous_response_id": None,
    "service_tier": "default",
    "store": False,
    "tools": [],
}
_TEXT = {"type": "text"}
_SCHEMA = {"description": None, "strict": False}


class _Ids(NamedTuple):
    response: str
    message: str


def takes_response(body: JsonObject) -> bool:
    """Tell whether a request has parameters alone of which a student knows what they ask for.

    Whether it can do what they ask for is told by its shape as a chat completion, in which
    parameters of both APIs can no longer be told apart.

    Args:
        body: The request as it was sent.
    """
    known = all(
        value is None or type(value) in _TAKEN.get(name, ()) for name, value in body.items()
    )
    return known and type((body.get("text") or {}).get("format")) in {dict, NoneType}


def repeated_in_response(body: JsonObject) -> JsonObject:
    """Return what a response repeats of its request.

    Args:
        body: The request as it was sent; `takes_response` allows it.
    """
    names = (*_REPEATED, "reasoning", "text")
    return {name: body[name] for name in names if body.get(name) is not None}


def response_body(answer: StudentAnswer, ask: Ask, repeated: JsonObject) -> bytes:
    """Return the answer as a response.

    A label is one token to a student: where log-probabilities are asked for, the whole text is.

    Args:
        answer: What is said.
        ask: How it is to be delivered.
        repeated: Of the request; see `repeated_in_response`.
    """
    ids = _new_ids()
    part = _part(answer.text, token_scores(answer, ask))
    return write_json(_completed(answer, repeated, ids, _message(ids, "completed", [part])))


def response_stream(answer: StudentAnswer, ask: Ask, repeated: JsonObject) -> bytes:
    """Return the answer as the server-sent events of a streamed response; see `response_body`."""
    ids = _new_ids()
    scores = token_scores(answer, ask)
    part = _part(answer.text, scores)
    message = _message(ids, "completed", [part])
    begun = _response(answer, repeated, ids, "in_progress")
    item: JsonObject = {"output_index": 0}
    place: JsonObject = {"item_id": ids.message, "output_index": 0, "content_index": 0}
    # The scores of these events have no bytes, unlike those of the part.
    said: JsonObject = {**place, "logprobs": [_without_bytes(score) for score in scores]}
    events: list[tuple[str, JsonObject]] = [
        ("created", {"response": begun}),
        ("in_progress", {"response": begun}),
        ("output_item.added", {**item, "item": _message(ids, "in_progress", [])}),
        ("content_part.added", {**place, "part": _part("", [])}),
        ("output_text.delta", {**said, "delta": answer.text}),
        ("output_text.done", {**said, "text": answer.text}),
        ("content_part.done", {**place, "part": part}),
        ("output_item.done", {**item, "item": message}),
        ("completed", {"response": _completed(answer, repeated, ids, message)}),
    ]
    return server_sent_events(
        {"type": f"response.{kind}", "sequence_number": number, **event}
        for number, (kind, event) in enumerate(events)
    )


def _new_ids() -> _Ids:
    return _Ids(f"resp_{random_digits(_ID_DIGITS)}", f"msg_{random_digits(_ID_DIGITS)}")


def _completed(
    answer: StudentAnswer, repeated: JsonObject, ids: _Ids, message: JsonObject
) -> JsonObject:
    return {
        **_response(answer, repeated, ids, "completed"),
        "completed_at": answer.created,
        "output": [message],
        "usage": _usage(answer),
    }


def _response(answer: StudentAnswer, repeated: JsonObject, ids: _Ids, status: str) -> JsonObject:
    """A response of which nothing has been said yet."""
    return {
        "id": ids.response,
        **_CONSTANT,
        **{name: repeated.get(name, default) for name, default in _REPEATED.items()},
        "created_at": answer.created,
        "completed_at": None,
        "status": status,
        "model": answer.model,
        "output": [],
        "reasoning": {"effort": None, "summary": None, **repeated.get("reasoning", {})},
        "text": _text_settings(repeated.get("text", {})),
        "usage": None,
    }


def _text_settings(text: JsonObject) -> JsonObject:
    form: JsonObject = text.get("format") or _TEXT
    return {
        "format": {**_SCHEMA, **form} if form.get("type") == "json_schema" else form,
        "verbosity": text.get("verbosity") or "medium",
    }


def _message(ids: _Ids, status: str, content: list[JsonObject]) -> JsonObject:
    return {
        "id": ids.message,
        "type": "message",
        "status": status,
        "content": content,
        "role": "assistant",
    }


def _part(text: str, scores: list[JsonObject]) -> JsonObject:
    return {"type": "output_text", "annotations": [], "logprobs": scores, "text": text}


def _without_bytes(score: JsonObject) -> JsonObject:
    others = [_without_bytes(other) for other in score.get("top_logprobs", ())]
    plain = {"token": score["token"], "logprob": score["logprob"]}
    return {**plain, "top_logprobs": others} if "top_logprobs" in score else plain


def _usage(answer: StudentAnswer) -> JsonObject:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
