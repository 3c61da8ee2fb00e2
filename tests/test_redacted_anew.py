"""Recorded calls are read under today's rules of redaction, by which a student is asked as well."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.audit import discover
from locum.audit.probe import prepare_lessons
from locum.cli.task_inputs import read_inputs
from locum.config import RedactionSettings
from locum.promotion import Framer, promote_student, read_artefact_files
from locum.redaction import Redactor
from locum.store import CallFilter, CallStore, open_database
from locum.traffic import SplitRequest, split_request
from tests.audit_traffic import make_call, phrase, user
from tests.promoted import chat_request, label_student, record

if TYPE_CHECKING:
    from pathlib import Path

    from locum.cli.task_inputs import Given
    from locum.schema import Call

NEWER = RedactionSettings(patterns={"reference": r"\b[A-Z]{3}-[0-9]{5}\b"})
OLDER = RedactionSettings()


def recorded(count: int = 60) -> list[Call]:
    """Calls that were recorded before references were to be taken out."""
    generator = random.Random(0)  # noqa: S311 - no secret
    return [
        make_call(
            number,
            [user(f"{phrase(generator)} ORD-{20_000 + number}, bob@example.com")],
            "known" if number % 2 else "see ORD-10000",
            task="support",
        )
        for number in range(count)
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return keep(tmp_path / "store.sqlite", recorded())


def keep(place: Path, calls: list[Call]) -> Path:
    with open_database(place) as database:
        CallStore(database).add(calls)
    return place


def read(place: Path, redaction: RedactionSettings) -> Given:
    return read_inputs("support", None, None, "utf-8", place, redaction)


def test_calls_older_than_a_pattern_are_read_without_what_it_finds(place: Path) -> None:
    redactor = Redactor(NEWER)
    given = read(place, NEWER)
    assert all(redactor.redact_text(one.text) == one.text for one in given.examples)
    assert {one.answer for one in given.examples} == {"known", "see [REFERENCE_2]"}
    assert all("[REFERENCE_1], [EMAIL_1]" in one.text for one in given.examples)


def test_calls_are_read_as_they_are_under_the_rules_of_their_recording(tmp_path: Path) -> None:
    redactor = Redactor(NEWER)
    calls = [
        one._replace(request=kept, response=said)
        for one in recorded()
        for kept, said in [redactor.redact([one.request, one.response]).values]
    ]
    place = keep(tmp_path / "store.sqlite", calls)
    with open_database(place) as database:
        stored = list(CallStore(database).iterate(CallFilter()))
    given = read(place, NEWER)
    assert [one.text for one in given.examples] == [
        one.request["messages"][-1]["content"] for one in stored
    ]
    assert not given.notes
    [note] = read(place, OLDER).notes
    assert note.startswith("60 of 60 inputs hold placeholders that [redaction] as it is now does")
    assert "[REFERENCE_1]" in note


def test_an_audit_probes_texts_as_a_student_is_asked_about_them(place: Path) -> None:
    with open_database(place) as database:
        [task] = discover(database).tasks
        lessons = prepare_lessons(task, database, Redactor(NEWER))
    assert not isinstance(lessons, str)
    assert all("[REFERENCE_1]" in one.text and "ORD-" not in one.text for one in lessons.inputs)
    assert {one.answer for one in lessons.inputs} == {"known", "see [REFERENCE_2]"}
    assert lessons.notes == ()


def test_a_gateway_knows_prompts_that_are_older_than_a_pattern(tmp_path: Path) -> None:
    instruction = "Answer for desk ABC-12345. Which team should answer?"
    calls = [
        record(chat_request(f"invoice ba do {number}", instruction), "Billing.", number)
        for number in range(30)
    ]
    place = keep(tmp_path / "store.sqlite", calls)
    folder = replace(label_student(), redaction=NEWER).save(tmp_path / "student")
    with open_database(place) as database:
        artefact = read_artefact_files(folder).sha256
        CallStore(database).link("artefact", [(artefact, one.facts.id) for one in calls])
        plan = promote_student(database, folder, percent=100, shadow=0.01).prepared.plan
    split = split_request(calls[0].request)
    assert isinstance(split, SplitRequest)
    assert plan.recognition.admits(Framer(NEWER).frame(split.rest), split.text)
