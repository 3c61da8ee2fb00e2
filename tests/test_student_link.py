"""A student in a process of its own: whatever becomes of it, who asks gets an answer or none."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.serving import student_link
from locum.serving.student_link import StudentLink
from locum.serving.student_pace import StudentPace
from locum.writers import LOAD_SECONDS
from tests.promoted import SURE, UNSURE, label_student, object_student
from tests.test_gateway_process import wait_for_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from locum.serving.student_answers import Said

LABELS = list(SURE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label_student().save(tmp_path_factory.mktemp("link") / "student")


@asynccontextmanager
async def linked(folder: Path, seconds: float = 10.0) -> AsyncIterator[StudentLink]:
    """Start a student, and look after it as a gateway does, only more often."""
    link = StudentLink("support", folder, seconds)
    link.start()

    async def look_after() -> None:
        while True:
            link.sweep(time.monotonic())
            await asyncio.sleep(0.02)

    sweeper = asyncio.get_running_loop().create_task(look_after())
    try:
        yield link
    finally:
        sweeper.cancel()
        link.close()
        link.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has to come."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - of a process's doings there is no event
            await asyncio.sleep(0.01)


async def ready(link: StudentLink) -> None:
    await until(lambda: link.state == "ready")


async def ask(link: StudentLink, text: str) -> Said | None:
    return await link.ask(text, chances=False, novelty=False)


def pid_of(link: StudentLink) -> int:
    process = link._process  # noqa: SLF001 - to do it harm
    assert process is not None
    return process.pid


def test_a_student_answers_as_it_does_at_home(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            assert await ask(link, UNSURE) is None, "it is not loaded yet"
            await ready(link)
            texts = [*SURE.values(), UNSURE, "", " \n", "\0", "שלום 📦 \u2028"]
            for text, expected in zip(texts, label_student().predict(texts), strict=True):
                found = await ask(link, text)
                assert found is not None
                assert (found.answered, found.text) == (expected.answered, expected.label)
                assert found.confidence == pytest.approx(expected.confidence)
                assert (found.chances, found.novelty) == ([], None)

    asyncio.run(run())


def test_chances_are_given_with_what_is_said_first(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            await ready(link)
            for text in [*SURE.values(), UNSURE]:
                found = await link.ask(text, chances=True, novelty=True)
                assert found is not None
                labels, chances = zip(*found.chances, strict=True)
                assert labels[0] == found.text
                assert set(labels) == set(LABELS)
                assert list(chances[1:]) == sorted(chances[1:], reverse=True)
                assert chances[0] == pytest.approx(found.confidence, abs=1e-6)
                assert found.novelty is not None
                assert 0 <= found.novelty <= 1

    asyncio.run(run())


def test_a_student_of_objects_says_them_as_json(tmp_path: Path) -> None:
    async def run() -> None:
        student = object_student()
        async with linked(student.save(tmp_path / "student")) as link:
            await ready(link)
            text = "Please send my money back. This cannot wait any longer."
            found = await link.ask(text, chances=True, novelty=True)
            assert found is not None
            assert found.text.startswith('{"intent":"refund"')
            assert [tuple(one) for one in found.chances] == [(found.text, found.confidence)]
            assert found.answered == student.predict([text])[0].answered
            blank = await link.ask("", chances=False, novelty=False)
            assert blank is not None
            assert not blank.answered

    asyncio.run(run())


def test_many_who_ask_at_once_get_each_their_own_answer(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            await ready(link)
            texts = [f"{SURE[LABELS[n % 3]]} {n}" for n in range(900)]
            found = await asyncio.gather(*(ask(link, text) for text in texts))
            said = [one.text if one else None for one in found]
            assert said == [LABELS[n % 3] for n in range(900)]

    asyncio.run(run())


def test_too_many_who_wait_are_sent_to_the_teacher(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            await ready(link)
            found = await asyncio.gather(*(ask(link, SURE["returns"]) for _ in range(3_000)))
            assert 1_024 <= sum(one is not None for one in found) < 3_000
            assert await ask(link, UNSURE) is not None

    asyncio.run(run())


def test_what_it_cannot_answer_in_time_is_the_teachers_at_once(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder, seconds=3_600.0) as link:
            await ready(link)
            link._pace.note(1, 1_000.0)  # noqa: SLF001 - as if it was that slow
            asked = [asyncio.ensure_future(ask(link, SURE["returns"])) for _ in range(5)]
            found = await asyncio.gather(*asked)
            assert [one is not None for one in found] == [True] * 3 + [False] * 2
            # One alone is always tried, so that it shows when it is quicker again.
            link._pace.note(1, 10_000.0)  # noqa: SLF001
            assert await ask(link, SURE["returns"]) is not None

    asyncio.run(run())


@given(st.floats(1e-4, 1e3), st.integers(1, 64), st.floats(0, 1e4))
def test_a_pace_is_that_of_the_last_batches(each: float, answers: int, seconds: float) -> None:
    pace = StudentPace()
    assert pace.answers_in(seconds) > 1_000_000
    pace.note(1, 1_000 * each)
    for _ in range(60):
        pace.note(answers, answers * each)
    assert pace.answers_in(seconds) >= 1
    assert abs(pace.answers_in(seconds) - seconds / each) <= 1 + 1e-6 * seconds / each


def test_an_odd_text_takes_no_other_along(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            await ready(link)
            pid = pid_of(link)
            for odd in ("\ud800", "a\udfff b", "x" * 1_000_000, "word " * 200_000):
                texts = [SURE["billing"], odd, SURE["shipping"]]
                first, _, last = await asyncio.gather(*(ask(link, text) for text in texts))
                assert first is not None
                assert last is not None
                assert (first.text, last.text) == ("billing", "shipping")
                again = await ask(link, SURE["returns"])
                assert again is not None
                assert again.text == "returns"
            assert pid_of(link) == pid

    asyncio.run(run())


def test_one_that_hangs_answers_nobody_in_time_and_is_started_again(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder, seconds=0.2) as link:
            await ready(link)
            first = pid_of(link)
            os.kill(first, signal.SIGSTOP)
            began = time.monotonic()
            found = await asyncio.gather(*(ask(link, UNSURE) for _ in range(200)))
            assert found == [None] * 200
            assert 0.2 <= time.monotonic() - began < 1.5
            await until(lambda: link.state == "down")
            assert "said nothing" in link.reason
            assert await ask(link, UNSURE) is None
            await ready(link)
            assert pid_of(link) != first
            wait_for_end(first)
            assert link.failures >= 201

    asyncio.run(run())


def test_one_that_was_slow_for_a_while_goes_on_to_answer(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder, seconds=0.2) as link:
            await ready(link)
            pid = pid_of(link)
            os.kill(pid, signal.SIGSTOP)
            waiting = [asyncio.ensure_future(ask(link, UNSURE))]
            await asyncio.sleep(0)
            waiting += [asyncio.ensure_future(ask(link, UNSURE)) for _ in range(300)]
            assert await asyncio.gather(*waiting) == [None] * 301
            os.kill(pid, signal.SIGCONT)
            async with asyncio.timeout(10):
                while await ask(link, UNSURE) is None:
                    assert link.state == "ready"
            assert pid_of(link) == pid

    asyncio.run(run())


def test_one_that_loads_for_minutes_is_let_and_one_that_never_does_is_started_again(
    folder: Path,
) -> None:
    async def run() -> None:
        link = StudentLink("notes", folder, seconds=10.0)
        link.start()
        started = time.monotonic()
        link.sweep(started + LOAD_SECONDS)
        assert link.state == "loading"
        link.sweep(started + LOAD_SECONDS + 61.0)
        assert (link.state, link.reason) == ("down", "it was not loaded within 660 s")
        link.close()
        link.wait()

    asyncio.run(run())


def test_one_that_is_killed_answers_nobody_and_is_started_again(folder: Path) -> None:
    async def run() -> None:
        async with linked(folder) as link:
            await ready(link)
            first = pid_of(link)
            os.kill(first, signal.SIGSTOP)
            waiting = [asyncio.ensure_future(ask(link, UNSURE)) for _ in range(50)]
            await asyncio.sleep(0)
            os.kill(first, signal.SIGKILL)
            began = time.monotonic()
            assert await asyncio.gather(*waiting) == [None] * 50
            assert time.monotonic() - began < 5
            await until(lambda: link.state == "down")
            assert link.reason == "its process died"
            await ready(link)
            assert pid_of(link) != first
            assert await ask(link, UNSURE) is not None

    asyncio.run(run())


def test_one_that_dies_again_and_again_is_started_later_each_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(student_link, "_FIRST_RESTART_SECONDS", 0.02)

    async def run() -> None:
        async with linked(folder) as link:
            waits = []
            for _ in range(3):
                await ready(link)
                os.kill(pid_of(link), signal.SIGKILL)
                died = time.monotonic()
                await until(lambda: link.state == "down")
                await until(lambda: link.state == "loading")
                waits.append(time.monotonic() - died)
            assert waits[2] >= 0.08
            await ready(link)
            assert await ask(link, UNSURE) is not None
            os.kill(pid_of(link), signal.SIGKILL)
            died = time.monotonic()
            await until(lambda: link.state == "loading")
            assert time.monotonic() - died < 0.16, "one that answered begins anew"

    asyncio.run(run())


def change_a_byte(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


HARMS: dict[str, Callable[[Path], object]] = {
    "a changed byte": change_a_byte,
    "a missing file": lambda folder: (folder / "student.json").unlink(),
    "a missing folder": shutil.rmtree,
    "another manifest": lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_student_is_refused_once_and_for_all(tmp_path: Path, harm: str) -> None:
    folder = label_student().save(tmp_path / "student")
    HARMS[harm](folder)

    async def run() -> None:
        async with linked(folder) as link:
            pid = pid_of(link)
            await until(lambda: link.state == "refused")
            assert link.reason
            assert await ask(link, UNSURE) is None
            wait_for_end(pid)
            await asyncio.sleep(0.1)
            assert link.state == "refused"
            assert pid_of(link) == pid

    asyncio.run(run())


def test_who_closes_it_leaves_no_process_behind(folder: Path) -> None:
    async def run() -> None:
        pids = []
        for stopped in (False, True):
            async with linked(folder) as link:
                await ready(link)
                pids.append(pid_of(link))
                if stopped:
                    os.kill(pids[-1], signal.SIGSTOP)
                waiting = asyncio.ensure_future(ask(link, UNSURE))
                await asyncio.sleep(0)
            assert await waiting is None
            assert await ask(link, UNSURE) is None
        async with linked(folder) as link:
            pids.append(pid_of(link))
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(run())
