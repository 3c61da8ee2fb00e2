"""Amazon Bedrock's Converse API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.traffic.apis.exchange import Assembled, Exchange
from locum.traffic.apis.lenient import as_count, as_object, as_text, objects, without
from locum.traffic.apis.messages import messages_to_chat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["assemble_converse", "converse_to_chat"]

_SETTINGS = {
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "top_p": "top_p",
    "stopSequences": "stop_sequences",
}
_REASONS = {"guardrail_intervened": "refusal", "content_filtered": "refusal"}
_CONVERTED = ("system", "messages", "inferenceConfig", "toolConfig")
_ANSWERED = ("output", "usage", "stopReason")


def converse_to_chat(request: JsonObject, response: JsonObject | None) -> Exchange:
    """Go by way of Anthropic's messages, whose blocks are Converse's under other names."""
    return messages_to_chat(_request(request), None if response is None else _response(response))


def _request(request: JsonObject) -> JsonObject:
    body = without(request, *_CONVERTED)
    body["system"] = _blocks(request.get("system"))
    body["messages"] = [
        {**message, "content": _blocks(message.get("content"))}
        for message in objects(request.get("messages"))
    ]
    for name, value in as_object(request.get("inferenceConfig")).items():
        body[_SETTINGS.get(name, name)] = value
    specs = [as_object(t.get("toolSpec")) for t in objects(_tool_config(request).get("tools"))]
    if specs:
        body["tools"] = [_tool(spec) for spec in specs if spec]
    return body


def _tool_config(request: JsonObject) -> JsonObject:
    return as_object(request.get("toolConfig"))


def _tool(spec: JsonObject) -> JsonObject:
    schema = as_object(spec.get("inputSchema"))
    return {**without(spec, "inputSchema"), "input_schema": schema.get("json", schema)}


def _blocks(content: object) -> object:
    if not isinstance(content, list):
        return content
    return [_block(block) if isinstance(block, dict) else block for block in content]


def _block(block: JsonObject) -> JsonObject:
    """A block names its kind by its only key."""
    if "text" in block:
        return {"type": "text", **block}
    if "toolUse" in block:
        use = as_object(block["toolUse"])
        return {"type": "tool_use", "id": use.get("toolUseId"), **without(use, "toolUseId")}
    if "toolResult" in block:
        result = as_object(block["toolResult"])
        content = _blocks(result.get("content"))
        return {"type": "tool_result", "tool_use_id": result.get("toolUseId"), "content": content}
    if "image" in block:
        return {"type": "image", "source": _image(as_object(block["image"]))}
    if "reasoningContent" in block:
        return {"type": "thinking", **as_object(block["reasoningContent"])}
    return block


def _image(image: JsonObject) -> JsonObject:
    data = as_object(image.get("source")).get("bytes")
    kind = f"image/{image.get('format')}"
    return {"type": "base64", "media_type": kind, "data": data} if data else image


def _response(response: JsonObject) -> JsonObject:
    message = as_object(as_object(response.get("output")).get("message"))
    if not message:
        return response
    reason = as_text(response.get("stopReason"))
    body = {**without(response, *_ANSWERED), **message, "content": _blocks(message.get("content"))}
    body["stop_reason"] = _REASONS.get(reason, reason) or None
    if "usage" in response:
        body["usage"] = _usage(as_object(response["usage"]))
    return body


def _usage(usage: JsonObject) -> JsonObject:
    names = {
        "inputTokens": "input_tokens",
        "outputTokens": "output_tokens",
        "cacheReadInputTokens": "cache_read_input_tokens",
        "cacheReadInputTokenCount": "cache_read_input_tokens",
        "cacheWriteInputTokens": "cache_creation_input_tokens",
        "cacheWriteInputTokenCount": "cache_creation_input_tokens",
    }
    return {names[name]: value for name, value in usage.items() if name in names}


def assemble_converse(events: Iterable[JsonObject]) -> Assembled:
    """Put the events of a ConverseStream together; ``messageStop`` is its end."""
    role = "assistant"
    blocks: dict[int, JsonObject] = {}
    tail: JsonObject = {}
    failed = False
    for event in events:
        for kind, value in event.items():
            told = as_object(value)
            match kind:
                case "messageStart":
                    role = as_text(told.get("role")) or role
                case "contentBlockStart":
                    blocks[_index(told)] = _started(as_object(told.get("start")))
                case "contentBlockDelta":
                    block = blocks.setdefault(_index(told), {})
                    _add_delta(block, as_object(told.get("delta")))
                case "messageStop" | "metadata":
                    tail |= told
                case _:
                    failed = failed or kind.endswith("Exception")
    content = [blocks[index] for index in sorted(blocks)]
    if not content and not tail:
        return Assembled(None, whole=False)
    body = {"output": {"message": {"role": role, "content": content}}, **tail}
    return Assembled(body, whole="stopReason" in tail and not failed)


def _index(event: JsonObject) -> int:
    return as_count(event.get("contentBlockIndex")) or 0


def _started(start: JsonObject) -> JsonObject:
    return {kind: dict(as_object(value)) for kind, value in start.items()}


def _add_delta(block: JsonObject, delta: JsonObject) -> None:
    if "text" in delta:
        block["text"] = as_text(block.get("text")) + as_text(delta["text"])
    for kind in ("toolUse", "reasoningContent"):
        for name, value in as_object(delta.get(kind)).items():
            part = block.setdefault(kind, {})
            part[name] = as_text(part.get(name)) + as_text(value)
