"""What is said of recorded calls that a student is to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.cli.extraction import ExtractionFlags, find_extraction
from locum.cli.task_inputs import declare_task, read_inputs
from locum.config import RedactionSettings, Settings
from locum.store import CallStore, ShadowStore, open_database
from tests.audit_traffic import make_call, system, user
from tests.promoted import chat_request, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.cli.task_inputs import Given
    from locum.schema import JsonObject


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["a", "a"], []),
        (["a", "b", "a", "", ""], ["the calls went to 2 models: a 2, b 1; 2 name none"]),
        (["a", ""], ["the calls went to 1 model: a 1; 1 name none"]),
        ([*"aaabbccd"], ["the calls went to 4 models: a 3, b 2, c 2, ..."]),
    ],
)
def test_calls_that_name_no_model_are_counted_apart(
    tmp_path: Path, models: Sequence[str], said: list[str]
) -> None:
    place = tmp_path / "store.sqlite"
    calls = [
        make_call(number, [user(f"question {number}")], "yes", task="support")
        for number in range(len(models))
    ]
    with open_database(place) as database:
        CallStore(database).add(
            [
                call._replace(facts=replace(call.facts, model=model))
                for call, model in zip(calls, models, strict=True)
            ]
        )
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    assert [note for note in given.notes if "model" in note] == said


def recorded(place: Path, requests: Sequence[JsonObject], answer: str = "Billing.") -> Given:
    """Record calls, and read them."""
    with open_database(place) as database:
        CallStore(database).add(
            [record(request, answer, number) for number, request in enumerate(requests)]
        )
    return read_inputs("support", None, None, "utf-8", place, RedactionSettings())


TOLD = "Which team should answer?"
ASKED = chat_request("a text", TOLD)
BARE = {**ASKED, "messages": [user("a text")]}
SHOWN = {**ASKED, "messages": [{"role": "assistant", "content": "Hello."}, user("a text")]}
NO_REQUEST = {"messages": ASKED["messages"]}


@pytest.mark.parametrize(
    ("requests", "told"),
    [
        ([ASKED, ASKED, BARE], TOLD),
        ([ASKED, BARE, BARE], ""),
        ([ASKED, BARE], None),
        ([ASKED, SHOWN, SHOWN], None),
        ([ASKED, NO_REQUEST, NO_REQUEST], None),
    ],
)
def test_what_most_calls_told_their_teacher_is_known(
    tmp_path: Path, requests: Sequence[JsonObject], told: str | None
) -> None:
    assert recorded(tmp_path / "store.sqlite", requests).instruction == told


def test_a_teacher_is_told_what_recorded_calls_tell(tmp_path: Path) -> None:
    given = recorded(tmp_path / "store.sqlite", [ASKED])
    labels, notes = declare_task("support", Settings(), "Billing,Shipping", None, given)
    assert labels.instruction == TOLD
    [note] = notes
    assert note.startswith("the teacher is told what more than half of the recorded calls say")
    assert f"{TOLD!r}: --instruction says otherwise" in note
    chosen, notes = declare_task("support", Settings(), "Billing,Shipping", "Choose.", given)
    assert (chosen.instruction, notes) == ("Choose.", [])
    unknown = given._replace(instruction=None)
    assert declare_task("support", Settings(), "a,b", None, unknown).notes == []


def test_a_teacher_of_objects_is_told_it_too(tmp_path: Path) -> None:
    given = recorded(tmp_path / "store.sqlite", [ASKED], '{"team": "billing"}')
    flags = ExtractionFlags(None, (), None)
    found = find_extraction("support", flags, Settings(), given, has_labels=False)
    assert found is not None
    assert found.task.instruction == TOLD
    assert "the teacher is told" in found.notes[-1]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["short"] * 9 + ["catchy"] * 4, ["9 'Be short.'", "4 'Be catchy.'"]),
        (["short"] * 40 + ["catchy"] * 2, []),
        ([str(number) for number in range(40)], []),
        (["short"] * 9, []),
    ],
)
def test_calls_that_were_told_different_things_are_named(
    tmp_path: Path, told: Sequence[str], said: list[str]
) -> None:
    calls = [
        make_call(number, [system(f"Be {how}."), user(f"question {number}")], "yes", task="support")
        for number, how in enumerate(told)
    ]
    place = tmp_path / "store.sqlite"
    with open_database(place) as database:
        CallStore(database).add(calls)
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    notes = [note for note in given.notes if "instructions or output formats" in note]
    assert len(notes) == bool(said)
    for note in notes:
        assert all(part in note for part in said)
        newest = calls[-1].facts.fingerprint[:8]
        assert f"locum distill {newest} learns from the newest alone" in note
        alone = read_inputs(newest, None, None, "utf-8", place, RedactionSettings())
        assert len(alone.examples) == told.count(told[-1])


def test_calls_of_before_a_promise_was_broken_are_named_and_judge_nothing(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite"
    times = sorted(example.time or 0.0 for example in recorded(place, [ASKED] * 5).examples)
    with open_database(place) as database:
        state = {"broken": True, "found": times[2]}
        ShadowStore(database).keep_watch("support", "of before", state)
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    judging = sorted(example.time or 0.0 for example in given.examples if example.judges)
    assert judging == [time for time in times if time > times[2]]
    [note] = [note for note in given.notes if "to break its promise" in note]
    assert note.startswith(f"{5 - len(judging)} of 5 calls were made before ")
