"""What ``locum.toml`` says of the gateway."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from locum.config.section import Count, Seconds, Section, Variable

__all__ = [
    "ApplicationSettings",
    "CacheSettings",
    "GatewaySettings",
    "LimitSettings",
    "TraceSettings",
    "UpstreamSettings",
]

_MEBIBYTE = 1024 * 1024

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class UpstreamSettings(Section):
    """A server that answers calls: ``[gateway.upstreams.NAME]``.

    Args:
        url: Its base URL, such as ``https://api.openai.com/v1``.
        api: Whose paths and error shapes it has.
        key_env: Environment variable of the key that it gets; by default the client's own.
        soft_labels: Whether chat completions may be asked for log-probabilities.
        models: The models that it answers, ``*`` standing for any text; by default those that no
            other upstream names.
        paths: Further paths that applications reach with the key of `key_env`, which they share,
            ``*`` standing for any text; by default those alone that answer a call by what it says.
    """

    url: str
    api: Literal["openai", "anthropic"] = "openai"
    key_env: Variable | None = None
    soft_labels: bool = False
    models: list[str] = []
    paths: list[Annotated[str, Field(pattern=r"^[/*]")]] = []


class ApplicationSettings(Section):
    """Who may call the gateway: ``[gateway.applications.NAME]``.

    Args:
        key_env: Environment variable of the key that the application sends.
        day_usd: US dollars that its calls may cost from midnight to midnight (UTC); by default as
            many as they do.
        month_usd: Likewise in a calendar month.
    """

    key_env: Variable
    day_usd: Dollars | None = None
    month_usd: Dollars | None = None


class LimitSettings(Section):
    """What one request may take: ``[gateway.limits]``; sizes in bytes, times in seconds.

    Args:
        head_bytes: Request line and headers.
        body_bytes: Body, also after decompression.
        body_values: Values in a body of JSON, as each takes far more memory than its text.
        head_seconds: From the first byte of a request to the end of its headers.
        body_seconds: From the end of its headers to the end of its body.
        held_bytes: Bodies of all requests at once, as they came, unpacked and read; more are
            answered 503. At least `body_bytes`.
        idle_seconds: How long a connection may wait for its next request.
        calls: Calls at once; more are answered 503. What a student answers is counted by itself,
            so that a teacher that hangs takes no room from it.
        connections: Connections at once; more are closed.
        connect_seconds: Until an upstream accepts a connection.
        answer_seconds: From the request to the first byte of its answer, and between two bytes.
        student_seconds: Until a student has answered; then its teacher is asked.
        writer_seconds: The same for a student that writes.
        notice_seconds: How long the gateway says that it is not ready, and goes on taking calls,
            before it stops on SIGTERM.
        drain_seconds: How long running calls may take when the gateway stops.
    """

    head_bytes: Count = 32 * 1024
    body_bytes: Count = 32 * _MEBIBYTE
    body_values: Count = 500_000
    held_bytes: Count = 512 * _MEBIBYTE
    head_seconds: Seconds = 10.0
    body_seconds: Seconds = 30.0
    idle_seconds: Seconds = 75.0
    calls: Count = 1_000
    connections: Count = 10_000
    connect_seconds: Seconds = 10.0
    answer_seconds: Seconds = 600.0
    student_seconds: Seconds = 0.25
    writer_seconds: Seconds = 10.0
    notice_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    drain_seconds: Seconds = 30.0

    @model_validator(mode="after")
    def _can_hold_any_body(self) -> Self:
        if self.held_bytes < self.body_bytes:
            # A client would be told to ask again for ever.
            raise ValueError(
                f"held_bytes is {self.held_bytes} and body_bytes {self.body_bytes}: expected room "
                "for one body at least; raise held_bytes, or lower body_bytes"
            )
        return self


class CacheSettings(Section):
    """Answers that are given again to exactly the same call: ``[gateway.cache]``.

    Args:
        seconds: How long an answer is given again; by default never.
        bytes: How many bytes of answers are kept, in memory.
    """

    seconds: Seconds | None = None
    bytes: Count = 64 * _MEBIBYTE


class TraceSettings(Section):
    """Spans of calls for OpenTelemetry: ``[gateway.traces]``.

    Args:
        endpoint: Where a collector takes OTLP over HTTP, such as
            ``http://127.0.0.1:4318/v1/traces``; by default there are no spans.
    """

    endpoint: Annotated[str, Field(pattern=r"^https?://[^/]")] | None = None


class GatewaySettings(Section):
    """The gateway: ``[gateway]``.

    Args:
        host: Address to listen on; another than loopback needs applications.
        port: Port to listen on; 0 takes a free one.
        upstreams: Who answers, by name.
        applications: Who may call, by name; where there are none, anyone who can connect.
        limits: What one request may take.
        cache: Answers that are given again.
        traces: Spans of calls.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8400
    upstreams: dict[str, UpstreamSettings] = {}
    applications: dict[str, ApplicationSettings] = {}
    limits: LimitSettings = LimitSettings()
    cache: CacheSettings = CacheSettings()
    traces: TraceSettings = TraceSettings()
