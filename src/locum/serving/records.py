"""What the gateway hands over of a call, and the call that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.serving.bodies import unpack
from locum.serving.refusals import Refusal
from locum.traffic import make_call, read_answer, to_chat
from locum.traffic.json_requests import object_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.redaction import Redactor
    from locum.schema import Call, JsonObject, Outcome, OwnPrice

__all__ = ["Record", "teacher_answer", "to_call"]

_UNPACKED_BYTES = 64 * 1024 * 1024


class Record(NamedTuple):
    """One call as it went over the wire.

    Args:
        facts: What the gateway knows of it.
        request: The body of the request.
        response: The body of the answer, or what came of it.
    """

    facts: JsonObject
    request: bytes
    response: bytes


class _Bodies(NamedTuple):
    """What was sent and answered, as it was, and whether the answer is whole."""

    request: JsonObject
    response: JsonObject | None
    outcome: Outcome


def _read(record: Record) -> _Bodies:
    facts = record.facts
    request = orjson.loads(_unpacked(record.request, facts["request_encoding"]))
    outcome = facts["outcome"]
    body = _unpacked(record.response, facts["response_encoding"])
    answer = read_answer(facts["endpoint"], body, streamed=facts["streamed"])
    if outcome == "whole" and not answer.whole and (body or facts["streamed"]):
        outcome = "incomplete" if facts["streamed"] else "failed"
    if outcome == "whole" and (facts["status"] or 500) >= 400:
        outcome = "failed"
    return _Bodies(request, answer.response, outcome)


def teacher_answer(record: Record) -> str | None:
    """Return what the teacher said, as it was; ``None`` where it said nothing."""
    bodies = _read(record)
    chat = to_chat(record.facts["endpoint"], bodies.request, bodies.response)
    return None if chat.response is None else object_text(chat.request, chat.response)


def to_call(record: Record, redactor: Redactor, prices: Mapping[str, OwnPrice]) -> Call:
    """Return a record as a call, with what must not reach the disk taken out.

    Args:
        record: What the gateway handed over.
        redactor: Takes it out.
        prices: One's own prices, by model; for other models the list's hold.

    Raises:
        Exception: The record cannot be read.
    """
    facts = record.facts
    bodies = _read(record)
    return make_call(
        source="gateway",
        endpoint=facts["endpoint"],
        request=bodies.request,
        response=bodies.response,
        time=facts["time"],
        outcome=bodies.outcome,
        status=facts["status"],
        application=facts["application"],
        upstream=facts["upstream"],
        streamed=facts["streamed"],
        latency_ms=facts["latency_ms"],
        first_byte_ms=facts["first_byte_ms"],
        task=facts["task"],
        redactor=redactor,
        secrets=facts["secrets"],
        prices=prices,
    )


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    if not encoding:
        return body
    try:
        return unpack(body, encoding.encode("latin-1"), _UNPACKED_BYTES)
    except Refusal as refusal:
        raise ValueError(refusal.message) from None
