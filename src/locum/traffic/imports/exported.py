"""Calls as ``locum calls export`` writes them: with all that a store knew of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

from locum.rows import BadRowError, to_number
from locum.schema import Call, CallFacts, CallMarks, Endpoint, KeptSoftLabel, MarkedCall, Outcome
from locum.traffic.imports.items import LogFormat
from locum.traffic.imports.values import amount, whole_number, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["EXPORTED"]

_TEXTS = ("id", "source", "model", "fingerprint", "preview")


def _matches(record: JsonObject) -> bool:
    return (
        all(isinstance(record.get(name), str) for name in _TEXTS)
        and record.get("endpoint") in get_args(Endpoint)
        and record.get("outcome") in get_args(Outcome)
        and isinstance(record.get("request"), dict)
        and isinstance(record.get("response"), (dict, type(None)))
    )


def _read(record: JsonObject) -> Iterator[MarkedCall]:
    if not _matches(record) or not record["id"]:
        raise BadRowError("not a call as locum calls export writes it")
    time = to_number(record.get("time"))
    if time is None or not math.isfinite(time):
        raise BadRowError("its time is not a number of seconds since 1970")
    facts = CallFacts(
        **{name: record[name] for name in _TEXTS},
        time=time,
        endpoint=record["endpoint"],
        outcome=record["outcome"],
        task=word(record.get("task")),
        application=word(record.get("application")),
        upstream=word(record.get("upstream")),
        status=whole_number(record.get("status")),
        streamed=record.get("streamed") is True,
        latency_ms=amount(record.get("latency_ms")),
        first_byte_ms=amount(record.get("first_byte_ms")),
        input_tokens=whole_number(record.get("input_tokens")),
        output_tokens=whole_number(record.get("output_tokens")),
        cost_usd=amount(record.get("cost_usd")),
    )
    # Exports from before say nothing of these.
    marks = CallMarks(
        word(record.get("deferred")),
        record.get("untimed") is True,
        KeptSoftLabel.from_object(record.get("soft_label")),
    )
    yield MarkedCall(Call(facts, record["request"], record.get("response")), marks)


EXPORTED = LogFormat("calls", "calls of a store, by locum calls export", _matches, _read)
