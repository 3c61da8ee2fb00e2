"""Calls that are deleted while a run asks about them: nothing of them is asked or kept after."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from locum.labelling import label_task
from locum.labelling.label import keep_for_calls
from locum.relabelling import Purchase
from locum.relabelling.purchases import find_purchases, keep_purchases
from locum.schema import Example, OwnPrice, Task, TeacherAnswer
from locum.store import CallFilter, CallStore, Claim, LabelStore, Ledger, Settlement
from locum.store.tombstones import find_deleted_lately
from locum.teachers import AskedTeacher, Budget, ChatTeacher, FunctionTeacher, label_texts
from tests.call_samples import make_call
from tests.scripted_teachers import ScriptedTeacher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store import Database

TASK = Task("topics", ("cash", "card"))
IDS = [f"call-{number}" for number in range(6)]
CALLS = [Example(f"text of {call_id}", "cash", call_id=call_id) for call_id in IDS]
SOFT = TeacherAnswer("card", (0.25, 0.75))
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def store(database: Database) -> LabelStore:
    """A store with the calls."""
    CallStore(database).add([make_call(call_id) for call_id in IDS])
    return LabelStore(database)


def delete(store: LabelStore, call_ids: Sequence[str]) -> None:
    CallStore(store.database).delete(CallFilter(ids=tuple(call_ids)))


def linked(store: LabelStore) -> set[str]:
    return {call_id for (call_id,) in store.database.execute("SELECT call_id FROM derived")}


def answered(store: LabelStore, teacher: AskedTeacher) -> set[str]:
    """Calls to whose texts the store has an answer."""
    keys = {teacher.identify(TASK, call.text): call.call_id for call in CALLS}
    return {str(keys[key]) for key in store.find(list(keys))}


@pytest.mark.parametrize("claims", [True, False])
def test_nothing_is_kept_of_calls_that_are_deleted_while_they_are_asked_about(
    store: LabelStore, *, claims: bool
) -> None:
    def say(text: str) -> TeacherAnswer:
        if text == CALLS[3].text:
            delete(store, IDS[2:4])
        return SOFT

    teacher: AskedTeacher = (
        ScriptedTeacher(lambda text, _: say(text), free=False)
        if claims
        else FunctionTeacher(lambda texts: [say(text) for text in texts], "f", batch_size=1)
    )
    budget = Budget(prices={"scripted": OwnPrice(100_000.0, 0.0)})
    done = label_task(TASK, teacher, CALLS, store, budget, lambda *_: None)
    assert done.tally.asked == 6
    assert store.soft_labels_of(TASK.labels, IDS).answers.keys() == {*IDS[:2], *IDS[4:]}
    assert answered(store, teacher) == {*IDS[:2], *IDS[4:]}
    assert linked(store) == {*IDS[:2], *IDS[4:]}
    assert (done.balance.calls, done.balance.reserved) == (6 if claims else 0, 0)


def test_a_text_of_another_call_keeps_its_answer(store: LabelStore) -> None:
    twice = [CALLS[0], Example(CALLS[0].text, "card", call_id=IDS[1])]

    def say(text: str, draw: int) -> TeacherAnswer:
        del text, draw
        delete(store, IDS[:1])
        return SOFT

    teacher = ScriptedTeacher(say, free=False)
    budget = Budget(prices={"scripted": OwnPrice(100_000.0, 0.0)})
    label_task(TASK, teacher, twice, store, budget, lambda *_: None)
    assert answered(store, teacher) == {IDS[0]}
    assert store.soft_labels_of(TASK.labels, IDS).answers.keys() == {IDS[1]}


def test_calls_that_were_deleted_since_the_run_began_are_not_asked_about(
    store: LabelStore,
) -> None:
    store.watch(IDS)
    delete(store, IDS)
    texts = [call.text for call in CALLS]
    calls = {call.text: [str(call.call_id)] for call in CALLS}
    run = label_texts(TASK, ChatTeacher(NOWHERE, "m"), texts, store, calls=calls)
    assert run.answers == [None] * 6
    assert (run.tally.unasked, run.tally.failed) == (0, {"deleted": 6})
    assert "were deleted while the run went on" in run.tally.notes()[-1]
    assert linked(store) == set()


def test_calls_that_were_deleted_before_a_run_that_had_read_them_asks_are_not_asked_about(
    store: LabelStore,
) -> None:
    teacher = ScriptedTeacher(lambda *_: SOFT, free=False)
    budget = Budget(prices={"scripted": OwnPrice(100_000.0, 0.0)})
    delete(store, [IDS[0], *IDS[4:]])
    CallStore(store.database).add([make_call(IDS[0])])
    label_task(TASK, teacher, CALLS, store, budget, lambda *_: None)
    assert teacher.asked == [(call.text, 0) for call in CALLS[:4]]
    assert answered(store, teacher) == linked(store) == set(IDS[:4])


def test_deleted_calls_are_known_for_a_week(
    store: LabelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    for day, number in ((0, 0), (6, 1), (8, 2)):
        monkeypatch.setattr(time, "time", lambda day=day: now + day * 86_400)
        delete(store, [IDS[number]])
    assert find_deleted_lately(store.database, IDS) == {IDS[1], IDS[2]}


def test_labels_and_purchases_of_deleted_calls_are_not_written(store: LabelStore) -> None:
    store.watch(IDS)
    delete(store, IDS[:5])
    keep_for_calls(TASK, CALLS, [SOFT] * 6, store, {CALLS[0].text, CALLS[5].text})
    keep_purchases(store, TASK, dict.fromkeys(IDS, Purchase(1, None, 0.5)))
    assert store.database.execute("SELECT count(*) FROM answers") == [(2,)]
    assert find_purchases(store, TASK, IDS).keys() == {IDS[5]}
    assert linked(store) == {IDS[5]}


def test_calls_of_another_store_have_their_labels_kept(database: Database) -> None:
    store = LabelStore(database)
    teacher = ScriptedTeacher(lambda *_: SOFT)
    label_task(TASK, teacher, CALLS, store, Budget(), lambda *_: None)
    assert store.soft_labels_of(TASK.labels, IDS).answers.keys() == set(IDS)


def test_what_was_sent_for_a_call_is_paid_and_not_kept_once_it_is_deleted(
    store: LabelStore,
) -> None:
    ledger = Ledger(store.database, "topics")
    batch = ledger.for_batch("a batch")
    store.link([("a", IDS[0]), ("b", IDS[1])])
    claims = [Claim("a", 10, of_calls=True), Claim("b", 10, of_calls=True), Claim("c", 10)]
    assert batch.exchange([], claims) == ["granted"] * 3
    delete(store, IDS[:1])
    later = ledger.for_batch("a batch")
    later.exchange([Settlement(key, SOFT, 4) for key in "abc"], [])
    assert store.find(["a", "b", "c"]).keys() == {"b", "c"}
    assert ledger.balance() == (12, 0, 0, 3)
    assert ledger.exchange([Settlement("a", SOFT, 0, of_calls=True)], [claims[0]]) == ["deleted"]
    assert store.find(["a"]) == {}
    assert ledger.exchange([], [Claim("a", 10)]) == ["granted"]


def test_an_archived_call_is_there(store: LabelStore) -> None:
    if store.database.archive is not None:
        CallStore(store.database).compact(1.0)
    store.watch(IDS)
    delete(store, IDS[:1])
    keep_for_calls(TASK, CALLS, [SOFT] * 6, store)
    assert store.soft_labels_of(TASK.labels, IDS).answers.keys() == set(IDS[1:])
