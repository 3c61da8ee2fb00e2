"""Promotions, and what is known of how they do, in both dialects."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from locum.errors import InputError
from locum.promotion import read_standings, write_plan
from locum.store import (
    CallFilter,
    CallStore,
    Database,
    PromotionStore,
    Shadow,
    ShadowStore,
    SpendStore,
    Tally,
    open_database,
)
from locum.store.promotions import PromotionEvent
from tests.call_samples import make_call
from tests.promoted import stored_files
from tests.test_promotion_plan import PLAN

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    from locum.store import Grouping, Promotion, Route
    from locum.store.student_files import StudentFiles

CALL_USD = 0.001  # of the plan
FILES = {"manifest.json": b"{}", "head-0/weights": bytes(range(256))}
OTHER = {"manifest.json": b"{ }"}
PAUSE = "locum.store.student_files.StudentFiles._let_others_write"


@pytest.fixture
def promotions(database: Database) -> PromotionStore:
    return PromotionStore(database)


@pytest.fixture
def shadows(database: Database) -> ShadowStore:
    return ShadowStore(database)


def promote(
    store: PromotionStore,
    task: str = "support",
    artefact: str = "aa",
    files: dict[str, bytes] | None = None,
    percent: float = 100.0,
    **changed: float | None,
) -> Promotion:
    kept, plan = FILES if files is None else files, write_plan(PLAN) | changed
    return store.promote(task, artefact, kept, plan, percent=percent, shadow=0.02)


def shadow(task: str = "support", artefact: str = "aa", **changed: Any) -> Shadow:  # noqa: ANN401 - its fields
    made = Shadow(
        task,
        artefact,
        time=5.0,
        call_id=None,
        answered=True,
        agrees=True,
        said="billing",
        confidence=0.9,
    )
    return made._replace(**changed)


def tally(time: float, route: str = "student", calls: int = 1, **changed: str) -> Tally:
    made = Tally("support", "aa", time, "shop", "student", calls, calls * CALL_USD)
    return made._replace(route=route, **changed)  # type: ignore[arg-type]


def calls_by(
    shadows: ShadowStore,
    by: Grouping,
    task: str,
    artefact: str | None = None,
    since: float | None = None,
    **more: Any,  # noqa: ANN401 - any filter
) -> dict[int | str, Counter[Route]]:
    found = shadows.counts_by(by, task, artefact, since=since, **more)
    assert all(
        one.usd == {route: pytest.approx(calls * CALL_USD) for route, calls in one.calls.items()}
        for one in found.values()
    )
    return {key: one.calls for key, one in found.items()}


# Promotions.


def test_a_promotion_comes_back_as_it_was_made(
    place: str, promotions: PromotionStore, database: Database
) -> None:
    made = promote(promotions)
    assert made.revision == 1
    assert (made.state, made.percent, made.shadow, made.reason) == ("active", 100.0, 0.02, "")
    assert promotions.find("support") == made
    assert promotions.find("Support") is None
    assert database.name in {place, database.name}
    with open_database(place) as other:
        assert PromotionStore(other).all() == [made]


def test_each_change_has_a_revision_of_its_own(promotions: PromotionStore) -> None:
    promote(promotions, "b")
    promote(promotions, "a")
    assert promotions.revisions() == {"a": 1, "b": 1}
    changed = promote(promotions, "b", percent=5.0)
    assert (changed.revision, changed.percent) == (2, 5.0)
    ended = promotions.end("b", "demoted", "")
    assert ended is not None
    assert ended.revision == 3
    assert promote(promotions, "b").revision == 4
    assert promotions.revisions() == {"a": 1, "b": 4}
    assert [one.task for one in promotions.all()] == ["a", "b"]


def test_only_a_student_that_stands_in_can_be_ended(promotions: PromotionStore) -> None:
    assert promotions.end("support", "demoted", "") is None
    promote(promotions)
    assert promotions.end("support", "revoked", "why", artefact="bb") is None
    ended = promotions.end("support", "revoked", "why", artefact="aa")
    assert ended is not None
    assert (ended.state, ended.reason) == ("revoked", "why")
    assert promotions.find("support") == ended
    pinned = promotions.end("support", "demoted", "")
    assert pinned is not None
    assert (pinned.state, pinned.reason) == ("demoted", "")
    assert promotions.end("support", "demoted", "") is None
    assert promotions.end("support", "revoked", "why") is None
    assert promotions.find("support") == pinned


def test_a_promotion_that_was_changed_meanwhile_is_not_changed(promotions: PromotionStore) -> None:
    first = promote(promotions)
    for expected in (first.revision + 1, first.revision - 1):
        with pytest.raises(InputError, match="changed meanwhile"):
            promotions.promote(
                "support", "aa", {}, first.plan, percent=1, shadow=1, expected=expected
            )
    assert promotions.find("support") == first


def test_files_are_kept_for_as_long_as_a_promotion_names_them(promotions: PromotionStore) -> None:
    promote(promotions)
    assert stored_files(promotions, "aa") == FILES
    promote(promotions, "other", "bb", OTHER)
    promotions.end("support", "demoted", "")
    assert stored_files(promotions, "aa") == FILES
    promote(promotions, "support", "bb", OTHER)
    with pytest.raises(InputError, match="holds no student aa"):
        stored_files(promotions, "aa")
    assert stored_files(promotions, "bb") == OTHER


def test_promoting_again_mends_what_was_damaged(
    promotions: PromotionStore, database: Database
) -> None:
    promote(promotions)
    database.execute("UPDATE artefact_files SET content = ?", (b"damaged",))
    promote(promotions)
    assert stored_files(promotions, "aa") == FILES


def test_files_larger_than_a_database_takes_are_kept_in_pieces(
    promotions: PromotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.store.student_files._PIECE_BYTES", 100)
    files = {"empty": b"", "manifest.json": b"{}", "one": bytes(100), "weights": bytes(range(256))}
    promote(promotions, files=files | {"weights": bytes(1000)})
    promote(promotions, files=files)
    assert promotions.pieces("aa") == {"empty": 1, "manifest.json": 1, "one": 1, "weights": 3}
    assert len(promotions.piece("aa", "weights", 0)) == 100
    assert stored_files(promotions, "aa") == files
    with pytest.raises(InputError, match="holds no student aa: promote it"):
        promotions.piece("aa", "weights", 3)


class Interrupted(BaseException):
    """Ends a program in the middle of its work."""


def test_others_write_between_the_pieces_of_a_student(
    place: str, promotions: PromotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.store.student_files._PIECE_BYTES", 100)
    promote(promotions)
    seen: list[tuple[str, bool]] = []

    def note(_: StudentFiles, size: int) -> None:
        """Write from elsewhere, as who would have to wait for a lock could not."""
        with open_database(place) as other:
            beside = PromotionStore(other)
            beside.note(PromotionEvent("support", float(size), "alarm", "written meanwhile"))
            [promoted] = beside.all()
            seen.append((promoted.artefact, stored_files(beside, promoted.artefact) == FILES))

    monkeypatch.setattr(PAUSE, note)
    promote(promotions, artefact="bb", files={"manifest.json": b"{ }", "weights": bytes(300)})
    # Four pieces are written before the student stands in, and those of the other dropped after.
    assert seen[:4] == [("aa", True)] * 4
    assert {artefact for artefact, _ in seen[4:]} == {"bb"}
    assert len(seen) == 4 + 4
    with pytest.raises(InputError, match="holds no student aa"):
        promotions.pieces("aa")


def test_a_promotion_that_is_broken_off_leaves_nothing_behind(
    database: Database, promotions: PromotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.store.student_files._PIECE_BYTES", 100)
    first = promote(promotions)
    with monkeypatch.context() as patched:
        patched.setattr(PAUSE, _interrupt)
        with pytest.raises(Interrupted):
            promote(promotions, artefact="bb", files=OTHER | {"weights": bytes(300)})
    assert promotions.find("support") == first
    assert stored_files(promotions, "aa") == FILES
    # Of one that was killed pieces may be left, which nobody reads.
    promote(promotions, "other", "cc", OTHER)
    assert database.execute("SELECT DISTINCT artefact FROM artefact_files ORDER BY 1") == [
        ("aa",),
        ("cc",),
    ]


def _interrupt(_: StudentFiles, size: int) -> None:
    raise Interrupted(size)


def test_pieces_that_another_promotion_drops_meanwhile_are_written_again(
    database: Database, promotions: PromotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []

    def drop(_: StudentFiles, size: int) -> None:
        if not dropped:
            dropped.append(size)
            database.execute("DELETE FROM artefact_files")

    monkeypatch.setattr(PAUSE, drop)
    promote(promotions)
    assert dropped
    assert stored_files(promotions, "aa") == FILES


def test_what_is_kept_already_is_not_written_again(
    promotions: PromotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(promotions)
    written: list[int] = []
    monkeypatch.setattr(PAUSE, lambda _, size: written.append(size))
    promote(promotions, percent=5.0)
    assert written == []


def test_of_tallies_all_are_added_or_none(shadows: ShadowStore, database: Database) -> None:
    before = shadows.counts("support")
    with pytest.raises(InputError):
        shadows.add_tallies([tally(0.0), tally(0.0, route="teacher", calls=2**70)])
    assert shadows.counts("support") == before
    with pytest.raises((InputError, UnicodeEncodeError)):
        SpendStore(database).add({"a": 1.0, "\ud800": 1.0}, 0.0)
    assert SpendStore(database).spent(["a"], 0.0)["a"].day_usd == 0


def test_events_are_told_newest_first(promotions: PromotionStore) -> None:
    promote(promotions, percent=5.0)
    promotions.note(PromotionEvent("support", 7.0, "alarm", "inputs differ"))
    promotions.end("support", "revoked", "why")
    promote(promotions, "other")
    events = promotions.events("support", 10)
    assert [(event.kind, event.message) for event in events] == [
        ("revoked", "why"),
        ("alarm", "inputs differ"),
        ("promoted", "5% of calls, 2.0% shadowed"),
    ]
    assert promotions.events("support", 1) == events[:1]
    assert promotions.events("unknown", 10) == []


def test_those_who_promote_at_once_all_succeed_one_after_the_other(place: str) -> None:
    open_database(place).close()
    done: list[int] = []

    def change(act: Callable[[PromotionStore], Promotion | None]) -> None:
        with open_database(place) as database:
            for _ in range(5):
                changed = act(PromotionStore(database))
                if changed is not None:
                    done.append(changed.revision)

    acts: list[Callable[[PromotionStore], Promotion | None]] = [
        lambda store: promote(store, artefact="aa"),
        lambda store: promote(store, artefact="bb", files=OTHER),
        lambda store: store.end("support", "demoted", ""),
        lambda store: store.end("support", "revoked", "why", "aa"),
    ]
    threads = [threading.Thread(target=change, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(1, len(done) + 1))
    assert len(done) >= 10
    with open_database(place) as database:
        store = PromotionStore(database)
        assert store.revisions() == {"support": len(done)}
        last = store.find("support")
        assert last is not None
        assert stored_files(store, last.artefact)
        assert len(store.events("support", 100)) == len(done)


def test_a_damaged_promotion_says_so_and_hides_no_other(
    promotions: PromotionStore, database: Database
) -> None:
    promote(promotions)
    for damage in (b"{", b"[]", b"\xff"):
        database.execute("UPDATE promotions SET plan = ?", (damage,))
        [standing] = read_standings(database)
        assert standing.state == "unreadable"
        assert standing.reason.startswith("made by another version of Locum, or damaged (")
        assert standing.reason.endswith(": locum distill support, then locum promote support")
        figures = (standing.target, standing.confidence, standing.expected_coverage)
        assert (standing.teacher, *figures) == (None,) * 4


def test_a_promotion_that_ended_stays_so_where_it_cannot_be_read(
    promotions: PromotionStore, database: Database
) -> None:
    promote(promotions)
    database.execute("UPDATE promotions SET plan = ?", (b"{}",))
    promotions.end("support", "revoked", "it broke its promise")
    [standing] = read_standings(database)
    assert (standing.state, standing.reason) == ("revoked", "it broke its promise")


# Sampled calls.


def test_disagreements_are_found_without_a_look_at_all_others(tmp_path: Path) -> None:
    with open_database(tmp_path / "calls.db") as database:
        plan = database.execute(
            "EXPLAIN QUERY PLAN SELECT said FROM shadows WHERE task = ? AND artefact = ? "
            "AND answered AND NOT agrees ORDER BY number DESC LIMIT 10",
            ("support", "aa"),
        )
        assert "shadows_disagreements" in str([*plan])


def test_sampled_calls_come_back_in_their_order(shadows: ShadowStore) -> None:
    given = [
        shadow(said="shipping", agrees=False),
        shadow(answered=False, agrees=None, call_id="x", confidence=0.25),
        shadow(artefact="bb"),
        shadow(task="other"),
        shadow(time=1.0),
    ]
    shadows.add_shadows(given)
    found = shadows.shadows("support", "aa")
    assert [one for _, one in found] == [given[0], given[1], given[4]]
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers)
    assert shadows.shadows("support", "aa", after=numbers[1]) == found[2:]
    assert shadows.shadows("nobody", "aa") == []
    assert type(found[0][1].answered) is bool


def test_texts_that_no_database_takes_are_mended(shadows: ShadowStore) -> None:
    shadows.add_shadows([shadow(said="a\0b", teacher="teacher\0 \ud800")])
    [(_, found)] = shadows.shadows("support", "aa")
    assert (found.said, found.teacher) == ("a\ufffdb", "teacher\ufffd ?")


def test_only_answers_that_the_teacher_would_not_have_given_are_disagreements(
    shadows: ShadowStore,
) -> None:
    shadows.add_shadows(
        [
            shadow(agrees=False, said="first"),
            shadow(agrees=False, answered=False, said="deferred"),
            shadow(agrees=None, said="not compared"),
            shadow(agrees=True),
            shadow(agrees=False, task="other"),
            shadow(agrees=False, artefact="bb", said="last"),
        ]
    )
    assert [one.said for one in shadows.disagreements("support", "aa", 10)] == ["first"]
    assert [one.said for one in shadows.disagreements("support", "bb", 1)] == ["last"]


def test_a_deleted_call_leaves_the_count_and_nothing_that_was_said(
    database: Database, shadows: ShadowStore
) -> None:
    CallStore(database).add([make_call("kept"), make_call("doomed")])
    shadows.add_shadows(
        [
            shadow(call_id="kept", agrees=False, said="stays"),
            shadow(call_id="doomed", agrees=False, said="goes"),
        ]
    )
    CallStore(database).delete(CallFilter(ids=("doomed",)))
    kept, doomed = (one for _, one in shadows.shadows("support", "aa"))
    assert (kept.call_id, kept.said) == ("kept", "stays")
    assert doomed == shadow(call_id=None, agrees=False, said="")


def test_the_watch_goes_on_where_it_was(shadows: ShadowStore) -> None:
    assert shadows.watch("support", "aa") is None
    shadows.keep_watch("support", "aa", {"compared": 1})
    shadows.keep_watch("support", "bb", {"compared": 7})
    shadows.keep_watch("support", "aa", {"compared": 2, "broken": True})
    assert shadows.watch("support", "aa") == {"compared": 2, "broken": True}
    assert shadows.watch("support", "bb") == {"compared": 7}


# Tallies.


@pytest.mark.parametrize("call_usd", [0.1 * CALL_USD, 10 * CALL_USD, None])
def test_what_was_saved_stays_so_where_a_promotion_comes_at_another_price(
    database: Database,
    promotions: PromotionStore,
    shadows: ShadowStore,
    call_usd: float | None,
) -> None:
    promote(promotions, call_usd=call_usd)
    [standing] = read_standings(database)
    assert standing.usage.saved_usd == (0.0 if call_usd else None)
    shadows.add_tallies([tally(0.0, calls=100), tally(0.0, "shadow", calls=10)])
    usd = call_usd and 30 * call_usd
    shadows.add_tallies([tally(0.0, calls=30)._replace(usd=usd)])
    shadows.add_tallies([tally(3_600.0, "teacher", calls=7)._replace(usd=None)])
    for by in (None, "hour"):
        [standing] = read_standings(database, by=by)
        assert standing.usage.saved_usd == pytest.approx(100 * CALL_USD + (usd or 0.0))
        assert standing.usage.spent_usd == pytest.approx(10 * CALL_USD)
        assert standing.call_usd == call_usd


def test_tallies_add_up_by_hour(shadows: ShadowStore) -> None:
    hour = 3600.0
    shadows.add_tallies([tally(10 * hour), tally(10 * hour + 3599, calls=2)])
    shadows.add_tallies([tally(10 * hour + 5, calls=4), tally(11 * hour, "teacher", 8)])
    shadows.add_tallies([tally(11 * hour, application="", calls=16), tally(0, task="other")])
    assert shadows.counts("support") == {"student": 23, "teacher": 8}
    shadows.add_tallies([tally(12 * hour, calls=32)._replace(artefact="bb")])
    assert shadows.counts("support", "bb") == {"student": 32}
    assert shadows.counts("support") == {"student": 55, "teacher": 8}
    assert shadows.counts("support", "cc") == {}
    shadows.add_tallies([])


def test_tallies_are_told_by_hour_day_and_application(shadows: ShadowStore) -> None:
    hour, day = 3600, 86_400
    shadows.add_tallies(
        [
            tally(2 * day - 1.0, calls=1),
            tally(2 * day, "teacher", 2, application=""),
            tally(2 * day + 1.0, calls=4),
            tally(3 * day - 1.0, calls=8, artefact="bb"),
            tally(2 * day, calls=16, task="other"),
        ]
    )
    assert list(calls_by(shadows, "hour", "support").items()) == [
        (3 * day - hour, {"student": 8}),
        (2 * day, {"student": 4, "teacher": 2}),
        (2 * day - hour, {"student": 1}),
    ]
    assert list(calls_by(shadows, "day", "support").items()) == [
        (2 * day, {"student": 12, "teacher": 2}),
        (day, {"student": 1}),
    ]
    assert list(calls_by(shadows, "application", "support").items()) == [
        ("", {"teacher": 2}),
        ("shop", {"student": 13}),
    ]
    late = 2 * day + hour - 1.0
    assert shadows.counts("support", since=late) == {"student": 12, "teacher": 2}
    assert shadows.counts("support", "bb", since=late) == {"student": 8}
    assert calls_by(shadows, "day", "support", "aa", since=late) == {
        2 * day: {"student": 4, "teacher": 2}
    }
    assert calls_by(shadows, "hour", "support", since=3 * day) == {}
    assert calls_by(shadows, "hour", "support", until=2 * day) == {2 * day - hour: {"student": 1}}
    assert calls_by(shadows, "day", "support", until=2 * day + 1.0, application="shop") == {
        2 * day: {"student": 4},
        day: {"student": 1},
    }
    assert calls_by(shadows, "application", "unknown") == {}


def test_gateways_that_count_at_once_lose_nothing(place: str) -> None:
    open_database(place).close()

    def count(application: str) -> None:
        with open_database(place) as database:
            for _ in range(20):
                ShadowStore(database).add_tallies(
                    [tally(0.0, application=name) for name in (application, "", "shop")]
                )

    threads = [threading.Thread(target=count, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(place) as database:
        assert ShadowStore(database).counts("support") == {"student": 180}


def test_a_standing_tells_what_is_known(
    database: Database, promotions: PromotionStore, shadows: ShadowStore
) -> None:
    promote(promotions)
    shadows.add_tallies(
        [
            tally(0.0, route, calls)
            for route, calls in (
                *(("student", 60), ("shadow", 20), ("deferred", 15), ("failed", 5)),
                ("teacher", 100),
            )
        ]
    )
    [standing] = read_standings(database)
    assert (standing.usage.total, standing.usage.answered) == (200, 80)
    assert standing.coverage == pytest.approx(80 / 95)
    assert standing.usage.saved_usd == pytest.approx(0.06)
    assert standing.usage.spent_usd == pytest.approx(0.14)
    assert standing.compared.agreement is None
    found = standing.to_object()
    assert found["calls"]["shadow"] == 20
    assert (found["coverage"], found["state"], found["teacher"]) == (
        pytest.approx(80 / 95),
        "active",
        PLAN.teacher,
    )
    assert read_standings(database, "unknown") == []
