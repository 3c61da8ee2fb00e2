"""Langfuse: the export of observations, as JSON, JSON lines or CSV."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locum.rows import BadRowError, to_number
from locum.traffic.apis import guess_endpoint
from locum.traffic.apis.lenient import as_object
from locum.traffic.imports.bodies import outcome_of, to_answer, to_request, with_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import (
    amount,
    decoded,
    first,
    milliseconds,
    moment,
    whole_number,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["LANGFUSE"]

_MODELS = ("model", "providedmodelname")
_CACHED = ("input_cache_read", "input_cached_tokens", "cache_read_input_tokens")
_WRITTEN = ("input_cache_creation", "cache_creation_input_tokens")
_CLIENTS_OWN = frozenset({"request_timeout", "timeout", "max_retries", "user_id", "project_id"})
_FILLED_IN = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
_WORDS: dict[str, object] = {"none": None, "null": None, "": None, "true": True, "false": False}
_COSTS = ("totalcost", "calculatedtotalcost")


def _plain(record: JsonObject) -> JsonObject:
    """The fields by one spelling: the API says traceId, tables and buckets trace_id."""
    return {name.replace("_", "").replace(" ", "").lower(): v for name, v in record.items()}


def _matches(record: JsonObject) -> bool:
    fields = _plain(record)
    return "traceid" in fields and "type" in fields and "starttime" in fields


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    fields = _plain(record)
    if not _matches(record):
        raise BadRowError("not an observation: traceId, type or startTime is missing")
    if str(fields["type"]).upper() != "GENERATION":
        return
    settings = {"model": first(fields, *_MODELS), **_parameters(fields)}
    request = to_request(fields.get("input"), settings)
    failed = str(fields.get("level")).upper() == "ERROR"
    answer = to_answer(None if failed else fields.get("output"))
    message = first(fields, "statusmessage", "output")
    started = moment(fields["starttime"])
    yield LoggedCall(
        endpoint=guess_endpoint(request, answer.response),
        request=request,
        response={"error": {"message": message}}
        if failed
        else with_usage(answer.response, *_tokens(fields)),
        id=word(fields.get("id")),
        time=started,
        outcome=outcome_of(answer.response, whole=answer.whole),
        latency_ms=milliseconds(started, moment(fields.get("endtime"))),
        first_byte_ms=milliseconds(started, moment(fields.get("completionstarttime"))),
        cost_usd=_cost(fields),
    )


def _parameters(fields: JsonObject) -> JsonObject:
    """What was sent: integrations write numbers as text, and what no model was told besides.

    One of them fills in what OpenAI takes for each setting that was not asked for.
    """
    given = as_object(decoded(fields.get("modelparameters")))
    read = {name: _sent(value) for name, value in given.items() if name not in _CLIENTS_OWN}
    filled_in = _FILLED_IN if read.keys() >= _FILLED_IN.keys() else {}
    return {
        name: value
        for name, value in read.items()
        if value is not None and (name not in filled_in or value != filled_in[name])
    }


def _sent(value: object) -> object:
    """A parameter as it was sent; ``None`` for what stands for none, such as no end of tokens."""
    if not isinstance(value, str):
        return value
    number = to_number(value)
    if number is None:
        return _WORDS.get(value.lower(), value)
    if not math.isfinite(number):
        return None
    return int(value) if value.strip("+-").isdecimal() else number


def _tokens(fields: JsonObject) -> tuple[object, object, int, int]:
    usage = as_object(decoded(first(fields, "usagedetails", "usage")))
    prompt = first(usage, "prompt_tokens", "promptTokens")
    answer = first(usage, "completion_tokens", "completionTokens")
    prompt = first(fields, "prompttokens", "inputusage") if prompt is None else prompt
    answer = first(fields, "completiontokens", "outputusage") if answer is None else answer
    cached, written = (whole_number(first(usage, *names)) or 0 for names in (_CACHED, _WRITTEN))
    if first(usage, "input") is not None:
        prompt = _summed(usage, "input", {*_CACHED, *_WRITTEN}) + cached + written
    if first(usage, "output") is not None:
        answer = _summed(usage, "output", set())
    return prompt, answer, cached, written


def _summed(usage: JsonObject, side: str, apart: set[str]) -> int:
    """The tokens of a side, of which Langfuse counts each kind apart, such as reasoning."""
    kinds = [name for name in usage if name == side or name.startswith(f"{side}_")]
    return sum(whole_number(usage[name]) or 0 for name in kinds if name not in apart)


def _cost(fields: JsonObject) -> float | None:
    details = as_object(decoded(fields.get("costdetails")))
    found = amount(first({**details, **fields}, *_COSTS, "total"))
    # Zero is what Langfuse says of a model that it has no price for.
    return found or None


LANGFUSE = LogFormat("langfuse", "Langfuse export of observations", _matches, _read)
