"""A promoted student that writes answers in the gateway, and its promise is watched by its rule."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from locum.cli.kept_files import keep_student
from locum.errors import UsageError
from locum.evaluation import share
from locum.export import load_artefact
from locum.promotion import (
    Judge,
    compare_with_promoted,
    load_judge,
    prepare_plan,
    read_standings,
)
from locum.schema import Example
from locum.store import CallStore, PromotionStore, ShadowStore, open_database
from locum.writers.served import RunningServer
from tests.commands import in_json, locum
from tests.gateway_clients import happens
from tests.gateways import Running, running_gateway, upstream_server
from tests.promoted import (
    LIMITS,
    MESSAGES,
    chat_request,
    message_request,
    promote,
    record,
    route,
    said,
    send,
    states,
    upstreams,
)
from tests.promoted_teacher import Teacher
from tests.small_writers import EASY, make_pairs, taught_student

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.export import CertifiedWriter
    from locum.schema import Call

STUBBORN = EASY[1]
"""A word of which the teacher says something else than the student."""


class Writing(Teacher):
    """A teacher that notes the first word twice."""

    def say(self, text: str) -> str:
        """Write a note; texts come as a turn in JSON."""
        [word] = [word for word in EASY if f'"{word} ' in text]
        return "something else" if word == STUBBORN else f"note {word} {word}."


@pytest.fixture(scope="module")
def student() -> CertifiedWriter:
    return taught_student()


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    recorded = []
    for number, example in enumerate(make_pairs(60)):
        answer = str(example.answer)
        recorded.append(record(chat_request(example.text), answer, number, task="notes"))
        asked = message_request(example.text)
        again = record(asked, answer, 1_000 + number, endpoint="messages", task="notes")
        recorded.append(again)
    return recorded


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("students")


@pytest.fixture(scope="module")
def artefact(home: Path, student: CertifiedWriter, calls: list[Call]) -> str:
    """The promoted student's, of which all calls are sampled."""
    promoted = promote(home / "calls.sqlite", home / "notes", student, calls, shadow=1.0)
    assert promoted.prepared.recognised == promoted.prepared.calls
    return promoted.promotion.artefact


@pytest.fixture(scope="module")
def gateway(home: Path, artefact: str) -> Iterator[Running]:
    assert artefact
    with (
        upstream_server(Writing()) as teacher,
        running_gateway(home, upstreams(teacher.url), LIMITS) as running,
    ):
        # A process that loads a language model takes a while.
        assert happens(lambda: states(running) == ["ready"], 60), states(running)
        yield running


@pytest.mark.parametrize("word", EASY[:3])
def test_a_student_writes_what_its_teacher_would(gateway: Running, word: str) -> None:
    for request, path in (
        (chat_request(f"{word} of the by in"), None),
        (message_request(f"{word} of the by in"), MESSAGES),
    ):
        answer = send(gateway, request, path=path) if path else send(gateway, request)
        assert (answer.status, said(answer)) == (200, f"note {word} {word}")
        assert answer.headers["x-locum-task"] == "notes"
        assert 0 < float(answer.headers["x-locum-confidence"]) <= 1


def test_answers_come_as_streams_too(gateway: Running) -> None:
    answer = send(gateway, chat_request("birch of the by in", stream=True))
    parts = [line[6:] for line in answer.body.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for part in parts for choice in orjson.loads(part)["choices"]]
    assert "".join(c["delta"].get("content") or "" for c in choices) == "note birch birch"


def test_an_answer_longer_than_was_asked_for_is_the_teachers(gateway: Running) -> None:
    assert route(gateway, chat_request("cedar of the by in", max_tokens=1)) == "teacher"


def test_the_judge_needs_no_model(student: CertifiedWriter, tmp_path: Path) -> None:
    folder = student.save(tmp_path / "student")
    (folder / "model.safetensors").unlink()
    judge = load_judge(folder)
    assert judge("note amber amber", " note  amber amber ")
    assert not judge("note amber amber", "something else")
    assert not judge("", "note amber amber")
    assert not judge("note amber amber", " ")
    assert judge.meaning("a  b\n") == "a b"
    assert Judge.of(student)("note amber amber", "note amber amber")


def test_what_only_a_judge_could_watch_is_not_promoted(
    student: CertifiedWriter, calls: list[Call]
) -> None:
    with pytest.raises(UsageError, match="asks no judge"):
        prepare_plan(replace(student, rule="judge"), calls)


@pytest.mark.parametrize(("accepted", "warned"), [(14, True), (1, False)])
def test_a_rule_that_tells_nothing_apart_is_warned_of_where_it_is_promoted(
    student: CertifiedWriter, calls: list[Call], tmp_path: Path, accepted: int, *, warned: bool
) -> None:
    told = replace(student, by_chance=share(np.arange(20) < accepted))
    folder = told.save(tmp_path / "notes" / "student")
    assert load_artefact(folder).by_chance == told.by_chance  # type: ignore[union-attr]
    assert f"the rule accepts {5 * accepted:.1f}%" in (folder / "README.md").read_text("utf-8")
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add(calls)
    learned_from = [Example("a text", call_id=call.facts.id) for call in calls]
    keep_student(told, folder, learned_from, tmp_path / "locum.sqlite")
    said = locum(tmp_path, "promote", "notes")
    assert ("warning     chrF>=0.6 accepts 70.0% of the teacher's answers as" in said) == warned
    assert len(in_json(tmp_path, "promote", "notes")["warnings"]) == warned


def test_one_whose_server_is_away_makes_place(
    student: CertifiedWriter, calls: list[Call], tmp_path: Path
) -> None:
    away = RunningServer("http://127.0.0.1:9/v1", "notes-0123456789ab", "0" * 64)
    served = replace(student, model=student.model.through(away))
    promote(tmp_path / "calls.sqlite", tmp_path / "notes", served, calls)
    with open_database(tmp_path / "calls.sqlite") as database:
        promotion = PromotionStore(database).find("notes")
        assert promotion is not None
        given = [("amber of the by in", "note amber amber")]
        found = compare_with_promoted(database, promotion, student, given)
    assert found.better
    assert "cannot be reached" in found.reason


@pytest.mark.usefixtures("artefact")
def test_a_new_student_is_compared_by_the_rule(home: Path, student: CertifiedWriter) -> None:
    given = [(example.text, str(example.answer)) for example in make_pairs(40, hard=0.3, seed=9)]
    with open_database(home / "calls.sqlite") as database:
        promotion = PromotionStore(database).find("notes")
        assert promotion is not None
        same = compare_with_promoted(database, promotion, student, given)
        certificate = student.certificate._replace(threshold=0.999999)
        timid = replace(student, certificate=certificate)
        worse = compare_with_promoted(database, promotion, timid, given)
    assert not same.better
    assert not worse.better
    assert "on 40 inputs that it did not learn from it answers 0.0%" in worse.reason


def test_sampled_calls_are_judged_by_the_rule(gateway: Running, artefact: str) -> None:
    for word in (STUBBORN, EASY[2]):
        assert route(gateway, chat_request(f"{word} of the by in")) == "student"
    gateway.stop()
    with open_database(gateway.store) as database:
        shadows = [one for _, one in ShadowStore(database).shadows("notes", artefact)]
    assert {one.agrees for one in shadows} == {True, False}
    assert all(one.agrees == (STUBBORN not in (one.said or "")) for one in shadows)
    assert all(one.novelty is not None and 0 <= one.novelty <= 1 for one in shadows)


def test_one_whose_rule_cannot_be_computed_here_leaves_its_calls_to_the_teacher(
    tmp_path: Path,
    student: CertifiedWriter,
    calls: list[Call],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lacking = tmp_path / "lacking" / "sacrebleu.py"
    lacking.parent.mkdir()
    lacking.write_text("raise ModuleNotFoundError('none', name='sacrebleu')")
    monkeypatch.setenv("PYTHONPATH", str(lacking.parent), prepend=os.pathsep)
    store = tmp_path / "calls.sqlite"
    promote(store, tmp_path / "notes", student, calls, shadow=1.0)
    with (
        upstream_server(Writing()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), LIMITS) as running,
        open_database(store) as database,
    ):
        assert happens(lambda: states(running) == ["refused"], 60), states(running)
        assert route(running, chat_request("birch of the by in")) == "teacher"
        promotions = PromotionStore(database)
        assert happens(lambda: promotions.events("notes", 1)[0].kind == "refused")
        roster = running.gateway._roster  # noqa: SLF001
        running.loop.run(roster.look())
        roster._noted = frozenset()  # noqa: SLF001 - as after a restart
        running.loop.run(roster.look())
        told, before = promotions.events("notes", 9)
        [standing] = read_standings(database)
    assert "compared with its teacher's" in told.message
    assert "(sacrebleu): pip install 'locum[generation]'" in told.message
    assert before.kind == "promoted"
    assert standing.events[0] == told
    assert "pip install 'locum[generation]'" in caplog.text
