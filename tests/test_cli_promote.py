"""``locum promote``, ``demote`` and ``status`` as a user runs them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from locum.cli.kept_files import keep_student
from locum.cli.places import whole_name
from locum.schema import Example
from locum.store import (
    CallFilter,
    CallStore,
    PromotionStore,
    Shadow,
    ShadowStore,
    Tally,
    open_database,
)
from tests.commands import in_json, locum, refusal, run
from tests.promoted import (
    chat_request,
    label_calls,
    label_student,
    mail_calls,
    object_student,
    record,
    response_request,
)
from tests.traffic import make_examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.export import CertifiedExtractor, CertifiedStudent
    from locum.schema import Call
    from locum.store import Promotion

BREAKS = "agreement fell below the promised 0.9"


def distilled(
    home: Path,
    student: CertifiedStudent | CertifiedExtractor | None = None,
    calls: Sequence[Call] = (),
) -> str:
    """Leave a home as ``locum distill`` leaves it; return the task's name."""
    student = student or label_student()
    name = student.task.name
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).add(calls)
    learned_from = [Example("a text", call_id=call.facts.id) for call in calls]
    keep_student(student, home / name / "student", learned_from, home / "locum.sqlite")
    return name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a distilled task."""
    distilled(tmp_path, calls=label_calls())
    return tmp_path


def test_a_student_is_promoted_with_its_files_and_its_plan(home: Path) -> None:
    found = in_json(home, "promote", "support")
    assert found | {"artefact": "", "changed": 0} == {
        "task": "support",
        "revision": 1,
        "state": "active",
        "artefact": "",
        "percent": 100.0,
        "shadow": 0.02,
        "changed": 0,
        "reason": "",
        "calls": 150,
        "recognised": 150,
        "stored": 0,
        "unworded": [],
        "foreseen": None,
        "varying": None,
        "warnings": [],
        "learned_from_deleted": False,
    }
    (home / "support" / "student" / "weights.safetensors").unlink()
    with open_database(home / "locum.sqlite") as database:
        assert "weights.safetensors" in PromotionStore(database).pieces(found["artefact"])


def test_what_a_promotion_does_is_said(home: Path) -> None:
    said = locum(home, "promote", "support", "--percent", "5", "--shadow", "0.1")
    assert "support: promoted, 5% of calls, 10.0% shadowed" in said
    assert "recognises  150 of the 150 calls that it learned from; model teacher-1" in said
    assert "agreement of 0.9 with teacher-1" in said
    assert "scored beside the teacher" in locum(home, "promote", "support", "--percent", "0")
    assert "support: demoted; the teacher answers all calls" in locum(home, "demote", "support")


def test_a_prompt_that_holds_the_day_is_told_of_instead_of_savings(tmp_path: Path) -> None:
    asked = [chat_request(f"text {n}", f"Today is 2026-11-{1 + n // 3:02d}.") for n in range(30)]
    distilled(tmp_path, calls=[record(one, "Billing.", n) for n, one in enumerate(asked)])
    said = locum(tmp_path, "promote", "support")
    assert "it would have recognised 0 of the 15 newer calls, as the instruction or" in said
    assert "has 10 values, and goes on changing. Let the application move what varies" in said
    assert "expected to answer 80.0% of those that are recognised" in said
    found = in_json(tmp_path, "promote", "support")
    assert found["foreseen"] == {"calls": 15, "recognised": 0}
    assert found["varying"]["values"] == 10


def test_a_demotion_is_told_in_json(home: Path) -> None:
    locum(home, "promote", "support")
    found = in_json(home, "demote", "support")
    assert (found["state"], found["revision"], found["reason"]) == ("demoted", 2, "")
    assert "plan" not in found


def test_calls_that_are_to_be_stored_are_told_of(tmp_path: Path) -> None:
    asked = [response_request(text, store=None) for text in "abc"]
    calls = [record(one, "Billing.", n, endpoint="responses") for n, one in enumerate(asked)]
    distilled(tmp_path, calls=calls)
    said = locum(tmp_path, "promote", "support")
    assert "needs       store: false in the application's calls: without it, 3 of these" in said
    assert in_json(tmp_path, "promote", "support")["stored"] == 3


def test_labels_that_are_left_to_the_teacher_are_told_of(tmp_path: Path) -> None:
    said = ["Billing.", "Billing.", "Shipping.", "Returns", "returns."]
    calls = [record(chat_request(f"text {n}"), answer, n) for n, answer in enumerate(said)]
    distilled(tmp_path, calls=calls[:3])
    said_of = locum(tmp_path, "promote", "support")
    assert "leaves out  1 of the labels, such as 'returns': the teacher was not seen" in said_of
    assert in_json(tmp_path, "promote", "support")["unworded"] == ["returns"]


def test_a_student_of_objects_is_promoted_by_its_folder(tmp_path: Path) -> None:
    name = distilled(tmp_path, object_student(), mail_calls())
    found = in_json(tmp_path, "promote", str(tmp_path / name / "student"))
    assert (found["task"], found["recognised"]) == ("mail", 40)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--percent", value) for value in ("-1", "100.5", "nan", "inf")),
        *(("--shadow", value) for value in ("0", "-0.1", "1.01", "nan")),
    ],
)
def test_shares_that_cannot_be_are_refused(home: Path, option: str, value: str) -> None:
    assert f"{option} {value}: expected" in refusal(
        home, "promote", "support", option, value, code=2
    )


# Tasks that are named by a fingerprint.


FINGERPRINTS = ("8df3ff1f5e0f", "8df3ff2a2a2a", "0123456789ab")


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("0123456", "0123456789ab"),
        ("0123456789ab", "0123456789ab"),
        ("8df3ff1f", "8df3ff1f5e0f"),
        ("8df3ff", "8df3ff"),  # begins two
        ("01234", "01234"),  # too short to be meant so
        ("ffffff", "ffffff"),
        ("support", "support"),
    ],
)
def test_the_beginning_of_a_fingerprint_names_the_whole_one(name: str, whole: str) -> None:
    assert whole_name(name, {*FINGERPRINTS, "support"}) == whole
    assert whole_name(name, {*FINGERPRINTS, "support", name}) == name


def unnamed_calls() -> list[Call]:
    texts = [example.text for example in make_examples(90, noise=0.0)]
    said = [str(example.answer).title() for example in make_examples(90, noise=0.0)]
    return [
        record(chat_request(text), answer, number, task=None)
        for number, (text, answer) in enumerate(zip(texts, said, strict=True))
    ]


def named(name: str) -> CertifiedStudent:
    student = label_student()
    return replace(student, task=replace(student.task, name=name))


def test_the_same_calls_are_one_task_however_much_of_their_fingerprint_is_given(
    tmp_path: Path,
) -> None:
    calls = unnamed_calls()
    whole = calls[0].facts.fingerprint
    with open_database(tmp_path / "locum.sqlite") as database:
        CallStore(database).add(calls)
    said = refusal(tmp_path, "distill", whole[:6], "--student", "linear", "--quiet", code=3)
    assert str(tmp_path / whole / "report.html") in said
    assert not (tmp_path / whole[:6]).exists()


def test_a_student_is_promoted_and_demoted_by_the_beginning_of_its_fingerprint(
    tmp_path: Path,
) -> None:
    calls = unnamed_calls()
    whole = distilled(tmp_path, named(calls[0].facts.fingerprint), calls)
    assert in_json(tmp_path, "promote", whole[:8])["task"] == whole
    [standing] = in_json(tmp_path, "status", whole[:6])["tasks"]
    assert standing["task"] == whole
    assert in_json(tmp_path, "demote", whole[:7])["state"] == "demoted"


def test_calls_that_another_student_takes_are_refused_with_the_cure(tmp_path: Path) -> None:
    calls = unnamed_calls()
    distilled(tmp_path, named("triage"), calls)
    distilled(tmp_path, label_student(), calls)
    locum(tmp_path, "promote", "triage")
    said = refusal(tmp_path, "promote", "support")
    assert "the promoted student of 'triage' takes the calls of 'support'" in said
    assert "locum demote triage, then locum promote support" in said
    with open_database(tmp_path / "locum.sqlite") as database:
        assert PromotionStore(database).find("support") is None
    locum(tmp_path, "promote", "triage", "--percent", "5")
    locum(tmp_path, "demote", "triage")
    locum(tmp_path, "promote", "support")
    # What cannot be read takes no calls.
    with open_database(tmp_path / "locum.sqlite") as database:
        database.execute("UPDATE promotions SET plan = ?", (b"{}",))
    locum(tmp_path, "promote", "triage")


def test_an_unknown_task_is_refused(home: Path) -> None:
    assert "there is no student 'sales'" in refusal(home, "promote", "sales")
    assert "no student stands in for task 'sales' (promoted: none)" in refusal(
        home, "demote", "sales"
    )
    assert "'sales' was never promoted: locum promote sales" in refusal(home, "status", "sales")
    locum(home, "promote", "support")
    assert "(promoted: support)" in refusal(home, "demote", "sales")


def test_without_a_store_nothing_can_be_promoted(tmp_path: Path) -> None:
    label_student().save(tmp_path / "support" / "student")
    for command in (["promote", "support"], ["demote", "support"], ["status"]):
        assert "there is no store of calls" in refusal(tmp_path, *command)


def test_a_student_that_learned_from_a_file_cannot_be_told_from_others(tmp_path: Path) -> None:
    distilled(tmp_path)
    said = refusal(tmp_path, "promote", "support")
    assert "the store knows no call from which this student of 'support' learned" in said


def test_a_student_is_recognised_by_none_of_its_namesakes_calls(home: Path, tmp_path: Path) -> None:
    other = replace(label_student(), teacher="somebody else")
    elsewhere = tmp_path / "elsewhere" / "student"
    other.save(elsewhere)
    assert "knows no call from which" in refusal(home, "promote", str(elsewhere))
    # As distilled again, from a file.
    keep_student(other, home / "support" / "student", [Example("a text")], home / "locum.sqlite")
    assert "knows no call from which" in refusal(home, "promote", "support")
    label_student().save(home / "support" / "student")
    assert in_json(home, "promote", "support")["recognised"] == 150


def test_a_call_that_is_deleted_names_what_learned_from_it(home: Path) -> None:
    said = locum(home, "calls", "delete", "--yes", "--model", "teacher-1")
    assert "the student of 'support' learned from some: locum distill support" in said
    assert "knows no call from which" in refusal(home, "promote", "support")


def test_a_deletion_says_that_a_promoted_student_learned_from_some(home: Path) -> None:
    locum(home, "promote", "support")
    first, second, *_ = label_calls()
    assert in_json(home, "status")["tasks"][0]["learned_from_deleted"] is False
    said = locum(home, "calls", "delete", "--yes", first.facts.id)
    assert "the promoted student of 'support' learned from some, and goes on answering: " in said
    assert "locum distill support --refresh, or locum demote support" in said
    said = " ".join(locum(home, "status").split())
    assert "support: its student learned from calls that were deleted since: locum distill" in said
    assert in_json(home, "status")["tasks"][0]["learned_from_deleted"] is True
    locum(home, "demote", "support")
    said = locum(home, "calls", "delete", "--yes", second.facts.id)
    assert "the student of 'support' learned from some: locum distill support" in said
    assert "the store keeps a student of 'support' that learned from some" in said


@pytest.mark.parametrize("pruned", [100, 150], ids=["some", "all"])
def test_a_canary_is_widened_by_its_plan_where_calls_were_pruned(home: Path, pruned: int) -> None:
    locum(home, "promote", "support", "--percent", "10")
    before = promotion(home)
    ids = [call.facts.id for call in label_calls()]
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).delete(CallFilter(ids=tuple(ids[:pruned])))
    said = locum(home, "promote", "support", "--percent", "50")
    assert "recognises  what it did before, as calls that it learned from were deleted" in said
    assert promotion(home).percent == 50
    assert promotion(home).plan == before.plan
    locum(home, "demote", "support")
    assert in_json(home, "promote", "support")["learned_from_deleted"] is True
    assert promotion(home).plan == before.plan


def test_a_plan_that_cannot_be_read_is_made_of_the_calls_that_are_left(home: Path) -> None:
    locum(home, "promote", "support")
    with open_database(home / "locum.sqlite") as database:
        CallStore(database).delete(CallFilter(ids=(label_calls()[0].facts.id,)))
        database.execute("UPDATE promotions SET plan = ?", (b"{}",))
    said = locum(home, "promote", "support")
    assert "recognises  149 of the 149 calls left that it learned from" in said


def promotion(home: Path) -> Promotion:
    with open_database(home / "locum.sqlite") as database:
        [found] = PromotionStore(database).all()
    return found


def test_calls_without_an_instruction_have_to_be_named(tmp_path: Path) -> None:
    asked = [{"model": "m", "messages": [{"role": "user", "content": text}]} for text in "abc"]
    calls = [record(request, "billing", n, task=None) for n, request in enumerate(asked)]
    distilled(tmp_path, calls=calls)
    assert "x-locum-task" in refusal(tmp_path, "promote", "support")


def test_a_student_certified_for_single_fields_alone_is_refused(tmp_path: Path) -> None:
    distilled(tmp_path, replace(object_student(), certificate=None), mail_calls())
    assert "single fields alone" in refusal(tmp_path, "promote", "mail", code=3)


def test_a_revoked_student_may_be_scored_and_not_promoted_again(home: Path) -> None:
    artefact = in_json(home, "promote", "support")["artefact"]
    with open_database(home / "locum.sqlite") as database:
        ShadowStore(database).keep_watch("support", artefact, {"broken": True})
        PromotionStore(database).end("support", "revoked", BREAKS)
    said = refusal(home, "promote", "support", code=3)
    assert BREAKS in said
    assert "locum distill support" in said
    assert in_json(home, "demote", "support")["state"] == "demoted"
    assert "no student stands in" in refusal(home, "demote", "support")
    assert BREAKS not in refusal(home, "promote", "support", code=3)
    assert in_json(home, "promote", "support", "--percent", "0")["state"] == "active"
    assert "--percent 0" in refusal(home, "promote", "support", code=3)
    locum(home, "demote", "support")
    assert "--percent 0" in refusal(home, "promote", "support", code=3)
    other = replace(label_student(), teacher="teacher-2")
    distilled(home, other, label_calls())
    assert in_json(home, "promote", "support")["artefact"] != artefact


def test_a_status_tells_how_students_do(home: Path) -> None:
    assert in_json(home, "status") == {"tasks": []}
    assert "no task is promoted" in locum(home, "status")
    artefact = in_json(home, "promote", "support", "--percent", "50")["artefact"]
    with open_database(home / "locum.sqlite") as database:
        store = ShadowStore(database)
        store.add_tallies(
            [
                Tally("support", artefact, 0.0, "", route, calls, calls / 1_000)  # type: ignore[arg-type]
                for route, calls in (("student", 700), ("shadow", 100), ("deferred", 200))
            ]
        )
        shadow = Shadow("support", artefact, 5.0, "c" * 32, True, False, "billing", 0.9)  # noqa: FBT003
        store.add_shadows([shadow, shadow._replace(call_id=None, said="")])
        watch = {"compared": 100, "disagreements": 2, "agreement_low": 0.9, "agreement_high": 0.99}
        store.keep_watch("support", artefact, watch)
    [found] = in_json(home, "status")["tasks"]
    assert (found["state"], found["percent"], found["total"]) == ("active", 50.0, 1_000)
    assert (found["answered"], found["coverage"]) == (800, 0.8)
    assert found["compared"]["agreement"] == pytest.approx(0.98)
    assert found["saved_usd"] == pytest.approx(0.7)
    assert [event["kind"] for event in found["events"]] == ["promoted"]
    assert len(found["disagreements"]) == 2
    said = " ".join(locum(home, "status", "support").split())
    between, compared = "between 90.0% and 99.0%", "(100 answers compared, 2 differ)"
    for shown in ("50%", "1,000", "98.0%", between, compared, "cccccccc", "deleted", "promised"):
        assert shown in said
    assert "\u2026" not in said


def test_a_refusal_reaches_the_shell_without_a_traceback(tmp_path: Path) -> None:
    done = run("promote", "sales", "--home", "home", folder=tmp_path, code=1)
    assert b"there is no student 'sales'" in done.stderr
    assert done.stdout == b""
