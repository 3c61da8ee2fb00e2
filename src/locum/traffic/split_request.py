"""A request taken apart: the input, and what is alike in all calls of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from locum.schema import Endpoint, JsonObject

__all__ = ["DELIVERY", "SETTINGS", "SplitRequest", "is_stored", "plain_rest", "split_request"]

# These change how an answer is delivered or accounted for, and not what it says.
DELIVERY = frozenset(
    {
        *("model", "messages", "response_format"),
        *("stream", "stream_options", "logprobs", "top_logprobs", "n", "seed"),
        *("user", "metadata", "safety_identifier", "service_tier", "parallel_tool_calls"),
        *("prompt_cache_key", "prompt_cache_retention", "store"),
    }
)
# These may change it, in ways that a student has learned where its teacher was asked so as well.
SETTINGS = frozenset(
    {
        *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens"),
        *("presence_penalty", "frequency_penalty", "stop", "reasoning_effort", "verbosity"),
    }
)
# These leave an answer as it is where they have one of these values.
_WITHOUT_EFFECT: JsonObject = {"tools": ([],)}
_WITHOUT_EFFECT_ON_RESPONSES: JsonObject = {
    **_WITHOUT_EFFECT,
    "background": (False,),
    "include": ([],),
    "tool_choice": ("auto", "none"),
    "truncation": ("auto", "disabled"),
}
_SAID = frozenset({"role", "content"})
_ROLES = frozenset({"system", "developer", "user", "assistant"})
# OpenAI's newer name of the same.
_SAME_ROLE = {"developer": "system"}
_ODD_MESSAGES = "messages of more than text, or none of the user's at the end"


class SplitRequest(NamedTuple):
    """A request in the shape of chat completions, taken apart.

    Args:
        text: The input: what the last user message says.
        rest: All but the input, of which a frame is made.
    """

    text: str
    rest: JsonObject


def split_request(chat: JsonObject, endpoint: Endpoint = "chat") -> SplitRequest | str:
    """Take the input out of a request, or say what of it keeps every student from answering it.

    That is where it offers tools, wants several answers, holds images, files or sound, does not end
    with the user's words, or has a parameter that is not known here: ``'tools'``, for one.

    Args:
        chat: The request in the shape of chat completions.
        endpoint: The API that it was sent to.
    """
    harmless = _WITHOUT_EFFECT_ON_RESPONSES if endpoint == "responses" else _WITHOUT_EFFECT
    for name, value in chat.items():
        known = name in DELIVERY or name in SETTINGS
        if not known and _has_effect(value, harmless.get(name, ())):
            return repr(name)
    if not _is_one(chat.get("n")):
        return "'n'"
    messages = chat.get("messages")
    if not isinstance(messages, list) or not messages:
        return "no messages"
    turns, text = messages[:-1], _text_of(messages[-1], {"user"})
    if text is None or any(_text_of(turn, _ROLES) is None for turn in turns):
        return _ODD_MESSAGES
    rest = {k: v for k, v in chat.items() if k in SETTINGS and v is not None}
    rest["model"] = chat.get("model")
    rest["response_format"] = chat.get("response_format")
    rest["messages"] = turns
    return SplitRequest(text, rest)


def plain_rest(rest: JsonObject) -> JsonObject:
    """Return what is left of a request without its input in one of the spellings that clients have.

    Settings that are whole numbers have no point, and those that are empty lists are left out. Each
    message is a role and a text, with its parts joined by lines, and instructs as ``system``.

    Args:
        rest: That of `split_request`.
    """
    plain = {
        name: _plain_number(value) if name in SETTINGS else value
        for name, value in rest.items()
        if name not in SETTINGS or value != []
    }
    plain["messages"] = [_plain_turn(turn) for turn in rest["messages"]]
    return plain


def is_stored(endpoint: Endpoint, request: JsonObject) -> bool:
    """Tell whether the provider is to keep an answer, so that its id can be named later.

    OpenAI's Responses API keeps each answer of which it is not told otherwise.

    Args:
        endpoint: Which API the request belongs to.
        request: The body, as it was sent or in the shape of chat completions.
    """
    store = request.get("store")
    return store is not False if endpoint == "responses" else bool(store)


def _has_effect(value: object, without: Sequence[object]) -> bool:
    return value is not None and value not in without


def _is_one(answers: object) -> bool:
    return answers is None or (type(answers) is int and answers == 1)


def _plain_number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain_turn(turn: JsonObject) -> JsonObject:
    role = turn["role"]
    return {"role": _SAME_ROLE.get(role, role), "content": _text_of(turn, _ROLES)}


def _text_of(message: object, roles: Container[str]) -> str | None:
    """The words of a message; ``None`` where it is of another role, or holds more than words."""
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(role, str) or role not in roles:
        return None
    if any(message[name] for name in message.keys() - _SAID):
        return None
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return None
    texts = [
        part["text"]
        for part in content
        if isinstance(part, dict)
        and part.get("type") == "text"
        and isinstance(part.get("text"), str)
    ]
    return "\n".join(texts) if len(texts) == len(content) else None
