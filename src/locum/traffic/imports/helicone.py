"""Helicone: the export of requests, as JSON, JSON lines or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis import find_endpoint
from locum.traffic.apis.lenient import as_object
from locum.traffic.imports.bodies import outcome_of, to_answer, to_request, with_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import (
    amount,
    decoded,
    first,
    moment,
    whole_number,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["HELICONE"]

_MODELS = ("request_model", "model_override", "response_model", "model")
_PATHS = ("request_path", "target_url")


def _matches(record: JsonObject) -> bool:
    return "request_body" in record and "response_body" in record and "request_id" in record


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    path = word(first(record, *_PATHS)) or ""
    if find_endpoint(path, {}, None) is None:
        return
    body = decoded(record.get("request_body"))
    if not isinstance(body, dict):
        raise BadRowError("the request_body is not a JSON object")
    model = first(record, *_MODELS)
    request = to_request(body, {"model": model} if word(model) else {}, is_body=True)
    came = decoded(record.get("response_body"))
    answer = to_answer(as_object(came).get("streamed_data", came))
    tokens = (record.get("prompt_tokens"), record.get("completion_tokens"))
    response = with_usage(answer.response, *tokens)
    status = whole_number(record.get("response_status"))
    yield LoggedCall(
        endpoint=find_endpoint(path, request, response),
        request=request,
        response=response,
        id=word(record.get("request_id")),
        time=moment(record.get("request_created_at")),
        outcome=outcome_of(response, status, whole=answer.whole),
        status=status,
        upstream=word(record.get("provider")),
        streamed=request.get("stream") is True,
        latency_ms=amount(first(record, "delay_ms", "latency_ms", "latency")),
        first_byte_ms=amount(record.get("time_to_first_token")),
        cost_usd=amount(first(record, "cost_usd", "costUSD", "cost")),
    )


HELICONE = LogFormat("helicone", "Helicone export of requests", _matches, _read)
