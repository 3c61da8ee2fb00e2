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
from locum.traffic.imports.bodies import with_logged_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import COSTS, LATENCIES, TIMES, amount, first, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["TABLE"]

_SYSTEM = ("system", "system_prompt")
_INSTRUCTIONS = ("instruction", "instructions")


def _matches(record: JsonObject) -> bool:
    columns = find_usual_columns(record)
    return isinstance(_asked(record, columns), str) and "answer" in columns


def _asked(record: JsonObject, columns: dict[str, str]) -> object:
    """The text; where it is empty or missing, an instruction that needs none."""
    text = columns.get("text", "")
    found = first(record, text, *_INSTRUCTIONS)
    return record.get(text) if found is None else found


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    columns = find_usual_columns(record)
    value = {kind: record.get(name) for kind, name in columns.items()}
    with_text = first(record, columns.get("text", "")) is not None
    told = as_text(first(record, *_SYSTEM, *(_INSTRUCTIONS if with_text else ())))
    messages = [{"role": "system", "content": told}] if told else []
    messages.append({"role": "user", "content": to_text(_asked(record, columns))})
    answer = optional(value.get("answer"), to_answer)
    if answer is None:
        raise BadRowError("the answer is missing")
    message = {"role": "assistant", "content": answer}
    started = optional(value.get("time"), to_time)
    took = optional(value.get("latency_ms"), to_amount)
    paid = optional(value.get("cost_usd"), to_amount)
    yield LoggedCall(
        endpoint="chat",
        request={"model": as_text(record.get("model")), "messages": messages},
        response=with_logged_usage({"choices": [{"index": 0, "message": message}]}, record),
        time=moment(first(record, *TIMES)) if started is None else started,
        latency_ms=amount(first(record, *LATENCIES)) if took is None else took,
        cost_usd=amount(first(record, *COSTS)) if paid is None else paid,
    )


TABLE = LogFormat("table", "a table of inputs and answers", _matches, _read)
