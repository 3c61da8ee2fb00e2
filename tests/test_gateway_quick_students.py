"""A gateway whose student answers in its own process: whatever becomes of it, no call is lost."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from locum.errors import ArtefactError, InputError
from locum.serving import dispatcher, roster
from locum.serving.quick_link import LONGEST_QUICK_TEXT
from locum.serving.recogniser import Recogniser
from locum.serving.spending import Spending
from locum.store import PromotionStore, ShadowStore, open_database
from tests.gateway_clients import CHAT, Client, happens, metrics, post
from tests.gateways import Running, Upstream, running_gateway
from tests.promoted import (
    LIMITS,
    SURE,
    UNSURE,
    change,
    chat_request,
    demote,
    mail_request,
    object_student,
    promote,
    route,
    said,
    send,
    serving,
    spelled,
    states,
    student_pid,
    upstreams,
    wait_until_ready,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.config import LimitSettings
    from locum.serving.quick_link import QuickLink
    from locum.serving.student_answers import Question
    from locum.store import Database, Shadow, Spent

REQUEST = chat_request(SURE["shipping"])
QUICK = LIMITS.model_copy(update={"student_seconds": 0.25})


def link_of(gateway: Running) -> QuickLink:
    [stand_in] = gateway.gateway._roster.stand_ins  # noqa: SLF001 - no page tells it
    assert stand_in.link is not None
    return stand_in.link


def is_here(gateway: Running) -> bool:
    """Whether the gateway's student answers in its process."""
    return link_of(gateway)._answer_all is not None  # noqa: SLF001 - no page tells it


@contextmanager
def answering_here(
    home: Path, upstream: Upstream, limits: LimitSettings = LIMITS, shadow: float = 1e-9
) -> Iterator[Running]:
    """Run a gateway whose student answers here."""
    with serving(home, upstream, limits, shadow) as running:
        assert happens(lambda: is_here(running))
        yield running


def sampled(gateway: Running) -> list[Shadow]:
    """What a gateway that has stopped has kept of sampled calls."""
    with open_database(gateway.store) as database:
        promoted = PromotionStore(database).find("support")
        assert promoted is not None
        rows = ShadowStore(database).shadows("support", promoted.artefact, 0)
    return [row for _, row in rows]


def test_it_answers_while_its_process_hangs(tmp_path: Path, upstream: Upstream) -> None:
    with answering_here(tmp_path, upstream, QUICK) as gateway:
        os.kill(student_pid(gateway), signal.SIGSTOP)
        for text in [*SURE.values()] * 3:
            assert route(gateway, chat_request(text)) == "student"
        assert route(gateway, chat_request(UNSURE)) == "teacher"
        long = chat_request("parcel " * (LONGEST_QUICK_TEXT // 6))
        assert route(gateway, long) == "teacher", "long texts are left to its process"
        assert happens(lambda: states(gateway) == ["down"])
        assert route(gateway, REQUEST) == "teacher", "while it is down nobody is asked"
        assert happens(lambda: route(gateway, REQUEST) == "student")
        gateway.stop()
        with open_database(gateway.store) as database:
            counts = ShadowStore(database).counts("support")
    assert counts["student"] >= 10
    assert counts["deferred"] == 1
    assert counts["failed"] >= 1


def test_where_it_raises_the_teacher_answers(tmp_path: Path, upstream: Upstream) -> None:
    with answering_here(tmp_path, upstream) as gateway:
        link = link_of(gateway)
        sound = link._answer_all  # noqa: SLF001 - a fault is put into it

        def fail(questions: list[Question]) -> list[Any]:
            raise RuntimeError(questions)

        for answer_all, way in ((sound, "student"), (fail, "teacher"), (sound, "student")):
            gateway.loop.loop.call_soon_threadsafe(setattr, link, "_answer_all", answer_all)
            for _ in range(3):
                assert route(gateway, REQUEST) == way
        found = metrics(gateway)
        assert found['locum_student_failures_total{task="support"}'] == 3
        assert found['locum_student_up{task="support"}'] == 1
        assert found['locum_stand_in_calls_total{route="failed",task="support"}'] == 3


def test_where_it_cannot_be_loaded_here_its_process_answers(
    tmp_path: Path,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(folder: Path) -> None:
        raise ArtefactError(f"{folder} holds no artefact")

    monkeypatch.setattr(roster, "load_quick", fail)
    promote(tmp_path / "calls.sqlite", tmp_path / "support")
    with running_gateway(tmp_path, upstreams(upstream.url), QUICK) as gateway:
        wait_until_ready(gateway)
        assert happens(lambda: "answers in its own process" in caplog.text)
        assert route(gateway, REQUEST) == "student"
        assert not is_here(gateway)
        os.kill(student_pid(gateway), signal.SIGSTOP)
        assert route(gateway, REQUEST) == "teacher"


def test_a_student_of_another_family_answers_in_its_process(
    tmp_path: Path, upstream: Upstream
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "mail", object_student())
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        gateway.loop.run(gateway.gateway._roster.look())  # noqa: SLF001 - sooner than it would
        assert not is_here(gateway)
        text = "Please send my money back. This cannot wait any longer."
        for _ in range(3):
            assert route(gateway, mail_request(text)) == "student"
        known = gateway.gateway._stand_ins._recogniser._known._shelves  # noqa: SLF001 - likewise
        [kind] = [slot.meaning for shelf in known.values() for slot in shelf.slots]
        assert not kind.templates, "objects are hardly ever said twice"


def test_sampled_calls_are_compared_as_ever(tmp_path: Path, upstream: Upstream) -> None:
    with answering_here(tmp_path, upstream, shadow=1.0) as gateway:
        for text in SURE.values():
            answer = send(gateway, chat_request(text))
            assert answer.headers["x-locum-route"] == "student"
        gateway.stop()
        rows = sampled(gateway)
    assert sorted((row.said, row.agrees) for row in rows) == sorted((label, True) for label in SURE)
    assert all(row.novelty is not None for row in rows)


@pytest.mark.parametrize("may_shadow", [True, False])
def test_a_sampled_call_like_one_before_is_answered_before_it_is_recognised(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, *, may_shadow: bool
) -> None:
    async def fail(*_: object) -> None:
        raise AssertionError("it is known by its bytes")

    with answering_here(tmp_path, upstream, shadow=1.0) as gateway:
        assert route(gateway, REQUEST) == "student"
        monkeypatch.setattr(Recogniser, "recognise", fail)
        if not may_shadow:
            monkeypatch.setattr(dispatcher, "_MOST_SHADOWS", 0)
        for text in SURE.values():
            assert route(gateway, chat_request(text)) == "student"
        gateway.stop()
        with open_database(gateway.store) as database:
            counts = ShadowStore(database).counts("support")
        rows = sampled(gateway)
    others = 0 if may_shadow else len(SURE)
    assert (counts["shadow"], counts.get("student", 0)) == (1 + len(SURE) - others, others)
    assert len(rows) == counts["shadow"]
    assert all(row.agrees and row.novelty is not None for row in rows)


def test_an_end_is_noticed_though_the_store_failed_when_it_came(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failed = Spending.read, threading.Event()

    def fail_once(spending: Spending, database: Database) -> dict[str, Spent]:
        promotion = PromotionStore(database).find("support")
        if promotion is not None and promotion.state != "active" and not failed.is_set():
            failed.set()
            raise InputError("the store is away")
        return read(spending, database)

    with answering_here(tmp_path, upstream) as gateway:
        monkeypatch.setattr(Spending, "read", fail_once)
        assert route(gateway, REQUEST) == "student"
        demote(gateway.store)
        assert failed.wait(10)
        assert happens(lambda: route(gateway, REQUEST) == "teacher")


def test_no_call_is_lost_or_misrouted_while_it_is_promoted_and_demoted(
    tmp_path: Path, upstream: Upstream
) -> None:
    with answering_here(tmp_path, upstream) as gateway:
        ended = threading.Event()
        wrong: list[str] = []
        routes: list[str] = []

        def call(label: str) -> None:
            sent = post(orjson.dumps(chat_request(SURE[label])), path=CHAT)
            with Client(gateway) as client:
                while not ended.is_set():
                    client.send(sent)
                    answer = client.answer()
                    routes.append(answer.headers.get("x-locum-route", ""))
                    if answer.status != 200 or said(answer) != spelled(label):
                        wrong.append(f"{label}: {answer.status} {answer.body!r}")

        threads = [threading.Thread(target=call, args=(label,)) for label in [*SURE] * 2]
        for thread in threads:
            thread.start()
        try:
            for percent in (0, 100, 50, 100):
                change(gateway.store, percent=percent)
                way = "teacher" if percent == 0 else "student"
                count = len(routes)
                assert happens(lambda way=way, count=count: way in routes[count + 50 :])  # type: ignore[misc]
            demote(gateway.store)
            assert happens(lambda: set(routes[-100:]) == {"teacher"})
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert not wrong
    assert set(routes) == {"student", "teacher"}
