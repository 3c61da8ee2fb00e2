"""Batches: OpenAI's and Anthropic's, whose requests and results are two files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis import find_endpoint
from locum.traffic.apis.lenient import as_object
from locum.traffic.imports.bodies import outcome_of
from locum.traffic.imports.items import BatchAnswer, BatchRequest, LogFormat
from locum.traffic.imports.values import whole_number, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["ANTHROPIC_BATCH", "OPENAI_BATCH"]


def _key(record: JsonObject) -> str:
    key = word(record.get("custom_id"))
    if key is None:
        raise BadRowError("the custom_id is missing")
    return key


def _matches_openai(record: JsonObject) -> bool:
    if "custom_id" not in record:
        return False
    return isinstance(record.get("body"), dict) or ("response" in record and "error" in record)


def _read_openai(record: JsonObject) -> Iterator[BatchRequest | BatchAnswer]:
    body = record.get("body")
    if isinstance(body, dict):
        yield BatchRequest(_key(record), find_endpoint(str(record.get("url")), body, None), body)
        return
    if "response" not in record and "error" not in record:
        raise BadRowError("neither a request nor a result of a batch")
    answer = as_object(record.get("response"))
    response = as_object(answer.get("body")) or None
    status = whole_number(answer.get("status_code"))
    outcome = outcome_of(response, status, record.get("error"))
    if response is None and record.get("error"):
        response = {"error": record["error"]}
    yield BatchAnswer(_key(record), _priced(response), outcome, status, word(record.get("id")))


def _matches_anthropic(record: JsonObject) -> bool:
    parts = (record.get("params"), record.get("result"))
    return "custom_id" in record and any(isinstance(part, dict) for part in parts)


def _read_anthropic(record: JsonObject) -> Iterator[BatchRequest | BatchAnswer]:
    params = record.get("params")
    if isinstance(params, dict):
        yield BatchRequest(_key(record), "messages", params)
        return
    result = as_object(record.get("result"))
    if not result:
        raise BadRowError("neither a request nor a result of a batch")
    message = as_object(result.get("message")) or None
    error = as_object(result.get("error"))
    response = message or ({"error": error.get("error", error)} if error else None)
    yield BatchAnswer(_key(record), _priced(response), outcome_of(message), None, None)


def _priced(response: JsonObject | None) -> JsonObject | None:
    """The answer with the tier that it was served by, which not every result says."""
    return response and {**response, "service_tier": "batch"}


OPENAI_BATCH = LogFormat(
    "openai-batch", "OpenAI Batch: the input and the output file", _matches_openai, _read_openai
)
ANTHROPIC_BATCH = LogFormat(
    "anthropic-batch",
    "Anthropic Message Batches: requests and results",
    _matches_anthropic,
    _read_anthropic,
)
