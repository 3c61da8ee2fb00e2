"""A promoted student that a server computes: where that fails, in whatever way, teachers answer."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from locum.writers.served import RunningServer
from tests.completion_server import WRITER_NAME as NAME
from tests.completion_server import CompletionServer, serving_writer
from tests.gateway_clients import happens
from tests.gateways import Running, running_gateway, upstream_server
from tests.promoted import LIMITS, chat_request, promote, record, route, states, upstreams
from tests.small_writers import make_pairs, taught_student
from tests.test_gateway_writers import Writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.export import CertifiedWriter
    from locum.schema import Call

REQUEST = chat_request("amber of the by in")
SECONDS = 1.0
FAILURES: tuple[tuple[int, Any], ...] = ((500, {}), (200, b"nonsense"), (200, {"choices": []}))
QUICK = LIMITS.model_copy(update={"writer_seconds": SECONDS})


def recorded_notes() -> list[Call]:
    """Calls from which such a student could have learned."""
    return [
        record(chat_request(example.text), str(example.answer), number, task="notes")
        for number, example in enumerate(make_pairs(60))
    ]


@pytest.fixture(scope="module")
def student() -> CertifiedWriter:
    return taught_student()


@pytest.fixture
def server(student: CertifiedWriter) -> Iterator[CompletionServer]:
    with serving_writer(student) as running:
        yield running


def reasons(gateway: Running) -> list[str]:
    return [process.reason for process in gateway.gateway._roster.processes()]  # noqa: SLF001


def becomes(gateway: Running, state: str) -> bool:
    return happens(lambda: states(gateway) == [state], 60)


def test_a_server_that_fails_hangs_or_is_away_costs_no_call(
    student: CertifiedWriter, server: CompletionServer, tmp_path: Path
) -> None:
    backend = RunningServer(server.url, NAME, "0" * 64)
    served = replace(student, model=student.model.through(backend))
    promote(tmp_path / "calls.sqlite", tmp_path / "notes", served, recorded_notes())

    def hang(answered: tuple[int, Any]) -> tuple[int, Any]:
        time.sleep(20)
        return answered

    with (
        upstream_server(Writing()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), QUICK) as gateway,
    ):
        assert becomes(gateway, "ready"), reasons(gateway)
        assert route(gateway, REQUEST) == "student"
        for answered in FAILURES:
            server.change = partial(lambda answered, _: answered, answered)
            assert route(gateway, REQUEST) == "teacher"
            assert states(gateway) == ["ready"]
        server.change = lambda said: said
        assert route(gateway, REQUEST) == "student"
        server.names = ["another"]
        assert route(gateway, REQUEST) == "teacher"
        assert happens(lambda: "has another: this student is written by" in reasons(gateway)[0], 60)
        assert route(gateway, REQUEST) == "teacher"
        server.names = [NAME]
        assert becomes(gateway, "ready"), reasons(gateway)
        assert route(gateway, REQUEST) == "student"
        server.change = hang
        began = time.monotonic()
        assert route(gateway, REQUEST) == "teacher"
        assert time.monotonic() - began < SECONDS + 1
        server.change = lambda said: said
        assert becomes(gateway, "down")
        assert becomes(gateway, "ready"), reasons(gateway)
        assert route(gateway, REQUEST) == "student"


def test_a_server_may_come_and_go(student: CertifiedWriter, tmp_path: Path) -> None:
    with serving_writer(student) as first:
        port = int(first.url.split(":")[2].removesuffix("/v1"))
        backend = RunningServer(first.url, NAME, "0" * 64)
        served = replace(student, model=student.model.through(backend))
        promote(tmp_path / "calls.sqlite", tmp_path / "notes", served, recorded_notes())
    with (
        upstream_server(Writing()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), QUICK) as gateway,
    ):
        assert becomes(gateway, "down")
        assert "cannot be reached" in reasons(gateway)[0]
        assert route(gateway, REQUEST) == "teacher"
        with serving_writer(student, port):
            assert becomes(gateway, "ready"), reasons(gateway)
            assert route(gateway, REQUEST) == "student"
        assert route(gateway, REQUEST) == "teacher"
        assert becomes(gateway, "down")
