"""OpenAI's chat completions and the older completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.traffic.apis.exchange import Assembled, Exchange
from locum.traffic.apis.lenient import as_count, as_object, as_text, objects, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["assemble_choices", "completions_to_chat"]

_SAID_ONCE = frozenset({"role", "type", "id", "name", "index"})
_STREAM_ALONE = ("choices", "obfuscation", "object")
_OBJECTS = {
    "chat.completion.chunk": "chat.completion",
    "text_completion": "text_completion",
}


def completions_to_chat(request: JsonObject, response: JsonObject | None) -> Exchange:
    """Turn a prompt into one user message, and texts into messages.

    Prompts of token numbers are left as they are.
    """
    return Exchange(_chat_request(request), None if response is None else _chat_response(response))


def _chat_request(request: JsonObject) -> JsonObject:
    prompt = request.get("prompt")
    texts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        return request
    content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    message = {"role": "user", "content": content}
    return {**without(request, "prompt"), "messages": [message]}


def _chat_response(response: JsonObject) -> JsonObject:
    choices = response.get("choices")
    if not isinstance(choices, list):
        return response
    return {**response, "object": "chat.completion", "choices": [_chat_choice(c) for c in choices]}


def _chat_choice(choice: object) -> object:
    if not isinstance(choice, dict) or "text" not in choice:
        return choice
    message = {"role": "assistant", "content": choice["text"]}
    rest = without(choice, "text", "logprobs")
    return {**rest, "message": message, "logprobs": _chat_logprobs(choice.get("logprobs"))}


def _chat_logprobs(logprobs: object) -> JsonObject | None:
    given = as_object(logprobs)
    if "tokens" not in given:
        return given or None
    columns = [given.get(name) for name in ("tokens", "token_logprobs", "top_logprobs")]
    tokens, values, alternatives = (c if isinstance(c, list) else [] for c in columns)
    alternatives = alternatives + [None] * len(tokens)
    # The first token of an echoed prompt has no log-probability.
    return {
        "content": [
            {
                "token": token,
                "logprob": value,
                "top_logprobs": [
                    {"token": text, "logprob": chance} for text, chance in as_object(others).items()
                ],
            }
            for token, value, others in zip(tokens, values, alternatives, strict=False)
            if value is not None
        ]
    }


def assemble_choices(events: Iterable[JsonObject], *, done: bool) -> Assembled:
    """Put the chunks of a chat or completions stream together.

    The end was seen where ``done`` says so, or where every choice gave its reason to finish: not
    every server sends ``[DONE]``.
    """
    head: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    failed = False
    for event in events:
        failed = failed or bool(event.get("error"))
        kind = _OBJECTS.get(as_text(event.get("object")))
        _overwrite(head, {**without(event, *_STREAM_ALONE), "object": kind})
        for part in objects(event.get("choices")):
            index = as_count(part.get("index")) or 0
            _add_to_choice(choices.setdefault(index, {"index": index}), part)
    if not head and not choices:
        return Assembled(None, whole=False)
    ordered = [_finished(choices[index]) for index in sorted(choices)]
    ended = done or all(choice.get("finish_reason") for choice in ordered)
    whole = ended and bool(ordered) and not failed
    body = {**head, "choices": ordered} if ordered else head
    return Assembled(body, whole=whole)


def _add_to_choice(choice: JsonObject, part: JsonObject) -> None:
    delta = part.get("delta")
    if isinstance(delta, dict):
        _merge(choice.setdefault("message", {}), delta)
    reason = part.get("finish_reason")
    _merge(choice, without(part, "delta", "index", "finish_reason"))
    if reason is not None:
        choice["finish_reason"] = reason


def _finished(choice: JsonObject) -> JsonObject:
    message = choice.get("message")
    if isinstance(message, dict):
        message.setdefault("role", "assistant")
        message.setdefault("content", None)
        if isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [
                without(as_object(call), "index") for call in message["tool_calls"]
            ]
    choice.setdefault("finish_reason", None)
    return choice


def _overwrite(body: JsonObject, event: JsonObject) -> None:
    for name, value in event.items():
        if value not in (None, "") or (name not in body and name != "object"):
            body[name] = value


def _merge(whole: JsonObject, part: JsonObject) -> None:
    """Add a delta: texts and lists grow, objects merge, everything else is replaced."""
    for name, value in part.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif name == "tool_calls" and isinstance(value, list):
            whole[name] = _merge_calls(known, value)
        elif isinstance(value, dict):
            merged = as_object(known)
            _merge(merged, value)
            whole[name] = merged
        else:
            whole[name] = _grown(name, known, value)


def _grown(name: str, known: Any, value: Any) -> Any:  # noqa: ANN401 - any part of JSON
    if name in _SAID_ONCE:
        return known or value
    same = isinstance(known, type(value)) and isinstance(value, (str, list))
    return known + value if same else value


def _merge_calls(known: object, parts: list[Any]) -> list[JsonObject]:
    calls = {_place(call, at): call for at, call in enumerate(objects(known))}
    for at, part in enumerate(objects(parts)):
        _merge(calls.setdefault(_place(part, at), {}), part)
    return [calls[place] for place in sorted(calls)]


def _place(call: JsonObject, default: int) -> int:
    index = as_count(call.get("index"))
    return default if index is None else index
