"""OpenTelemetry: spans with GenAI attributes, as OTLP JSON.

Contents are read from ``gen_ai.input.messages`` and ``gen_ai.output.messages``, from the numbered
``gen_ai.prompt.0.content`` of OpenLLMetry, and from the events of a span of earlier conventions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.rows import BadRowError
from locum.traffic.apis.lenient import as_object, objects
from locum.traffic.imports.bodies import with_usage
from locum.traffic.imports.items import Item, LogFormat, LoggedCall, Unusable
from locum.traffic.imports.span_messages import read_input, read_output
from locum.traffic.imports.values import decoded, first, milliseconds, moment, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["OPENTELEMETRY"]

_CALLS = ("chat", "text_completion", "completion", "generate_content")
_STATUS_ERROR = (2, "2", "STATUS_CODE_ERROR", "ERROR")
_SETTINGS = {
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.seed": "seed",
    "gen_ai.request.stop_sequences": "stop",
    "gen_ai.request.choice.count": "n",
    "gen_ai.tool.definitions": "tools",
}
# Of the request, of the answer, from the cache, to the cache.
_TOKENS = (
    ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
)
_VALUES = ("stringValue", "boolValue", "doubleValue")


def _matches(record: JsonObject) -> bool:
    if any(isinstance(record.get(name), list) for name in ("resourceSpans", "scopeSpans")):
        return True
    return any(name.startswith("gen_ai.") for name in _attributes(record))


def _read(record: JsonObject) -> Iterator[Item]:
    if not _matches(record):
        raise BadRowError("neither spans in OTLP JSON nor a span with gen_ai attributes")
    for application, span in _spans(record):
        attributes = {**_event_details(span), **_attributes(span)}
        operation = first(attributes, "gen_ai.operation.name", "llm.request.type")
        named = "gen_ai.request.model" in attributes
        if operation in _CALLS or (operation is None and named):
            yield _to_call(application, span, attributes)


def _spans(record: JsonObject) -> Iterator[tuple[str | None, JsonObject]]:
    resources = objects(record.get("resourceSpans")) or [record]
    for resource in resources:
        application = word(_attributes(as_object(resource.get("resource"))).get("service.name"))
        scopes = objects(first(resource, "scopeSpans", "instrumentationLibrarySpans"))
        for scope in scopes or [{"spans": [resource]}]:
            for span in objects(scope.get("spans")):
                yield application, span


def _attributes(holder: JsonObject) -> JsonObject:
    """Attributes by name, from OTLP's list of keys and values or from a plain object."""
    given = holder.get("attributes")
    if isinstance(given, dict):
        return given
    pairs = objects(given)
    return {str(pair.get("key")): _value(as_object(pair.get("value"))) for pair in pairs}


def _value(value: JsonObject) -> object:
    if "intValue" in value:
        number = value["intValue"]
        return int(number) if isinstance(number, str) and number.isdecimal() else number
    if "arrayValue" in value:
        return [_value(v) for v in objects(as_object(value["arrayValue"]).get("values"))]
    if "kvlistValue" in value:
        pairs = objects(as_object(value["kvlistValue"]).get("values"))
        return {str(pair.get("key")): _value(as_object(pair.get("value"))) for pair in pairs}
    return first(value, *_VALUES)


def _events(span: JsonObject) -> list[JsonObject]:
    return [
        {"name": str(event.get("name")), **_attributes(event)}
        for event in objects(span.get("events"))
    ]


def _event_details(span: JsonObject) -> JsonObject:
    """Attributes that stand on an event of the span instead of on the span."""
    merged: JsonObject = {}
    for event in _events(span):
        merged |= {name: value for name, value in event.items() if name.startswith("gen_ai.")}
    return merged


def _to_call(application: str | None, span: JsonObject, attributes: JsonObject) -> Item:
    messages = read_input(attributes, _events(span))
    if not messages:
        return Unusable("the span holds no messages: contents were not captured")
    settings = {
        setting: decoded(attributes[name])
        for name, setting in _SETTINGS.items()
        if name in attributes
    }
    failed = as_object(span.get("status")).get("code") in _STATUS_ERROR
    tokens = [first(attributes, *names) for names in _TOKENS]
    response = with_usage(_response(attributes, _events(span)), *tokens)
    started = moment(first(span, "startTimeUnixNano", "start_time"))
    first_chunk = attributes.get("gen_ai.response.time_to_first_chunk")
    return LoggedCall(
        endpoint="chat",
        request={"model": attributes.get("gen_ai.request.model"), **settings, "messages": messages},
        response=response,
        id=_id(span),
        time=started,
        outcome="failed" if failed or response is None else "whole",
        application=application,
        upstream=word(first(attributes, "gen_ai.provider.name", "gen_ai.system")),
        streamed=first(attributes, "gen_ai.request.stream", "gen_ai.is_streaming") is True,
        latency_ms=milliseconds(started, moment(first(span, "endTimeUnixNano", "end_time"))),
        first_byte_ms=first_chunk * 1000 if isinstance(first_chunk, float) else None,
    )


def _response(attributes: JsonObject, events: list[JsonObject]) -> JsonObject | None:
    choices = read_output(attributes, events)
    if not choices:
        return None
    told = {
        "id": attributes.get("gen_ai.response.id"),
        "model": attributes.get("gen_ai.response.model"),
    }
    return {**{name: value for name, value in told.items() if value}, "choices": choices}


def _id(span: JsonObject) -> str | None:
    context = as_object(span.get("context"))
    trace = first(span, "traceId", "trace_id") or context.get("trace_id")
    own = first(span, "spanId", "span_id") or context.get("span_id")
    return f"{trace}:{own}" if trace and own else None


OPENTELEMETRY = LogFormat("opentelemetry", "OpenTelemetry GenAI spans (OTLP JSON)", _matches, _read)
