"""Students that are scored beside their teachers are compared also where they take longer."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from locum.config import LimitSettings
from locum.serving.late_scores import LateScores
from locum.serving.metrics import Metrics
from locum.serving.recorder_link import RecorderLink
from locum.serving.stand_ins import Sampled
from locum.store import PromotionStore, ShadowStore, open_database
from locum.writers.served import RunningServer
from tests.completion_server import WRITER_NAME as NAME
from tests.completion_server import serving_writer
from tests.gateway_clients import happens
from tests.gateways import Running, running_gateway, upstream_server
from tests.promoted import (
    LIMITS,
    SURE,
    chat_request,
    promote,
    record,
    route,
    states,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher
from tests.small_writers import EASY, make_pairs, taught_student
from tests.test_gateway_writers import STUBBORN, Writing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from locum.export import CertifiedWriter
    from locum.store import Route, Shadow

SCORED = Sampled("notes", "aa", "folder", answered=True, said="yes", confidence=0.9, novelty=None)
WORDS = (*EASY[2:6], STUBBORN)


@pytest.fixture(scope="module")
def student() -> CertifiedWriter:
    return taught_student()


class Scored:
    """A gateway whose student answers once it is let go, and is scored alone."""

    def __init__(self, gateway: Running, let_go: threading.Event) -> None:
        self.gateway = gateway
        self.let_go = let_go

    def ask(self) -> None:
        """Let the teacher answer while the student says nothing yet."""
        for word in WORDS:
            assert route(self.gateway, chat_request(f"{word} of the by in")) == "teacher"

    def calls(self) -> set[str]:
        """Which calls are recorded by now, besides those that the student learned from."""
        found = self.gateway.readable()
        return {call.facts.id for call in found if call.facts.upstream is not None}

    def counts(self) -> Counter[Route]:
        """How many calls went which way by now."""
        with open_database(self.gateway.store) as database:
            return ShadowStore(database).counts("notes")

    def shadows(self) -> list[Shadow]:
        """What was compared by now."""
        with open_database(self.gateway.store) as database:
            promotion = PromotionStore(database).find("notes")
            assert promotion is not None
            return [row for _, row in ShadowStore(database).shadows("notes", promotion.artefact)]


@contextmanager
def scored(student: CertifiedWriter, home: Path, *, percent: float) -> Iterator[Scored]:
    let_go = threading.Event()

    def wait(answered: tuple[int, Any]) -> tuple[int, Any]:
        let_go.wait(60)
        return answered

    calls = [
        record(chat_request(example.text), str(example.answer), number, task="notes")
        for number, example in enumerate(make_pairs(60))
    ]
    limits = LIMITS.model_copy(update={"writer_seconds": 60.0})
    with serving_writer(student) as server:
        backend = RunningServer(server.url, NAME, "0" * 64)
        served = replace(student, model=student.model.through(backend))
        promote(home / "calls.sqlite", home / "notes", served, calls, percent=percent, shadow=1.0)
        with (
            upstream_server(Writing()) as teacher,
            running_gateway(home, upstreams(teacher.url), limits) as gateway,
        ):
            assert happens(lambda: states(gateway) == ["ready"], 60)
            server.change = wait
            try:
                yield Scored(gateway, let_go)
            finally:
                let_go.set()


@pytest.mark.parametrize("percent", [0, 1e-9])
def test_a_student_that_takes_longer_than_its_teacher_is_compared(
    student: CertifiedWriter, tmp_path: Path, percent: float
) -> None:
    with scored(student, tmp_path, percent=percent) as running:
        running.ask()
        assert happens(lambda: len(running.calls()) == len(WORDS))
        recorded = running.calls()
        assert running.shadows() == []
        # A gateway that stops waits for what is scored.
        stopping = threading.Thread(target=running.gateway.stop)
        stopping.start()
        assert happens(lambda: running.gateway.gateway.stopping)
        running.let_go.set()
        stopping.join(30)
        shadows = running.shadows()
        assert running.calls() == recorded
        assert running.counts() == {"teacher": len(WORDS)}
    assert {shadow.call_id for shadow in shadows} == recorded
    differ = [shadow.said for shadow in shadows if not shadow.agrees]
    assert differ == [f"note {STUBBORN} {STUBBORN}"]


def test_what_a_student_does_not_say_in_time_is_counted(tmp_path: Path) -> None:
    store = tmp_path / "calls.sqlite"
    artefact = promote(store, tmp_path / "student", percent=0).promotion.artefact
    limits = LimitSettings(student_seconds=1e-6)
    with (
        upstream_server(Teacher()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), limits) as gateway,
    ):
        wait_until_ready(gateway)
        for text in SURE.values():
            assert route(gateway, chat_request(text)) == "teacher"
    with open_database(store) as database:
        shadows = ShadowStore(database)
        assert shadows.counts("support") == {"failed": len(SURE)}
        assert shadows.shadows("support", artefact) == []


def test_only_so_much_waits_for_students() -> None:
    async def keep() -> tuple[list[int], int]:
        async def score() -> Sampled:
            await spoken.wait()
            return SCORED

        spoken, ended = asyncio.Event(), []
        recorder = RecorderLink({}, Metrics())
        late = LateScores(recorder, lambda: ended.append(late.waiting), most_bytes=10)
        scorings = [asyncio.create_task(score()) for _ in range(3)]
        for scoring in scorings:
            late.wait(scoring, {}, b"1234", b"5")
        assert late.waiting == 2
        spoken.set()
        await asyncio.wait(scorings)
        assert [scoring.cancelled() for scoring in scorings] == [False, False, True]
        again = asyncio.create_task(score())
        late.wait(again, {}, b"123456789", b"0")
        await again
        return ended, recorder.waiting

    ended, noted = asyncio.run(keep())
    assert (ended, noted) == ([1, 0, 0], 3)
