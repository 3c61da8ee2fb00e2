"""A student that hangs, dies or is damaged costs no call: its teacher answers in time."""

from __future__ import annotations

import os
import shutil
import signal
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from locum.cli.kept_files import keep_student
from locum.cli.promote import refuse_revoked
from locum.config import LimitSettings
from locum.export import load_artefact
from locum.schema import Example
from locum.serving import quick_link
from locum.store import CallStore, PromotionStore, ShadowStore, open_database
from tests.commands import run
from tests.gateway_clients import happens, metrics
from tests.gateways import Running, Upstream, running_gateway
from tests.promoted import (
    LIMITS,
    SURE,
    change,
    chat_request,
    label_calls,
    label_student,
    promote,
    route,
    said,
    send,
    states,
    student_pid,
    upstreams,
    wait_until_ready,
)
from tests.test_gateway_process import gateway_process, wait_for_end

if TYPE_CHECKING:
    from pathlib import Path

    from locum.schema import JsonObject

REQUEST = chat_request(SURE["shipping"])
DEADLINE = 0.25
QUICK = LIMITS.model_copy(update={"student_seconds": DEADLINE})


def ask_teacher(gateway: Running, seconds: float) -> None:
    """Ask, and see that the teacher answers in time."""
    began = time.monotonic()
    answer = send(gateway, REQUEST)
    assert (answer.status, answer.headers["x-locum-route"]) == (200, "teacher")
    assert said(answer) == "Shipping."
    assert time.monotonic() - began < seconds


def test_a_student_that_hangs_or_dies_costs_no_call(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_link, "LONGEST_QUICK_TEXT", -1)
    promote(tmp_path / "calls.sqlite", tmp_path / "student", shadow=0.5)
    with running_gateway(tmp_path, upstreams(upstream.url), QUICK) as gateway:
        for harm in (signal.SIGSTOP, signal.SIGKILL):
            wait_until_ready(gateway)
            assert happens(lambda: route(gateway, REQUEST) == "student")
            pid = student_pid(gateway)
            os.kill(pid, harm)
            for _ in range(3):
                ask_teacher(gateway, DEADLINE + 1)
            assert happens(lambda: states(gateway) == ["down"])
            ask_teacher(gateway, 1)
            wait_for_end(pid)
        wait_until_ready(gateway)
        assert happens(lambda: route(gateway, REQUEST) == "student")
        gateway.stop()
        with open_database(gateway.store) as database:
            counts = ShadowStore(database).counts("support")
    assert counts["failed"] >= 8


def test_a_student_whose_files_were_changed_is_not_asked_until_it_is_promoted_again(
    tmp_path: Path, upstream: Upstream
) -> None:
    store = tmp_path / "calls.sqlite"
    promoted = promote(store, tmp_path / "student")
    unpacked = tmp_path / "students" / promoted.promotion.artefact
    label_student().save(unpacked)
    (unpacked / "weights.safetensors").write_bytes(b"damaged")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        (unpacked / "weights.safetensors").write_bytes(b"damaged")
        os.kill(student_pid(gateway), signal.SIGKILL)
        assert happens(lambda: states(gateway) == ["refused"])
        ask_teacher(gateway, 1)
        change(store)
        assert happens(lambda: states(gateway) != ["refused"])
        wait_until_ready(gateway)
        assert route(gateway, REQUEST) == "student"


def test_damaged_promotions_leave_others_as_they_are(tmp_path: Path, upstream: Upstream) -> None:
    store, manifest = tmp_path / "calls.sqlite", b"{}"
    escaping, lacking, good = (
        sha256(content).hexdigest() for content in (manifest, b"gone", manifest + b" ")
    )
    promoted = promote(store, tmp_path / "support")
    plan = promoted.promotion.plan
    damaged: list[tuple[str, str, dict[str, bytes], JsonObject]] = [
        ("a plan of next year", good, {"manifest.json": manifest + b" "}, {**plan, "more": 1}),
        ("another manifest", "aa", {"manifest.json": manifest}, plan),
        ("a name", escaping, {"manifest.json": manifest, "../escaped": b""}, plan),
        ("no files", lacking, {}, plan),
    ]
    with open_database(store) as database:
        for task, artefact, files, kept in damaged:
            promotions = PromotionStore(database)
            promotions.promote(task, artefact, files, kept, percent=100, shadow=0.5)
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        assert route(gateway, REQUEST) == "student"
    assert not list(tmp_path.rglob("escaped"))


def test_promotions_that_cannot_be_used_are_told_once_and_cost_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = tmp_path / "calls.sqlite", list[str]()
    promoted = promote(store, tmp_path / "support").promotion
    plan = promoted.plan | {"of_a_later_locum": 1}
    pieces = PromotionStore.pieces

    def counting(promotions: PromotionStore, artefact: str) -> dict[str, int]:
        read.append(artefact)
        return pieces(promotions, artefact)

    monkeypatch.setattr(PromotionStore, "pieces", counting)
    with open_database(store) as database:
        promotions = PromotionStore(database)
        for task in ("later", "latest"):
            promotions.promote(task, "aa", {}, plan, percent=100, shadow=0.5)
        with running_gateway(tmp_path, upstreams("http://127.0.0.1:9"), LIMITS) as gateway:
            roster = gateway.gateway._roster  # noqa: SLF001
            for _ in range(3):
                gateway.loop.run(roster.look())
            assert caplog.text.count("cannot be used") == 2
            assert read == [promoted.artefact]
            promotions.promote("later", "aa", {}, promoted.plan, percent=100, shadow=0.5)
            gateway.loop.run(roster.look())
            assert caplog.text.count("cannot be used") == 3
            assert read == [promoted.artefact, "aa"]


def test_a_store_that_cannot_be_read_is_read_again(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "calls.sqlite"
    promote(store, tmp_path / "student")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        with open_database(store) as database:
            database.execute("ALTER TABLE promotions RENAME TO gone")
            assert happens(lambda: "promotions cannot be read" in caplog.text)
            assert route(gateway, REQUEST) == "student"
            database.execute("ALTER TABLE gone RENAME TO promotions")
        change(store, percent=0)
        assert happens(lambda: route(gateway, REQUEST) == "teacher")


def test_without_a_deadline_that_can_be_kept_the_teacher_answers(
    tmp_path: Path, upstream: Upstream
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "student")
    limits = LimitSettings(student_seconds=1e-6)
    with running_gateway(tmp_path, upstreams(upstream.url), limits) as gateway:
        wait_until_ready(gateway)
        for _ in range(20):
            ask_teacher(gateway, 1)


def test_the_gateway_command_follows_the_promote_command_and_ends_its_students(
    tmp_path: Path, upstream: Upstream
) -> None:
    home = tmp_path / "home"
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).add(label_calls())
    learned_from = [Example("a text", call_id=call.facts.id) for call in label_calls()]
    keep_student(label_student(), home / "support" / "student", learned_from, home / "locum.sqlite")
    with gateway_process(home, upstream.url) as process:
        gateway = Running(None, process.port, home, None)  # type: ignore[arg-type]
        assert route(gateway, REQUEST) == "teacher"
        run("promote", "support", "--home", "home", "--shadow", "0.001", folder=tmp_path)
        assert happens(lambda: route(gateway, REQUEST) == "student", 20)
        pid = process.process.pid
        children = _children(pid)
        assert len(children) == 2
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(30) == 0
        for child in children:
            wait_for_end(child)
    assert "Traceback" not in process.log.read_text("utf-8")
    with open_database(home / "locum.sqlite") as database:
        assert ShadowStore(database).counts("support")["student"] >= 1


def _children(pid: int) -> list[int]:
    from pathlib import Path

    read = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    return [int(number) for number in read.split()]


def test_one_that_is_refused_is_not_started_again_and_again_for_another_s_fault(
    tmp_path: Path, upstream: Upstream
) -> None:
    store = tmp_path / "calls.sqlite"
    promoted = promote(store, tmp_path / "student")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        unpacked = tmp_path / "students" / promoted.promotion.artefact
        (unpacked / "weights.safetensors").write_bytes(b"damaged")
        os.kill(student_pid(gateway), signal.SIGKILL)
        assert happens(lambda: states(gateway) == ["refused"])
        [before] = [s.link for s in gateway.gateway._roster.stand_ins]  # noqa: SLF001
        with open_database(store) as database:
            plan = promoted.promotion.plan
            PromotionStore(database).promote("a", "aa", {}, plan, percent=100, shadow=0.5)
        roster = gateway.gateway._roster  # noqa: SLF001
        assert happens(lambda: len(roster.stand_ins) == 2)
        for _ in range(2):
            gateway.loop.run(roster.look())
        assert [s.link for s in roster.stand_ins if s.link is not None] == [before]


def test_one_whose_answers_cannot_be_compared_is_revoked(
    tmp_path: Path, upstream: Upstream
) -> None:
    store = tmp_path / "calls.sqlite"
    promoted = promote(store, tmp_path / "student", shadow=1.0)
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        unpacked = tmp_path / "students" / promoted.promotion.artefact
        (unpacked / "weights.safetensors").write_bytes(b"damaged")
        with open_database(store) as database:
            database.execute("UPDATE artefact_files SET content = ?", (b"damaged",))
        assert route(gateway, REQUEST) == "student"
        assert happens(lambda: route(gateway, REQUEST) == "teacher")
        assert gateway.calls()
    with open_database(store) as database:
        found = PromotionStore(database).find("support")
    assert found is not None
    assert found.state == "revoked"
    assert "cannot be compared with the teacher's" in found.reason
    # It broke no promise, and may be promoted again.
    with open_database(store) as database:
        refuse_revoked(database, "support", tmp_path / "student")


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_damaged_copy_of_one_gateway_revokes_nothing(
    tmp_path: Path, upstream: Upstream, *, is_gone: bool
) -> None:
    store = tmp_path / "calls.sqlite"
    promoted = promote(store, tmp_path / "student", shadow=1.0)
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        unpacked = tmp_path / "students" / promoted.promotion.artefact
        if is_gone:
            shutil.rmtree(unpacked.parent)
        else:
            (unpacked / "weights.safetensors").write_bytes(b"damaged")
        assert route(gateway, REQUEST) == "student"
        assert gateway.calls()
        assert load_artefact(unpacked).predict(["a text"])
    with open_database(store) as database:
        found = PromotionStore(database).find("support")
        assert len(ShadowStore(database).shadows("support", promoted.promotion.artefact, 0, 9)) == 1
    assert found is not None
    assert found.state == "active"


def test_while_nothing_can_be_written_no_student_answers(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "student")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        assert route(gateway, REQUEST) == "student"
        recorder = gateway.gateway._recorder  # noqa: SLF001 - a disk that is full for a minute
        with monkeypatch.context() as patched:
            patched.setattr(recorder, "_failing_since", time.monotonic() - 61)
            assert route(gateway, REQUEST) == "teacher"
        assert happens(lambda: route(gateway, REQUEST) == "student")


def test_while_the_recorder_keeps_dying_no_student_answers(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "student")
    with running_gateway(tmp_path, upstreams(upstream.url), LIMITS) as gateway:
        wait_until_ready(gateway)
        recorder = gateway.gateway._recorder  # noqa: SLF001 - the fault is put into it
        for times in (1, 2):
            assert route(gateway, REQUEST) == "student"
            assert recorder._process is not None  # noqa: SLF001
            recorder._process.kill()  # noqa: SLF001
            assert happens(lambda times=times: recorder.deaths.times == times)  # type: ignore[misc]
            assert happens(lambda: metrics(gateway)["locum_recorder_failing"] == 0)
        assert route(gateway, REQUEST) == "teacher"
        told = metrics(gateway)
        assert told["locum_watch_blind"] == told["locum_recorder_keeps_dying"] == 1
        monkeypatch.setattr("locum.serving.recorder_deaths._FIRST_PAUSE_SECONDS", 0.0)
        assert route(gateway, REQUEST) == "student"
        told = metrics(gateway)
        assert (told["locum_watch_blind"], told["locum_recorder_keeps_dying"]) == (0, 1)
