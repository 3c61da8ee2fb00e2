"""A new student takes the place of the promoted one where it is better, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

import orjson
import pytest

from locum.cli.distilled import print_result
from locum.cli.keeping import Kept, keep_result
from locum.cli.kept_files import keep_student, previous_student
from locum.cli.places import TaskFolder, task_folder
from locum.cli.refreshing import begin_refresh, keep_or_promote
from locum.config import Settings
from locum.dataset import examples_of_calls
from locum.distillation import distill
from locum.errors import InputError, QualityGateError, UsageError
from locum.extraction import distill_extraction
from locum.promotion import Refreshed, compare_with_promoted, promote_student, read_standings
from locum.schema import Example
from locum.store import CallFilter, CallStore, PromotionStore, ShadowStore, open_database
from tests.commands import refusal
from tests.json_traffic import make_answers, make_short_mails, make_short_task
from tests.promoted import (
    CERTIFICATE,
    SURE,
    UNSURE,
    chat_request,
    label_calls,
    label_student,
    object_student,
    promote,
    record,
)
from tests.traffic import make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.distillation import Distillation
    from locum.export import CertifiedStudent
    from locum.schema import Call
    from locum.store import Database

# Of each label the same text often, and as many of which the student is unsure.
SEEN = [(f"{text} {n}", label) for n in range(10) for label, text in SURE.items()]
UNSEEN = [(f"{UNSURE} {n}", "billing") for n in range(30)]


def with_threshold(threshold: float) -> CertifiedStudent:
    certificate = CERTIFICATE._replace(threshold=threshold)
    return replace(label_student(), certificate=certificate)


def promoted(tmp_path: Path) -> Database:
    place = tmp_path / "store.sqlite"
    promote(place, tmp_path / "student", with_threshold(0.7))
    return open_database(place)


@pytest.mark.parametrize(
    ("threshold", "better"), [(0.7, False), (0.99999, False), (0.3, True)], ids=range(3)
)
def test_the_one_that_answers_more_is_better(
    tmp_path: Path, threshold: float, *, better: bool
) -> None:
    with promoted(tmp_path) as database:
        promotion = PromotionStore(database).find("support")
        assert promotion is not None
        found = compare_with_promoted(
            database, promotion, with_threshold(threshold), [*SEEN, *UNSEEN]
        )
    assert found.better is better
    assert "on 60 inputs that it did not learn from it answers " in found.reason
    assert "and the promoted one 50.0% with 100.0%" in found.reason


def test_one_that_keeps_its_promise_no_more_makes_place(tmp_path: Path) -> None:
    changed = [(text, "returns" if label == "billing" else label) for text, label in SEEN]
    with promoted(tmp_path) as database:
        promotion = PromotionStore(database).find("support")
        assert promotion is not None
        found = compare_with_promoted(database, promotion, with_threshold(0.9), changed)
    assert found.better
    assert found.reason.endswith("with 66.7%, too little for its promise")


def test_a_few_that_differ_by_chance_make_no_place_for_one_that_answers_less(
    tmp_path: Path,
) -> None:
    changed = [*SEEN[:26], *((text, "returns") for text, label in SEEN[:12] if label == "billing")]
    assert len(changed) == 30  # 26 of them agree: fewer than the 90% that are promised.
    with promoted(tmp_path) as database:
        promotion = PromotionStore(database).find("support")
        assert promotion is not None
        found = compare_with_promoted(database, promotion, with_threshold(0.99999), changed)
    assert not found.better
    assert "and the promoted one 100.0% with 86.7%" in found.reason


def test_one_whose_objects_lack_a_new_field_makes_place(tmp_path: Path) -> None:
    examples = make_answers(make_short_mails(200))
    task = make_short_task(leave_out=["summary", "number"])
    without = distill_extraction(task, examples, target=0.85, family="linear").student
    mails = [(mail.text, orjson.dumps(mail.answer).decode()) for mail in make_short_mails(40)]
    calls = [
        record(chat_request(text), answer, number, task="mail")
        for number, (text, answer) in enumerate(mails)
    ]
    place = tmp_path / "store.sqlite"
    promote(place, tmp_path / "student", without, calls)
    with open_database(place) as database:
        promotion = PromotionStore(database).find("mail")
        assert promotion is not None
        found = compare_with_promoted(database, promotion, object_student(), mails)
    assert found.better
    assert found.reason.endswith("too little for its promise")


def test_one_that_was_revoked_makes_place(tmp_path: Path) -> None:
    with promoted(tmp_path) as database:
        store = PromotionStore(database)
        revoked = store.end("support", "revoked", "it broke its promise")
        assert revoked is not None
        found = compare_with_promoted(database, revoked, with_threshold(0.9), SEEN)
    assert found == (True, "the student before it was revoked")


def promoted_by_command(tmp_path: Path) -> Database:
    """A store whose promoted student is known to have learned from its calls."""
    place = tmp_path / "store.sqlite"
    learned_from = [Example("a text", call_id=call.facts.id) for call in label_calls()]
    database = open_database(place)
    CallStore(database).add(label_calls())
    keep_student(with_threshold(0.7), tmp_path / "new", learned_from, place)
    promote_student(database, tmp_path / "new", percent=100.0, shadow=0.02)
    return database


def test_one_that_learned_from_deleted_calls_makes_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, left = label_calls()[:1], label_calls()[1:]
    with promoted_by_command(tmp_path) as database:
        before = PromotionStore(database).find("support")
        CallStore(database).delete(CallFilter(ids=(gone[0].facts.id,)))
        assert not refresh(tmp_path, None, left)
        said = " ".join(capsys.readouterr().err.split())
        assert "goes on answering, and learned from calls that were deleted since" in said
        assert "locum demote support ends that" in said
        # It answers fewer than the one before.
        assert refresh(tmp_path, with_threshold(0.99999), left)
        after = PromotionStore(database).find("support")
        assert before is not None
        assert after is not None
        assert after.artefact != before.artefact
        assert not CallStore(database).learned_from_deleted(after.artefact)
    said = " ".join(capsys.readouterr().err.split())
    assert "the student before it learned from calls that were deleted since" in said


def test_one_that_was_made_of_calls_that_were_deleted_meanwhile_is_not_kept(
    tmp_path: Path,
) -> None:
    with promoted(tmp_path) as database:
        before = PromotionStore(database).find("support")
        CallStore(database).delete(CallFilter(ids=(label_calls()[0].facts.id,)))
        with pytest.raises(InputError, match="1 of the 150 calls that were read were deleted"):
            refresh(tmp_path, with_threshold(0.3))
        assert PromotionStore(database).find("support") == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", ["plan", "student"])
def test_one_that_cannot_be_read_makes_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    with promoted(tmp_path) as database:
        if damage == "plan":
            # As a version wrote it that knew no longest input.
            plan = PromotionStore(database).all()[0].plan
            del plan["longest"]
            database.execute("UPDATE promotions SET plan = ?", (orjson.dumps(plan),))
        else:
            database.execute("UPDATE artefact_files SET content = ?", (b"{}",))
        before = PromotionStore(database).find("support")
        assert not refresh(tmp_path, None)
        said = " ".join(capsys.readouterr().err.split())
        assert "nothing new to promote; its teacher goes on answering all calls, as the" in said
        assert PromotionStore(database).find("support") == before
        # It answers no more than the one before.
        assert refresh(tmp_path, with_threshold(0.70001))
        [standing] = read_standings(database)
    said = " ".join(capsys.readouterr().err.split())
    assert "shadowed: another version of Locum made the promotion before it" in said
    assert (standing.state, standing.percent) == ("active", 100.0)


class _Trained(NamedTuple):
    """What a distillation found, as far as a refresh looks at it."""

    student: CertifiedStudent | None
    certified_on: list[tuple[str, str]]


def refresh(
    tmp_path: Path,
    student: CertifiedStudent | None,
    calls: Sequence[Call] | None = None,
    since: float | None = None,
) -> bool:
    place = tmp_path / "store.sqlite"
    folder = TaskFolder(
        tmp_path / "new",
        tmp_path / "report",
        tmp_path / "refreshed",
        tmp_path / "synthetic",
        tmp_path / "models",
    )
    found = cast("Distillation", _Trained(student, [*SEEN, *UNSEEN]))
    calls = label_calls() if calls is None else calls
    learned_from, _ = examples_of_calls(calls, since=since)
    with open_database(place) as database:
        before = begin_refresh("support", database, None)
        return keep_or_promote(before, found, folder, Settings(), learned_from, place).better


def test_what_no_gateway_could_watch_is_refused_before_it_is_made(tmp_path: Path) -> None:
    promote(tmp_path / "locum.sqlite", tmp_path / "student")
    made = ("--student-model", str(tmp_path / "none"), "--accept", "similarity>=0.9")
    said = refusal(tmp_path, "distill", "support", "--refresh", *made, code=2)
    assert "asks no judge and no encoder" in said


def test_a_refresh_promotes_what_is_better_with_the_same_shares(tmp_path: Path) -> None:
    with promoted(tmp_path) as database:
        before = PromotionStore(database).find("support")
        assert refresh(tmp_path, with_threshold(0.3))
        after = PromotionStore(database).find("support")
    assert before is not None
    assert after is not None
    assert after.artefact != before.artefact
    assert (after.percent, after.shadow) == (before.percent, before.shadow)


@pytest.mark.parametrize("threshold", [None, 0.7], ids=["none", "no better"])
def test_a_refresh_keeps_what_is_as_good(tmp_path: Path, threshold: float | None) -> None:
    with promoted(tmp_path) as database:
        before = PromotionStore(database).find("support")
        assert not refresh(tmp_path, None if threshold is None else with_threshold(threshold))
        assert PromotionStore(database).find("support") == before
    assert not (tmp_path / "new").exists()


def test_a_student_that_was_not_kept_is_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = distill(make_task(), make_examples(600, noise=0.0), family="linear")
    folder = task_folder("support", tmp_path)
    for kept in (True, False):
        report = folder.report if kept else folder.refreshed
        left = Kept(kept, report, refreshed=Refreshed(kept, "why"))
        print_result(result, folder, tmp_path, left, json_output=True)
        said = orjson.loads(capsys.readouterr().out)
        assert said["artefact"] == (str(folder.student) if kept else None)
        assert said["report"] == str(report)
        assert said["refresh"] == {"promoted": kept, "reason": "why"}
        print_result(result, folder, tmp_path, left, json_output=False)
        said = capsys.readouterr().out
        assert str(report) in said
        assert (str(folder.student) in said) is kept
        assert ("locum predict support" in said) is kept
        assert ("Distil: " in said) is kept


def test_a_refresh_brings_no_student_back_that_broke_its_promise(tmp_path: Path) -> None:
    with promoted(tmp_path) as database:
        store = PromotionStore(database)
        before = store.find("support")
        assert before is not None
        ShadowStore(database).keep_watch("support", before.artefact, {"broken": True})
        store.end("support", "revoked", "it broke its promise")
        # Training is deterministic: from the same calls comes the same student.
        with pytest.raises(QualityGateError, match="it broke its promise"):
            refresh(tmp_path, with_threshold(0.7))
        found = store.find("support")
    assert found is not None
    assert found.state == "revoked"


def test_a_task_that_was_demoted_is_not_refreshed(tmp_path: Path) -> None:
    with promoted(tmp_path) as database:
        PromotionStore(database).end("support", "demoted", "")
        with pytest.raises(UsageError, match="was demoted"):
            refresh(tmp_path, with_threshold(0.3))


def broken(database: Database, found: float, percent: float = 0.0) -> str:
    """Let the promoted student break its promise, as a call of this time showed."""
    store = PromotionStore(database)
    promotion = store.find("support")
    assert promotion is not None
    database.execute("UPDATE promotions SET percent = ?", (percent,))
    state = {"broken": True, "found": found}
    ShadowStore(database).keep_watch("support", promotion.artefact, state)
    if percent:
        store.end("support", "revoked", "it broke its promise")
    return promotion.artefact


def test_one_that_broke_its_promise_while_it_was_scored_makes_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with promoted(tmp_path) as database:
        before = broken(database, label_calls()[0].facts.time - 1)
        [standing] = read_standings(database)
        assert (standing.state, standing.broken) == ("active", True)
        assert not refresh(tmp_path, None)
        said = " ".join(capsys.readouterr().err.split())
        assert "the promoted student stays scored beside its teacher" in said
        # It answers fewer than the one before.
        assert refresh(tmp_path, with_threshold(0.99999))
        [standing] = read_standings(database)
    assert standing.artefact != before
    assert (standing.percent, standing.broken) == (0.0, False)
    said = " ".join(capsys.readouterr().err.split())
    assert "the student before it broke its promise" in said


@pytest.mark.parametrize("percent", [0.0, 10.0])
def test_what_is_judged_on_calls_of_before_the_promise_was_broken_is_not_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], percent: float
) -> None:
    times = sorted(call.facts.time for call in label_calls())
    with promoted(tmp_path) as database:
        broken(database, times[100], percent)
        assert not refresh(tmp_path, with_threshold(0.3))
        said = " ".join(capsys.readouterr().err.split())
        assert "a promise was broken while it was trained: run it again" in said
        assert refresh(tmp_path, with_threshold(0.3), since=times[100])


def test_one_that_knows_no_call_since_a_promise_was_broken_may_only_be_scored(
    tmp_path: Path,
) -> None:
    last = max(call.facts.time for call in label_calls())
    with promoted_by_command(tmp_path) as database:
        broken(database, last, 10.0)
        other = tmp_path / "other"
        learned_from, _ = examples_of_calls(label_calls(), since=last)
        keep_student(with_threshold(0.3), other, learned_from, tmp_path / "store.sqlite")
        with pytest.raises(QualityGateError, match="knows no call from after one before it"):
            promote_student(database, other, percent=10.0, shadow=0.02)
        scored = promote_student(database, other, percent=0.0, shadow=0.02)
    assert scored.promotion.percent == 0.0


def kept(tmp_path: Path, result: Distillation, *, refreshes: bool) -> Kept:
    """What `locum distill` leaves of a result of the calls in the store."""
    place = tmp_path / "store.sqlite"
    examples, _ = examples_of_calls(label_calls())
    with open_database(place) as database:
        before = begin_refresh("support", database, None) if refreshes else None
        folder = task_folder("support", tmp_path)
        return keep_result(result, folder, before, Settings(), examples, place, is_recorded=True)


def test_a_refresh_that_promotes_nothing_leaves_student_and_report_alone(tmp_path: Path) -> None:
    folder = task_folder("support", tmp_path)
    result = distill(make_task(), make_examples(600, noise=0.0), family="linear")
    with promoted(tmp_path):
        first = kept(tmp_path, result, refreshes=False)
        assert (first.student, first.report, first.refreshed) == (True, folder.report, None)
        before = folder.report.read_bytes()
        none = replace(result, student=None)
        second = kept(tmp_path, none, refreshes=True)
    assert (second.student, second.report) == (False, folder.refreshed)
    assert second.refreshed == Refreshed(better=False, reason="nothing new to promote")
    assert folder.report.read_bytes() == before
    assert folder.refreshed.is_file()


def test_a_refresh_that_promotes_leaves_its_own_report(tmp_path: Path) -> None:
    folder = task_folder("support", tmp_path)
    result = distill(make_task(), make_examples(600, noise=0.0), family="linear")
    with promoted(tmp_path) as database:
        broken(database, 0.0)
        found = kept(tmp_path, result, refreshes=True)
    assert (found.student, found.report) == (True, folder.report)
    assert folder.report.is_file()
    assert not folder.refreshed.exists()


def test_a_student_that_is_put_aside_is_said_to_answer_where_it_is_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = task_folder("support", tmp_path)
    result = distill(make_task(), make_examples(600, noise=0.0), family="linear")
    none = replace(result, student=None)
    with promoted(tmp_path) as database:
        for is_promoted in (False, True):
            kept(tmp_path, result, refreshes=False)
            if is_promoted:
                promote_student(database, folder.student, percent=10.0, shadow=0.02)
            kept(tmp_path, none, refreshes=False)
            said = " ".join(capsys.readouterr().err.split())
            assert "student.previous, and" in said
            assert ("stays promoted in the gateway until locum demote support" in said) is (
                is_promoted
            )
            assert ("answers no more" in said) is not is_promoted
    assert previous_student(folder.student).is_dir()
