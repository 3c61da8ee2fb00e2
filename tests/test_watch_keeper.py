"""Sampled calls are kept and watched: what breaks its promise is revoked, by all gateways alike."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.promotion import write_plan
from locum.serving.watch_keeper import WatchKeeper
from locum.store import Database, PromotionStore, Shadow, ShadowStore, open_database
from tests.test_promotion_plan import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.store import Promotion

BREAK = 1_760_000_000.0
"""2025-10-09 08:53:20 UTC."""


@pytest.fixture
def keeper(database: Database) -> WatchKeeper:
    promote(database)
    return WatchKeeper(database)


def promote(
    database: Database, task: str = "support", percent: float = 100.0, artefact: str = "aa"
) -> Promotion:
    files = {"manifest.json": b"{}"}
    return PromotionStore(database).promote(
        task, artefact, files, write_plan(PLAN), percent=percent, shadow=0.02
    )


def compared(
    agreeing: Iterable[bool | None], began: float = BREAK, task: str = "support"
) -> list[Shadow]:
    """Answers that were compared, one a second."""
    return [
        Shadow(task, "aa", began + n, None, answered=True, agrees=agrees, said="x", confidence=0.9)
        for n, agrees in enumerate(agreeing)
    ]


def state(database: Database, task: str = "support") -> str:
    found = PromotionStore(database).find(task)
    assert found is not None
    return found.state


def watch(database: Database, task: str = "support") -> dict[str, object]:
    return ShadowStore(database).watch(task, "aa") or {}


def test_a_promise_that_is_kept_is_never_revoked(keeper: WatchKeeper, database: Database) -> None:
    chance = random.Random(0)  # noqa: S311 - outcomes
    for _ in range(40):
        keeper.add(compared([chance.random() < 0.95 for _ in range(50)]))
    assert state(database) == "active"
    found = watch(database)
    assert (found["compared"], found["sampled"], found["broken"]) == (2_000, 2_000, False)


def test_a_broken_promise_is_revoked_with_the_time_when_it_began(
    keeper: WatchKeeper, database: Database
) -> None:
    keeper.add(compared([True] * 300, BREAK - 300))
    keeper.add(compared([False] * 40))
    found = PromotionStore(database).find("support")
    assert found is not None
    assert found.state == "revoked"
    assert "below the promised 0.9: 40 of 340 sampled answers differ" in found.reason
    assert "beginning about 2025-10-09 08:53:20 UTC" in found.reason
    [event] = [e for e in PromotionStore(database).events("support", 10) if e.kind == "revoked"]
    assert event.message == found.reason
    assert watch(database)["broken"] is True


def test_when_a_break_was_found_stays_known_after_other_students(
    keeper: WatchKeeper, database: Database
) -> None:
    store = ShadowStore(database)
    assert store.last_break("support") is None
    keeper.add(compared([True] * 300, BREAK - 300))
    assert store.last_break("support") is None
    keeper.add(compared([False] * 40))
    found = store.last_break("support")
    assert found is not None
    # Later than it began, as no call after it had a part in finding it.
    assert BREAK < found <= BREAK + 39
    assert store.is_broken("support", "aa")
    promote(database, artefact="bb")
    assert store.last_break("support") == found
    assert store.last_break("another") is None


def test_what_was_not_answered_or_not_compared_breaks_no_promise(
    keeper: WatchKeeper, database: Database
) -> None:
    deferred = [shadow._replace(answered=False) for shadow in compared([False] * 200)]
    keeper.add([*deferred, *compared([None] * 200)])
    found = watch(database)
    assert (found["sampled"], found["answered"], found["compared"]) == (400, 200, 0)
    assert state(database) == "active"


def test_a_student_that_is_only_scored_may_disagree(database: Database) -> None:
    promote(database, percent=0.0)
    keeper = WatchKeeper(database)
    keeper.add(compared([False] * 100))
    keeper.add(compared([False] * 100, BREAK + 100))
    assert state(database) == "active"
    assert watch(database)["broken"] is True
    events = PromotionStore(database).events("support", 10)
    assert [event.kind for event in events] == ["alarm", "promoted"]
    assert "below the promised 0.9" in events[0].message
    promote(database, percent=5.0)
    keeper.add(compared([True]))
    assert state(database) == "revoked"


def test_a_student_that_was_replaced_is_not_watched_and_its_calls_are_kept(
    database: Database,
) -> None:
    promote(database, artefact="bb")
    WatchKeeper(database).add(compared([False] * 100))
    assert state(database) == "active"
    assert watch(database) == {}
    assert len(ShadowStore(database).shadows("support", "aa")) == 100


def test_sampled_calls_of_a_plan_that_cannot_be_read_are_kept(
    keeper: WatchKeeper, database: Database
) -> None:
    written = b'{"a later plan": 1}'
    database.execute("UPDATE promotions SET plan = ?", (written,))
    keeper.add(compared([False] * 100))
    assert len(ShadowStore(database).shadows("support", "aa")) == 100
    assert state(database) == "active"


def test_a_watch_goes_on_after_a_restart_where_it_was(
    keeper: WatchKeeper, database: Database
) -> None:
    keeper.add(compared([True] * 20 + [False] * 3))
    before = watch(database)
    told: list[bool] = []
    again = WatchKeeper(database, lambda: told.append(True))
    again.begin()
    assert told, "or a recorder with much to read would count as one that hangs"
    again.begin()
    assert watch(database) == before
    again.add([])
    again.add(compared([True]))
    keeper.add(compared([True]))
    after = watch(database)
    assert (before["compared"], after["compared"], after["disagreements"]) == (23, 25, 3)
    whole = WatchKeeper(database)
    whole.add(compared([False]))
    again.add(compared([True]))
    assert watch(database)["compared"] == 27


def test_several_gateways_count_every_sampled_call_once(place: str) -> None:
    with open_database(place) as database:
        promote(database)

    def sample(began: float) -> None:
        with open_database(place) as own:
            keeper = WatchKeeper(own)
            for turn in range(10):
                keeper.add(compared([True, True, turn % 5 > 0], began))

    threads = [threading.Thread(target=sample, args=(BREAK + n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(place) as database:
        WatchKeeper(database).add(compared([True]))
        found = watch(database)
        assert (found["compared"], found["disagreements"]) == (91, 6)


def test_where_the_store_fails_nothing_is_kept_and_all_is_kept_once_at_last(
    keeper: WatchKeeper, database: Database
) -> None:
    promote(database, "other")
    keeper.add(compared([True]))
    good, last = compared([True] * 3), compared([False] * 2, task="other")
    bad = [shadow._replace(call_id=object()) for shadow in last]  # type: ignore[arg-type]
    with pytest.raises(InputError):
        keeper.add([*good, *bad])
    assert len(ShadowStore(database).shadows("support", "aa")) == 1
    keeper.add([*good, *last])
    assert watch(database)["compared"] == 4
    assert watch(database, "other")["disagreements"] == 2
