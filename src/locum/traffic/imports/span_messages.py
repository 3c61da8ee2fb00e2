"""The messages of a GenAI span, in the three ways in which instrumentations write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from locum.traffic.apis.lenient import as_object, as_text, objects, without
from locum.traffic.imports.values import as_written, decoded, first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["read_input", "read_output"]

_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,4})\.(.+)")
_CALL_FIELD = re.compile(r"tool_calls\.(\d{1,4})\.(id|name|arguments)")
_ROLES = ("system", "user", "assistant", "tool")
_REASONS = {"tool_call": "tool_calls"}


def read_input(attributes: JsonObject, events: list[JsonObject]) -> list[JsonObject]:
    """Return the messages that were sent; none where contents were not captured."""
    given = decoded(attributes.get("gen_ai.input.messages"))
    if isinstance(given, list):
        system = objects(decoded(attributes.get("gen_ai.system_instructions")))
        told = [{"role": "system", "content": _content(system)}] if system else []
        return told + [sent for message in objects(given) for sent in _sent(message)]
    numbered = _numbered(attributes, "prompt")
    if numbered:
        return numbered
    listed = objects(decoded(attributes.get("gen_ai.prompt")))
    return listed or _from_events(events)


def read_output(attributes: JsonObject, events: list[JsonObject]) -> list[JsonObject]:
    """Return the choices that came back."""
    given = objects(decoded(attributes.get("gen_ai.output.messages")))
    reasons = decoded(attributes.get("gen_ai.response.finish_reasons"))
    messages = [_message(message) for message in given]
    messages = messages or _numbered(attributes, "completion")
    messages = messages or objects(decoded(attributes.get("gen_ai.completion")))
    if not messages:
        return _choices_from_events(events)
    return [
        _choice(at, message, reasons[at] if isinstance(reasons, list) and at < len(reasons) else "")
        for at, message in enumerate(messages)
    ]


def _choice(index: int, message: JsonObject, reason: object) -> JsonObject:
    said = as_text(message.get("finish_reason")) or as_text(reason)
    return {
        "index": index,
        "message": {"role": "assistant", **without(message, "finish_reason")},
        "finish_reason": _REASONS.get(said, said) or None,
    }


def _sent(message: JsonObject) -> list[JsonObject]:
    """One message for each answer of a tool, and one for what is said besides."""
    parts = objects(message.get("parts"))
    answers = [_tool_message(part) for part in parts if part.get("type") == "tool_call_response"]
    rest = [part for part in parts if part.get("type") != "tool_call_response"]
    if answers and not rest:
        return answers
    return [*answers, _message({**message, "parts": rest} if answers else message)]


def _tool_message(part: JsonObject) -> JsonObject:
    content = as_written(first(part, "response", "result"))
    return {"role": "tool", "tool_call_id": part.get("id"), "content": content}


def _message(message: JsonObject) -> JsonObject:
    if not isinstance(message.get("parts"), list):
        return message
    parts = objects(message["parts"])
    calls = [_tool_call(part) for part in parts if part.get("type") == "tool_call"]
    spoken = [part for part in parts if part.get("type") not in ("tool_call", "reasoning")]
    thoughts = [part for part in parts if part.get("type") == "reasoning"]
    told = {**without(message, "parts"), "content": _content(spoken)}
    if calls:
        told["tool_calls"] = calls
    if thoughts:
        told["thinking"] = thoughts
    return told


def _content(parts: list[JsonObject]) -> object:
    if all(part.get("type") == "text" for part in parts):
        return "\n".join(as_text(part.get("content")) for part in parts) or None
    return [_part(part) for part in parts]


def _part(part: JsonObject) -> JsonObject:
    match part.get("type"), part.get("modality"):
        case "text", _:
            return {"type": "text", "text": part.get("content")}
        case "uri", "image":
            return {"type": "image_url", "image_url": {"url": part.get("uri")}}
        case "blob", "image":
            url = f"data:{part.get('mime_type')};base64,{part.get('content')}"
            return {"type": "image_url", "image_url": {"url": url}}
        case _:
            return part


def _tool_call(part: JsonObject) -> JsonObject:
    function = {"name": part.get("name"), "arguments": as_written(part.get("arguments"))}
    return {"id": part.get("id"), "type": "function", "function": function}


def _numbered(attributes: JsonObject, kind: str) -> list[JsonObject]:
    """Messages whose fields are attributes with numbers in their names."""
    found: dict[int, JsonObject] = {}
    for name, value in attributes.items():
        match = _NUMBERED.fullmatch(name)
        if match and match[1] == kind:
            _set_field(found.setdefault(int(match[2]), {}), match[3], value)
    return [_with_calls(found[number]) for number in sorted(found)]


def _set_field(message: JsonObject, name: str, value: object) -> None:
    call = _CALL_FIELD.fullmatch(name)
    if call:
        message.setdefault("tool_calls", {}).setdefault(int(call[1]), {})[call[2]] = value
    elif name == "content":
        parts = decoded(value)
        typed = isinstance(parts, list) and all("type" in as_object(part) for part in parts)
        message["content"] = parts if typed else value
    elif "." not in name and name != "tool_calls":
        message[name] = value


def _with_calls(message: JsonObject) -> JsonObject:
    calls: dict[int, Any] = message.get("tool_calls", {})
    if not calls:
        return message
    return {**message, "tool_calls": [_tool_call(calls[number]) for number in sorted(calls)]}


def _from_events(events: Iterable[JsonObject]) -> list[JsonObject]:
    named = [(event["name"].split("."), event) for event in events]
    return [
        {"role": path[1], **_event_body(event)}
        for path, event in named
        if path[0] == "gen_ai" and path[2:] == ["message"] and path[1] in _ROLES
    ]


def _choices_from_events(events: Iterable[JsonObject]) -> list[JsonObject]:
    bodies = [_event_body(event) for event in events if event["name"] == "gen_ai.choice"]
    choices = []
    for at, body in enumerate(bodies):
        message = decoded(body.get("message"))
        told = message if isinstance(message, dict) else without(body, "index", "finish_reason")
        choices.append(_choice(at, told, body.get("finish_reason")))
    return choices


def _event_body(event: JsonObject) -> JsonObject:
    """What was said: a JSON text in one attribute, or an attribute for each field."""
    content = decoded(event.get("gen_ai.event.content"))
    return content if isinstance(content, dict) else _plain_fields(event)


def _plain_fields(event: JsonObject) -> JsonObject:
    return {n: decoded(v) for n, v in event.items() if n != "name" and not n.startswith("gen_ai.")}
