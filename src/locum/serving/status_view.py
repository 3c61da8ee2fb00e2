"""How the status page looks: HTML that needs nothing from elsewhere."""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from locum.serving.interval_drawing import IntervalDrawing, draw_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jinja2 import Environment

    from locum.promotion import Standing
    from locum.serving.recorder_deaths import Deaths
    from locum.serving.stand_in_metrics import Process

__all__ = ["Health", "content_policy", "render_live", "render_page"]

_SHOWN_CHARACTERS = 160
_NONE = "-"
_ROUTES = {
    "student": "the student",
    "shadow": "the student, and the teacher to compare",
    "deferred": "the teacher, deferred to",
    "teacher": "the teacher alone",
    "failed": "the teacher, and the student said nothing in time",
}


class Health(NamedTuple):
    """How a gateway does at a moment.

    Args:
        stopping: Whether it is about to stop.
        running: Calls being answered.
        connections: Open ones of clients.
        held: Bytes of bodies in memory.
        waiting: Calls that are not on disk yet.
        failing: Whether calls cannot be written.
        deaths: How often the recorder died of late.
        blind: Whether nobody would see, or tell, that a promise is broken, so that teachers answer.
        processes: Those of students.
        medians: How long students took at the median, in seconds, by task.
    """

    stopping: bool
    running: int
    connections: int
    held: int
    waiting: int
    failing: bool
    deaths: Deaths
    blind: bool
    processes: Sequence[Process]
    medians: Mapping[str, float]


class _Badge(NamedTuple):
    """A state in a word or two, and how it is coloured."""

    text: str
    kind: str


class _Route(NamedTuple):
    """Calls that went one way, with where their part of a bar begins and how long it is."""

    name: str
    said: str
    calls: int
    share: float
    begins: float


class _Task(NamedTuple):
    """One promoted task as it is shown."""

    identity: str
    standing: Standing
    badge: _Badge
    process: Process | None
    student_seconds: float | None
    routes: list[_Route]
    interval: IntervalDrawing


def render_live(standings: Iterable[Standing], health: Health, read: float, error: str) -> str:
    """Return the part of the page that changes.

    Args:
        standings: How promoted students do.
        health: How the gateway does.
        read: When the store said so, in seconds since 1970; 0 where it never did.
        error: Why the store cannot be read; empty where it can.
    """
    processes = {process.task: process for process in health.processes}
    tasks = [_task(standing, processes, health) for standing in standings]
    template = _environment().get_template("live.html.jinja")
    dying = health.deaths.is_repeated(time.time())
    return template.render(tasks=tasks, health=health, dying=dying, read=read, error=error)


def render_page(live: str) -> str:
    """Return the whole page.

    Args:
        live: What `render_live` returned.
    """
    template = _environment().get_template("status.html.jinja")
    return template.render(live=Markup(live), css=_part("status.css"), script=_part("status.js"))  # noqa: S704 - escaped where it was rendered


@cache
def content_policy() -> str:
    """Return the page's Content-Security-Policy: its own style and script run, nothing else."""
    rules = {
        "default-src": "'none'",
        "style-src": _source("status.css"),
        "script-src": _source("status.js"),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {allowed}" for name, allowed in rules.items())


def _source(name: str) -> str:
    return f"'sha256-{b64encode(sha256(_part(name).encode()).digest()).decode()}'"


@cache
def _part(name: str) -> Markup:
    return Markup(files("locum.serving").joinpath("templates", name).read_text("utf-8"))  # noqa: S704 - a file of ours


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("locum.serving"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "dollars": _dollars,
        "duration": _duration,
        "moment": _moment,
        "percent": _percent,
        "shorten": _shorten,
    }
    return environment


def _task(standing: Standing, processes: Mapping[str, Process], health: Health) -> _Task:
    process = processes.get(standing.task)
    return _Task(
        identity=sha256(standing.task.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        standing=standing,
        badge=_badge(standing),
        process=process,
        student_seconds=health.medians.get(standing.task),
        routes=_routes(standing),
        interval=draw_interval(standing.compared, standing.target),
    )


def _badge(standing: Standing) -> _Badge:
    if standing.state != "active":
        return _Badge(standing.state, "off" if standing.state == "demoted" else "bad")
    if not standing.percent:
        return _Badge("scored only", "wait")
    if standing.percent >= 100:
        return _Badge("on", "good")
    return _Badge(f"on for {standing.percent:g}% of calls", "good")


def _routes(standing: Standing) -> list[_Route]:
    counts = {str(name): calls for name, calls in standing.calls.items()}
    total, before, routes = max(standing.usage.total, 1), 0, []
    for name in [*_ROUTES, *sorted(counts.keys() - _ROUTES)]:
        calls = counts.get(name, 0)
        routes.append(_Route(name, _ROUTES.get(name, name), calls, calls / total, before / total))
        before += calls
    return routes


def _percent(share: float | None, digits: int = 1) -> str:
    return _NONE if share is None else f"{100 * share:.{digits}f}%"


def _dollars(amount: float | None) -> str:
    if amount is None:
        return _NONE
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.3g}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    for below, unit, name in ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms")):
        if seconds < below:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"
