"""Of which students the store knows from which calls they learned: not of all that ever were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.store import CallFilter, CallStore, PromotionStore, past_students
from tests.call_samples import ids, make_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store import Database

CALLS = 30


@pytest.fixture
def store(database: Database) -> CallStore:
    found = CallStore(database)
    found.add(make_calls(CALLS))
    return found


def make(store: CallStore, artefact: str, call_ids: Sequence[str], task: str = "support") -> None:
    assert store.link_made({"student": task, "artefact": artefact}, call_ids) == 0


def promote(database: Database, artefact: str, task: str = "support") -> None:
    PromotionStore(database).promote(task, artefact, {}, {}, percent=100, shadow=0.02)


def linked(database: Database) -> dict[str, int]:
    query = "SELECT key, count(*) FROM derived WHERE kind = 'artefact' GROUP BY key ORDER BY key"
    return dict(database.execute(query))


def test_links_do_not_grow_with_each_refresh(
    store: CallStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Others write between two turns, of which there are several here.
    monkeypatch.setattr(past_students, "_LINKS_A_TURN", 10)
    monkeypatch.setattr(past_students, "_PAUSE_SECONDS", 0.0)
    every = ids(make_calls(CALLS))
    make(store, "other task's", every, "topic")
    for number in range(12):
        make(store, f"made {number:02}", every)
        if number == 4:
            promote(database, "made 04")
    last = {"made 04", "made 09", "made 10", "made 11", "other task's"}
    assert linked(database) == dict.fromkeys(sorted(last), CALLS)
    promote(database, "made 11")
    make(store, "made 12", every)
    assert list(linked(database)) == ["made 10", "made 11", "made 12", "other task's"]


def test_links_of_before_this_was_noted_go_too(store: CallStore, database: Database) -> None:
    every = ids(make_calls(CALLS))
    store.link("student", [("support", one) for one in every])
    store.link("student", [("topic", every[0])])
    for artefact in ("of before", "promoted before"):
        store.link("artefact", [(artefact, one) for one in every[1:]])
    store.link("artefact", [("of another task", every[0])])
    store.link("student", [("topic", every[0])])
    database.execute(
        "DELETE FROM derived WHERE kind = 'student' AND key = 'support' AND call_id = ?",
        (every[0],),
    )
    promote(database, "promoted before")
    for number in range(3):
        assert "of before" in linked(database)
        make(store, f"made {number}", every[1:])
    left = ["made 0", "made 1", "made 2", "of another task", "promoted before"]
    assert list(linked(database)) == left


def test_a_deletion_names_no_task_whose_student_learned_from_none(
    store: CallStore, database: Database
) -> None:
    older, newer = ids(make_calls(10)), ids(make_calls(CALLS - 10, 10))
    make(store, "first", [*older, *newer])
    promote(database, "first")
    make(store, "second", newer)
    deleted = store.delete(CallFilter(ids=(older[0],)))
    assert (deleted.students, deleted.promoted) == (("support",), ("support",))
    promote(database, "second")
    deleted = store.delete(CallFilter(ids=(older[1],)))
    assert (deleted.students, deleted.promoted) == ((), ())
    deleted = store.delete(CallFilter(ids=(newer[0],)))
    assert (deleted.students, deleted.promoted) == (("support",), ("support",))
    assert store.learned_from_deleted("first")
