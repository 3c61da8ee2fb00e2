"""A quick student in the gateway's own process: what it fails on is its teacher's, as ever."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers.pre_tokenizers import Metaspace

from locum.config import RedactionSettings
from locum.errors import ArtefactError
from locum.serving import quick_link
from locum.serving.quick_link import LONGEST_QUICK_TEXT, QuickLink, load_quick
from locum.serving.student_answers import Said, answers_of, is_quick
from locum.students import Judgement
from locum.students.linear import LinearStudent
from locum.students.static import StaticStudent
from tests.promoted import CERTIFICATE, SURE, UNSURE, label_student, object_student
from tests.small_embeddings import random_embeddings, train_tokenizer
from tests.test_student_link import change_a_byte, pid_of, ready, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from locum.export import CertifiedStudent
    from locum.serving.student_answers import Answer, Question

LABELS = list(SURE)


class _Failing(LinearStudent):
    """Raises on some texts, and gives numbers that are none on others."""

    def judge(self, inputs: Sequence[str]) -> Judgement:
        if "raise" in inputs:
            raise RuntimeError(inputs)
        proba = np.tile(np.array([0.98, 0.01, 0.01], np.float32), (len(inputs), 1))
        proba[[text == "nan" for text in inputs], 1] = np.nan
        return Judgement(proba, np.zeros(len(inputs), np.float32))


def failing_student() -> CertifiedStudent:
    student, certificate = label_student(), CERTIFICATE._replace(threshold=0.0)
    return dataclasses.replace(student, model=_Failing(student.classes_), certificate=certificate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label_student().save(tmp_path_factory.mktemp("quick") / "student")


@asynccontextmanager
async def moved_in(
    folder: Path, student: CertifiedStudent | None = None, seconds: float = 10.0
) -> AsyncIterator[QuickLink]:
    """Start a student's process, and let the student answer here too; the process is stopped."""
    link = QuickLink("support", folder, seconds)
    link.start()
    try:
        await ready(link)
        could = link.may_move_in
        answer_all = load_quick(folder) if student is None else answers_of(student)
        link.move_in(answer_all, lambda: None)
        assert (could, link.may_move_in) == (True, False)
        os.kill(pid_of(link), signal.SIGSTOP)
        yield link
    finally:
        link.close()
        link.wait()


async def ask(link: QuickLink, text: str) -> Said | None:
    return await link.ask(text, chances=False, novelty=False)


def test_it_answers_as_it_does_at_home(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:
            texts = [*SURE.values(), UNSURE, "", " \n", "\0", "שלום 📦 \u2028", "\ud800"]
            alone = [await ask(link, text) for text in texts]
            together = await asyncio.gather(*(ask(link, text) for text in texts))
            expected = label_student().predict(texts)
            for found in (alone, together):
                for one, right in zip(found, expected, strict=True):
                    assert one is not None
                    assert (one.answered, one.text) == (right.answered, right.label)
                    assert one.confidence == pytest.approx(right.confidence)
                    assert (one.chances, one.novelty) == ([], None)
            whole = await link.ask(SURE["billing"], chances=True, novelty=True)
            assert whole is not None
            assert whole.chances[0][0] == "billing"
            assert whole.novelty is not None
            assert link.failures == 0

    asyncio.run(run())


def test_who_asks_while_others_wait_is_answered_with_them(folder: Path) -> None:
    batches: list[int] = []
    told: list[int] = []
    answer_all = load_quick(folder)

    def answer_counted(questions: list[Question]) -> list[Answer]:
        batches.append(len(questions))
        return answer_all(questions)

    async def run() -> None:
        async with moved_in(folder) as link:
            link.move_in(answer_counted, lambda: told.append(sum(batches)))
            first = asyncio.ensure_future(ask(link, SURE["billing"]))
            await asyncio.sleep(0)  # it has asked, and others are read in the next turn
            others = [asyncio.ensure_future(ask(link, text)) for text in SURE.values()]
            said = await asyncio.gather(first, *others)
            assert [one and one.text for one in said] == ["billing", *SURE]

    asyncio.run(run())
    assert batches == told == [1 + len(SURE)]


def test_what_it_fails_on_takes_no_other_along(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder, failing_student()) as link:
            texts = ["a", "raise", "nan", "b", "raise"]
            found = await asyncio.gather(*(ask(link, text) for text in texts))
            said = [one and (one.answered, one.text) for one in found]
            sure = (True, LABELS[0])
            assert said[:2] + said[3:] == [sure, None, sure, None]
            assert found[2] is not None
            assert not found[2].answered
            assert link.failures == 2
            assert link.state == "ready"

    asyncio.run(run())


def test_an_answer_with_numbers_that_are_none_is_none(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:
            nan = Said(False, "billing", math.nan, [], math.nan)  # noqa: FBT003
            link.move_in(
                lambda questions: [(number, nan) for number, *_ in questions], lambda: None
            )
            assert await ask(link, "a") is None
            link.take([[7, [False, "billing", None, [], None]]])
            assert link.failures == 2

    asyncio.run(run())


def test_a_long_text_is_left_to_the_process(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder, seconds=0.5) as link:
            longest = ("parcel " * LONGEST_QUICK_TEXT)[:LONGEST_QUICK_TEXT]
            found = await asyncio.gather(ask(link, longest), ask(link, longest + "s"))
            assert found[0] is not None
            assert found[0].text == "shipping"
            assert found[1] is None, "its process is stopped"

    asyncio.run(run())


def test_many_long_texts_let_others_come_between(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:
            texts = [f"{SURE[LABELS[n % 3]]} {'x' * 900} {n}" for n in range(100)]
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.ensure_future(count())
            found = await asyncio.gather(*(ask(link, text) for text in texts))
            counting.cancel()
            assert [one and one.text for one in found] == [LABELS[n % 3] for n in range(100)]
            assert turns >= 25

    asyncio.run(run())


def test_a_late_answer_is_none(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder, seconds=1e-9) as link:
            assert await asyncio.gather(*(ask(link, UNSURE) for _ in range(3))) == [None] * 3
            assert link.failures == 3

    asyncio.run(run())


def test_one_whose_process_is_down_answers_nobody(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:
            assert await ask(link, UNSURE) is not None
            os.kill(pid_of(link), signal.SIGKILL)
            await until(lambda: link.state == "down")
            assert await ask(link, UNSURE) is None
            link.sweep(time.monotonic() + 60)
            await ready(link)
            assert not link.may_move_in, "it is here still"
            assert await ask(link, UNSURE) is not None

    asyncio.run(run())


def test_who_waits_is_told_where_it_is_given_up(folder: Path) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:
            waiting = [asyncio.ensure_future(ask(link, UNSURE)) for _ in range(3)]
            await asyncio.sleep(0)
            link.give_up()
            assert await asyncio.gather(*waiting) == [None] * 3
            waiting = [asyncio.ensure_future(ask(link, UNSURE)) for _ in range(3)]
            await asyncio.sleep(0)
            link.close()
            assert await asyncio.gather(*waiting) == [None] * 3
            assert await ask(link, UNSURE) is None

    asyncio.run(run())


def test_who_cannot_take_an_answer_keeps_it_from_nobody(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with moved_in(folder) as link:

            def fail(_: Said | None) -> None:
                raise RuntimeError("the client is gone")

            assert link.ask_for(UNSURE, fail, chances=False, novelty=False)
            assert await ask(link, UNSURE) is not None
            assert "could not be taken" in caplog.text

    asyncio.run(run())


def test_only_students_that_are_known_to_be_quick_are() -> None:
    student = label_student()
    slow = dataclasses.replace(student, redaction=RedactionSettings(patterns={"id": "(a+)+$"}))
    assert is_quick(student)
    assert is_quick(dataclasses.replace(student, redaction=None))
    assert not is_quick(slow)
    assert not is_quick(failing_student()), "one that is derived may do anything"
    assert not is_quick(object_student())


@pytest.mark.parametrize("by_words", [True, False])
def test_a_static_student_is_quick_where_its_tokenizer_takes_word_by_word(
    tmp_path: Path,
    by_words: bool,  # noqa: FBT001
) -> None:
    texts = [*SURE.values(), *[f"{text} please" for text in SURE.values()]]
    tokenizer = train_tokenizer(texts, 100)
    if not by_words:
        tokenizer.pre_tokenizer = Metaspace()
    random_embeddings(tokenizer, 8).save(tmp_path / "embeddings")
    model = StaticStudent(LABELS, str(tmp_path / "embeddings")).fit(texts, np.eye(3)[[0, 1, 2] * 2])
    student = dataclasses.replace(label_student(), model=model)
    assert is_quick(student) == by_words
    folder = student.save(tmp_path / "student")
    if not by_words:
        with pytest.raises(ArtefactError, match="no student that answers soon"):
            load_quick(folder)
        return
    questions = [(number, text, False, False) for number, text in enumerate(SURE.values())]
    assert [said and said.text for _, said in load_quick(folder)(questions)] == LABELS


def test_what_cannot_be_loaded_or_is_not_quick_is_refused(tmp_path: Path) -> None:
    folder = label_student().save(tmp_path / "student")
    [(_, said)] = load_quick(folder)([(7, SURE["returns"], False, False)])
    assert said is not None
    assert said.text == "returns"
    change_a_byte(folder)
    with pytest.raises(ArtefactError):
        load_quick(folder)
    with pytest.raises(ArtefactError, match="no student that answers soon"):
        load_quick(object_student().save(tmp_path / "objects"))


@pytest.mark.parametrize(
    ("lengths", "size"), [([10], 1), ([1_000] * 9, 4), ([10] * 100, 64), ([9_000, 1], 1)]
)
def test_batches_are_bounded(lengths: list[int], size: int) -> None:
    asked = [quick_link._Asked((0, "x" * n, False, False), print, 0.0) for n in lengths]  # noqa: SLF001
    assert quick_link._batch_size(asked) == size  # noqa: SLF001
