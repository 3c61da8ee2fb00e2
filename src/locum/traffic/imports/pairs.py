"""Lines that hold a request and its response, as applications and proxies write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from locum.rows import to_number
from locum.traffic.apis import find_endpoint
from locum.traffic.apis.lenient import as_object, objects
from locum.traffic.imports.bodies import outcome_of, to_answer, to_request, with_logged_usage
from locum.traffic.imports.items import LogFormat, LoggedCall
from locum.traffic.imports.values import (
    COSTS,
    LATENCIES,
    TIMES,
    amount,
    decoded,
    first,
    milliseconds,
    moment,
    whole_number,
    word,
)
from locum.traffic.split_request import DELIVERY, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["PAIRS", "parameters"]

_BODIES = ("request", "request_body", "requestBody", "body", "req")
_INPUTS = ("input", "prompt")
_RESPONSES = ("response", "response_body", "responseBody", "output", "completion", "resp")
_ENDS = ("end_time", "endTime", "completed_at")
_FIRST_BYTES = ("first_byte_ms", "time_to_first_token_ms", "ttft_ms")
_IDS = ("id", "request_id", "requestId", "call_id")
_SHORTEST_ID = 16
_ERRORS = ("error", "exception", "error_message")
# All by which a request with messages may ask for another answer: those of OpenAI's chat
# completions and of Anthropic's messages, and what common servers and clients add.
_PARAMETERS = (
    DELIVERY
    | SETTINGS
    | {
        *("system", "stop_sequences", "tools", "tool_choice", "functions", "function_call"),
        *("logit_bias", "modalities", "audio", "web_search_options"),
        *("thinking", "output_config", "output_format", "anthropic_version", "mcp_servers"),
        *("container", "context_management"),
        *("extra_body", "chat_template_kwargs", "min_p", "min_tokens", "repetition_penalty"),
        *("structured_outputs", "guided_json", "guided_choice", "guided_regex", "guided_grammar"),
    }
)
# Those that are numbers, and those that are objects or lists.
_NUMBERS = SETTINGS - {"stop", "reasoning_effort", "verbosity"} | {"seed", "n"}
_STRUCTURES = {
    *("messages", "tools", "functions", "tool_choice", "response_format", "stop", "metadata"),
    *("stream_options", "logit_bias", "extra_body", "thinking"),
}


class _Part(NamedTuple):
    body: object
    status: object
    path: object


def _matches(record: JsonObject) -> bool:
    answer = decoded(first(record, *_RESPONSES))
    if not (isinstance(answer, (dict, list)) or (answer and isinstance(answer, str))):
        return answer is None and "request" in record and first(record, *_ERRORS) is not None
    if isinstance(decoded(record.get("messages")), list):
        return True
    body = _opened(first(record, *_BODIES, *_INPUTS)).body
    messages = as_object(body).get("messages", body)
    return any("role" in message for message in objects(messages)) or (
        isinstance(body, dict) and ("prompt" in body or "input" in body or "messages" in body)
    )


def _opened(value: object) -> _Part:
    """A body by itself, or with its HTTP envelope around it."""
    part = decoded(value)
    envelope = as_object(part)
    status = first(envelope, "status_code", "statusCode", "status")
    path = first(envelope, "url", "path", "endpoint")
    return _Part(decoded(envelope["body"]) if "body" in envelope else part, status, path)


def _read(record: JsonObject) -> Iterator[LoggedCall]:
    sent = _opened(first(record, *_BODIES, *_INPUTS))
    came = _opened(first(record, *_RESPONSES))
    path = word(first(record, "url", "path", "endpoint") or sent.path) or ""
    if find_endpoint(path, {}, None) is None:
        return
    is_body = first(record, *_BODIES) is not None
    record = {**record, "messages": decoded(record.get("messages"))}
    flat = isinstance(record["messages"], list)
    request = parameters(record) if flat else to_request(sent.body, is_body=is_body)
    if "model" not in request and word(record.get("model")):
        request = {"model": record["model"], **request}
    answer = to_answer(came.body)
    response = with_logged_usage(answer.response, record)
    status = whole_number(first(record, "status_code", "response_status", "status") or came.status)
    started = moment(first(record, *TIMES))
    took = amount(first(record, *LATENCIES))
    if took is None:
        took = milliseconds(started, moment(first(record, *_ENDS)))
    yield LoggedCall(
        endpoint=find_endpoint(path, request, response),
        request=request,
        response=response,
        shared_id=_id(record),
        time=started,
        outcome=outcome_of(response, status, first(record, *_ERRORS), whole=answer.whole),
        status=status,
        streamed=request.get("stream") is True,
        latency_ms=took,
        first_byte_ms=amount(first(record, *_FIRST_BYTES)),
        cost_usd=amount(first(record, *COSTS)),
    )


def parameters(record: JsonObject) -> JsonObject:
    """Return the request of a line that has its parts beside what an application notes down."""
    return {
        name: _sent(name, value)
        for name, value in record.items()
        if name in _PARAMETERS and value != ""
    }


def _sent(name: str, value: object) -> object:
    """A parameter as it was sent; a table writes numbers and objects as text."""
    if name in _STRUCTURES:
        return decoded(value)
    number = to_number(value) if name in _NUMBERS and isinstance(value, str) else None
    if number is None or not math.isfinite(number):
        return value
    return int(number) if number.is_integer() else number


def _id(record: JsonObject) -> str | None:
    """An id that no other log will give to another call; a short one is a number in a file.

    Several calls of one log may have it, as what it names may be a user's request or a talk.
    """
    own = word(first(record, *_IDS))
    return own if own is not None and len(own) >= _SHORTEST_ID else None


PAIRS = LogFormat("pairs", "request and response bodies in one line", _matches, _read)
