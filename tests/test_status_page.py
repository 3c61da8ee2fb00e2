"""The gateway's status page: what it shows, how it stays up to date, and what that costs."""

from __future__ import annotations

import base64
import re
import threading
import time
from contextlib import ExitStack
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from locum.errors import InputError
from locum.promotion import read_standings
from locum.serving import status_page, status_source
from locum.store import PromotionStore, open_database
from tests.commands import run
from tests.gateway_clients import Client, ask, get, happens, metrics, narrow
from tests.status_readers import ROUTES, STORY, Listener, watched

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


# What it shows


def test_the_page_shows_how_a_student_does(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        page = ask(gateway, get("/"))
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    html = page.body.decode()
    for shown in (
        "support",
        "on for 25% of calls",
        "92.0%",  # coverage
        "69.9% expected",
        "98.0%",  # agreement
        "400 answers compared, 8 differ",
        "promised 95.0%",
        "1,000 calls, by who answered",
        "$1.80",  # 900 answers at $0.002
        "561 ms",
        "25% of calls, 2.0% shadowed",  # the event
        "3fa2b1c4",  # the call
        "returns",
        "taking calls",
    ):
        assert shown in html, shown


def test_the_page_without_students_says_how_to_promote_one(tmp_path: Path) -> None:
    with watched(tmp_path) as gateway:
        html = ask(gateway, get("/")).body.decode()
    assert "No student stands in yet" in html
    assert "locum promote TASK" in html


def test_a_student_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        assert happens(lambda: b"process refused" in ask(gateway, get("/")).body)
        html = ask(gateway, get("/")).body.decode()
    assert "The student of <b>support</b> is refused" in html
    assert "0 of 1" in html


def test_the_json_is_what_the_command_prints(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        said = ask(gateway, get("/status.json"))
    (tmp_path / "calls.sqlite").rename(tmp_path / "locum.sqlite")
    printed = run("status", "--json", "--home", ".", folder=tmp_path)
    assert said.headers["content-type"] == "application/json"
    assert orjson.loads(said.body) == orjson.loads(printed.stdout)


def test_only_the_pages_own_style_and_script_run(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        page = ask(gateway, get("/"))
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.body.decode(), re.DOTALL)
        digest = base64.b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(rb"(src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z/]", page.body)


# How it stays up to date


def test_those_who_listen_see_changes(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        listener = Listener(gateway)
        assert listener.status == 200
        assert listener.headers["content-type"] == "text/event-stream"
        assert "on for 25% of calls" in listener.next()
        with open_database(gateway.store) as database:
            PromotionStore(database).end("support", "demoted", "by hand")
        began = time.monotonic()
        assert "by hand" in listener.next()
        assert 1.0 < time.monotonic() - began < 4.0
        listener.close()


def test_a_gateway_that_stops_does_not_wait_for_those_who_listen(tmp_path: Path) -> None:
    with watched(tmp_path, STORY) as gateway:
        listener = Listener(gateway)
        assert listener.next()
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 15
        assert listener.next() == ""
        listener.close()


def test_only_so_many_may_listen_until_one_leaves(tmp_path: Path) -> None:
    with watched(tmp_path) as gateway, ExitStack() as stack:
        listeners = [Listener(gateway) for _ in range(16)]
        for listener in listeners:
            stack.callback(listener.close)
        refused = ask(gateway, get("/events"))
        assert refused.status == 503
        assert orjson.loads(refused.body)["error"]["code"] == "too_many_listeners"
        assert ask(gateway, get("/")).status == 200
        listeners[3].close()
        assert happens(lambda: len(gateway.gateway._connections) == 15)  # noqa: SLF001 - no page tells it
        late = Listener(gateway)
        stack.callback(late.close)
        assert late.status == 200


def test_who_reads_slowly_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_page, "_EVERY_SECONDS", 0.001)
    said = tuple("a long answer " * 10 for _ in range(10))
    with watched(tmp_path, *(STORY._replace(task=f"t{n}", said=said) for n in range(9))) as gateway:
        narrow(gateway)
        listener = Listener(gateway)
        (connection,) = gateway.gateway._connections  # noqa: SLF001 - no page tells it
        assert happens(lambda: connection._paused)  # noqa: SLF001 - likewise
        held = connection._transport.get_write_buffer_size()  # noqa: SLF001 - likewise
        time.sleep(0.3)
        assert connection._transport.get_write_buffer_size() == held  # noqa: SLF001 - likewise
        assert held < 500_000
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 15
        listener.close()


def test_a_head_alone_can_be_asked_for(tmp_path: Path) -> None:
    with watched(tmp_path) as gateway:
        for path in ROUTES:
            with Client(gateway) as client:
                client.send(get(path, "connection: close", method="HEAD"))
                assert client.rest().partition(b"\r\n\r\n")[2] == b""


# What it costs the store


def test_the_store_is_read_once_a_second_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def counted(database: Any) -> Any:  # noqa: ANN401 - passed on
        reads.append(threading.current_thread().name)
        return read_standings(database)

    monkeypatch.setattr(status_source, "read_standings", counted)
    with watched(tmp_path, STORY) as gateway:
        began = time.monotonic()
        for path in ["/", "/status.json", "/metrics"] * 10:
            assert ask(gateway, get(path)).status == 200
        assert len(reads) <= 1 + (time.monotonic() - began)
        assert all(name.startswith("locum-status") for name in reads)


def test_a_store_that_cannot_be_read_any_more_leaves_the_last_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_source, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(status_source, "_PAUSE_A_SECOND", 0.0)

    def broken(database: Any) -> Any:  # noqa: ANN401 - never returns
        raise InputError(f"the store is <gone>: {database.dialect}")

    with watched(tmp_path, STORY) as gateway:
        assert b"cannot be read" not in ask(gateway, get("/")).body
        monkeypatch.setattr(status_source, "read_standings", broken)
        html = ask(gateway, get("/")).body.decode()
        assert "The store cannot be read: the store is &lt;gone&gt;: sqlite" in html
        assert "400 answers compared" in html


def test_a_store_that_is_moved_away_is_named_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_source, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(status_source, "_PAUSE_A_SECOND", 0.0)
    place, away = tmp_path / "calls.sqlite", tmp_path / "away"

    with watched(tmp_path, STORY) as gateway:

        def says(text: str) -> bool:
            html = ask(gateway, get("/")).body.decode()
            return text in html and "400 answers compared" in html

        assert happens(lambda: says("400 answers compared"))
        place.rename(away)
        assert happens(lambda: says("The store cannot be read: the store"))
        assert happens(lambda: says("is not there any more"))
        away.rename(place)
        assert happens(lambda: not says("cannot be read"))


def test_a_store_that_hangs_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hanging(database: Any) -> Any:  # noqa: ANN401 - nothing is promoted
        assert database.dialect
        go_on.wait(30)
        return []

    monkeypatch.setattr(status_source, "read_standings", hanging)
    monkeypatch.setattr(status_source, "_PATIENCE_SECONDS", 0.2)
    with watched(tmp_path, STORY) as gateway:
        assert ask(gateway, get("/")).status == 503
        assert metrics(gateway)["locum_calls_running"] == 0
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 15
        go_on.set()
