"""Values of log records: odd ones count as missing, since a log is not for its reader to mend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from locum.rows import BadRowError, to_number, to_time
from locum.traffic.apis.lenient import as_object, objects
from locum.traffic.strict_json import read_json

if TYPE_CHECKING:
    from locum.schema import JsonObject, Outcome

__all__ = [
    "amount",
    "decoded",
    "first",
    "milliseconds",
    "moment",
    "outcome_of",
    "to_request",
    "to_response",
    "whole_number",
    "with_usage",
    "word",
]

_BODY_NAMES = ("messages", "prompt", "input", "contents", "system")
_ANSWER_NAMES = ("choices", "output", "error")
_BODIES = {("type", "message"), ("object", "list")}


def first(record: JsonObject, *names: str) -> object:
    """Return the first value that is neither missing nor empty."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def decoded(value: object) -> object:
    """Return what a JSON object or array in a text stands for; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return read_json(value.encode("utf-8", "surrogatepass"))
    except ValueError:
        return value


def word(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def amount(value: object) -> float | None:
    """Return a finite number of zero or more, also one that is spelled as text."""
    number = None if isinstance(value, bool) else to_number(value)
    return number if number is not None and math.isfinite(number) and number >= 0 else None


def whole_number(value: object) -> int | None:
    """Return a number of zero or more without its fraction."""
    number = amount(value)
    return None if number is None else int(number)


def moment(value: object) -> float | None:
    """Return seconds since 1970, from ISO 8601 or from a number of s, ms, us or ns since then."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return to_time(value)
    except BadRowError:
        return None


def milliseconds(start: float | None, end: float | None) -> float | None:
    """Return what passed between two times; ``None`` where one is missing or comes too early."""
    if start is None or end is None or end < start:
        return None
    return round((end - start) * 1000, 3)


def outcome_of(response: object, status: int | None = None, error: object = None) -> Outcome:
    """Return whether an answer arrived, by its status and by what stands in its place."""
    bad = status is not None and status >= 400
    return "failed" if response is None or bad or error else "whole"


def to_request(given: object, settings: JsonObject | None = None) -> JsonObject:
    """Return a request body, from one or from the messages or the text that a log calls an input.

    Args:
        given: The input.
        settings: The model and its parameters, where the log has them beside the input.

    Raises:
        BadRowError: There is no input.
    """
    value = decoded(given)
    if isinstance(value, dict) and any(name in value for name in _BODY_NAMES):
        return {**(settings or {}), **value}
    if isinstance(value, dict) and "role" in value:
        value = [value]
    if isinstance(value, list) and any("role" in entry for entry in objects(value)):
        return {**(settings or {}), "messages": value}
    if value is None or value in ("", [], {}):
        raise BadRowError("the input is missing: the log was written without contents")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return {**(settings or {}), "messages": [{"role": "user", "content": text}]}


def to_response(given: object) -> JsonObject | None:
    """Return a response body, from one or from the messages or the text that a log calls an output.

    Numbers and other JSON count as the text that they are written as.
    """
    value = decoded(given)
    if value is None or value == "":
        return None
    if isinstance(value, dict) and any(name in value for name in _ANSWER_NAMES):
        return value
    if isinstance(value, dict) and _BODIES & {(n, str(value.get(n))) for n in ("type", "object")}:
        return value
    spoken = [value] if isinstance(value, dict) else objects(value)
    messages = [message for message in spoken if "role" in message or "content" in message]
    if not messages:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        messages = [{"content": text}]
    choices = [
        {"index": index, "message": {"role": "assistant", **message}}
        for index, message in enumerate(messages)
    ]
    return {"choices": choices}


def with_usage(
    response: JsonObject | None, input_tokens: object, output_tokens: object
) -> JsonObject | None:
    """Return the response with the tokens that a log counted, where it does not tell its own."""
    counts = (whole_number(input_tokens), whole_number(output_tokens))
    if response is None or as_object(response.get("usage")) or counts == (None, None):
        return response
    names = ("prompt_tokens", "completion_tokens")
    usage = {name: n for name, n in zip(names, counts, strict=True) if n is not None}
    return {**response, "usage": usage}
