"""Asking a teacher, and keeping what it said."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError, TeacherError
from locum.schema import Task, TeacherAnswer, Usage
from locum.store import LabelStore
from locum.teachers import LabellingRun, label_texts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

TASK = Task("length", ("short", "long"))
FULL = TeacherAnswer("long", (0.125, 0.75), Usage(7, 2), 12.5)
BARE = TeacherAnswer("short")


def by_length(text: str) -> str:
    return "long" if len(text) > 8 else "short"


class RuleTeacher:
    """Answers by a rule, the last text first, and breaks down after some answers if told so."""

    name = "rule"

    def __init__(
        self, rule: Callable[[str], str] = by_length, fails_after: int | None = None
    ) -> None:
        self.rule = rule
        self.fails_after = fails_after
        self.asked: list[str] = []

    def identify(self, task: Task, text: str) -> str:
        """Return the question as its own key."""
        return f"{task.name}: {text}"

    async def answer(
        self, task: Task, texts: Sequence[str]
    ) -> AsyncIterator[tuple[int, TeacherAnswer]]:
        """Yield the answers."""
        assert task is TASK
        for position in reversed(range(len(texts))):
            if len(self.asked) == self.fails_after:
                raise TeacherError("the teacher broke down")
            self.asked.append(texts[position])
            yield position, TeacherAnswer(self.rule(texts[position]), (0.5, 0.25), Usage(3, 1), 1.5)


class Desk:
    """A store, and the progress that runs on it told."""

    def __init__(self, store: LabelStore) -> None:
        self.store = store
        self.progress: list[tuple[int, int]] = []

    def label(self, teacher: RuleTeacher, texts: Sequence[str]) -> LabellingRun:
        """Label texts."""
        self.progress = []
        return label_texts(TASK, teacher, texts, self.store, self._tell)

    def _tell(self, done: int, total: int) -> None:
        self.progress.append((done, total))


def texts(count: int) -> list[str]:
    return [f"text {number}" + " and more" * (number % 2) for number in range(count)]


def test_answers_stand_in_the_order_of_the_texts(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Desk(store).label(RuleTeacher(), ["tiny", "quite long", "small", "very very long"])
    assert [answer.text for answer in run.answers] == ["short", "long", "short", "long"]
    assert run.answers[0] == TeacherAnswer("short", (0.5, 0.25), Usage(3, 1), 1.5)
    assert (run.asked, run.stored) == (4, 0)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_a_second_run_asks_nothing(tmp_path: Path, count: int) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        first = Desk(store).label(RuleTeacher(), texts(count))
    teacher = RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        desk = Desk(store)
        second = desk.label(teacher, texts(count))
    assert teacher.asked == []
    assert second.answers == first.answers
    assert (second.asked, second.stored) == (0, count)
    assert desk.progress == [(count, count)]


@pytest.mark.parametrize("answered", [0, 1, 31, 32, 45])
def test_an_interrupted_run_keeps_what_was_answered(tmp_path: Path, answered: int) -> None:
    broken, whole = RuleTeacher(fails_after=answered), RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        with pytest.raises(TeacherError, match="the teacher broke down"):
            Desk(store).label(broken, texts(50))
        assert len(broken.asked) == answered
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Desk(store).label(whole, texts(50))
    assert sorted(broken.asked + whole.asked) == sorted(texts(50))
    assert (run.asked, run.stored) == (50 - answered, answered)
    assert [answer.text for answer in run.answers] == [by_length(text) for text in texts(50)]


def test_the_same_text_is_asked_once(tmp_path: Path) -> None:
    teacher = RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Desk(store).label(teacher, ["a", "b", "a", "something long", "a"])
    assert sorted(teacher.asked) == ["a", "b", "something long"]
    assert [answer.text for answer in run.answers] == ["short", "short", "short", "long", "short"]
    assert (run.asked, run.stored) == (3, 2)


def test_progress_counts_the_texts_that_are_known(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        desk = Desk(store)
        desk.label(RuleTeacher(), ["a", "b"])
        assert desk.progress == [(0, 2), (1, 2), (2, 2)]
        desk.label(RuleTeacher(), ["a", "b", "c", "c", "d"])
        assert desk.progress == [(2, 4), (3, 4), (4, 4)]


def test_no_texts_are_no_calls(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        assert Desk(store).label(RuleTeacher(), []) == LabellingRun([], 0, 0)


def test_twenty_answers_that_are_no_label_stop_the_run(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda text: f"As a model I say {text}")
    with (
        LabelStore(tmp_path / "labels.sqlite") as store,
        pytest.raises(TeacherError, match="none of the teacher's first 20 answers") as caught,
    ):
        Desk(store).label(teacher, texts(100))
    assert len(teacher.asked) == 20
    assert "'As a model I say text 99 and more'" in str(caught.value)
    assert "short, long" in str(caught.value)


def test_one_label_among_the_first_twenty_answers_is_enough(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda text: "Short." if text == "text 80" else "no idea")
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Desk(store).label(teacher, texts(100))
    assert run.asked == 100


def test_fewer_than_twenty_answers_that_are_no_label_are_kept(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda _: "no idea")
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Desk(store).label(teacher, texts(19))
    assert [answer.text for answer in run.answers] == ["no idea"] * 19


def test_the_store_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "labels.sqlite"
    with LabelStore(path) as store:
        assert store.find(["a", "b"]) == {}
        store.add([("a", FULL), ("b", BARE)])
    with LabelStore(path) as store:
        assert store.find(["b", "a", "c"]) == {"a": FULL, "b": BARE}
    assert path.read_bytes().startswith(b"SQLite format 3\0")


def test_an_answer_replaces_an_earlier_one(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        store.add([("a", FULL)])
        store.add([("a", BARE)])
        assert store.find(["a"]) == {"a": BARE}


def test_many_keys_are_found_at_once(tmp_path: Path) -> None:
    keys = [f"key {number}" for number in range(1203)]
    with LabelStore(tmp_path / "labels.sqlite") as store:
        store.add((key, BARE) for key in keys)
        assert list(store.find(keys).values()) == [BARE] * 1203


def test_two_stores_may_be_open_at_once(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as first, LabelStore(path) as second:
        first.add([("a", FULL)])
        second.add([("b", BARE)])
        assert first.find(["a", "b"]) == second.find(["a", "b"]) == {"a": FULL, "b": BARE}


@pytest.mark.parametrize(
    "stored", [b"not JSON", b'{"text": 7}', b"{}", b"", b'{"text": "a", "usage": [1]}', b"\xff", 7]
)
def test_a_row_that_cannot_be_read_is_not_known(tmp_path: Path, stored: bytes | int) -> None:
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        store.add([("a", FULL), ("b", BARE)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE answers SET answer = ? WHERE key = 'a'", (stored,))
    with LabelStore(path) as store:
        assert store.find(["a", "b"]) == {"b": BARE}


def test_the_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"has version 99 and this Locum knows \d: upgrade Locum"):
        LabelStore(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    path.write_text("text,label\n" * 200, "utf-8")
    with pytest.raises(InputError, match="cannot be used: file is not a database") as caught:
        LabelStore(path)
    assert str(path) in str(caught.value)
    assert path.read_text("utf-8") == "text,label\n" * 200


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(InputError, match="cannot be opened"):
        LabelStore(tmp_path / "file" / "labels.sqlite")


def test_labels_are_bought_also_where_an_event_loop_runs(tmp_path: Path) -> None:
    async def in_a_notebook() -> LabellingRun:
        with LabelStore(tmp_path / "labels.sqlite") as store:
            return label_texts(TASK, RuleTeacher(), ["one", "two"], store, lambda *_: None)

    assert len(asyncio.run(in_a_notebook()).answers) == 2
