"""Labelling recorded calls, which have an answer already: what is kept of it, and asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.distillation import Silent, buy_answers
from locum.errors import TeacherError
from locum.labelling import label_task, plan_task
from locum.schema import Example, OwnPrice, Task, TeacherAnswer
from locum.store import LabelStore
from locum.teachers import Budget, Failure, FunctionTeacher, LabellingProgress, Panel, Votes
from tests.scripted_teachers import FAILED, ScriptedTeacher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from locum.labelling import LabelledTask
    from locum.teachers import Teacher

TASK = Task("topics", ("cash", "card"))
TEXTS = [f"question {number}" for number in range(40)]
CALLS = [Example(text, "cash", call_id=f"call {text}") for text in TEXTS]
_LINKS = "SELECT call_id FROM derived WHERE kind = 'answer' AND key = ? ORDER BY call_id"
SOFT = TeacherAnswer("card", (0.25, 0.75))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LabelStore]:
    """An empty store."""
    with LabelStore(tmp_path / "labels.sqlite") as opened:
        yield opened


def label(
    teacher: Teacher,
    store: LabelStore,
    examples: Sequence[Example] = CALLS,
    cap_usd: float | None = None,
    *,
    anew: bool = False,
) -> LabelledTask:
    budget = Budget(cap_usd=cap_usd, prices={"scripted": OwnPrice(100_000.0, 0.0)})
    return label_task(TASK, teacher, examples, store, budget, lambda *_: None, anew=anew)


def kept(store: LabelStore, *, finished: bool = False) -> dict[str, TeacherAnswer]:
    """Soft labels by text."""
    of_calls = {f"call {text}": text for text in TEXTS}
    found = store.soft_labels_of(TASK.labels, list(of_calls), finished=finished).answers
    return {of_calls[call_id]: answer for call_id, answer in found.items()}


def test_votes_that_the_budget_left_unfinished_are_gone_on_with(store: LabelStore) -> None:
    teacher = ScriptedTeacher(lambda *_: "cash", free=False)
    votes = Votes(teacher, least=3, most=3)
    done = label(votes, store, cap_usd=60.0)
    assert (done.tally.asked, done.tally.unasked) == (60, 60)
    assert sorted(answer.votes or 0 for answer in kept(store).values()) == [1] * 20 + [2] * 20
    assert kept(store, finished=True) == {}
    done = label(votes, store, cap_usd=200.0)
    assert (done.texts, done.tally.cached, done.tally.asked) == (40, 60, 60)
    assert [answer.votes for answer in kept(store, finished=True).values()] == [3] * 40
    assert kept(store) == kept(store, finished=True)
    assert label(votes, store, cap_usd=200.0).texts == 0


def test_calls_of_one_text_are_asked_about_once_and_are_not_known_before(
    store: LabelStore,
) -> None:
    calls = [
        Example(text, "cash", call_id=f"{number} {text}")
        for number in range(3)
        for text in TEXTS[:25]
    ]
    told: list[LabellingProgress] = []
    done = label_task(
        TASK,
        ScriptedTeacher(lambda *_: SOFT),
        calls,
        store,
        Budget(),
        told.append,
    )
    assert (done.texts, done.tally.cached, done.tally.asked) == (75, 0, 25)
    ids = [call.call_id for call in calls if call.call_id is not None]
    assert store.soft_labels_of(TASK.labels, ids, finished=True).answers.keys() == set(ids)
    assert told[-1] == LabellingProgress(25, 0, 25, 0.0)


def test_what_is_known_counts_behind_the_end_of_the_budget(
    store: LabelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.labelling.label._TEXTS_AT_ONCE", 4)
    teacher = ScriptedTeacher(lambda *_: SOFT, free=False)
    known = [Example(text) for text in TEXTS[30:]]
    assert label(teacher, store, known, cap_usd=10.0).tally.asked == 10
    done = label(teacher, store, CALLS, cap_usd=13.0)
    assert (done.tally.cached, done.tally.asked, done.tally.unasked) == (10, 3, 27)
    assert kept(store, finished=True).keys() == {*TEXTS[:3], *TEXTS[30:]}
    assert [text for text, _ in teacher.asked] == [*TEXTS[30:], *TEXTS[:3]]


def test_votes_that_were_in_when_a_run_broke_down_are_kept_and_gone_on_with(
    store: LabelStore,
) -> None:
    def breaks_down(text: str, draw: int) -> str:
        if (text, draw) == (TEXTS[10], 1):
            raise TeacherError("the teacher broke down")
        return "cash"

    with pytest.raises(TeacherError, match="broke down"):
        label(Votes(ScriptedTeacher(breaks_down), least=2, most=2), store)
    assert len(kept(store)) == 40
    assert sorted(kept(store, finished=True)) == sorted(TEXTS[:10])
    done = label(Votes(ScriptedTeacher(lambda *_: "cash"), least=2, most=2), store)
    assert (done.texts, done.tally.asked) == (30, 30)
    assert [answer.votes for answer in kept(store, finished=True).values()] == [2] * 40


def test_a_member_whose_answer_may_come_yet_is_asked_again_and_one_that_refused_is_not(
    store: LabelStore,
) -> None:
    results = {TEXTS[0]: FAILED, TEXTS[1]: Failure("refused", "no")}
    first = ScriptedTeacher(lambda *_: "cash", "first")
    second = ScriptedTeacher(lambda text, _: results.get(text, "cash"), "second")
    label(Panel([first, second]), store)
    assert kept(store).keys() == set(TEXTS)
    assert kept(store).keys() - kept(store, finished=True).keys() == {TEXTS[0]}
    second.asked.clear()
    results.clear()
    assert label(Panel([first, second]), store).texts == 1
    assert second.asked == [(TEXTS[0], 0)]
    assert kept(store, finished=True).keys() == set(TEXTS)


@pytest.mark.parametrize("buys", ["label", "distill"])
def test_what_a_killed_run_has_brought_goes_with_its_call(store: LabelStore, buys: str) -> None:
    linked: dict[str, list[str]] = {}

    def say(text: str, draw: int) -> TeacherAnswer:
        key = teacher.identify(TASK, text, draw)
        linked[text] = [call for (call,) in store.database.execute(_LINKS, (key,))]
        return SOFT

    teacher = ScriptedTeacher(say)
    calls = [*CALLS, Example(TEXTS[0], "card", call_id="another of the same text")]
    if buys == "label":
        label(teacher, store, calls)
    else:
        buy_answers(TASK, teacher, calls, store.database, Budget(), Silent())
    assert linked.pop(TEXTS[0]) == ["another of the same text", f"call {TEXTS[0]}"]
    assert linked == {text: [f"call {text}"] for text in TEXTS[1:]}


def test_another_teacher_is_asked_about_labelled_calls_where_that_is_wanted(
    store: LabelStore,
) -> None:
    first, second = (
        ScriptedTeacher(lambda *_, soft=soft: TeacherAnswer("card", soft), name)
        for name, soft in (("first", (0.25, 0.75)), ("second", (0.5, 0.5)))
    )
    label(first, store)
    done = label(second, store)
    assert (done.texts, second.asked) == (0, [])
    assert done.notes[0].endswith("nothing to buy; --anew asks about recorded calls again")
    assert plan_task(TASK, second, CALLS, store, Budget(), anew=True).calls == 40
    assert label(second, store, anew=True).tally.asked == 40
    assert {answer.distribution for answer in kept(store).values()} == {(0.5, 0.5)}
    done = label(first, store, anew=True)
    assert (done.tally.cached, len(first.asked)) == (40, 40)
    assert {answer.distribution for answer in kept(store).values()} == {(0.25, 0.75)}


def test_a_teacher_without_probabilities_is_not_paid_for_what_is_known(store: LabelStore) -> None:
    teacher = ScriptedTeacher(lambda *_: "card", free=False)
    for _ in range(2):
        with pytest.raises(TeacherError, match=r"first 20 answers of scripted came without prob"):
            label(teacher, store, cap_usd=100.0)
        assert len(teacher.asked) == 20
    assert kept(store) == {}
    done = label(Votes(teacher, least=2, most=2), store, cap_usd=100.0)
    assert (done.texts, done.tally.cached, done.tally.asked) == (40, 20, 60)
    assert len(kept(store, finished=True)) == 40


def test_a_function_of_labels_says_nothing_new_of_calls(store: LabelStore) -> None:
    rules = FunctionTeacher(lambda texts: ["card"] * len(texts), "rules")
    with pytest.raises(TeacherError, match=r"--votes 3-8"):
        label(rules, store, CALLS[:3])
    bare = [Example(text) for text in TEXTS]
    assert label(rules, store, bare).tally.answered == 37


def test_an_answer_without_probabilities_beside_others_was_asked_for_in_vain(
    store: LabelStore,
) -> None:
    bare = {TEXTS[3], TEXTS[30]}
    teacher = ScriptedTeacher(lambda text, _: "card" if text in bare else SOFT)
    assert label(teacher, store).tally.answered == 40
    assert kept(store, finished=True).keys() == set(TEXTS)
    assert label(teacher, store).texts == 0


def test_calls_that_the_teacher_declines_are_asked_about_again_and_end_no_run(
    store: LabelStore,
) -> None:
    declined = set(TEXTS[1:26])
    refused = Failure("refused", "too long")
    teacher = ScriptedTeacher(lambda text, _: refused if text in declined else SOFT, free=False)
    for asked in (40, 25):
        done = label(teacher, store, cap_usd=100.0)
        assert (done.texts, done.tally.failed) == (asked, {"refused": 25})
    assert kept(store).keys() == set(TEXTS) - declined
