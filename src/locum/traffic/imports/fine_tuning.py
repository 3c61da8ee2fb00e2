"""Training files for fine-tuning at OpenAI: conversations that end with an assistant's turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis.lenient import objects, without
from locum.traffic.imports.items import LogFormat, LoggedCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["FINE_TUNING"]


def _matches(record: JsonObject) -> bool:
    messages = objects(record.get("messages"))
    return bool(messages) and messages[-1].get("role") == "assistant"


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    messages = objects(record.get("messages"))
    if not _matches(record) or len(messages) < 2:
        raise BadRowError("the last message is not an assistant's answer to others")
    answer = without(messages[-1], "weight")
    request = {**record, "messages": messages[:-1]}
    yield LoggedCall("chat", request, {"choices": [{"index": 0, "message": answer}]})


FINE_TUNING = LogFormat("fine-tuning", "OpenAI fine-tuning examples", _matches, _read)
