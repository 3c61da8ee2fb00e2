"""Several gateway processes at one PostgreSQL store act as one."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest

from locum.monitoring import AgreementWatch
from locum.promotion import read_standings
from locum.store import CallFilter, CallStore, open_database
from tests.commands import run
from tests.gateway_clients import CHAT, happens
from tests.gateways import Upstream, upstream_server
from tests.promoted import CERTIFICATE, SURE, UNSURE, chat_request, promote
from tests.promoted_teacher import Teacher
from tests.test_gateway_process import Process, child_of, gateway_process, wait_for_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.promotion import Standing

PLACE = "postgresql://"
"""Where and as whom is said by the environment, as in ``deploy/``."""
KEY = "lk-web-5d4c3b2a19"
SETTINGS = f"""
[store]
url = "{PLACE}"

[gateway.applications.web]
key_env = "LOCUM_WEB_KEY"

[gateway.limits]
student_seconds = 5.0
notice_seconds = 0.0
drain_seconds = 10.0
"""
SOON = 20.0
"""Seconds; on a quiet machine it takes one or two."""


class Replica(NamedTuple):
    """A gateway process."""

    running: Process

    def ask(self, text: str, **headers: str) -> dict[str, str]:
        """Send a call, and return who answered, what was said and the answer's id."""
        with closing(self.running.connect()) as connection:
            return ask(connection, text, **headers)

    def answers(self, text: str, route: str, seconds: float = SOON) -> bool:
        """Wait until calls go a way."""
        return happens(lambda: self.ask(text)["route"] == route, seconds)

    def counts(self) -> Counter[str]:
        """How many calls of the task went which way here, as the replica itself counts."""
        with closing(self.running.connect()) as connection:
            connection.request("GET", "/metrics", headers={"authorization": f"Bearer {KEY}"})
            page = connection.getresponse().read().decode()
        lines = re.findall(r'(?m)^locum_stand_in_calls_total\{route="([a-z]+)".*\} (\S+)$', page)
        return Counter({route: int(float(calls)) for route, calls in lines if float(calls)})


def ask(connection: http.client.HTTPConnection, text: str, **headers: str) -> dict[str, str]:
    body = orjson.dumps(chat_request(text))
    connection.request("POST", CHAT, body, {"authorization": f"Bearer {KEY}", **headers})
    response = connection.getresponse()
    read = orjson.loads(response.read())
    assert response.status == 200, read
    return {
        "route": response.headers["x-locum-route"],
        "said": read["choices"][0]["message"]["content"],
        "id": read["id"],
    }


class Site:
    """A store, a teacher, and what runs replicas of a gateway between them.

    Args:
        folder: Where their homes lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.teacher = Teacher()
        self.config = folder / "locum.toml"
        self.config.write_text(SETTINGS)
        self._opened = ExitStack()
        self._upstream: Upstream = self._opened.enter_context(upstream_server(self.teacher))

    def close(self) -> None:
        """Stop all replicas."""
        self._opened.close()

    def start(self, name: str) -> Replica:
        """Start a replica with a home of its own, as on another machine."""
        process = gateway_process(
            self.folder / name, self._upstream.url, "--config", str(self.config)
        )
        return Replica(self._opened.enter_context(process))

    def command(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Run a command on the store, on no replica's machine."""
        done = run(*arguments, "--config", str(self.config), "--json", folder=self.folder)
        return orjson.loads(done.stdout)

    def standing(self) -> Standing:
        """What the store says of the task."""
        with open_database(PLACE) as database:
            [standing] = read_standings(database, "support")
        return standing

    def recorded(self) -> set[str]:
        """The ids of the answers that are on disk."""
        with open_database(PLACE) as database:
            calls = list(CallStore(database).iterate(CallFilter(source="gateway")))
        return {call.response["id"] for call in calls if call.response}


@pytest.fixture
def site(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    address = urlsplit(postgres_url)
    monkeypatch.setenv("PGHOST", parse_qs(address.query)["host"][0])
    monkeypatch.setenv("PGDATABASE", address.path.strip("/"))
    monkeypatch.setenv("PGUSER", address.username or "")
    monkeypatch.setenv("PGPASSWORD", unquote(address.password or ""))
    monkeypatch.setenv("LOCUM_WEB_KEY", KEY)
    opened = Site(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


def sure(number: int) -> str:
    return f"{SURE['shipping']} {number}"


def unsure(number: int) -> str:
    return f"{UNSURE} {number}"


def test_what_is_promoted_once_answers_everywhere_and_is_counted_as_one(site: Site) -> None:
    replicas = [site.start(name) for name in ("a", "b")]
    assert {replica.ask(sure(0))["route"] for replica in replicas} == {"teacher"}
    promote(PLACE, site.folder / "student", shadow=1.0)
    for replica in replicas:
        assert replica.answers(sure(0), "student")
    for number, replica in enumerate(replicas):
        for other in range(10 + number):
            assert replica.ask(sure(other))["said"] == "Shipping."
        assert replica.ask(unsure(0))["route"] == "teacher"
    by_replica = [replica.counts() for replica in replicas]
    together = by_replica[0] + by_replica[1]
    assert all(counts["shadow"] > 10 for counts in by_replica)
    assert together["deferred"] >= 2
    assert happens(lambda: site.standing().calls == together, SOON), (site.standing(), together)
    assert happens(lambda: site.standing().compared.answers == together["shadow"], SOON)
    [shown] = site.command("status")["tasks"]
    assert (shown["calls"], shown["total"]) == (dict(together), together.total())
    assert (shown["compared"]["answers"], shown["compared"]["disagreements"]) == (
        together["shadow"],
        0,
    )
    assert site.command("demote", "support")["state"] == "demoted"
    for replica in replicas:
        assert replica.answers(sure(1), "teacher")


def test_what_all_saw_together_is_revoked_everywhere(site: Site) -> None:
    replicas = [site.start(name) for name in ("a", "b")]
    promote(PLACE, site.folder / "student", shadow=1.0)
    for replica in replicas:
        assert replica.answers(sure(0), "student")
        for number in range(5):
            assert replica.ask(sure(number))["route"] == "student"
    right = sum(replica.counts()["shadow"] for replica in replicas)
    assert happens(lambda: site.standing().compared.answers == right, SOON)
    site.teacher.wrong = True
    wrong = 0
    while site.standing().state == "active":
        assert replicas[wrong % 2].ask(sure(wrong))["route"] == "student"
        wrong += 1
        assert happens(lambda w=wrong: site.standing().compared.disagreements == w, SOON)  # type: ignore[misc]
    # Just as one gateway that had seen all of it: each alone saw half, which is not enough.
    assert breaks(right, wrong)
    assert not breaks(right, wrong - 1)
    assert wrong > 2
    standing = site.standing()
    assert standing.state == "revoked"
    assert f"{wrong} of {right + wrong} sampled answers differ" in standing.reason
    assert [event.kind for event in standing.events] == ["revoked", "promoted"]
    for replica in replicas:
        assert replica.answers(sure(99), "teacher")


def breaks(right: int, wrong: int) -> bool:
    watch = AgreementWatch(CERTIFICATE.target, 1 - CERTIFICATE.confidence)
    watch.observe_all([True] * right + [False] * wrong)
    return watch.broken


class Load(threading.Thread):
    """Sends calls until its gateway is gone or it is stopped; knows the teacher's whole answers."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(daemon=True)
        self.replica = replica
        self.ids: set[str] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        """Send calls."""
        number = 0
        try:
            with closing(self.replica.running.connect()) as connection:
                while not self.stop.is_set():
                    number += 1
                    answer = ask(connection, (sure if number % 2 else unsure)(number))
                    if answer["route"] == "teacher":
                        self.ids.add(answer["id"])
        except (OSError, http.client.HTTPException):
            pass


@contextmanager
def loaded(*replicas: Replica) -> Iterator[list[Load]]:
    loads = [Load(replica) for replica in replicas]
    for load in loads:
        load.start()
    try:
        yield loads
    finally:
        for load in loads:
            load.stop.set()
            load.join(30)


def test_a_replica_that_is_killed_takes_no_record_of_others_along(site: Site) -> None:
    promote(PLACE, site.folder / "student", shadow=0.1)
    first, second = (site.start(name) for name in ("a", "b"))
    for replica in (first, second):
        assert replica.answers(sure(0), "student")
    with loaded(first, second) as (doomed, kept):
        assert happens(lambda: min(len(doomed.ids), len(kept.ids)) > 50, 60)
        # As where a machine is lost: the recorder does not outlive its gateway.
        recorder = _recorder_of(first)
        first.running.process.kill()
        os.kill(recorder, signal.SIGKILL)
        doomed.join(30)
        after = len(kept.ids)
        assert happens(lambda: len(kept.ids) > after + 50, 60)
        third = site.start("c")
        assert third.answers(sure(1), "student")
    assert happens(lambda: kept.ids <= site.recorded(), SOON)
    alive = second.counts() + third.counts()
    assert happens(lambda: site.standing().usage.total >= alive.total(), SOON)
    assert site.standing().state == "active"


def test_calls_that_a_killed_replica_had_answered_are_recorded(site: Site) -> None:
    first, second = (site.start(name) for name in ("a", "b"))
    with loaded(first) as [load]:
        assert happens(lambda: len(load.ids) > 50, 60)
        [recorder] = [child_of(first.running.process.pid)]
        first.running.process.kill()
        load.join(30)
    wait_for_end(recorder)
    assert load.ids <= site.recorded()
    assert second.ask(unsure(1))["route"] == "teacher"


def _recorder_of(replica: Replica) -> int:
    pid = replica.running.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as listed:  # noqa: PTH123 - no file on a disk
        children = [int(child) for child in listed.read().split()]
    for child in children:
        with open(f"/proc/{child}/cmdline", "rb") as command:  # noqa: PTH123 - likewise
            if b"locum.serving.recorder" in command.read():
                return child
    raise AssertionError(children)
