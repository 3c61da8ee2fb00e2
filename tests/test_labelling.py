"""Asking a teacher, and keeping what it said."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError, TeacherError, UsageError
from locum.labelling import label_task
from locum.prices import Tokens
from locum.schema import Example, OwnPrice, Task, TeacherAnswer, Usage
from locum.store import Claim, LabelStore, Ledger
from locum.teachers import (
    AskedTeacher,
    Budget,
    Failure,
    LabellingProgress,
    LabellingRun,
    Tally,
    label_texts,
)
from locum.teachers.protocol import Answered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from locum.teachers import Question
    from locum.teachers.protocol import FailureKind, Till

TASK = Task("length", ("short", "long"))
FULL = TeacherAnswer("long", (0.125, 0.75), Usage(7, 2), 12.5)
BARE = TeacherAnswer("short")


def by_length(text: str) -> str:
    return "long" if len(text) > 8 else "short"


class RuleTeacher(AskedTeacher):
    """Answers by a rule, the last text first, and breaks down after some answers if told so."""

    name = "rule"

    def __init__(
        self, rule: Callable[[str], str | Failure] = by_length, fails_after: int | None = None
    ) -> None:
        self.rule = rule
        self.fails_after = fails_after
        self.asked: list[str] = []

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return the question as its own key."""
        return f"{task.name}: {text} {draw}"

    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return what each call takes."""
        del task, text
        return Tokens(3, 1)

    async def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield the answers, as far as the money goes."""
        assert task is TASK
        for question in reversed(questions):
            if len(self.asked) == self.fails_after:
                raise TeacherError("the teacher broke down")
            if await till.reserve(question, self.worst_case(task, question.text)) != "granted":
                return
            self.asked.append(question.text)
            said = self.rule(question.text)
            yield Answered(question, said if isinstance(said, Failure) else answer_of(said))


def answer_of(text: str, cost_usd: float | None = None) -> TeacherAnswer:
    return TeacherAnswer(text, (0.5, 0.25), Usage(3, 1), 1.5, "rule-1", cost_usd=cost_usd)


class Told:
    """A store, and the progress that runs on it told."""

    def __init__(self, store: LabelStore, budget: Budget | None = None) -> None:
        self.store = store
        self.budget = budget
        self.progress: list[tuple[int, int, int]] = []

    def label(self, teacher: RuleTeacher, texts: Sequence[str]) -> LabellingRun:
        """Label texts."""
        self.progress = []
        return label_texts(TASK, teacher, texts, self.store, self._tell, budget=self.budget)

    def _tell(self, told: LabellingProgress) -> None:
        assert told.spent_usd >= 0
        self.progress.append((told.known, told.done, told.wanted))


def said(run: LabellingRun) -> list[str | None]:
    return [answer.text if answer else None for answer in run.answers]


def known_and_new(run: LabellingRun) -> tuple[int, int]:
    return run.tally.cached, run.tally.asked


def texts(count: int) -> list[str]:
    return [f"text {number}" + " and more" * (number % 2) for number in range(count)]


def test_answers_stand_in_the_order_of_the_texts(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(RuleTeacher(), ["tiny", "quite long", "small", "very very long"])
    assert said(run) == ["short", "long", "short", "long"]
    assert run.answers[0] == answer_of("short")
    assert known_and_new(run) == (0, 4)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_a_second_run_asks_nothing(tmp_path: Path, count: int) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        first = Told(store).label(RuleTeacher(), texts(count))
    teacher = RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        desk = Told(store)
        second = desk.label(teacher, texts(count))
    assert teacher.asked == []
    assert second.answers == first.answers
    assert known_and_new(second) == (count, 0)
    assert desk.progress == [(count, count, count)]


@pytest.mark.parametrize("answered", [0, 1, 31, 32, 45])
def test_an_interrupted_run_keeps_what_was_answered(tmp_path: Path, answered: int) -> None:
    broken, whole = RuleTeacher(fails_after=answered), RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        with pytest.raises(TeacherError, match="the teacher broke down"):
            Told(store).label(broken, texts(50))
        assert len(broken.asked) == answered
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(whole, texts(50))
    assert sorted(broken.asked + whole.asked) == sorted(texts(50))
    assert known_and_new(run) == (answered, 50 - answered)
    assert said(run) == [by_length(text) for text in texts(50)]


def test_what_an_interrupted_run_bought_for_calls_is_learned_from(tmp_path: Path) -> None:
    examples = [Example(text, "short", call_id=f"call {text}") for text in texts(10)]
    with LabelStore(tmp_path / "labels.sqlite") as store:
        teacher = RuleTeacher(fails_after=4)
        with pytest.raises(TeacherError, match="the teacher broke down"):
            label_task(TASK, teacher, examples, store, Budget(), lambda *_: None)
        calls = [f"call {text}" for text in teacher.asked]
        every = [str(example.call_id) for example in examples]
        assert sorted(store.soft_labels_of(TASK.labels, every).answers) == sorted(calls)
        done = label_task(TASK, RuleTeacher(), examples, store, Budget(), lambda *_: None)
        assert (done.texts, done.tally.asked) == (6, 6)
        assert len(store.soft_labels_of(TASK.labels, every).answers) == 10


def test_what_was_bought_for_calls_is_found_by_its_labels_in_any_order(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        given = {"full": TeacherAnswer("b", (0.125, 0.25, 0.5)), "bare": TeacherAnswer("a")}
        store.add_soft_labels(("c", "a", "b"), given)
        assert store.soft_labels_of(("c", "a", "b"), list(given)).answers == given
        found = store.soft_labels_of(("b", "c", "a"), list(given)).answers
        assert found == {"full": TeacherAnswer("b", (0.5, 0.125, 0.25)), "bare": given["bare"]}
        assert store.soft_labels_of(("a", "b"), list(given)).answers == {}


def test_the_same_text_is_asked_once(tmp_path: Path) -> None:
    teacher = RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(teacher, ["a", "b", "a", "something long", "a"])
    assert sorted(teacher.asked) == ["a", "b", "something long"]
    assert said(run) == ["short", "short", "short", "long", "short"]
    assert known_and_new(run) == (0, 3)


def test_progress_counts_the_texts_that_are_known(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        desk = Told(store)
        desk.label(RuleTeacher(), ["a", "b"])
        assert desk.progress == [(0, 0, 2), (0, 1, 2), (0, 2, 2)]
        desk.label(RuleTeacher(), ["a", "b", "c", "c", "d"])
        assert desk.progress == [(2, 2, 4), (2, 3, 4), (2, 4, 4)]


def test_no_texts_are_no_calls(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        assert Told(store).label(RuleTeacher(), []) == LabellingRun([], Tally())


def test_twenty_answers_that_are_no_label_stop_the_run(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda text: f"As a model I say {text}")
    with (
        LabelStore(tmp_path / "labels.sqlite") as store,
        pytest.raises(
            TeacherError, match="none of the first 20 answers of teacher 'rule'"
        ) as caught,
    ):
        Told(store).label(teacher, texts(100))
    assert len(teacher.asked) == 20
    assert "'As a model I say text 99 and more'" in str(caught.value)
    assert "short, long" in str(caught.value)


def test_one_label_among_the_first_twenty_answers_is_enough(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda text: "Short." if text == "text 80" else "no idea")
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(teacher, texts(100))
    assert (run.tally.answered, run.tally.outside) == (1, 99)


@pytest.mark.parametrize("usual", ["malformed", "timed out"])
def test_twenty_failures_before_any_answer_stop_the_run(tmp_path: Path, usual: FailureKind) -> None:
    teacher = RuleTeacher(rule=lambda _: Failure(usual, "so it is"))
    with (
        LabelStore(tmp_path / "labels.sqlite") as store,
        pytest.raises(TeacherError, match=rf"20 calls of .* failed.*{usual}: so it is") as caught,
    ):
        Told(store).label(teacher, texts(100))
    assert len(teacher.asked) == 20
    assert "last, input 81 of 100 (7 characters)" in str(caught.value)


def test_what_failed_before_is_asked_again_and_fails_again_beside_what_is_known(
    tmp_path: Path,
) -> None:
    bad = set(texts(100)[10:40])
    rules = [lambda t: Failure("refused", "no") if t in bad else by_length(t), lambda _: "no idea"]
    for rule, counted in zip(rules, [{"refused": 30}, {}], strict=True):
        with LabelStore(tmp_path / "labels.sqlite") as store:
            Told(store).label(RuleTeacher(rules[0]), texts(100))
            run = Told(store).label(RuleTeacher(rule), texts(100))
        assert known_and_new(run) == (70, 0 if counted else 30)
        assert run.tally.failed == counted


def test_failures_after_an_answer_are_counted_and_asked_again_by_the_next_run(
    tmp_path: Path,
) -> None:
    bad = set(texts(100)[10:40])
    teacher = RuleTeacher(lambda t: Failure("refused", "no") if t in bad else by_length(t))
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(teacher, texts(100))
        again = Told(store).label(RuleTeacher(), texts(100))
    assert [text for text, a in zip(texts(100), run.answers, strict=True) if a is None] == sorted(
        bad, key=texts(100).index
    )
    assert run.tally.failed == {"refused": 30}
    assert run.tally.reasons == {"refused: no": 30}
    assert run.tally.unasked == 0
    assert known_and_new(again) == (70, 30)


def test_a_teacher_that_answered_before_and_now_is_down_ends_the_run(tmp_path: Path) -> None:
    teacher = RuleTeacher(lambda _: Failure("timed out", "no answer"))
    with LabelStore(tmp_path / "labels.sqlite") as store:
        Told(store).label(RuleTeacher(), texts(10))
        with pytest.raises(TeacherError, match=r"20 calls .* failed.*timed out"):
            Told(store).label(teacher, texts(100))
    assert len(teacher.asked) == 20


def test_the_budget_ends_a_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    def money(cap_usd: float) -> Budget:
        return Budget(cap_usd=cap_usd, prices={"rule": OwnPrice(1.0, 1.0)})

    teacher = RuleTeacher()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        first = Told(store, money(41e-6)).label(teacher, texts(50))
        second = Told(store, money(41e-6)).label(teacher, texts(50))
        third = Told(store, money(1.0)).label(teacher, texts(50))
    assert (first.tally.answered, first.tally.unasked) == (10, 40)
    assert first.tally.spent_usd == pytest.approx(40e-6)
    assert first.answers[-1] == answer_of("long", cost_usd=4e-6)
    assert (second.tally.cached, second.tally.asked, second.tally.unasked) == (10, 0, 40)
    assert second.tally.saved_by_cache_usd == pytest.approx(40e-6)
    assert known_and_new(third) == (10, 40)
    assert sorted(teacher.asked) == sorted(texts(50))


def test_a_budget_that_lies_in_a_batch_ends_the_run_and_is_told(tmp_path: Path) -> None:
    budget = Budget(cap_usd=41e-6, prices={"rule": OwnPrice(1.0, 1.0)})
    with LabelStore(tmp_path / "labels.sqlite") as store:
        batch = Ledger(store.database, budget.ledger, cap=41_000).for_batch("batch")
        assert batch.exchange([], [Claim("in the batch", 36_000)]) == ["granted"]
        run = Told(store, budget).label(RuleTeacher(), texts(3))
    assert (run.tally.answered, run.tally.unasked) == (1, 2)
    assert run.tally.in_batches_usd == pytest.approx(36e-6)
    assert "held ready for batches" in run.tally.notes()[0]
    both = Tally()
    for _ in range(2):
        both.add(run.tally.as_object())
    assert (both.unasked, both.in_batches_usd) == (4, run.tally.in_batches_usd)


def test_a_cap_needs_a_price(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        with pytest.raises(UsageError, match="knows no model 'rule'"):
            Told(store, Budget(cap_usd=1.0)).label(RuleTeacher(), ["a"])
        assert known_and_new(Told(store, Budget()).label(RuleTeacher(), ["a"])) == (0, 1)


def test_another_version_of_the_model_is_said(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        store.add([("length: a 0", FULL), ("length: b 0", replace(FULL, version="rule-0"))])
        run = Told(store).label(RuleTeacher(), ["a", "b", "c"])
    (note,) = run.tally.notes()
    assert "earlier answers are by rule-0 (1), new ones by rule-1 (1)" in note


def test_a_store_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        store.database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(InputError, match="cannot be used: full"):
            Told(store).label(RuleTeacher(), ["a"])


def test_fewer_than_twenty_answers_that_are_no_label_are_kept(tmp_path: Path) -> None:
    teacher = RuleTeacher(rule=lambda _: "no idea")
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = Told(store).label(teacher, texts(19))
    assert said(run) == ["no idea"] * 19


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
    with pytest.raises(InputError, match=r"has version 99 and this Locum knows \d+: upgrade Locum"):
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
            return label_texts(TASK, RuleTeacher(), ["one", "two"], store)

    assert len(asyncio.run(in_a_notebook()).answers) == 2


class SlowTeacher(RuleTeacher):
    """Waits for ever after its first answer, and is told when it is cancelled."""

    async def answer(
        self, task: Task, questions: Sequence[Question], till: Till
    ) -> AsyncGenerator[Answered, None]:
        """Yield one answer."""
        async for answered in super().answer(task, questions[-1:], till):
            yield answered
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            yield Answered(questions[0], answer_of("short"))
            raise


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_an_interrupted_run_ends_and_keeps_its_answers(tmp_path: Path, *, in_a_loop: bool) -> None:
    def label() -> None:
        with LabelStore(tmp_path / "labels.sqlite") as store:
            label_texts(TASK, SlowTeacher(), ["a", "b", "c"], store)

    async def in_a_notebook() -> None:
        await asyncio.sleep(0)
        label()

    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    # An interrupt that falls into a finaliser is lost, as everywhere in Python: it comes again.
    signal.setitimer(signal.ITIMER_REAL, 0.5, 20.0)
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(in_a_notebook()) if in_a_loop else label()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        loop.close()
    with LabelStore(tmp_path / "labels.sqlite") as store:
        assert store.find([f"length: {text} 0" for text in "abc"]).keys() == {
            "length: a 0",
            "length: c 0",
        }
