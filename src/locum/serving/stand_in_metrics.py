"""What the gateway counts of students that stand in, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from locum.promotion import Alarm
from locum.store import Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from locum.promotion import Standing

__all__ = ["Process", "StandInMetrics"]

_STUDENT_SECONDS = (
    *(0.00005, 0.0001, 0.0002, 0.0005),
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
)
_ROUTES: tuple[Route, ...] = get_args(Route)
_RECENT = 1_000


class Process(NamedTuple):
    """The process of a student.

    Args:
        task: Of which task.
        state: ``loading``, ``ready``, ``refused`` or ``down``.
        reason: Why it is down.
        failures: How often it did not answer.
    """

    task: str
    state: str
    reason: str
    failures: int


class _Times:
    """How many times were no longer than each bound, in seconds, and their sum.

    Prometheus' own counters take a lock and check names for each time.
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(_STUDENT_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Take one more."""
        self._counts[bisect_left(_STUDENT_SECONDS, seconds)] += 1
        self._sum += seconds

    def add_to(self, family: HistogramMetricFamily, task: str) -> None:
        """Show them as those of a task."""
        bounds = [*map(str, _STUDENT_SECONDS), "+Inf"]
        counts = zip(bounds, accumulate(self._counts), strict=True)
        family.add_metric([task], list(counts), self._sum)


class _Task(NamedTuple):
    """What is counted of one task."""

    routes: dict[Route, int]
    student: _Times
    request: _Times
    recent: deque[float]


class StandInMetrics:
    """Counters of the calls of promoted tasks, and what the store says of their students.

    Tasks are those that somebody promoted, so that no client can add a series.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tasks: dict[str, _Task] = {}
        self.processes: Sequence[Process] = ()
        self.standings: Sequence[Standing] = ()
        registry.register(self)

    def count(self, task: str, route: Route) -> None:
        """Count a call of a promoted task."""
        self._series(task).routes[route] += 1

    def observe_student(self, task: str, seconds: float) -> None:
        """Take note of how long a student took."""
        series = self._series(task)
        series.student.observe(seconds)
        series.recent.append(seconds)

    def observe_request(self, task: str, seconds: float) -> None:
        """Take note of how long a call took that a student answered."""
        self._series(task).request.observe(seconds)

    def medians(self) -> dict[str, float]:
        """Return how long the students of tasks took at the median of their last answers."""
        return {task: median(s.recent) for task, s in self._tasks.items() if s.recent}

    def _series(self, task: str) -> _Task:
        series = self._tasks.get(task)
        if series is None:
            routes = dict.fromkeys(_ROUTES, 0)
            series = _Task(routes, _Times(), _Times(), deque(maxlen=_RECENT))
            self._tasks[task] = series
        return series

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted and what is known now; `CollectorRegistry` calls this."""
        yield from self._collect_calls()
        yield from self._collect_processes()
        yield from self._collect_standings()

    def _collect_calls(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "locum_stand_in_calls",
            "Calls of promoted tasks, by the way that they went",
            labels=["task", "route"],
        )
        student = HistogramMetricFamily(
            "locum_student_seconds", "From asking a student to its answer", labels=["task"]
        )
        request = HistogramMetricFamily(
            "gen_ai_server_request_duration_seconds",
            "From receiving a call to the end of the student's answer, where a student answered",
            labels=["task"],
        )
        for task, series in self._tasks.items():
            for route, count in series.routes.items():
                calls.add_metric([task, route], count)
            series.student.add_to(student, task)
            series.request.add_to(request, task)
        yield from (calls, student, request)

    def _collect_processes(self) -> Iterator[Metric]:
        up = _gauge("locum_student_up", "1 while a student's process is ready")
        failures = CounterMetricFamily(
            "locum_student_failures", "Answers that a student's process owed", labels=["task"]
        )
        for process in self.processes:
            up.add_metric([process.task], process.state == "ready")
            failures.add_metric([process.task], process.failures)
        yield up
        yield failures

    def _collect_standings(self) -> Iterator[Metric]:
        shown = {name: _gauge(f"locum_task_{name}", said) for name, said in _OF_STANDINGS.items()}
        saved = CounterMetricFamily(
            "locum_saved_usd", "What the student's answers would have cost", labels=["task"]
        )
        alarm = GaugeMetricFamily(
            "locum_task_alarm",
            "1 where the watch found that something changed, by what",
            labels=["task", "about"],
        )
        for standing in self.standings:
            for about in _ALARMS:
                alarm.add_metric([standing.task, about], float(about in standing.alarms))
            for name, value in _values(standing).items():
                if value is not None:
                    shown[name].add_metric([standing.task], value)
            if standing.usage.saved_usd is not None:
                saved.add_metric([standing.task], standing.usage.saved_usd)
        yield from shown.values()
        yield from (alarm, saved)


_ALARMS = get_args(Alarm)
_OF_STANDINGS = {
    "agreement": "Share of sampled answers that are as the teacher's",
    "agreement_low": "Lower end of its interval, which holds at all times at once",
    "agreement_high": "Upper end of that interval",
    "promised": "Agreement that the certificate promises",
    "coverage": "Share of calls that the student answered, of those on which it was asked",
    "expected_coverage": "Share that it was certified to answer",
    "broken": "1 where the watch found the promise broken, also of a student that is only scored",
    "revoked": "1 where the promise was broken, and the teacher answers again",
}


def _values(standing: Standing) -> dict[str, float | None]:
    compared = standing.compared
    known = compared.answers > 0
    return {
        "agreement": compared.agreement,
        "agreement_low": compared.low if known else None,
        "agreement_high": compared.high if known else None,
        "promised": standing.target,
        "coverage": standing.coverage,
        "expected_coverage": standing.expected_coverage,
        "broken": float(standing.broken),
        "revoked": float(standing.state == "revoked"),
    }


def _gauge(name: str, said: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=["task"])
