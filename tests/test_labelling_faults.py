"""Labelling against a server that charges: killed, out of money, refused, and answered badly."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from locum.errors import TeacherError
from locum.schema import Task
from locum.store import Claim, LabelStore, Ledger
from locum.teachers import Budget, ChatTeacher, label_texts
from tests.charging_server import (
    LABELS,
    MODEL,
    PRICE,
    Behaviour,
    ChargingServer,
    RateBucket,
    label_of,
)
from tests.label_runs import LabelProject, texts_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from locum.teachers import LabellingRun

TASK = Task("topics", LABELS, "Say what it is about.")
_ENOUGH = 10.0
CHARGED_FAILURES: tuple[Behaviour, ...] = (
    *("cut", "empty", "half closed", "late error", "malformed", "truncated"),
)


def wait_for(server: ChargingServer, calls: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many calls were charged, or the run is over."""
    while server.calls < calls and process.poll() is None:
        time.sleep(0.005)


def wait_until_quiet(server: ChargingServer) -> None:
    """Wait until what was sent has been dealt with."""
    quiet_since, calls = time.monotonic(), -1
    while time.monotonic() - quiet_since < 0.2:
        if server.in_flight or server.calls != calls:
            quiet_since, calls = time.monotonic(), server.calls
        time.sleep(0.01)


def run_here(
    folder: Path,
    server: ChargingServer,
    count: int,
    *,
    concurrency: int = 64,
    attempts: int = 5,
    timeout: float = 60.0,
) -> LabellingRun:
    """Label texts in this process."""
    teacher = ChatTeacher(
        server.url, MODEL, concurrency=concurrency, attempts=attempts, timeout=timeout
    )
    budget = Budget(ledger="topics", cap_usd=1.0, prices={MODEL: PRICE})
    with LabelStore(folder / "labels.sqlite") as store:
        return label_texts(TASK, teacher, texts_of(count), store, budget=budget)


class KilledRuns:
    """Runs that are killed at random moments, and what must hold of the last one."""

    def __init__(self, project: LabelProject) -> None:
        self.project = project
        self.server = project.server
        self.chances: Counter[str] = Counter()
        self.kept: dict[str, int] = {}

    def kill_one(self, generator: random.Random, most_seconds: float) -> None:
        """Start a run, and kill it some time after its first call."""
        process = self.project.start(budget=_ENOUGH)
        wait_for(self.server, self.server.calls + 1, process)
        with suppress(TimeoutError):
            time.sleep(generator.uniform(0.0, most_seconds))
        process.kill()
        process.communicate()
        wait_until_quiet(self.server)
        self.chances.update(self.project.texts_in_flight())
        for text in self.project.stored():
            self.kept.setdefault(text, self.server.charged[text])

    def check(self, texts: Collection[str]) -> None:
        """Check what was bought after the last run."""
        charged = self.server.charged
        assert self.project.stored().keys() == set(texts)
        assert {text: charged[text] for text in self.kept} == self.kept, "bought though stored"
        assert {t: n for t, n in charged.items() if n > 1 + self.chances[t]} == {}
        assert charged.total() - len(texts) <= self.chances.total()
        balance = self.project.balance()
        assert balance.reserved == 0
        assert self.server.charged_nanodollars <= balance.spent


def test_runs_that_are_killed_buy_no_stored_label_again(tmp_path: Path) -> None:
    texts, generator = texts_of(400), random.Random(5)  # noqa: S311 - no secret
    with ChargingServer(seconds=0.2) as server:
        runs = KilledRuns(LabelProject(tmp_path, server, texts, concurrency=24))
        for _ in range(3):
            runs.kill_one(generator, 1.0)
            in_flight = len(runs.project.texts_in_flight())
            runs.project.let_leases_end()
        last = runs.project.run(budget=_ENOUGH)
        runs.check(texts)
    assert runs.kept, "no run got far enough to store anything"
    assert in_flight > 0
    assert last["assumed"] == in_flight
    assert f"{in_flight:,} calls were in flight when an earlier run died" in str(last["notes"])
    assert runs.project.balance().assumed > 0


@pytest.mark.slow
def test_many_runs_that_are_killed_and_their_leases(tmp_path: Path) -> None:
    texts, generator = texts_of(3000), random.Random(7)  # noqa: S311 - no secret
    with ChargingServer(seconds=0.15) as server:
        runs = KilledRuns(LabelProject(tmp_path, server, texts, concurrency=40))
        for _ in range(40):
            runs.kill_one(generator, 0.8)
        in_flight = len(runs.project.texts_in_flight())
        last = runs.project.run(budget=_ENOUGH)
        runs.check(texts)
    assert last["assumed"] == in_flight


def fails_first(text: str, number: int) -> Behaviour:
    """Every third text fails once or twice in ways that are charged."""
    place = int(text.split()[1].strip("!"))
    if place % 3 or number > place % 2:
        return "answer"
    return CHARGED_FAILURES[place // 3 % len(CHARGED_FAILURES)]


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_200_workers_do_not_pass_the_cap(tmp_path: Path, processes: int) -> None:
    cap, texts = 0.3, texts_of(450)
    with ChargingServer(fails_first, seconds=0.3, greedy=True) as server:
        project = LabelProject(tmp_path, server, texts, concurrency=200 // processes)
        started = [project.start("-q", budget=cap) for _ in range(processes)]
        printed = [project.finish(process) for process in started]
        assert server.most_in_flight > 50
        assert 0.7 * cap < server.charged_usd <= cap, "most of the money went, and no more"
        balance = project.balance()
        assert server.charged_nanodollars <= balance.spent <= cap * 1e9
        assert balance.reserved == 0
        assert min(one["unasked"] for one in printed) > 0
        kept = {text: server.charged[text] for text in project.stored()}
        last = project.run("-q", budget=1.0)
        assert {text: server.charged[text] for text in kept} == kept, "bought twice"
    assert (last["cached"], last["answered"]) == (len(kept), len(texts) - len(kept))
    assert last["unasked"] == 0
    assert project.stored().keys() == set(project.texts)


def test_the_end_of_the_budget_is_said_and_is_no_error(tmp_path: Path) -> None:
    with ChargingServer() as server:
        project = LabelProject(tmp_path, server, texts_of(30), concurrency=4)
        printed = project.run(budget=0.002)
        assert 0 < printed["unasked"] < 30
        assert printed["answered"] + printed["unasked"] == 30
        assert server.charged_usd <= 0.002
        assert printed["spent_usd"] == pytest.approx(server.charged_usd)
        process = project.start(budget=0.002)
        again = project.finish(process)
    assert again["answered"] == 0
    assert again["cached"] == printed["answered"]


def test_what_another_run_asks_for_long_is_left_to_it_and_is_no_fault_of_the_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.teachers.crew._SECONDS_FOR_CLAIMED", 0.05)
    monkeypatch.setattr("locum.teachers.crew._SECONDS_BEFORE_CLAIMED", 0.01)
    teacher, texts = ChatTeacher("http://127.0.0.1:1/v1", MODEL), texts_of(25)
    with LabelStore(tmp_path / "labels.sqlite") as store:
        claims = [Claim(teacher.identify(TASK, text), 1) for text in texts]
        Ledger(store.database, "labels").exchange([], claims)
        run = label_texts(TASK, teacher, texts, store)
    assert run.tally.failed == {"asked elsewhere": 25}


def test_answers_that_do_not_say_their_tokens_cost_their_worst_case(tmp_path: Path) -> None:
    with ChargingServer(lambda *_: "no usage", greedy=True) as server:
        project = LabelProject(tmp_path, server, texts_of(200), concurrency=20)
        printed = project.run(budget=0.05)
        assert server.charged_usd <= 0.05
    assert printed["unasked"] > 0
    assert project.balance().spent <= 0.05 * 1e9
    assert printed["assumed_usd"] == pytest.approx(printed["spent_usd"])
    assert printed["untold"] == printed["answered"]
    assert any("did not say their tokens" in note for note in printed["notes"])


KINDS: Mapping[Behaviour, str] = {
    "cut": "broken off",
    "drip": "timed out",
    "empty": "malformed",
    "half closed": "malformed",
    "hang": "timed out",
    "late error": "unavailable",
    "malformed": "malformed",
    "out of order": "unavailable",
    "truncated": "malformed",
}


def test_bad_answers_end_as_counted_failures_and_the_rest_is_labelled(tmp_path: Path) -> None:
    texts = texts_of(100)
    bad = dict(zip(texts[10:], 2 * list(KINDS), strict=False))
    with ChargingServer(lambda text, _: bad.get(text, "answer")) as server:
        run = run_here(tmp_path, server, 100, attempts=2, timeout=1.0, concurrency=20)
        assert {text: server.arrived[text] for text in bad} == dict.fromkeys(bad, 2)
        assert server.charged_usd <= run.tally.spent_usd
        labels = [answer and answer.text for answer in run.answers]
        assert labels == [None if text in bad else label_of(text) for text in texts]
        assert run.tally.failed == Counter(KINDS[behaviour] for behaviour in bad.values())
        assert run.tally.reasons.total() == len(bad)
        arrived = server.arrived.copy()
        server.behave = lambda *_: "answer"
        again = run_here(tmp_path, server, 100)
        assert server.arrived - arrived == Counter(bad.keys()), "the next run asks for these alone"
    assert again.tally.failed.total() == 0


def test_what_fails_once_is_labelled_all_the_same(tmp_path: Path) -> None:
    behaviours = [*KINDS, "too many"]
    with ChargingServer(
        lambda text, number: "answer" if number else behaviours[len(text) % len(behaviours)]
    ) as server:
        server.seconds = 0.01
        run = run_here(tmp_path, server, 30, timeout=1.0)
    assert run.tally.answered == 30
    assert not run.tally.failed


def test_refusals_and_empty_answers_are_counted_and_kept(tmp_path: Path) -> None:
    special: dict[str, Behaviour] = {
        "question 1!": "refusal",
        "question 2!!": "blank",
        "question 3": "filtered",
    }
    with ChargingServer(lambda text, _: special.get(text, "answer")) as server:
        tally = run_here(tmp_path, server, 10).tally
        assert (tally.answered, tally.refused, tally.empty) == (7, 1, 1)
        assert tally.failed == {"refused": 1}
        run_here(tmp_path, server, 10)
    assert server.charged == Counter(set(texts_of(10)) - {"question 3"})
    assert server.arrived["question 3"] == 2


@pytest.mark.parametrize("said", ["seconds", "date", "milliseconds"])
def test_nothing_is_sent_for_as_long_as_the_server_says(tmp_path: Path, said: str) -> None:
    with ChargingServer(lambda _, number: "answer" if number else "too many", wait=1.0) as server:
        server.retry_after = said  # type: ignore[assignment]
        run = run_here(tmp_path, server, 1)
        (refused,) = server.refused
        _, again = server.arrivals
        assert again - refused >= 1.0
    assert run.tally.answered == 1


def test_a_server_that_asks_twice_to_be_left_for_hours_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.teachers.pace._LONGEST_ASKED_FOR", 0.1)
    said = r"takes no calls for 8 h 3 min: HTTP 429: .*; run the same again then"
    with ChargingServer(lambda _, number: "answer" if number else "too many") as server:
        server.wait = 28_980.0
        assert run_here(tmp_path, server, 1).tally.answered == 1
        server.behave = lambda *_: "too many"
        with pytest.raises(TeacherError, match=said):
            run_here(tmp_path, server, 100, concurrency=4)
    assert len(server.refused) <= 2 * 4 + 1


def test_a_server_that_does_not_say_when_is_asked_ever_more_seldom(tmp_path: Path) -> None:
    with ChargingServer(lambda _, number: "answer" if number > 2 else "too many") as server:
        server.retry_after = None
        assert run_here(tmp_path, server, 1).tally.answered == 1
        first, second, third, fourth = server.arrivals
    assert second - first >= 0.25
    assert third - second >= 0.5
    assert fourth - third >= 1.0


def test_calls_in_flight_fall_when_the_server_refuses_and_rise_again(tmp_path: Path) -> None:
    def narrow(_text: str, _number: int) -> Behaviour:
        return "too many" if server.in_flight > 10 else "answer"

    with ChargingServer(narrow, seconds=0.02) as server:
        teacher = ChatTeacher(server.url, MODEL, concurrency=40)
        with LabelStore(tmp_path / "labels.sqlite") as store:
            texts = texts_of(1200)
            first = label_texts(TASK, teacher, texts[:400], store)
            refused = len(server.refused)
            server.behave, server.most_in_flight = (lambda *_: "answer"), 0
            second = label_texts(TASK, teacher, texts, store)
    assert (first.tally.answered, second.tally.answered) == (400, 800)
    assert 0 < refused < 100, "at most one call in five was refused"
    assert server.most_in_flight > 15


@pytest.mark.parametrize("limited", ["requests", "tokens"])
def test_limits_of_the_headers_are_kept(tmp_path: Path, limited: str) -> None:
    bucket = RateBucket(600.0 if limited == "requests" else 60_000.0)
    bucket.level = bucket.a_minute / 20
    with ChargingServer() as server:
        setattr(server, limited, bucket)
        run = run_here(tmp_path, server, 80, concurrency=64)
    assert run.tally.answered == 80
    assert len(server.refused) <= 8, "none but those that were sent before the first answer"


def test_another_version_of_the_model_is_said(tmp_path: Path) -> None:
    with ChargingServer(versions={0: ("m-1", "fp_1"), 20: ("m-1", "fp_2")}) as server:
        project = LabelProject(tmp_path, server, texts_of(60), concurrency=4)
        project.write_inputs(project.texts[:20], "first.jsonl")
        first = project.finish(project.start(inputs="first.jsonl"))
        second = project.run()
    assert first["notes"] == []
    (note,) = second["notes"]
    assert "earlier answers are by m-1 fp_1 (20), new ones by m-1 fp_2 (40)" in note
    assert "--model-version" in note


def test_an_account_without_credit_ends_the_run_and_answers_are_kept(tmp_path: Path) -> None:
    def ends(_text: str, _number: int) -> Behaviour:
        return "no credit" if server.calls >= 20 else "answer"

    with ChargingServer(ends, seconds=0.02) as server:
        project = LabelProject(tmp_path, server, texts_of(100), concurrency=8)
        project.run(code=1)
        assert "there is no credit left on the account" in project.said
        assert project.stored().keys() == server.charged.keys()
        assert project.balance()[:3] == (server.charged_nanodollars, 0, 0)
        assert len(server.arrivals) < 50, "no more calls are made"


def test_the_last_money_is_not_waited_for_by_those_that_hold_it(tmp_path: Path) -> None:
    def refuses(_text: str, _number: int) -> Behaviour:
        return "too many" if server.arrived.total() < 3 else "answer"

    with ChargingServer(refuses) as server:
        project = LabelProject(tmp_path, server, texts_of(40), concurrency=16)
        printed = project.run(budget=0.0015)
        assert server.charged_usd <= 0.0015
    assert printed["answered"] > 0
    assert printed["unasked"] == 40 - printed["answered"]


def interrupt(project: LabelProject, calls: int, *, times: int = 1) -> None:
    process = project.start()
    wait_for(project.server, calls, process)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    project.finish(process, code=130)


def test_an_interrupted_run_keeps_what_calls_in_flight_bring(tmp_path: Path) -> None:
    with ChargingServer(seconds=1.0) as server:
        project = LabelProject(tmp_path, server, texts_of(200), concurrency=8)
        interrupt(project, 12)
        assert "what the teacher has answered is kept" in project.said
        assert project.stored().keys() == server.charged.keys()
        assert project.balance()[:3] == (server.charged_nanodollars, 0, 0)
        server.seconds = 0.0
        kept = server.calls
        last = project.run()
    assert (last["cached"], last["answered"]) == (kept, 200 - kept)
    assert set(server.charged.values()) == {1}


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    def hangs(_text: str, _number: int) -> Behaviour:
        return "hang" if server.calls >= 4 else "answer"

    with ChargingServer(hangs) as server:
        project = LabelProject(tmp_path, server, texts_of(50), concurrency=8)
        started = time.monotonic()
        interrupt(project, 8, times=2)
        balance = project.balance()
        assert balance.reserved == 0
        assert balance.assumed > 0
        assert server.charged_nanodollars <= balance.spent
    assert time.monotonic() - started < 60
