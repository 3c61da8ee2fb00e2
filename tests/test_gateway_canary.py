"""Shares of calls: who is asked for the answer, who is asked besides, and what comes of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest

from locum.config import LimitSettings
from locum.store import PromotionStore, Shadow, ShadowStore, open_database
from tests.gateway_clients import Client, happens, post
from tests.gateways import Received, Running, http, running_gateway, upstream_server
from tests.json_traffic import make_short_mails
from tests.promoted import (
    LIMITS,
    MODEL,
    SURE,
    UNSURE,
    change,
    chat_request,
    demote,
    mail_request,
    object_student,
    promote,
    record,
    route,
    said,
    send,
    spelled,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from locum.export import CertifiedExtractor, CertifiedStudent
    from locum.schema import Call, JsonObject

TEXT = SURE["shipping"]
LABELS = list(SURE)


class Served(NamedTuple):
    """A gateway with a student, and its teacher."""

    gateway: Running
    teacher: Teacher
    store: Path

    def counts(self) -> dict[Any, int]:
        """How many calls went which way, once the gateway has stopped."""
        self.gateway.stop()
        with open_database(self.store) as database:
            return ShadowStore(database).counts("support")

    def shadows(self, task: str = "support") -> list[Shadow]:
        """What was sampled, once the gateway has stopped."""
        self.gateway.stop()
        with open_database(self.store) as database:
            promotion = PromotionStore(database).find(task)
            assert promotion is not None
            rows = ShadowStore(database).shadows(task, promotion.artefact)
            return [shadow for _, shadow in rows]


@contextmanager
def serve(
    home: Path,
    student: CertifiedStudent | CertifiedExtractor | None = None,
    calls: Sequence[Call] | None = None,
    *,
    percent: float = 100.0,
    shadow: float = 1e-9,
) -> Iterator[Served]:
    teacher = Teacher()
    store = home / "calls.sqlite"
    promote(store, home / "student", student, calls, percent=percent, shadow=shadow)
    with (
        upstream_server(teacher) as upstream,
        running_gateway(home, upstreams(upstream.url), LIMITS) as gateway,
    ):
        wait_until_ready(gateway)
        yield Served(gateway, teacher, store)


def routes(gateway: Running, requests: Iterable[JsonObject]) -> list[str]:
    """Who answers calls over one connection."""
    found = []
    with Client(gateway) as client:
        for request in requests:
            client.send(post(orjson.dumps(request)))
            answer = client.answer()
            assert answer.status == 200
            found.append(answer.headers["x-locum-route"])
    return found


# Of how many calls a student is asked.


def test_a_share_of_calls_is_answered_and_the_same_ones_again(tmp_path: Path) -> None:
    texts = [f"{TEXT} {number}" for number in range(400)]
    with serve(tmp_path, percent=30) as served:
        first = routes(served.gateway, map(chat_request, texts))
        assert 0.22 < first.count("student") / len(texts) < 0.38
        assert routes(served.gateway, map(chat_request, texts)) == first
        counts = served.counts()
    assert counts == {
        "student": 2 * first.count("student"),
        "teacher": 2 * first.count("teacher"),
    }


def test_one_user_is_always_answered_by_the_same(tmp_path: Path) -> None:
    by_user = []
    with serve(tmp_path, percent=50) as served:
        for user in [f"user-{number}" for number in range(60)]:
            names: list[dict[str, Any]] = [
                {"user": user},
                {"safety_identifier": user, "user": "anyone"},
                {"metadata": {"user_id": user}},
            ]
            asked = [chat_request(f"{TEXT} {n}", **names[n % 3]) for n in range(6)]
            [by] = set(routes(served.gateway, asked))
            by_user.append(by)
    assert 15 < by_user.count("student") < 45


def test_at_no_percent_a_student_is_scored_alone(tmp_path: Path) -> None:
    with serve(tmp_path, percent=0) as served:
        texts = [*(f"{SURE[LABELS[n % 3]]} {n}" for n in range(30)), *[UNSURE] * 10]
        assert set(routes(served.gateway, map(chat_request, texts))) == {"teacher"}
        assert served.counts() == {"teacher": 40}
        shadows = served.shadows()
    # A score that comes after its teacher's answer is recorded behind others.
    assert Counter(shadow.answered for shadow in shadows) == {True: 30, False: 10}
    assert all(shadow.agrees for shadow in shadows if shadow.answered)


def test_calls_that_nothing_tells_from_others_are_known_by_their_name(tmp_path: Path) -> None:
    def bare(text: str) -> JsonObject:
        return {"model": MODEL, "messages": [{"role": "user", "content": text}]}

    calls = [record(bare(text), spelled(label), n) for n, (label, text) in enumerate(SURE.items())]
    with serve(tmp_path, calls=calls) as served:
        assert route(served.gateway, bare(TEXT)) == "teacher"
        assert route(served.gateway, bare(TEXT), "x-locum-task: support") == "student"
        assert route(served.gateway, chat_request(TEXT), "x-locum-task: support") == "teacher"


# What is asked besides.


def test_a_shadowed_call_is_answered_by_the_student_and_recorded_from_the_teacher(
    tmp_path: Path,
) -> None:
    with serve(tmp_path, shadow=1.0) as served:
        for number in range(12):
            served.teacher.wrong = number == 11
            answer = send(served.gateway, chat_request(f"{TEXT} {number}"))
            assert (answer.headers["x-locum-route"], said(answer)) == ("student", "Shipping.")
            assert happens(lambda n=number: served.teacher.answers == n + 1)  # type: ignore[misc]
        assert route(served.gateway, chat_request(UNSURE)) == "teacher"
        assert served.counts() == {"shadow": 12, "deferred": 1}
        shadows, calls = served.shadows(), served.gateway.readable()
    assert [shadow.agrees for shadow in shadows] == [*[True] * 11, False, True]
    assert [shadow.answered for shadow in shadows] == [*[True] * 12, False]
    assert {shadow.said for shadow in shadows[:12]} == {"shipping"}
    answers = {call.facts.id: call.response for call in calls}
    given = [answers[str(shadow.call_id)] or {} for shadow in shadows]
    said_by_teacher = [body["choices"][0]["message"]["content"] for body in given]
    assert said_by_teacher == [*["Shipping."] * 11, "Billing.", "Returns."]


def test_a_broken_promise_is_revoked_with_the_time_when_it_began(tmp_path: Path) -> None:
    with serve(tmp_path, shadow=1.0) as served:
        assert set(routes(served.gateway, [chat_request(TEXT)] * 40)) == {"student"}
        assert happens(lambda: served.teacher.answers == 40)
        served.teacher.wrong = True
        began = time.time()
        assert happens(lambda: route(served.gateway, chat_request(TEXT)) == "teacher", 30)
        with open_database(served.store) as database:
            found = PromotionStore(database).find("support")
            [event, _] = PromotionStore(database).events("support", 2)
        assert found is not None
        assert (found.state, event.kind, event.message) == ("revoked", "revoked", found.reason)
        head, _, when = found.reason.partition(", beginning about ")
        assert head.startswith("agreement fell below the promised 0.9")
        moment = time.mktime(time.strptime(when, "%Y-%m-%d %H:%M:%S UTC")) - time.timezone
        assert abs(moment - began) < 5


def test_while_the_teacher_is_away_covered_calls_are_answered(tmp_path: Path) -> None:
    with upstream_server(Teacher()) as gone:
        away = upstreams(gone.url)
    store = tmp_path / "calls.sqlite"
    promote(store, tmp_path / "student", shadow=1.0)
    with running_gateway(tmp_path, away, LIMITS) as gateway:
        wait_until_ready(gateway)
        assert send(gateway, chat_request(TEXT)).status == 200
        refused = send(gateway, chat_request(UNSURE))
        assert refused.status == 502
        assert orjson.loads(refused.body)["error"]["message"]
        shadows = Served(gateway, Teacher(), store).shadows()
    assert [(shadow.agrees, shadow.answered) for shadow in shadows] == [(None, True), (None, False)]


class Slow(Teacher):
    """A teacher that answers when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Wait, and answer."""
        self.asked.set()
        await asyncio.to_thread(self.go_on.wait, 20)
        await super().__call__(request, writer)


def test_a_hanging_teacher_takes_no_room_from_its_student(tmp_path: Path) -> None:
    teacher, store = Slow(), tmp_path / "calls.sqlite"
    promote(store, tmp_path / "student", shadow=1e-9)
    one = LimitSettings(student_seconds=5.0, calls=1)
    with (
        upstream_server(teacher) as upstream,
        running_gateway(tmp_path, upstreams(upstream.url), one) as gateway,
        Client(gateway) as waiting,
    ):
        wait_until_ready(gateway)
        assert route(gateway, chat_request(TEXT)) == "student"
        waiting.send(post(orjson.dumps(chat_request(UNSURE))))
        assert teacher.asked.wait(10)
        assert route(gateway, chat_request(SURE["returns"])) == "student"
        refused = send(gateway, chat_request(f"{UNSURE} again"))
        assert refused.status == 503
        assert orjson.loads(refused.body)["error"]["code"] == "too_many_calls"
        teacher.go_on.set()
        assert waiting.answer().status == 200


def test_a_gateway_that_stops_lets_shadow_calls_end(tmp_path: Path) -> None:
    teacher, store = Slow(), tmp_path / "calls.sqlite"
    promote(store, tmp_path / "student", shadow=1.0)
    with (
        upstream_server(teacher) as upstream,
        running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway,
    ):
        wait_until_ready(gateway)
        assert route(gateway, chat_request(TEXT)) == "student"
        assert teacher.asked.wait(10)
        stopping = threading.Thread(target=gateway.stop)
        stopping.start()
        assert happens(lambda: gateway.gateway.stopping)
        teacher.go_on.set()
        stopping.join(30)
        [shadow] = Served(gateway, teacher, store).shadows()
    assert (shadow.agrees, shadow.said) == (True, "shipping")


# What the store says is followed.


def test_promotions_are_followed_under_load_and_no_call_fails(tmp_path: Path) -> None:
    done, failures = threading.Event(), []
    kinds = {
        "ours": [chat_request(f"{SURE[LABELS[n % 3]]} {n}") for n in range(30)],
        "others": [chat_request(f"{TEXT} {n}", "Who wrote this?") for n in range(30)],
    }
    seen: dict[str, set[str]] = {kind: set() for kind in kinds}

    def load(gateway: Running, kind: str) -> None:
        with Client(gateway) as client:
            while not done.is_set():
                for number, request in enumerate(kinds[kind]):
                    client.send(post(orjson.dumps(request)))
                    answer = client.answer()
                    seen[kind].add(answer.headers["x-locum-route"])
                    right = kind == "others" or said(answer) == spelled(LABELS[number % 3])
                    if answer.status != 200 or not right:
                        failures.append(answer)

    def changes_to(gateway: Running, *expected: str) -> bool:
        return set(routes(gateway, kinds["ours"])) == set(expected)

    with serve(tmp_path) as served:
        gateway = served.gateway
        threads = [threading.Thread(target=load, args=(gateway, kind)) for kind in kinds]
        for thread in threads:
            thread.start()
        try:
            assert changes_to(gateway, "student")
            for percent, expected in ((0, ["teacher"]), (50, ["student", "teacher"])):
                change(served.store, percent=percent)
                assert happens(lambda e=expected: changes_to(gateway, *e))  # type: ignore[misc]
            demote(served.store)
            assert happens(lambda: changes_to(gateway, "teacher"))
            change(served.store, percent=100)
            assert happens(lambda: changes_to(gateway, "student"))
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert failures == []
    assert seen == {"ours": {"student", "teacher"}, "others": {"teacher"}}


def test_two_gateways_at_one_store_act_as_one(place: str, tmp_path: Path) -> None:
    promoted = promote(place, tmp_path / "student", shadow=1.0)
    with upstream_server(Teacher()) as upstream:
        homes = [tmp_path / "a", tmp_path / "b"]
        settings = upstreams(upstream.url)
        with (
            running_gateway(homes[0], settings, LIMITS, place=place) as first,
            running_gateway(homes[1], settings, LIMITS, place=place) as second,
        ):
            for gateway in (first, second):
                wait_until_ready(gateway)
                asked = [chat_request(f"{TEXT} {number}") for number in range(20)]
                assert set(routes(gateway, asked)) == {"student"}
            demote(place)
            for gateway in (first, second):
                assert happens(lambda g=gateway: route(g, chat_request(TEXT)) == "teacher")  # type: ignore[misc]
                gateway.stop()
    with open_database(place) as database:
        store = ShadowStore(database)
        watch = store.watch("support", promoted.promotion.artefact)
        assert watch is not None
        counted = store.counts_by(None, "support")["support"]
    counts, call_usd = counted.calls, promoted.promotion.plan["call_usd"]
    assert counted.usd == {route: pytest.approx(n * call_usd) for route, n in counts.items()}
    assert counts["shadow"] == watch["compared"] >= 40
    assert watch["disagreements"] == 0


# What must not be kept.


def test_the_key_of_a_client_is_kept_nowhere(tmp_path: Path) -> None:
    key = "sk-canary-7d1f0c9b8a6e5d4c3b2a1908f7e6d5c4"
    with serve(tmp_path, shadow=1.0) as served:
        for text in (f"{TEXT} {key}", f"{UNSURE} {key}"):
            request = chat_request(text, user=key, metadata={"key": key})
            for header in (f"authorization: Bearer {key}", f"x-api-key: {key}"):
                assert send(served.gateway, request, header).status == 200
        assert len(served.shadows()) == 4
    assert_nowhere(key, tmp_path)


def test_the_key_of_a_client_is_kept_nowhere_though_a_student_copies_it(tmp_path: Path) -> None:
    key = "RX-77777"
    with serve(tmp_path, object_student(), shadow=1.0) as served:
        for mail in make_short_mails(5, seed=3, numbered=0):
            request = mail_request(f"{mail.text} My order is {key}.")
            send(served.gateway, request, f"authorization: Bearer {key}", "x-locum-task: mail")
        assert len(served.shadows("mail")) == 5
    assert_nowhere(key, tmp_path)


def assert_nowhere(key: str, home: Path) -> None:
    """No file of a home holds a key."""
    for path in home.rglob("*"):
        holds = path.is_file() and key.encode() in path.read_bytes()
        assert not holds, path


class Failing(Teacher):
    """One that answers with errors, some of them of a proxy that had no answer of it."""

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Fail, and work all the same where the text says so."""
        proxied = "proxied" in orjson.dumps(request.json).decode()
        writer.write(http(504 if proxied else 429, b'{"error": {"message": "no"}}'))


def test_calls_that_cost_nothing_are_not_counted_as_spent(tmp_path: Path) -> None:
    promoted = promote(tmp_path / "calls.sqlite", tmp_path / "student")
    with (
        upstream_server(Failing()) as upstream,
        running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway,
    ):
        wait_until_ready(gateway)
        asked = [UNSURE, UNSURE, f"{UNSURE} proxied", TEXT]
        found = [send(gateway, chat_request(text)).status for text in asked]
        assert found == [429, 429, 504, 200]
        gateway.stop()
        with open_database(tmp_path / "calls.sqlite") as database:
            [counted] = ShadowStore(database).counts_by(None, "support").values()
    call_usd = promoted.promotion.plan["call_usd"]
    assert counted.calls == {"deferred": 3, "student": 1}
    # A proxy that had no answer does not say that nothing was computed.
    assert counted.usd == {"deferred": pytest.approx(call_usd), "student": pytest.approx(call_usd)}
