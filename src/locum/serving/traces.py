"""Spans of calls for OpenTelemetry, by its conventions for generative AI.

A span says who was asked for what, who answered, how long it took and how many tokens it was; never
what was asked or said. See the semantic conventions of OpenTelemetry, "GenAI client spans" (2025).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

    from locum.schema import Call, JsonObject

__all__ = ["Traces", "require_traces"]

_NEEDED = (
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
_NANOSECONDS = 1_000_000_000
_OPERATIONS = {
    "chat": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}
_FIRST_ERROR = 400


def require_traces() -> None:
    """Refuse to trace without what that takes.

    Raises:
        UsageError: ``locum[otel]`` is not installed.
    """
    try:
        for module in _NEEDED:
            import_module(module)
    except ImportError as error:
        raise UsageError(
            f"gateway.traces needs an extra: pip install 'locum[otel]' ({error})"
        ) from None


class Traces:
    """Sends a span for each call to a collector, in batches, in a thread of its own.

    A span belongs to the trace that its call names by the header ``traceparent`` (W3C). What the
    collector does not take is dropped.

    Args:
        endpoint: Where OTLP over HTTP is taken: ``http://127.0.0.1:4318/v1/traces``. Headers
            for it are read from ``OTEL_EXPORTER_OTLP_HEADERS``.
    """

    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "locum-gateway"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer: Tracer = self._provider.get_tracer("locum")

    def teacher_call(self, call: Call, record: JsonObject) -> None:
        """Send the span of a call that was passed through.

        Args:
            call: As it is recorded.
            record: What the gateway said of it.
        """
        facts = call.facts
        response = call.response or {}
        self._send(
            facts.endpoint,
            facts.model,
            record,
            status=facts.status,
            outcome=facts.outcome,
            attributes={
                "gen_ai.provider.name": facts.upstream,
                "gen_ai.response.model": response.get("model"),
                "gen_ai.usage.input_tokens": facts.input_tokens,
                "gen_ai.usage.output_tokens": facts.output_tokens,
                "locum.application": facts.application,
                "locum.task": facts.task,
                "locum.route": "teacher",
            },
        )

    def student_answer(self, said: JsonObject) -> None:
        """Send the span of a call that a student answered, as the gateway describes it."""
        self._send(
            said["endpoint"],
            said["model"],
            said,
            status=200,
            outcome="whole",
            attributes={
                "gen_ai.provider.name": "locum",
                "gen_ai.usage.input_tokens": said["input_tokens"],
                "gen_ai.usage.output_tokens": said["output_tokens"],
                "locum.application": said["application"],
                "locum.task": said["task"],
                "locum.route": "student",
            },
        )

    def _send(
        self,
        endpoint: str,
        model: str,
        timed: JsonObject,
        *,
        status: int | None,
        outcome: str,
        attributes: Mapping[str, Any],
    ) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        operation = _OPERATIONS.get(endpoint, endpoint)
        parent = {"traceparent": timed.get("traceparent") or ""}
        start = int(timed["time"] * _NANOSECONDS)
        span = self._tracer.start_span(
            f"{operation} {model}".strip(),
            context=TraceContextTextMapPropagator().extract(parent),
            kind=SpanKind.CLIENT,
            start_time=start,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.request.model": model,
                **{name: value for name, value in attributes.items() if value is not None},
            },
        )
        if outcome != "whole":
            failed = status if status is not None and status >= _FIRST_ERROR else outcome
            span.set_attribute("error.type", str(failed))
            span.set_status(Status(StatusCode.ERROR))
        span.end(start + int((timed["latency_ms"] or 0.0) * _NANOSECONDS / 1_000))

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()
