"""Soft labels of recorded calls, where the labels of their task changed after they were bought."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.distillation.answers import collect_answers
from locum.distillation.progress import Silent
from locum.labelling import plan_task
from locum.labelling.call_labels import find_call_labels
from locum.labelling.label import unlabelled
from locum.schema import Example, KeptSoftLabel, Task, TeacherAnswer
from locum.store import LabelStore
from locum.store.soft_labels import fit_soft_labels, former_key
from locum.teachers import Budget
from tests.scripted_teachers import ScriptedTeacher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEFORE = Task("mail", ("billing", "shipping"))
AFTER = Task("mail", ("I am not sure", "Shipping", "billing."))
CALLS = [
    Example("the parcel", "shipping", call_id="parcel"),
    Example("the invoice", "billing", call_id="invoice"),
]
SOFT = {
    "parcel": TeacherAnswer("shipping", (0.25, 0.5), version="m"),
    "invoice": TeacherAnswer("billing", (0.75, 0.125), version="m"),
}
STRAY = Example("what?", "I am not sure", call_id="stray")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LabelStore]:
    """A store with soft labels of `CALLS`."""
    with LabelStore(tmp_path / "labels.sqlite") as opened:
        opened.add_soft_labels(BEFORE.labels, SOFT)
        yield opened


def distributions(store: LabelStore, task: Task) -> dict[str, tuple[float, ...] | None]:
    found = find_call_labels(task, CALLS, store, finished=True).answers
    return {call_id: answer.distribution for call_id, answer in found.items()}


def test_soft_labels_outlive_a_stray_answer_and_another_spelling(store: LabelStore) -> None:
    assert distributions(store, AFTER) == {
        "parcel": (0.0, 0.5, 0.25),
        "invoice": (0.0, 0.125, 0.75),
    }
    assert unlabelled(AFTER, [*CALLS, STRAY], store).examples == [STRAY]
    teacher = ScriptedTeacher(lambda *_: "billing")
    plan = plan_task(AFTER, teacher, [*CALLS, STRAY], store, Budget())
    assert plan.texts == 1
    [note] = plan.notes
    assert "of 2 of 2 calls were bought without 'I am not sure' among the labels" in note
    assert "locum label mail --anew" in note
    collected = collect_answers(AFTER, [*CALLS, STRAY], None, store.database, Budget(), Silent())
    given = [answer and answer.distribution for answer in collected.answers]
    assert given == [(0.0, 0.5, 0.25), (0.0, 0.125, 0.75), None]
    assert collected.notes == [note]


def test_soft_labels_of_labels_that_are_none_now_are_named(store: LabelStore) -> None:
    fewer = Task("mail", ("billing", "returns"))
    left, [note] = unlabelled(fewer, CALLS, store)
    assert left == CALLS
    assert "of 2 calls are not used: they were bought with 'shipping' among the labels" in note
    assert unlabelled(BEFORE, CALLS, store) == ([], [])


def test_a_call_is_asked_again_where_its_answer_was_not_among_the_labels(store: LabelStore) -> None:
    recorded = [replace(CALLS[0], answer="i am not sure"), CALLS[1]]
    assert unlabelled(AFTER, recorded, store).examples == recorded[:1]
    assert "of 1 of 1 calls" in find_call_labels(AFTER, recorded, store).notes[0]


def test_soft_labels_of_an_earlier_locum_are_found_and_then_outlive_other_labels(
    tmp_path: Path,
) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        keyed = {former_key(BEFORE.labels, call_id, whole=True): call_id for call_id in SOFT}
        store.link(keyed.items())
        store.add((key, SOFT[call_id]) for key, call_id in keyed.items())
        assert distributions(store, AFTER) == {}
        shuffled = Task("mail", ("shipping", "billing"))
        assert distributions(store, shuffled) == {"parcel": (0.5, 0.25), "invoice": (0.125, 0.75)}
        assert set(distributions(store, AFTER)) == {"parcel", "invoice"}


def test_an_unfinished_soft_label_serves_where_the_whole_one_does_not_fit(
    store: LabelStore,
) -> None:
    fewer = Task("mail", ("billing", "returns"))
    half = TeacherAnswer("billing", (0.5, 0.5), votes=2)
    store.add_soft_labels(fewer.labels, {"invoice": half}, unfinished={"invoice"})
    assert find_call_labels(fewer, CALLS, store).answers == {"invoice": half}
    assert find_call_labels(fewer, CALLS, store, finished=True).answers == {}
    assert find_call_labels(BEFORE, CALLS, store).answers == SOFT


def test_what_was_bought_again_takes_the_place_of_what_was_there(store: LabelStore) -> None:
    again = TeacherAnswer("billing.", (0.5, 0.25, 0.125), version="n")
    store.add_soft_labels(AFTER.labels, {"parcel": again})
    assert find_call_labels(AFTER, CALLS, store).answers["parcel"] == again
    assert set(distributions(store, BEFORE)) == {"invoice"}


def test_a_row_that_cannot_be_read_is_not_there(store: LabelStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as other, other:
        other.execute("UPDATE answers SET answer = '{}'")
    assert distributions(store, BEFORE) == {}


names = st.lists(st.sampled_from(["a", "b", "B.", "c c", "'d'", "<5", ">5", "e"]), unique=True)


@given(st.data(), names)
def test_each_label_keeps_its_probability_in_any_order_among_any_others(
    data: st.DataObject, labels: list[str]
) -> None:
    asked = tuple(data.draw(st.permutations(labels)))[: data.draw(st.integers(0, len(labels)))]
    said = {label: (place + 1) / 64 for place, label in enumerate(asked)}
    kept = KeptSoftLabel(asked, TeacherAnswer("a", tuple(said.values())))
    found = fit_soft_labels({"call": kept}, labels)
    assert found.unused == {}
    assert found.answers["call"].distribution == tuple(said.get(label, 0.0) for label in labels)
    assert set(found.missing.get("call", ())) == set(labels) - set(asked)
