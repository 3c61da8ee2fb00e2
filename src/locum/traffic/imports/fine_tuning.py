"""Training files for fine-tuning at OpenAI: conversations that end with an assistant's turn.

Fields of an application's own stand beside them where it keeps its talks so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis.lenient import objects, without
from locum.traffic.imports.bodies import with_logged_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.pairs import parameters
from locum.traffic.imports.values import COSTS, LATENCIES, TIMES, amount, first, moment

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
    answer = {"choices": [{"index": 0, "message": without(messages[-1], "weight")}]}
    yield LoggedCall(
        "chat",
        request={**parameters(record), "messages": messages[:-1]},
        response=with_logged_usage(answer, record),
        time=moment(first(record, *TIMES)),
        latency_ms=amount(first(record, *LATENCIES)),
        cost_usd=amount(first(record, *COSTS)),
    )


FINE_TUNING = LogFormat("fine-tuning", "OpenAI fine-tuning examples", _matches, _read)
