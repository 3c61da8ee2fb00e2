"""The teacher of the students that stand in behind a gateway, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.gateway_clients import CHAT
from tests.gateways import STREAM_HEAD, Received, chunk, http
from tests.promoted import (
    MESSAGES,
    RESPONSES,
    SURE,
    chat_response,
    message_response,
    response_response,
    spelled,
)
from tests.traffic import LABELS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["Teacher"]


class Teacher:
    """An upstream that gives the label whose telling word a text holds, in all APIs."""

    def __init__(self, *, wrong: bool = False) -> None:
        self.wrong = wrong
        self.answers = 0

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Answer one call."""
        self.answers += 1
        asked = request.json
        turns = asked.get("messages") or asked.get("input")
        last = turns if isinstance(turns, str) else turns[-1]
        answer_of, events_of = _FORMS[request.target]
        body = answer_of(self.say(orjson.dumps(last).decode()), self.answers)
        if not asked.get("stream"):
            writer.write(http(200, orjson.dumps(body)))
            return
        events = b"".join(chunk(event) for event in events_of(body))
        writer.write(STREAM_HEAD + events + b"0\r\n\r\n")

    def say(self, text: str) -> str:
        """Say the label."""
        found = [label for label, sure in SURE.items() if sure.split()[0] in text]
        right = found[0] if found else LABELS[0]
        return spelled(LABELS[LABELS.index(right) - 1] if self.wrong else right)


def _chat_events(body: JsonObject) -> Iterable[bytes]:
    head = {**body, "object": "chat.completion.chunk"}
    said = body["choices"][0]["message"]["content"]
    for delta, reason in (({"role": "assistant", "content": said}, None), ({}, "stop")):
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        yield b"data: " + orjson.dumps({**head, "choices": choices}) + b"\n\n"
    yield b"data: [DONE]\n\n"


def _message_events(body: JsonObject) -> Iterable[bytes]:
    text = body["content"][0]["text"]
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[JsonObject] = [
        {"type": "message_start", "message": {**body, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    yield from map(_named, events)


def _response_events(body: JsonObject) -> Iterable[bytes]:
    [item] = body["output"]
    [part] = item["content"]
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    added = {"output_index": 0, "item": {**item, "content": []}}
    events: list[JsonObject] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", **added},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": part["text"], "logprobs": []},
        {"type": "response.completed", "response": body},
    ]
    numbered = ({**event, "sequence_number": number} for number, event in enumerate(events))
    yield from map(_named, numbered)


def _named(event: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))


_FORMS = {
    CHAT: (chat_response, _chat_events),
    MESSAGES: (message_response, _message_events),
    RESPONSES: (response_response, _response_events),
}
