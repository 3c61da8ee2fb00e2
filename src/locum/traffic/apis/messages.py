"""Anthropic's messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.traffic.apis.exchange import Assembled, Exchange
from locum.traffic.apis.lenient import as_count, as_object, as_text, objects, without
from locum.traffic.strict_json import parse_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import JsonObject

__all__ = ["assemble_message", "messages_to_chat", "to_chat_usage"]

_CONVERTED = ("system", "messages", "stop_sequences", "tools", "tool_choice", "output_config")
_ANSWERED = ("content", "role", "type", "stop_reason", "usage")
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_THINKING = ("thinking", "redacted_thinking")


def messages_to_chat(request: JsonObject, response: JsonObject | None) -> Exchange:
    """Turn system and messages into OpenAI's messages, and content blocks into one choice.

    Blocks that chat completions do not know stay as they are; thinking stays under the name
    ``thinking`` of its message. Tokens read from and written to the cache count as prompt tokens.
    """
    if response is None or not isinstance(response.get("content"), list):
        return Exchange(_chat_request(request), response)
    return Exchange(_chat_request(request), _chat_response(response))


def _chat_request(request: JsonObject) -> JsonObject:
    chat = without(request, *_CONVERTED)
    system = request.get("system")
    chat["messages"] = [{"role": "system", "content": _content(system)}] if system else []
    given = request.get("messages")
    for message in given if isinstance(given, list) else []:
        chat["messages"] += _chat_messages(message) if isinstance(message, dict) else [message]
    if "stop_sequences" in request:
        chat["stop"] = request["stop_sequences"]
    if "tools" in request:
        tools = request["tools"]
        chat["tools"] = [_tool(tool) for tool in tools] if isinstance(tools, list) else tools
    if "tool_choice" in request:
        chat["tool_choice"] = _tool_choice(request["tool_choice"])
    return {**chat, **_output_config(request)}


def _output_config(request: JsonObject) -> JsonObject:
    config = as_object(request.get("output_config"))
    form = as_object(config.get("format"))
    rest = without(config, "format")
    found: JsonObject = {"output_config": rest} if rest else {}
    if form.get("type") == "json_schema":
        found["response_format"] = {"type": "json_schema", "json_schema": without(form, "type")}
    return found


def _chat_messages(message: JsonObject) -> list[JsonObject]:
    content = message.get("content")
    if not isinstance(content, list):
        return [message]
    if message.get("role") == "assistant":
        return [{**without(message, "content"), **_assistant(content)}]
    answers = [_tool_message(block) for block in _of_type(content, "tool_result")]
    rest = [block for block in content if as_object(block).get("type") != "tool_result"]
    if answers and not rest:
        return answers
    return [*answers, {**message, "content": _content(rest)}]


def _of_type(blocks: Sequence[object], *kinds: str) -> list[JsonObject]:
    return [block for block in objects(blocks) if block.get("type") in kinds]


def _tool_message(block: JsonObject) -> JsonObject:
    content = _content(block.get("content"))
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": content}


def _content(content: object) -> object:
    """Plain text where there is one block of it, else parts."""
    if not isinstance(content, list):
        return content
    parts = [_part(block) for block in content]
    only = as_object(parts[0]) if len(parts) == 1 else {}
    return only["text"] if only.get("type") == "text" and "text" in only else parts


def _part(block: object) -> object:
    given = as_object(block)
    source = as_object(given.get("source"))
    match given.get("type"), source.get("type"):
        case "text", _:
            return {"type": "text", "text": given.get("text")}
        case "image", "base64":
            url = f"data:{source.get('media_type')};base64,{source.get('data')}"
            return {"type": "image_url", "image_url": {"url": url}}
        case "image", "url":
            return {"type": "image_url", "image_url": {"url": source.get("url")}}
        case _:
            return block


def _assistant(blocks: list[Any]) -> JsonObject:
    """The parts of an assistant's message that content blocks stand for."""
    calls = _of_type(blocks, "tool_use")
    thoughts = _of_type(blocks, *_THINKING)
    texts = _of_type(blocks, "text")
    said: object = "".join(as_text(block.get("text")) for block in texts) if texts else None
    spoken = [b for b in blocks if as_object(b).get("type") not in ("tool_use", *_THINKING)]
    if len(spoken) > len(texts):
        said = [_part(block) for block in spoken]
    message: JsonObject = {"content": said}
    if calls:
        message["tool_calls"] = [_tool_call(block) for block in calls]
    if thoughts:
        message["thinking"] = thoughts
    return message


def _tool_call(block: JsonObject) -> JsonObject:
    arguments = write_json(block.get("input", {})).decode()
    function = {"name": block.get("name"), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}


def _tool(tool: object) -> object:
    given = as_object(tool)
    if given.get("type", "custom") != "custom" or "name" not in given:
        return tool
    function = {**without(given, "type", "input_schema"), "parameters": given.get("input_schema")}
    return {"type": "function", "function": function}


def _tool_choice(choice: object) -> object:
    given = as_object(choice)
    if given.get("type") == "tool":
        return {"type": "function", "function": {"name": given.get("name")}}
    return _CHOICES.get(as_text(given.get("type")), choice)


def _chat_response(response: JsonObject) -> JsonObject:
    reason = response.get("stop_reason")
    choice = {
        "index": 0,
        "message": {"role": "assistant", **_assistant(response["content"])},
        "logprobs": None,
        "finish_reason": _REASONS.get(reason, reason) if isinstance(reason, str) else None,
    }
    chat = {**without(response, *_ANSWERED), "object": "chat.completion", "choices": [choice]}
    if "usage" in response:
        chat["usage"] = to_chat_usage(response["usage"])
    return chat


def to_chat_usage(usage: object) -> object:
    """Return the tokens of an answer as a chat answer counts them; others stay as they are."""
    if not isinstance(usage, dict):
        return usage
    written = as_count(usage.get("cache_creation_input_tokens")) or 0
    read = as_count(usage.get("cache_read_input_tokens")) or 0
    answer = as_count(usage.get("output_tokens"))
    prompt = as_count(usage.get("input_tokens"))
    chat = without(usage, "input_tokens", "output_tokens")
    if prompt is not None:
        chat["prompt_tokens"] = prompt + written + read
    if answer is not None:
        chat["completion_tokens"] = answer
    if written or read:
        details = {"cached_tokens": read, "cache_write_tokens": written}
        chat["prompt_tokens_details"] = details
    return chat


def assemble_message(events: Iterable[JsonObject]) -> Assembled:
    """Put the events of a stream together; ``message_stop`` is its end."""
    message: JsonObject | None = None
    blocks: dict[int, JsonObject] = {}
    ended = failed = False
    for event in events:
        match event.get("type"):
            case "message_start" if isinstance(event.get("message"), dict):
                message = dict(event["message"])
            case "content_block_start":
                blocks[_index(event)] = dict(as_object(event.get("content_block")))
            case "content_block_delta":
                _add_delta(blocks.setdefault(_index(event), {}), as_object(event.get("delta")))
            case "message_delta":
                message = _with_delta(message or {}, event)
            case "message_stop":
                ended = True
            case "error":
                failed = True
    if message is None and not blocks:
        return Assembled(None, whole=False)
    content = [_closed(blocks[index]) for index in sorted(blocks)]
    body = {**(message or {"type": "message", "role": "assistant"}), "content": content}
    return Assembled(body, whole=ended and not failed and message is not None)


def _index(event: JsonObject) -> int:
    return as_count(event.get("index")) or 0


def _add_delta(block: JsonObject, delta: JsonObject) -> None:
    match delta.get("type"):
        case "text_delta":
            block.setdefault("type", "text")
            block["text"] = as_text(block.get("text")) + as_text(delta.get("text"))
        case "input_json_delta":
            block.setdefault("type", "tool_use")
            said = as_text(block.get("partial_json")) + as_text(delta.get("partial_json"))
            block["partial_json"] = said
        case "thinking_delta":
            block.setdefault("type", "thinking")
            block["thinking"] = as_text(block.get("thinking")) + as_text(delta.get("thinking"))
        case "citations_delta":
            block["citations"] = [*objects(block.get("citations")), delta.get("citation")]
        case _:
            block.update(without(delta, "type"))


def _with_delta(message: JsonObject, event: JsonObject) -> JsonObject:
    told = as_object(event.get("usage"))
    usage = as_object(message.get("usage")) | {k: v for k, v in told.items() if v is not None}
    return {**message, **as_object(event.get("delta")), "usage": usage}


def _closed(block: JsonObject) -> JsonObject:
    """A tool's input is text until its end; what is no JSON even then stays text."""
    if "partial_json" not in block:
        return block
    said = block["partial_json"]
    try:
        given = parse_json(said.encode()) if said else block.get("input", {})
    except ValueError:
        given = said
    return {**without(block, "partial_json"), "input": given}
