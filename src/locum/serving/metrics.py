"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from locum.serving.stand_in_metrics import StandInMetrics

__all__ = ["Metrics"]

# OpenTelemetry's advice for gen_ai.client.operation.duration, in seconds.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_SERIES = 4096


class Metrics:
    """Counters of one gateway."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._calls = Counter(
            "locum_calls",
            "Calls that ended, by upstream, endpoint, outcome and HTTP status",
            ["upstream", "endpoint", "outcome", "status"],
            registry=registry,
        )
        self._duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "From receiving a call to the end of its answer",
            ["upstream", "endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.running = Gauge("locum_calls_running", "Calls being answered", registry=registry)
        self.held = Gauge(
            "locum_request_bytes_held", "Bodies of requests in memory", registry=registry
        )
        self.connections = Gauge("locum_client_connections", "Open ones", registry=registry)
        self.refused = Counter(
            "locum_requests_refused",
            "Requests that the gateway answered with an error of its own",
            ["code"],
            registry=registry,
        )
        self.asked = Counter(
            "locum_soft_labels_asked",
            "Calls for which log-probabilities were asked, and how that went",
            ["upstream", "result"],
            registry=registry,
        )
        self.given_again = Counter(
            "locum_answers_given_again",
            "Calls that were answered from the cache",
            registry=registry,
        )
        self.stored = Counter("locum_calls_stored", "Calls that are on disk", registry=registry)
        self.lost = Counter(
            "locum_calls_lost",
            "Calls that were answered and could not be recorded",
            ["reason"],
            registry=registry,
        )
        self.waiting = Gauge(
            "locum_calls_not_yet_durable",
            "Calls that were answered and are not on disk yet",
            registry=registry,
        )
        self.failing = Gauge(
            "locum_recorder_failing", "1 while calls cannot be written", registry=registry
        )
        self.died = Counter(
            "locum_recorder_deaths", "How often the recorder died", registry=registry
        )
        self.keeps_dying = Gauge(
            "locum_recorder_keeps_dying",
            "1 where the recorder died again within a day",
            registry=registry,
        )
        self.blind = Gauge(
            "locum_watch_blind",
            "1 while teachers answer everything, as nobody would see that a promise is broken",
            registry=registry,
        )
        self.stand_ins = StandInMetrics(registry)

        self._ended = lru_cache(_SERIES)(self._find_ended)

    def count_call(
        self, upstream: str, endpoint: str, outcome: str, status: int, seconds: float
    ) -> None:
        """Count a call that ended."""
        calls, duration = self._ended(upstream, endpoint, outcome, status)
        calls.inc()
        duration.observe(seconds)

    def _find_ended(
        self, upstream: str, endpoint: str, outcome: str, status: int
    ) -> tuple[Counter, Histogram]:
        calls = self._calls.labels(upstream, endpoint, outcome, str(status))
        return calls, self._duration.labels(upstream, endpoint)

    @property
    def recorder_fails(self) -> bool:
        """Whether calls cannot be written."""
        return any(sample.value for found in self.failing.collect() for sample in found.samples)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self._registry)
