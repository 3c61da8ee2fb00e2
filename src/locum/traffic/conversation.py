"""What is asked and answered in a call whose bodies have the shape of chat completions."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from locum.traffic.apis.lenient import as_object, as_text, objects
from locum.traffic.strict_json import canonical_json
from locum.traffic.thoughts import split_thought

if TYPE_CHECKING:
    from locum.schema import Endpoint, JsonObject

__all__ = [
    "answer_text",
    "broke_off",
    "fingerprint",
    "first_choice",
    "has_thought",
    "input_text",
    "instruction",
    "said_text",
    "service_tier",
    "thought_frame",
    "token_logprobs",
]

_FINGERPRINT_DIGITS = 12
_KINDS: dict[Endpoint, str] = {"embeddings": "embeddings", "other": "other"}
_INSTRUCTING = ("system", "developer")
# The answer is at its longest, or the context is: the latter as Mistral calls it.
_CUT_OFF = ("length", "model_length")
# Where providers put what a model thought: Anthropic's API as it is kept here, DeepSeek, vLLM.
_BESIDE = ("thinking", "reasoning_content", "reasoning")


def instruction(request: JsonObject) -> str:
    """Return what the model is told to do: the system and developer messages, joined by lines."""
    told = (m for m in objects(request.get("messages")) if m.get("role") in _INSTRUCTING)
    return "\n".join(_text(message.get("content")) for message in told)


def input_text(request: JsonObject) -> str:
    """Return the text of the last user message, or what else there is to answer or embed.

    Parts of a message are joined by lines; ``[image]`` and the like stand for what is no text.
    """
    for message in reversed(objects(request.get("messages"))):
        if message.get("role") == "user":
            return _text(message.get("content"))
    given = request.get("input", request.get("prompt"))
    return given if isinstance(given, str) else "\n".join(_strings(given))


def answer_text(response: JsonObject) -> str | None:
    """Return the text of the first choice; ``None`` for a refusal, tool calls alone, or nothing."""
    message = as_object(first_choice(response).get("message"))
    if message.get("refusal"):
        return None
    return said_text(message.get("content")) or None


def broke_off(finish_reason: object) -> bool:
    """Return whether an answer ended at the most tokens that it might have."""
    return finish_reason in _CUT_OFF


def said_text(content: object) -> str:
    """Return the text of an answer, without what the model thought before it."""
    return split_thought(_spoken(content)).text


def thought_frame(response: JsonObject) -> str:
    """Return the tags around thoughts in the text of the first choice; empty where none are."""
    message = as_object(first_choice(response).get("message"))
    return split_thought(_spoken(message.get("content"))).frame


def has_thought(response: JsonObject) -> bool:
    """Tell whether tokens of an answer were spent on thoughts, in its text or beside it."""
    message = as_object(first_choice(response).get("message"))
    details = as_object(as_object(response.get("usage")).get("completion_tokens_details"))
    beside = bool(details.get("reasoning_tokens")) or any(map(message.get, _BESIDE))
    return beside or bool(thought_frame(response))


def _spoken(content: object) -> str:
    """Return the text of an answer, without parts that are marked as thoughts."""
    if isinstance(content, list):
        content = [part for part in content if as_object(part).get("type") != "thinking"]
    return _text(content)


def service_tier(request: JsonObject, response: JsonObject) -> str:
    """Return the tier that served a call as its provider says, else the one that was asked for."""
    told = (response, as_object(response.get("usage")), request)
    return next((tier for part in told if (tier := as_text(part.get("service_tier")))), "")


def token_logprobs(response: JsonObject) -> list[JsonObject] | None:
    """Return the log-probabilities of the first choice's tokens, one object a token, if any."""
    return objects(as_object(first_choice(response).get("logprobs")).get("content")) or None


def first_choice(response: JsonObject) -> JsonObject:
    """Return the first choice of an answer; empty where there is none."""
    choices = objects(response.get("choices"))
    return min(choices, key=_choice_index) if choices else {}


def fingerprint(endpoint: Endpoint, request: JsonObject) -> str:
    """Return twelve hexadecimal digits, alike for calls with one instruction and kind of output.

    All APIs for text count as one. The model and its settings do not count, nor do earlier turns:
    from one call alone it cannot be told whether they are examples that every call repeats or the
    talk so far, and a task that is split in many is harder to mend than two that are kept as one.
    """
    form = request.get("response_format")
    asked = {
        "kind": _KINDS.get(endpoint, "chat"),
        "instruction": instruction(request),
        "format": None if as_object(form).get("type") == "text" else form,
        "tools": request.get("tools") or None,
    }
    return sha256(canonical_json(asked)).hexdigest()[:_FINGERPRINT_DIGITS]


def _choice_index(choice: JsonObject) -> float:
    index = choice.get("index")
    return index if isinstance(index, (int, float)) else 0


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(_part_text(part) for part in content)
    return as_text(content)


def _part_text(part: Any) -> str:  # noqa: ANN401 - any part of JSON
    if isinstance(part, str):
        return part
    given = as_object(part)
    if isinstance(given.get("text"), str):
        return str(given["text"])
    kind = as_text(given.get("type")).removeprefix("input_").removesuffix("_url")
    return f"[{kind or 'part'}]"


def _strings(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
