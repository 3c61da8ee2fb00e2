"""Plain tables and lines with a column of inputs and one of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import (
    BadRowError,
    find_usual_columns,
    optional,
    to_amount,
    to_answer,
    to_text,
    to_time,
)
from locum.traffic.apis.lenient import as_text
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["TABLE"]

_INSTRUCTIONS = ("system", "system_prompt", "instruction", "instructions")


def _matches(record: JsonObject) -> bool:
    columns = find_usual_columns(record)
    text = record.get(columns.get("text", ""))
    return isinstance(text, str) and "answer" in columns


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    columns = find_usual_columns(record)
    value = {kind: record.get(name) for kind, name in columns.items()}
    told = as_text(first(record, *_INSTRUCTIONS))
    messages = [{"role": "system", "content": told}] if told else []
    messages.append({"role": "user", "content": to_text(value.get("text"))})
    answer = optional(value.get("answer"), to_answer)
    if answer is None:
        raise BadRowError("the answer is missing")
    message = {"role": "assistant", "content": answer}
    yield LoggedCall(
        endpoint="chat",
        request={"model": as_text(record.get("model")), "messages": messages},
        response={"choices": [{"index": 0, "message": message}]},
        time=optional(value.get("time"), to_time),
        latency_ms=optional(value.get("latency_ms"), to_amount),
        cost_usd=optional(value.get("cost_usd"), to_amount),
    )


TABLE = LogFormat("table", "a table of inputs and answers", _matches, _read)
