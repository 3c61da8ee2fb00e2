"""OpenAI's responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.traffic.apis.exchange import Assembled, Exchange
from locum.traffic.apis.lenient import as_count, as_object, as_text, objects, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["assemble_response", "responses_to_chat"]

_CONVERTED = (
    *("instructions", "input", "text", "reasoning", "include", "max_output_tokens", "tools"),
)
_LOGPROBS = "message.output_text.logprobs"
_ANSWERED = ("output", "created_at", "usage", "object")
_SPOKEN = ("message", "function_call")
_ENDS = {"response.completed": True, "response.incomplete": True, "response.failed": False}
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def responses_to_chat(request: JsonObject, response: JsonObject | None) -> Exchange:
    """Turn instructions and input into messages, and output into the message of one choice.

    Items that chat completions do not know, such as reasoning, stay: those of the input among the
    messages, those of the output under ``output``. What a response only repeats of its request is
    left out.
    """
    chat = _chat_request(request) if "messages" not in request else request
    if response is None or not isinstance(response.get("output"), list):
        return Exchange(chat, response)
    told = {
        name: value
        for name, value in response.items()
        if name not in request or request[name] != value or name in ("model", "id", "output")
    }
    return Exchange(chat, _chat_response(told))


def _chat_request(request: JsonObject) -> JsonObject:
    chat = without(request, *_CONVERTED)
    chat["messages"] = [*_system(request.get("instructions")), *_messages(request.get("input"))]
    if "max_output_tokens" in request:
        chat["max_completion_tokens"] = request["max_output_tokens"]
    if "tools" in request:
        chat["tools"] = _tools(request["tools"])
    return chat | _text(request) | _reasoning(request) | _include(request)


def _text(request: JsonObject) -> JsonObject:
    text = as_object(request.get("text"))
    chat: JsonObject = {}
    if "format" in text:
        chat["response_format"] = _response_format(text["format"])
    if "verbosity" in text:
        chat["verbosity"] = text["verbosity"]
    rest = without(text, "format", "verbosity")
    return {**chat, "text": rest} if rest else chat


def _reasoning(request: JsonObject) -> JsonObject:
    given = request.get("reasoning")
    if not isinstance(given, dict):
        return {"reasoning": given} if "reasoning" in request else {}
    chat = {"reasoning_effort": given["effort"]} if "effort" in given else {}
    rest = {name: value for name, value in given.items() if name != "effort" and value is not None}
    return {**chat, "reasoning": rest} if rest else chat


def _include(request: JsonObject) -> JsonObject:
    given = request.get("include")
    if not isinstance(given, list) or _LOGPROBS not in given:
        return {"include": given} if "include" in request else {}
    rest = [name for name in given if name != _LOGPROBS]
    return {"logprobs": True, "include": rest} if rest else {"logprobs": True}


def _system(instructions: object) -> list[JsonObject]:
    if isinstance(instructions, list):
        return _messages(instructions)
    return [{"role": "system", "content": instructions}] if instructions else []


def _messages(given: object) -> list[Any]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[Any] = []
    for item in given if isinstance(given, list) else []:
        kind = as_object(item).get("type")
        if kind == "function_call":
            _add_call(messages, item)
        elif kind == "function_call_output":
            output = _content(item.get("output"))
            messages.append(
                {"role": "tool", "tool_call_id": item.get("call_id"), "content": output}
            )
        elif "role" in as_object(item):
            rest = without(item, "type", "id", "status")
            messages.append({**rest, "content": _content(item.get("content"))})
        else:
            messages.append(item)
    return messages


def _add_call(messages: list[Any], item: JsonObject) -> None:
    last = as_object(messages[-1]) if messages else {}
    if last.get("role") != "assistant":
        last = {"role": "assistant", "content": None}
        messages.append(last)
    last["tool_calls"] = [*objects(last.get("tool_calls")), _tool_call(item)]


def _tool_call(item: JsonObject) -> JsonObject:
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _content(content: object) -> object:
    return [_part(part) for part in content] if isinstance(content, list) else content


def _part(part: object) -> object:
    if not isinstance(part, dict):
        return part
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.get("text")}
        case "input_image" if "image_url" in part:
            image = {"url": part["image_url"], **without(part, "type", "image_url")}
            return {"type": "image_url", "image_url": image}
        case "input_file":
            return {"type": "file", "file": without(part, "type")}
        case _:
            return part


def _tools(tools: object) -> object:
    if not isinstance(tools, list):
        return tools
    return [
        {"type": "function", "function": without(tool, "type")}
        if as_object(tool).get("type") == "function" and "function" not in tool
        else tool
        for tool in tools
    ]


def _response_format(given: object) -> object:
    if as_object(given).get("type") != "json_schema" or "json_schema" in as_object(given):
        return given
    return {"type": "json_schema", "json_schema": without(as_object(given), "type")}


def _chat_response(response: JsonObject) -> JsonObject:
    items = response["output"]
    spoken = [item for item in objects(items) if item.get("type") == "message"]
    called = [item for item in objects(items) if item.get("type") == "function_call"]
    others = [item for item in items if as_object(item).get("type") not in _SPOKEN]
    parts = [part for item in spoken for part in objects(item.get("content"))]
    message: JsonObject = {
        "role": "assistant",
        "content": _joined(parts, "output_text", "text"),
        "refusal": _joined(parts, "refusal", "refusal"),
    }
    if called:
        message["tool_calls"] = [_tool_call(item) for item in called]
    logprobs = [token for part in parts for token in objects(part.get("logprobs"))]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs} if logprobs else None,
        "finish_reason": _finish_reason(response, called=bool(called)),
    }
    chat = {**without(response, *_ANSWERED), "object": "chat.completion", "choices": [choice]}
    if "created_at" in response:
        chat["created"] = response["created_at"]
    if "usage" in response:
        chat["usage"] = _usage(response["usage"])
    return {**chat, "output": others} if others else chat


def _joined(parts: list[JsonObject], kind: str, name: str) -> str | None:
    texts = [as_text(part.get(name)) for part in parts if part.get("type") == kind]
    return "".join(texts) if texts else None


def _finish_reason(response: JsonObject, *, called: bool) -> str | None:
    reason = as_object(response.get("incomplete_details")).get("reason")
    if isinstance(reason, str):
        return _REASONS.get(reason, reason)
    if response.get("status") not in (None, "completed"):
        return None
    return "tool_calls" if called else "stop"


def _usage(usage: object) -> object:
    if not isinstance(usage, dict):
        return usage
    names = {
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "input_tokens_details": "prompt_tokens_details",
        "output_tokens_details": "completion_tokens_details",
    }
    return {names.get(name, name): value for name, value in usage.items()}


def assemble_response(events: Iterable[JsonObject]) -> Assembled:
    """Return the response that the last event of a stream carries, else what the deltas add up to.

    Only ``response.completed`` and ``response.incomplete`` (the answer reached its length) end a
    stream well.
    """
    response: JsonObject | None = None
    items: dict[int, JsonObject] = {}
    whole = failed = False
    for event in events:
        kind = as_text(event.get("type"))
        failed = failed or kind == "error" or "error" in event
        if isinstance(event.get("response"), dict):
            response = event["response"]
        if kind in _ENDS:
            whole = _ENDS[kind]
            items = {}
        else:
            _add_to_items(items, kind, event)
    if items:
        output = [_closed(items[index]) for index in sorted(items)]
        response = {**(response or {"object": "response"}), "output": output}
    return Assembled(response, whole=whole and not failed)


def _add_to_items(items: dict[int, JsonObject], kind: str, event: JsonObject) -> None:
    index = as_count(event.get("output_index"))
    if index is None:
        return
    item = as_object(event.get("item"))
    match kind:
        case "response.output_item.added" | "response.output_item.done":
            items[index] = {**item, "content": _by_place(item.get("content"))}
        case "response.content_part.added" | "response.content_part.done":
            _part_of(items, index, event).update(as_object(event.get("part")))
        case "response.output_text.delta":
            part = _part_of(items, index, event)
            part.setdefault("type", "output_text")
            part["text"] = as_text(part.get("text")) + as_text(event.get("delta"))
            part["logprobs"] = [*objects(part.get("logprobs")), *objects(event.get("logprobs"))]
        case "response.refusal.delta":
            part = _part_of(items, index, event)
            part.setdefault("type", "refusal")
            part["refusal"] = as_text(part.get("refusal")) + as_text(event.get("delta"))
        case "response.function_call_arguments.delta":
            call = items.setdefault(index, {"type": "function_call", "content": {}})
            call["arguments"] = as_text(call.get("arguments")) + as_text(event.get("delta"))


def _by_place(content: object) -> dict[int, JsonObject]:
    return {place: dict(part) for place, part in enumerate(objects(content))}


def _part_of(items: dict[int, JsonObject], index: int, event: JsonObject) -> JsonObject:
    item = items.setdefault(index, {"type": "message", "role": "assistant", "content": {}})
    parts: dict[int, JsonObject] = item["content"]
    return parts.setdefault(as_count(event.get("content_index")) or 0, {})


def _closed(item: JsonObject) -> JsonObject:
    parts = item["content"]
    rest = without(item, "content")
    ordered = [parts[place] for place in sorted(parts)]
    return {**rest, "content": ordered} if item.get("type") == "message" else rest
