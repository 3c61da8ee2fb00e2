"""A collector gets a span for each call, which says nothing of what was asked or said."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from locum.config import GatewaySettings, RedactionSettings, TraceSettings
from locum.errors import UsageError
from locum.serving.gateway import Gateway
from tests.gateways import running_gateway, upstream_server
from tests.promoted import (
    MODEL,
    SURE,
    UNSURE,
    chat_request,
    promote,
    send,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes spans."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as it is there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(bodies: list[bytes]) -> list[Any]:
    found = []
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def attributes(span: Any) -> dict[str, Any]:  # noqa: ANN401 - of protobuf
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_each_call_has_a_span_that_says_who_answered(tmp_path: Path) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "student")
    teacher = Teacher()
    with collector() as (endpoint, bodies), upstream_server(teacher) as upstream:
        spans_to = TraceSettings(endpoint=endpoint)
        with running_gateway(tmp_path, upstreams(upstream.url), traces=spans_to) as gateway:
            wait_until_ready(gateway)
            parent = f"traceparent: 00-{TRACE}-b7ad6b7169203331-01"
            send(gateway, chat_request(SURE["billing"]), parent)
            send(gateway, chat_request(UNSURE))
        spans = spans_of(bodies)
    student, asked = map(attributes, spans)
    assert [span.name for span in spans] == [f"chat {MODEL}"] * 2
    assert spans[0].trace_id.hex() == TRACE
    assert spans[0].parent_span_id.hex() == "b7ad6b7169203331"
    assert not spans[1].parent_span_id
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in spans)
    assert student["locum.route"] == "student"
    assert student["locum.task"] == asked["locum.task"] == "support"
    assert (asked["locum.route"], asked["gen_ai.usage.output_tokens"]) == ("teacher", 2)
    assert asked["gen_ai.operation.name"] == student["gen_ai.operation.name"] == "chat"
    whole = b"".join(bodies)
    assert UNSURE.encode() not in whole
    assert SURE["billing"].encode() not in whole


def test_a_call_that_failed_has_a_span_with_its_error(tmp_path: Path) -> None:
    with collector() as (endpoint, bodies):
        spans_to = TraceSettings(endpoint=endpoint)
        with running_gateway(
            tmp_path, upstreams("http://127.0.0.1:9/v1"), traces=spans_to
        ) as gateway:
            assert send(gateway, chat_request(UNSURE)).status == 502
        [span] = spans_of(bodies)
    assert attributes(span)["error.type"] == "failed"
    assert span.status.code == 2


def test_a_collector_that_is_away_costs_no_call(tmp_path: Path) -> None:
    teacher = Teacher()
    spans_to = TraceSettings(endpoint="http://127.0.0.1:9/v1/traces")
    with (
        upstream_server(teacher) as upstream,
        running_gateway(tmp_path, upstreams(upstream.url), traces=spans_to) as gateway,
    ):
        assert send(gateway, chat_request(UNSURE)).status == 200
        assert len(gateway.calls()) == 1


@pytest.mark.parametrize(
    "missing", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http.trace_exporter"]
)
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(missing)]:
        monkeypatch.delitem(sys.modules, name)
    # As of a module that is not there; another exporter may be.
    monkeypatch.setitem(sys.modules, missing, None)
    settings = GatewaySettings(traces=TraceSettings(endpoint="http://127.0.0.1:4318/v1/traces"))
    with pytest.raises(UsageError, match=r"pip install 'locum\[otel\]'"):
        Gateway(settings, tmp_path / "calls.sqlite", RedactionSettings(), tmp_path / "students")
