"""What a watch has learned of calls outlasts them: they are deleted, and a gateway starts again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import orjson
import pytest

from locum.monitoring import MixWatch
from locum.serving.watch_keeper import WatchKeeper
from locum.store import CallFilter, CallStore, Shadow, ShadowStore
from tests.call_samples import make_call
from tests.test_watch_keeper import BREAK, promote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject
    from locum.store import Database

INPUTS = 150


def sampled(first: int, said: Sequence[str], teacher: str = "as ever") -> list[Shadow]:
    """Calls with some inputs in turn, one a second, of which the teacher always says the same."""
    return [
        Shadow(
            *("support", "aa", BREAK + number, f"call-{number:05}"),
            answered=True,
            agrees=True,
            said=label,
            confidence=0.9,
            input_hash=f"input {number % INPUTS}",
            answer_hash=f"{teacher} {number % INPUTS}",
        )
        for number, label in enumerate(said, start=first)
    ]


def record(database: Database, shadows: Sequence[Shadow]) -> None:
    CallStore(database).add([make_call(str(one.call_id), one.time) for one in shadows])
    WatchKeeper(database).add(shadows)


def evenly(count: int) -> list[str]:
    return random.Random(1).choices(["billing", "x"], k=count)  # noqa: S311 - labels


def alarms(database: Database) -> dict[str, str]:
    found = ShadowStore(database).watch("support", "aa") or {}
    return dict(found["alarms"])


def delete_all(database: Database) -> None:
    CallStore(database).delete(CallFilter())
    rows = ShadowStore(database).shadows("support", "aa")
    assert {(one.said, one.input_hash, one.call_id) for _, one in rows} == {("", "", None)}


def test_labels_are_compared_with_what_they_were_in_calls_that_were_deleted(
    database: Database,
) -> None:
    promote(database)
    record(database, sampled(0, evenly(600)))
    delete_all(database)
    WatchKeeper(database).begin()
    record(database, sampled(600, ["x"] * 700))
    assert "what the student says has changed: x was 5" in alarms(database)["labels"]
    assert "since about 2025-10-09 09:03:" in alarms(database)["labels"]  # the 601st is at 09:03:20


def test_a_reference_that_is_not_whole_yet_is_kept_as_well(database: Database) -> None:
    promote(database)
    for month in range(6):
        record(database, sampled(month * 100, evenly(100)))
        delete_all(database)
    record(database, sampled(600, ["x"] * 100))
    assert "x was " in alarms(database)["labels"]


def test_a_teacher_is_compared_with_how_steady_it_was_in_calls_that_were_deleted(
    database: Database,
) -> None:
    promote(database)
    record(database, sampled(0, ["x"] * 600))
    delete_all(database)
    record(database, sampled(600, ["x"] * INPUTS))
    for turn in range(2):
        began = 600 + INPUTS * (turn + 1)
        record(database, sampled(began, ["x"] * INPUTS, f"otherwise, {turn}"))
    assert "the teacher has changed" in alarms(database)["repeats"]
    assert "of the time, and 0.0% before" in alarms(database)["repeats"]


def test_a_watch_that_remembers_says_what_one_does_that_reads_all_calls(
    database: Database,
) -> None:
    promote(database)
    record(database, sampled(0, evenly(900)))
    for number in range(900, 960):
        record(database, sampled(number, ["x"]))
    [uncounted] = sampled(960, ["x"])
    said = []
    for kept in (ShadowStore(database).memory("support", "aa"), None):
        memory = orjson.dumps(kept).decode()
        database.execute("UPDATE watches SET state = '{}', memory = ?", (memory,))
        WatchKeeper(database).add([uncounted._replace(input_hash="", answer_hash="")])
        said.append(alarms(database))
    assert "x was 5" in said[0]["labels"]
    assert said[0] == said[1]


def test_what_is_remembered_names_no_call(database: Database) -> None:
    promote(database)
    record(database, sampled(0, evenly(600)))
    memory = orjson.dumps(ShadowStore(database).memory("support", "aa")).decode()
    for private in ("call-", "input ", "as ever"):
        assert private not in memory


def test_what_another_version_or_another_plan_remembered_is_read_anew_from_the_calls(
    database: Database,
) -> None:
    promote(database)
    record(database, sampled(0, evenly(600)))
    store = ShadowStore(database)
    memory = store.memory("support", "aa")
    assert memory is not None
    for other in ({**memory, "version": 99}, {**memory, "labels": ["another"]}):
        store.keep_memory("support", "aa", other)
        WatchKeeper(database).begin()
    record(database, sampled(600, ["x"] * 100))
    assert "x was 5" in alarms(database)["labels"]


def test_little_is_written_of_it_while_many_calls_are_sampled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(database)
    kept: list[int] = []
    keep = ShadowStore.keep_memory

    def noted(store: ShadowStore, task: str, artefact: str, memory: JsonObject) -> None:
        kept.append(memory["last"])
        keep(store, task, artefact, memory)

    monkeypatch.setattr(ShadowStore, "keep_memory", noted)
    keeper = WatchKeeper(database)
    keeper.add(sampled(0, evenly(1_000)))
    for number in range(1_000, 1_100):
        keeper.add(sampled(number, ["x"]))
    assert len(kept) <= 11
    assert kept[-1] >= 1_089


@pytest.mark.parametrize("count", [3, 600, 2_000])
def test_a_mix_goes_on_where_it_was(count: int) -> None:
    chance = random.Random(2)  # noqa: S311 - categories
    whole, before = MixWatch(3, 500), MixWatch(3, 500)
    for category in chance.choices(range(3), k=count):
        whole.observe(category)
        before.observe(category)
    again = MixWatch.from_object(orjson.loads(orjson.dumps(before.to_object())))
    for category in [*chance.choices(range(3), k=500), *[2] * 300]:
        whole.observe(category)
        again.observe(category)
    assert again.change is not None
    assert again.change == whole.change
    assert again.starts == whole.starts
