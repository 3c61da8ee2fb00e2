"""Chat completions that OpenAI stored (``store=true``), as ``GET /v1/chat/completions`` lists them.

Their messages stand at another address, ``/v1/chat/completions/ID/messages``; they are expected
beside the completion, as ``messages``, ``input_messages`` or ``input``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis.lenient import as_object, objects, without
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import first, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["STORED_COMPLETIONS"]

_ANSWERED = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint")
_MESSAGES = ("messages", "input_messages", "input")


def _matches(record: JsonObject) -> bool:
    return record.get("object") == "chat.completion" and isinstance(record.get("choices"), list)


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    given = first(record, *_MESSAGES)
    messages = objects(as_object(given).get("data", given))
    if not messages:
        raise BadRowError(
            "the completion stands without its messages: add those of "
            "GET /v1/chat/completions/ID/messages to it, as 'messages'"
        )
    if not _matches(record):
        raise BadRowError("not a chat completion with its choices")
    settings = without(record, *_ANSWERED, *_MESSAGES, "request_id")
    request = {name: value for name, value in settings.items() if value is not None}
    response = {name: record[name] for name in _ANSWERED if name in record}
    yield LoggedCall(
        "chat",
        {"model": record.get("model"), **request, "messages": [_message(m) for m in messages]},
        response,
        time=moment(record.get("created")),
    )


def _message(message: JsonObject) -> JsonObject:
    parts = message.get("content_parts")
    told = {
        name: value
        for name, value in without(message, "id", "content_parts").items()
        if value is not None
    }
    return {**told, "content": parts} if parts else told


STORED_COMPLETIONS = LogFormat(
    "stored-completions", "chat completions stored at OpenAI", _matches, _read
)
