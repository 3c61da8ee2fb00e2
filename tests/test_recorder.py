"""The recorder and the gateway's end of it: real processes and stores, fault by fault."""

from __future__ import annotations

import asyncio
import gc
import gzip
import math
import os
import resource
import shutil
import signal
import socket
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum import promotion
from locum.config import RedactionSettings
from locum.errors import LocumError, UsageError
from locum.redaction import Redactor
from locum.serving import recorder
from locum.serving.frames import pack, take_frames
from locum.serving.metrics import Metrics
from locum.serving.recorder_deaths import NO_DEATHS, Deaths, tell_deaths
from locum.serving.recorder_end import RecorderEnd
from locum.serving.recorder_link import RecorderLink
from locum.serving.records import Record, to_call
from locum.serving.spending import Reservation
from locum.store import (
    CallFilter,
    CallStore,
    PromotionStore,
    Shadow,
    ShadowStore,
    SpendStore,
    open_database,
)
from locum.traffic import answer_text
from locum.traffic.apis.lenient import as_count
from tests.promoted import label_student, promote

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from locum.schema import Call

LONG = 60.0
# No column of 64 bits takes it.
REFUSED = 2**63
FACTS: dict[str, Any] = {
    "time": 1_700_000_000.0,
    "endpoint": "chat",
    "outcome": "whole",
    "status": 200,
    "application": None,
    "upstream": "main",
    "streamed": False,
    "latency_ms": 12.5,
    "first_byte_ms": 3.5,
    "task": None,
    "secrets": [],
    "request_encoding": None,
    "response_encoding": None,
}


class Recording(RecorderLink):
    """A link to a recorder, with what tests ask of it."""

    def __init__(self, place: str | Path, queue_bytes: int = 2**28) -> None:
        self.metrics = Metrics()
        self.open, self.told_usd = set[Reservation](), 0.0
        redaction: dict[str, Any] = {"off": [], "patterns": {}}
        told = {"store": str(place), "redaction": redaction}
        super().__init__(told, self.metrics, self._note, queue_bytes)

    def _note(self, ended: Iterable[Reservation], spent: Iterable[tuple[str, float]]) -> None:
        self.open.difference_update(ended)
        self.told_usd += sum(usd for _, usd in spent)

    def hand_over_paid(self, number: int, padding: int = 0, **facts: Any) -> None:  # noqa: ANN401
        """Record a call that may cost two to the power of its number, in US dollars."""
        reserved = Reservation("web", 2.0**number)
        self.open.add(reserved)
        paid = {"application": "web", "worst_usd": reserved.worst_usd}
        self.hand_over(number, padding, reserved, **(paid | facts))

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The recorder."""
        assert self._process is not None
        return self._process

    @property
    def alone(self) -> bool:
        """Whether no recorder is at the other end."""
        return self._socket is None

    @property
    def restart_seconds(self) -> float:
        """How long the next pause before a restart is."""
        return self._restart_seconds

    @restart_seconds.setter
    def restart_seconds(self, seconds: float) -> None:
        self._restart_seconds = seconds

    @property
    def queued(self) -> int:
        """How many calls have not gone into the socket."""
        return len(self._queue)

    def break_socket(self) -> None:
        """Make this end look as if the recorder had closed the other."""
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)

    def hand_over(
        self,
        number: int,
        padding: int = 0,
        reserved: Reservation | None = None,
        **facts: Any,  # noqa: ANN401
    ) -> None:
        """Record a call that says its number."""
        said = {"role": "user", "content": f"call {number}"}
        request = {"model": "m", "messages": [said], "user": "x" * padding}
        answer = {"choices": [{"message": {"role": "assistant", "content": str(number)}}]}
        self.record(FACTS | facts, orjson.dumps(request), orjson.dumps(answer), reserved)

    def counted(self) -> dict[str, float]:
        """What the metrics say, by the short names of what was stored and lost."""
        lines = self.metrics.page().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        read = {name: float(value) for name, value in pairs}
        beginning = 'locum_calls_lost_total{reason="'
        lost = {
            name.removeprefix(beginning).removesuffix('"}'): value
            for name, value in read.items()
            if name.startswith(beginning)
        }
        return {"stored": read["locum_calls_stored_total"], **lost}

    @property
    def failing(self) -> bool:
        """Whether the metrics say that nothing can be written."""
        return b"\nlocum_recorder_failing 1.0" in self.metrics.page()


@asynccontextmanager
async def recording(place: str | Path, queue_bytes: int = 2**28) -> AsyncIterator[Recording]:
    link = Recording(place, queue_bytes)
    link.start()
    try:
        yield link
    finally:
        await link.close(LONG)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario; what it leaves open is an error."""

    async def whole() -> None:
        await scenario()

    asyncio.run(whole())
    gc.collect()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a process
            await asyncio.sleep(0.01)


def stored(place: str | Path) -> list[Call]:
    with open_database(place) as database:
        return list(CallStore(database).iterate(CallFilter()))


def numbers(place: str | Path) -> set[int]:
    """Return the numbers of the calls that are on disk."""
    return {int(call.facts.preview.rpartition(" ")[2]) for call in stored(place)}


# What the store does not take


@pytest.mark.parametrize("refused", [{0}, {14}, {3, 4, 9}, set(range(15))])
def test_a_call_that_the_store_refuses_costs_no_other(
    place: str, refused: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with recording(place) as link:
            for number in range(15):
                link.hand_over(number, status=REFUSED if number in refused else 200)
            await until(lambda: link.waiting == 0)
            assert link.counted() == {"stored": 15 - len(refused), "unreadable": len(refused)}
            assert not link.failing
            link.hand_over(15)

    run(scenario)
    assert numbers(place) == set(range(16)) - refused
    (said,) = {record.message for record in caplog.records}
    assert "unreadable" in said
    assert "OverflowError" in said or "NumericValueOutOfRange" in said


def test_a_sampled_answer_that_the_store_refuses_costs_no_other(place: str, tmp_path: Path) -> None:
    student = label_student().save(tmp_path / "student")

    def sampled(confidence: float | None) -> dict[str, Any]:
        said = {"task": "support", "artefact": "a", "folder": str(student), "said": "billing"}
        return {**said, "answered": False, "confidence": confidence, "novelty": None}

    async def scenario() -> None:
        async with recording(place) as link:
            for number, confidence in enumerate((0.25, None, 0.75)):
                link.hand_over(number, sampled=sampled(confidence))
            await until(lambda: link.waiting == 0)
            assert link.counted() == {"stored": 3}
            assert not link.failing

    run(scenario)
    with open_database(place) as database:
        kept = ShadowStore(database).shadows("support", "a")
    assert {shadow.confidence for _, shadow in kept} == {0.25, 0.75}


def sampled(folder: Path, number: int = 0, artefact: str = "a") -> Record:
    """Return a call that says its number, of which a student in a folder was asked too."""
    said = {
        "task": "support",
        "artefact": artefact,
        "folder": str(folder),
        "said": "billing",
        "answered": True,
        "confidence": 0.5,
        "novelty": None,
    }
    message = {"role": "user", "content": f"call {number}"}
    request = orjson.dumps({"messages": [message]})
    return Record(FACTS | {"sampled": said}, request, b'{"choices":[]}')


@contextmanager
def writing(place: Path) -> Iterator[recorder._Writer]:
    """What writes for a recorder, in this process."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = recorder._Writer(str(place), RecorderEnd(theirs), {}, None)  # noqa: SLF001
        yield writer
        writer.close()


def test_a_judge_is_kept_for_each_student_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, load = list[Path](), promotion.load_judge

    def load_judge(folder: Path) -> promotion.Judge:
        loaded.append(folder)
        return load(folder)

    monkeypatch.setattr(promotion, "load_judge", load_judge)
    folders = [tmp_path / f"student-{number}" for number in range(8)]
    student = label_student().save(folders[0])
    for folder in folders[1:]:
        shutil.copytree(student, folder)
    redactor = Redactor(RedactionSettings())
    with writing(tmp_path / "s") as writer:
        for _ in range(3):
            writer.write([sampled(folder) for folder in folders[:7]], redactor)
        assert loaded == folders[:7]
        shutil.rmtree(folders[0])
        writer.write([sampled(folders[7])], redactor)
        assert [*writer._judges] == folders[1:]  # noqa: SLF001


def test_a_student_of_which_no_judge_can_be_loaded_is_revoked_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def load_judge(folder: Path) -> promotion.Judge:
        raise UsageError(f"a rule of {folder.name} needs what is not installed: pip install 'it'")

    monkeypatch.setattr(promotion, "load_judge", load_judge)
    store = tmp_path / "calls.sqlite"
    artefact = promote(store, tmp_path / "student").promotion.artefact
    with writing(store) as writer:
        writer.write([sampled(tmp_path / "student", artefact=artefact)], Redactor())
    with open_database(store) as database:
        found = PromotionStore(database).find("support")
    assert found is not None
    assert found.state == "revoked"
    assert "needs what is not installed: pip install 'it'" in found.reason
    assert f"the student of support is revoked: {found.reason}" in capfd.readouterr().err


def compared(store: Path, artefact: str) -> tuple[str, list[Shadow]]:
    """The state of the promoted student, and the calls on which it was compared."""
    with open_database(store) as database:
        found = PromotionStore(database).find("support")
        kept = [one for _, one in ShadowStore(database).shadows("support", artefact)]
    assert found is not None
    return found.state, kept


@pytest.mark.parametrize("encoding", [None, "of next year"])
def test_a_sampled_call_that_cannot_be_compared_or_read_counts_against_its_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    def fail(said: str, meant: str) -> bool:
        raise RuntimeError(said, meant)

    judge = promotion.Judge(lambda answer: answer, fail)
    monkeypatch.setattr(promotion, "load_judge", lambda folder: judge if folder else None)
    store, folder = tmp_path / "calls.sqlite", tmp_path / "student"
    artefact = promote(store, folder).promotion.artefact
    answer = orjson.dumps({"choices": [{"message": {"role": "assistant", "content": "Billing."}}]})
    with writing(store) as writer:
        for number in range(40):
            facts, request, _ = sampled(folder, number, artefact)
            facts["response_encoding"] = encoding
            writer.write([Record(facts, request, answer)], Redactor())
    state, kept = compared(store, artefact)
    assert state == "revoked"
    assert [one.agrees for one in kept] == [False] * 40
    assert all((one.call_id is None) == (encoding is not None) for one in kept)


def test_a_sampled_answer_that_broke_off_within_its_compression_counts_as_nothing(
    tmp_path: Path,
) -> None:
    store, folder = tmp_path / "calls.sqlite", label_student().save(tmp_path / "student")
    artefact = promote(store, tmp_path / "one").promotion.artefact
    with writing(store) as writer:
        for number in range(40):
            facts, request, response = sampled(folder, number, artefact)
            facts |= {"outcome": "incomplete", "response_encoding": "gzip"}
            broken = gzip.compress(response)[:-12]
            writer.write([Record(facts, request, broken)], Redactor())
    state, kept = compared(store, artefact)
    assert state == "active"
    assert [one.agrees for one in kept] == [None] * 40


def test_calls_wait_for_a_store_that_was_moved_away_and_go_into_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, away = tmp_path / "calls.sqlite", tmp_path / "away.sqlite"
    student, redactor = label_student().save(tmp_path / "student"), Redactor(RedactionSettings())
    missing: list[bool] = []

    def pause(_: float) -> None:
        missing.append(not place.exists())
        if len(missing) == 3:
            open_database(place).close()

    monkeypatch.setattr("locum.serving.recorder.time.sleep", pause)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = recorder._Writer(str(place), RecorderEnd(theirs), {}, None)  # noqa: SLF001
        writer.write([sampled(student, 1)], redactor)
        place.rename(away)
        writer.write([sampled(student, 2)], redactor)
        writer.close()
        replies = [orjson.loads(line) for line in ours.recv(65536).splitlines()]
    assert missing == [True, True, True]
    failing = [reply["failing"] for reply in replies]
    assert failing[0] == failing[-1] == ""
    assert "was moved, deleted or replaced while it was open" in failing[1]
    assert "is not there any more" in failing[2]
    for file, number in ((away, 1), (place, 2)):
        assert numbers(file) == {number}
        with open_database(file) as database:
            assert len(ShadowStore(database).shadows("support", "a")) == 1


def test_a_full_disk_makes_all_calls_wait_and_refuses_none(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            _, hard = resource.prlimit(link.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(link.process.pid, resource.RLIMIT_FSIZE, (1, hard))
            for number in range(20):
                link.hand_over(number, 50_000, status=REFUSED if number == 7 else 200)
            await until(lambda: link.failing)
            assert link.waiting == 20
            assert link.counted() == {"stored": 0}
            resource.prlimit(link.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            await until(lambda: link.waiting == 0)
            assert link.counted() == {"stored": 19, "unreadable": 1}

    run(scenario)
    assert numbers(place) == set(range(20)) - {7}


@given(st.integers() | st.floats() | st.booleans() | st.text() | st.none())
def test_a_count_fits_a_column_of_64_bits(value: object) -> None:
    count = as_count(value)
    assert count is None or (type(count) is int and count == value and 0 <= count < 2**53)


@pytest.mark.parametrize(
    ("value", "count"),
    [(2**53 - 1, 2**53 - 1), (2**53, None), (1e308, None), (math.inf, None), (7.0, 7), (-1, None)],
)
def test_counts_at_their_limits(value: float, count: int | None) -> None:
    assert as_count(value) == count


def test_odd_counts_and_times_are_harmless(place: str) -> None:
    many = 2**53 - 1
    usages = [
        ("chat", {"prompt_tokens": REFUSED, "completion_tokens": 1}),
        ("chat", {"prompt_tokens": 1e308, "completion_tokens": -5}),
        ("chat", {"prompt_tokens": many, "completion_tokens": many}),
        (
            "messages",
            dict.fromkeys(
                ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), many
            ),
        ),
    ]

    async def scenario() -> None:
        async with recording(place) as link:
            for moment, (endpoint, usage) in enumerate(usages):
                facts = {"endpoint": endpoint, "time": moment, "latency_ms": math.inf}
                answer = {"type": "message", "model": "gpt-4o", "content": [], "usage": usage}
                request = b'{"model":"gpt-4o","messages":[]}'
                link.record(FACTS | facts, request, orjson.dumps(answer))
            await until(lambda: link.waiting == 0)
            assert link.counted() == {"stored": len(usages)}

    run(scenario)
    kept = [call.facts for call in stored(place)]
    assert [facts.input_tokens for facts in kept] == [None, None, many, None]
    assert [facts.output_tokens for facts in kept] == [1, None, many, None]
    assert all(facts.cost_usd is None or math.isfinite(facts.cost_usd) for facts in kept)


# How it starts


@contextmanager
def few_descriptors(free: int) -> Iterator[None]:
    """Let this process open so many more files: 0 or 2."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 3
    if free:
        pair = socket.socketpair()
        limit = max(end.fileno() for end in pair) + 1
        for end in pair:
            end.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("free", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_restart_that_fails_is_tried_again(
    tmp_path: Path, free: int, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        before = open_descriptors()
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            link.restart_seconds = 0.01
            with few_descriptors(free):
                link.process.kill()
                await until(lambda: link.restart_seconds > 0.1)
                link.hand_over(1)
            await until(lambda: link.waiting == 0)
            assert link.counted() == {"stored": 1}
        assert open_descriptors() == before

    run(scenario)
    assert numbers(place) == {1}
    said = [record.message for record in caplog.records if "be started" in record.message]
    assert said == ["the recorder cannot be started: Too many open files; it is tried again"]


@pytest.mark.parametrize("free", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_start_that_fails_is_an_error(tmp_path: Path, free: int) -> None:
    async def scenario() -> None:
        before = open_descriptors()
        link = Recording(tmp_path / "calls.sqlite")
        with few_descriptors(free), pytest.raises(LocumError, match="Too many open files"):
            link.start()
        assert open_descriptors() == before

    run(scenario)


def test_no_file_of_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("orjson.py", "queue.py"):
        (tmp_path / name).write_text("open('was_run', 'w').close()\n", "utf-8")
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        async with recording(tmp_path / "calls.sqlite") as link:
            await link.wait_until_ready(LONG)

    run(scenario)
    assert not (tmp_path / "was_run").exists()


def test_a_store_that_cannot_be_opened_keeps_no_traffic_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "calls.sqlite"
    place.mkdir()

    async def scenario() -> None:
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            assert link.failing
            assert "calls cannot be recorded: the store" in caplog.text
            link.hand_over(1)
            place.rmdir()
            await until(lambda: link.waiting == 0)
            assert not link.failing

    run(scenario)
    assert numbers(place) == {1}


def test_a_recorder_that_does_not_answer_is_an_error_and_is_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        link = Recording(tmp_path / "calls.sqlite")
        link.start()
        with pytest.raises(LocumError, match="did not start within 0 s"):
            await link.wait_until_ready(0)
        assert link.alone
        link.process.wait(LONG)

    run(scenario)


def test_a_recorder_that_says_nothing_counts_as_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            monkeypatch.setattr("locum.serving.recorder_link._SILENT_SECONDS", 0.1)
            link.sweep(time.monotonic() + LONG)
            assert not link.failing_seconds, "nothing waits for it"
            link.process.send_signal(signal.SIGSTOP)
            link.hand_over(1)
            link.sweep(time.monotonic())
            assert not link.failing_seconds
            await asyncio.sleep(0.2)
            link.sweep(time.monotonic())
            assert link.failing_seconds >= 0.2
            assert "has said nothing for" in caplog.text
            link.process.send_signal(signal.SIGCONT)
            await until(lambda: link.waiting == 0)
            assert not link.failing_seconds

    run(scenario)
    assert numbers(place) == {1}


@pytest.mark.parametrize("most", [3, 1000])
def test_a_recorder_that_reads_a_large_call_for_long_says_so_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    said = list[dict[str, object]]()

    def read_slowly(*given: Any) -> Call:  # noqa: ANN401 - as it is given
        time.sleep(1)
        return to_call(*given)

    monkeypatch.setattr(RecorderEnd, "say", lambda _, **told: said.append(told))
    monkeypatch.setattr("locum.serving.recorder.to_call", read_slowly)
    monkeypatch.setattr("locum.serving.recorder_end._TOLD_SECONDS", 0.1)
    monkeypatch.setattr("locum.serving.recorder_end._MOST_TOLD", most)
    small = sampled(tmp_path)
    with writing(tmp_path / "s") as writer:
        writer.write([small], Redactor())
        assert len(said) == 1
        writer.write([small._replace(response=b" " * 2**20 + small.response)], Redactor())
    told = said[1:-1]
    assert told == [{}] * len(told)
    assert len(told) == most if most == 3 else 3 <= len(told) < 11


def test_calls_with_one_answer_of_an_upstream_s_cache_are_all_kept(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"
    request = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})

    def answer(said: str) -> bytes:
        message = {"role": "assistant", "content": said}
        return orjson.dumps({"id": f"chatcmpl-{'0' * 20}", "choices": [{"message": message}]})

    async def scenario() -> None:
        async with recording(place) as link:
            for time_of_call, said in ((1.0, "a"), (2.0, "a"), (3.0, "b"), (3.0, "b")):
                link.record(FACTS | {"time": time_of_call}, request, answer(said))
            await until(lambda: link.waiting == 0)
            link.record(FACTS | {"time": 4.0}, request, answer("a"))
            link.record(FACTS | {"time": 1.0}, request, answer("a"))
            await until(lambda: link.waiting == 0)

    run(scenario)
    with open_database(place) as database:
        calls = list(CallStore(database).iterate(CallFilter()))
    said = [(call.facts.time, answer_text(call.response or {})) for call in calls]
    # What is handed over twice is one call.
    assert said == [(1.0, "a"), (2.0, "a"), (3.0, "b"), (4.0, "a")]


# How it ends


def test_a_recorder_tries_for_a_while_where_its_gateway_died_while_the_store_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr("locum.serving.recorder.time.sleep", lambda _: None)
    link = RecorderEnd(theirs)
    writer = recorder._Writer("store", link, {}, None)  # noqa: SLF001 - so long an outage is slow
    tries: list[bool] = []

    def fail() -> None:
        tries.append(link.open)
        if len(tries) == 40:
            ours.close()
        raise LocumError("the store is away")

    with theirs, pytest.raises(recorder._StoreGoneError):  # noqa: SLF001
        writer._insist(fail)  # noqa: SLF001
    assert tries.count(True) == 40
    assert 25 < tries.count(False) < 35


def test_a_recorder_that_does_not_leave_is_killed_while_traffic_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.serving.recorder_link._LEAVE_SECONDS", 0.3)
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            old = link.process
            old.send_signal(signal.SIGSTOP)
            link.break_socket()
            await until(lambda: link.alone)
            assert old.poll() is None
            link.hand_over(1)
            await until(lambda: link.waiting == 0)
            assert old.returncode == -signal.SIGKILL

    run(scenario)
    assert numbers(place) == {1}


def test_a_recorder_that_keeps_dying_is_told_with_how_often_and_since_when(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"
    with open_database(place) as database:
        PromotionStore(database).promote("support", "aa", {}, {}, percent=100, shadow=0.02)

    def alarms() -> list[str]:
        with open_database(place) as database:
            events = PromotionStore(database).events("support", 10)
        return [event.message for event in events if event.kind == "alarm"]

    async def scenario() -> None:
        async with recording(place) as link:
            for times in (1, 2, 3):
                assert len(alarms()) == (times == 3)
                link.restart_seconds = 0.01
                link.process.kill()
                await until(lambda times=times: link.deaths.times == times)  # type: ignore[misc]
                await until(lambda: not link.alone)
                link.hand_over(times)
                await until(lambda: not link.waiting)
            assert b"\nlocum_recorder_deaths_total 3.0" in link.metrics.page()
            assert link.deaths.first < link.deaths.last

    run(scenario)
    [alarm] = alarms()
    assert "a gateway's recorder died 2 times since 20" in alarm


@pytest.mark.parametrize(("times", "told"), [(0, 0), (1, 0), (2, 1), (3, 0), (4, 1), (64, 1)])
def test_deaths_are_told_each_time_that_there_are_twice_as_many(
    tmp_path: Path, times: int, told: int
) -> None:
    with open_database(tmp_path / "calls.sqlite") as database:
        store = PromotionStore(database)
        store.promote("support", "aa", {}, {}, percent=100, shadow=0.02)
        now = time.time()
        for last in (now - 2 * 86_400, now, now):
            tell_deaths(database, Deaths(times, 0.0, last))
        assert len(store.events("support", 10)) == 1 + told


def test_deaths_of_long_ago_are_forgotten() -> None:
    twice = NO_DEATHS.with_one(1e9).with_one(1e9 + 80_000)
    assert twice == Deaths(2, 1e9, 1e9 + 80_000)
    assert twice.is_repeated(1e9 + 81_000)
    assert twice.with_one(2e9) == Deaths(1, 2e9, 2e9)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [(0, 0), (1, 0), (2, 60), (3, 120), (11, 30_720), (12, 43_200), (10**6, 43_200)],
)
def test_students_pause_the_longer_the_more_often_a_recorder_dies(
    times: int, seconds: float
) -> None:
    deaths = Deaths(times, 0.0, 1e9)
    assert deaths.pause_seconds == seconds
    assert deaths.is_pause(1e9 + seconds / 2) == bool(seconds)
    assert not deaths.is_pause(1e9 + seconds)
    if times > 1:
        assert deaths.with_one(1e9 + seconds).times == times + 1


def test_what_waits_for_a_restart_is_written_before_the_end(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        link = Recording(place)
        link.start()
        await link.wait_until_ready(LONG)
        link.restart_seconds = 10 * LONG
        link.process.kill()
        await until(lambda: link.alone)
        for number in range(5):
            link.hand_over(number)
        await link.close(LONG)
        assert link.counted() == {"stored": 5}

    run(scenario)
    assert numbers(place) == set(range(5))


def test_a_recorder_that_dies_while_all_ends_is_started_once_more(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        link = Recording(place)
        link.start()
        await link.wait_until_ready(LONG)
        link.process.send_signal(signal.SIGSTOP)
        for number in range(40):
            link.hand_over(number, 1_000_000)
        queued = link.queued
        closing = asyncio.create_task(link.close(LONG))
        await asyncio.sleep(0)
        link.process.kill()
        await closing
        assert link.counted() == {"stored": queued, "recorder_died": 40 - queued}

        assert 0 < queued == len(stored(place))

    run(scenario)


def test_a_recorder_that_needs_longer_writes_on_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        link = Recording(place)
        link.start()
        await link.wait_until_ready(LONG)
        pid = link.process.pid
        link.process.send_signal(signal.SIGSTOP)
        link.hand_over(1)
        await link.close(0.1)
        assert link.counted() == {"stored": 0, "stopped": 1}
        os.kill(pid, signal.SIGCONT)
        await asyncio.to_thread(os.waitpid, pid, 0)

    run(scenario)
    assert numbers(place) == {1}
    assert "did not end in time" in caplog.text


# What calls cost


def spent(place: str | Path) -> float | None:
    with open_database(place) as database:
        return SpendStore(database).spent(["web"], time.time())["web"].day_usd


def test_what_is_reserved_for_calls_ends_once_their_cost_is_on_disk(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        async with recording(place) as link:
            await link.wait_until_ready(LONG)
            link.process.send_signal(signal.SIGSTOP)
            link.hand_over_paid(0)
            link.hand_over(1)
            link.hand_over_paid(2, status=REFUSED)
            link.hand_over_paid(3, request_encoding="gzip")  # which it is not
            link.sweep(time.monotonic() + 1_000)
            assert len(link.open) == 3
            link.process.send_signal(signal.SIGCONT)
            await until(lambda: not link.open)
            assert spent(place) == link.told_usd == 1 + 4 + 8
            assert link.counted() == {"stored": 2, "unreadable": 2}

    run(scenario)


def test_a_refused_call_that_is_lost_costs_nothing(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        async with recording(place, queue_bytes=10_000) as link:
            await link.wait_until_ready(LONG)
            link.hand_over_paid(0)
            link.hand_over_paid(1, padding=20_000, worst_usd=None)
            await until(lambda: not link.open)
            assert link.counted() == {"stored": 1, "queue_full": 1}
            assert spent(place) == link.told_usd == 1

    run(scenario)


def test_calls_that_are_lost_cost_what_they_might(tmp_path: Path) -> None:
    place = tmp_path / "calls.sqlite"

    async def scenario() -> None:
        link = Recording(place, queue_bytes=10_000)
        link.start()
        await link.wait_until_ready(LONG)
        link.process.send_signal(signal.SIGSTOP)
        link.hand_over_paid(0)
        link.hand_over_paid(1, padding=20_000)
        assert link.counted() == {"stored": 0, "queue_full": 1}
        link.restart_seconds = 0
        link.process.kill()
        await until(lambda: not link.open)
        assert spent(place) == link.told_usd == 1 + 2
        await link.close(LONG)

    run(scenario)
    assert numbers(place) == set()


# Frames


@given(st.lists(st.tuples(*3 * [st.binary(max_size=40)]), max_size=6), st.data())
def test_frames_arrive_whole_however_they_are_cut(
    records: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    sent = b"".join(pack(*record) for record in records)
    received, arrived = bytearray(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        received += sent[:size]
        sent = sent[size:]
        arrived += take_frames(received)
    assert arrived == records
    assert not received


def test_many_records_are_not_waited_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(seconds: float) -> None:
        raise AssertionError(seconds)

    monkeypatch.setattr("locum.serving.recorder_end.time.sleep", fail)
    ours, theirs = socket.socketpair()
    with theirs, ours:
        link = RecorderEnd(theirs)
        for _ in range(5):
            ours.sendall(pack(b"{}", b"x" * 100, b"") * 100)
            assert len(next(link.records())) == 100


def test_records_that_come_one_by_one_are_gathered() -> None:
    ours, theirs = socket.socketpair()
    frame = pack(b"{}", b"", b"")
    with theirs, ours:
        link = RecorderEnd(theirs)
        batches = link.records()
        ours.sendall(frame)
        assert len(next(batches)) == 1, "the first is not waited with"
        ours.sendall(frame)
        ours.sendall(frame)
        assert len(next(batches)) == 2
        ours.close()
        assert list(batches) == []
