"""What is said of recorded calls that a student is to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.cli.extraction import ExtractionFlags, find_extraction
from locum.cli.options import parse_past
from locum.cli.task_inputs import declare_task, read_inputs
from locum.config import RedactionSettings, Settings
from locum.errors import InputError, UsageError
from locum.store import CallStore, PromotionStore, ShadowStore, open_database
from tests.audit_traffic import make_call, system, user
from tests.promoted import chat_request, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.cli.task_inputs import Given
    from locum.schema import Call, JsonObject


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


NEW = "gpt-5.2"
OLD = "gpt-5.1"
DATED = "gpt-5.1-2026-03-01"


def answered(place: Path, models: Sequence[str], asked: str = "asked") -> list[Call]:
    """Record calls, one a second, that were answered by models."""
    calls = []
    for number, name in enumerate(models):
        call = make_call(number, [user(f"question {number}")], "yes", task="support", model=asked)
        calls.append(call._replace(response={**(call.response or {}), "model": name}))
    with open_database(place) as database:
        CallStore(database).add(calls)
    return calls


@pytest.mark.parametrize(
    ("models", "place_of_first"),
    [
        ([OLD] * 60 + [NEW] * 25, 60),
        ([OLD] * 50 + [OLD, NEW] * 10 + [NEW] * 300, 63),
        ([OLD] * 60 + [NEW] * 19, None),
        ([NEW] * 60, None),
        (([OLD] + [NEW] * 9) * 20 + [NEW] * 30, None),
        ([OLD, NEW] * 60, None),
        (["openai/gpt-5.1"] * 60 + [DATED] * 60, None),
        ([DATED] * 60 + ["gpt-5.1-2026-05-01"] * 60, 60),
        ([""] * 60 + [NEW] * 60, None),
    ],
)
def test_a_model_that_was_replaced_is_named_with_what_learns_from_the_new_one_alone(
    tmp_path: Path, models: Sequence[str], place_of_first: int | None
) -> None:
    place = tmp_path / "store.sqlite"
    calls = answered(place, models, "" if "" in models else "asked")
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    notes = [note for note in given.notes if "nearly all of the" in note]
    assert len(notes) == (place_of_first is not None)
    for note in notes:
        assert note.startswith(f"{models[-1]} answered nearly all of the ")
        assert f", and {models[0]} most of the " in note
        command, _, moment = note.partition(" alone: ")[2].rpartition(" ")
        assert command == "locum distill support --since"
        alone = read_inputs(
            *("support", None, None, "utf-8", place, RedactionSettings()),
            since=parse_past("--since", moment),
        )
        assert [example.call_id for example in alone.examples] == [
            call.facts.id for call in calls[place_of_first:]
        ]
        assert alone.source == f"recorded calls since {moment}"
        assert f"learned from the recorded calls since {moment} alone, as --since says" in (
            alone.notes
        )


def test_a_promoted_student_of_a_model_that_was_replaced_is_to_be_refreshed(
    tmp_path: Path,
) -> None:
    place = tmp_path / "store.sqlite"
    answered(place, [OLD] * 30 + [NEW] * 30)
    with open_database(place) as database:
        PromotionStore(database).promote("support", "aa", {}, {}, percent=100, shadow=0.02)
    given = read_inputs("support", None, None, "utf-8", place, RedactionSettings())
    [note] = [note for note in given.notes if "nearly all of the" in note]
    assert "locum distill support --refresh --since 20" in note


def test_calls_of_which_nobody_knows_the_time_are_not_of_since_then(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite"
    calls = answered(place, [NEW] * 5)
    with open_database(place) as database:
        CallStore(database).note_untimed(calls[3:])
    read = ("support", None, None, "utf-8", place, RedactionSettings())
    given = read_inputs(*read, since=calls[1].facts.time)
    assert [example.call_id for example in given.examples] == [one.facts.id for one in calls[1:3]]
    assert "2 calls are left out: nobody knows when they were sent" in given.notes
    assert len(read_inputs(*read).examples) == 5
    with pytest.raises(InputError, match=r"no recorded call of task 'support' since 20.* has a"):
        read_inputs(*read, since=calls[-1].facts.time + 1)


def test_since_is_about_recorded_calls(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("text,answer\na,b\n", "utf-8")
    with pytest.raises(UsageError, match="--since is about recorded calls, and a file is given"):
        read_inputs("support", file, None, "utf-8", tmp_path, RedactionSettings(), since=1.0)


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
    assert "locum distill support --refresh --since " in note
