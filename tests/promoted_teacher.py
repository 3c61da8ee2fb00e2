"""The teacher of the students that stand in behind a gateway, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.gateway_clients import CHAT
from tests.gateways import STREAM_HEAD, Received, chunk, http
from tests.promoted import SURE, chat_response, message_response, spelled
from tests.traffic import LABELS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from locum.schema import JsonObject

__all__ = ["Teacher"]


class Teacher:
    """An upstream that gives the label whose telling word a text holds, in both APIs."""

    def __init__(self, *, wrong: bool = False) -> None:
        self.wrong = wrong
        self.answers = 0

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Answer one call."""
        self.answers += 1
        asked = request.json
        said = self.say(orjson.dumps(asked["messages"][-1]).decode())
        is_chat = request.target == CHAT
        body = (chat_response if is_chat else message_response)(said, self.answers)
        if not asked.get("stream"):
            writer.write(http(200, orjson.dumps(body)))
            return
        events = (_chat_events if is_chat else _message_events)(body)
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in events) + b"0\r\n\r\n")

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
    for event in events:
        yield b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))
