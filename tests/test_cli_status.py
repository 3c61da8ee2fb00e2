"""``locum status`` of a time, and apart by hour, day and application."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locum.cli.standings import StandingsReader
from locum.config import ApplicationSettings, RedactionSettings
from locum.promotion import Framer, read_standings
from locum.store import CallStore, Shadow, ShadowStore, Tally, open_database, stream_sums
from tests.commands import in_json, locum, refusal, run
from tests.gateways import running_gateway, upstream_server
from tests.promoted import (
    INSTRUCTION,
    LIMITS,
    SURE,
    UNSURE,
    chat_request,
    demote,
    label_calls,
    promote,
    record,
    send,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher
from tests.status_stores import ARTEFACT, Story, tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.schema import Call
    from locum.store import CallFilter, CallSums, Database, Grouping, Route

HOUR, DAY = 3600, 86_400
NEW_YEAR = 1_767_225_600  # 2026-01-01 in UTC
STORY = Story(calls={}, compared=(400, 8))


def calls(
    moment: float, route: Route = "student", count: int = 1, application: str = "web"
) -> Tally:
    return Tally("support", ARTEFACT, moment, application, route, count, 0.002 * count)


def counted(home: Path, *tallies: Tally) -> None:
    """Add calls of a promoted student."""
    with open_database(home / "locum.sqlite") as database:
        ShadowStore(database).add_tallies(tallies)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a promoted task, without calls."""
    tell(tmp_path / "locum.sqlite", STORY)
    return tmp_path


@pytest.fixture
def busy(home: Path) -> Path:
    """Calls of two applications on two days."""
    counted(
        home,
        calls(NEW_YEAR + 9 * HOUR, "student", 100),
        calls(NEW_YEAR + 9 * HOUR + 60, "shadow", 10, "nightly"),
        calls(NEW_YEAR + 10 * HOUR, "deferred", 40, "nightly"),
        calls(NEW_YEAR + DAY + 5, "student", 1_000_000),
        calls(NEW_YEAR + DAY + 5, "failed", 50, ""),
    )
    return home


# Since when.


def test_calls_are_counted_since_a_time_ago(home: Path) -> None:
    now = time.time()
    counted(home, calls(now - 30 * HOUR, "student", 500), calls(now - 2 * HOUR, "student", 30))
    counted(home, calls(now, "deferred", 10), calls(now, "shadow", 2))
    [ever] = in_json(home, "status")["tasks"]
    [found] = in_json(home, "status", "--since", "24h")["tasks"]
    assert (ever["since"], ever["total"]) == (None, 542)
    assert now - 25 * HOUR < found["since"] <= time.time() - 24 * HOUR
    assert found["since"] % HOUR == 0
    assert (found["total"], found["answered"], found["to_teacher"]) == (42, 32, 10)
    assert found["coverage"] == pytest.approx(32 / 42)
    assert found["spent_usd"] == pytest.approx(12 * 0.002)
    assert found["saved_usd"] == pytest.approx(30 * 0.002)
    for same in ("compared", "events", "state", "expected_coverage"):
        assert found[same] == ever[same]
    assert in_json(home, "status", "--since", "7d")["tasks"][0]["total"] == 542


@pytest.mark.parametrize(
    ("since", "total"),
    [
        ("2025-12-31", 1_000_200),
        ("2026-01-01T10:59", 1_000_090),
        ("2026-01-01T11:00", 1_000_050),
        ("2026-01-02T01:30:00+01:00", 1_000_050),
        ("2026-01-02T01:00", 0),
        ("9999999w", 1_000_200),
    ],
)
def test_the_hour_of_the_given_time_counts_as_a_whole(busy: Path, since: str, total: int) -> None:
    assert in_json(busy, "status", "--since", since)["tasks"][0]["total"] == total


def test_the_table_says_since_when_it_counts(busy: Path) -> None:
    said = locum(busy, "status", "--since", "2026-01-01T10:30")
    assert "their calls since 2026-01-01 10:00:00 UTC" in said
    assert "1,000,090" in said
    assert "$0.18 spent on the teacher, by its mean price, now $2.00 for 1,000 calls" in said
    assert "their calls" not in locum(busy, "status")


def test_calls_on_which_the_student_said_nothing_are_told(busy: Path) -> None:
    said = "support: on 50 of 1,000,200 calls the student said nothing in time"
    assert said in " ".join(locum(busy, "status").split())
    assert "said nothing" not in locum(busy, "status", "--since", "2026-01-02T01:00")


def test_a_time_without_calls_is_no_error(busy: Path) -> None:
    [found] = in_json(busy, "status", "--since", "1h", "--by", "hour")["tasks"]
    assert (found["total"], found["coverage"], found["spent_usd"]) == (0, None, 0.0)
    assert found["rows"] == []
    assert "support: calls by hour" in locum(busy, "status", "--since", "1h", "--by", "hour")


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        *((given, "such as 30m, 12h or 7d") for given in ("yesterday", "24", "-3h", "", "2026-13")),
        ("2999-01-01", "expected a time that has passed"),
        ("9999-12-31T23:59:59", "give an earlier one, or a time ago, such as 24h"),
    ],
)
def test_a_time_that_cannot_be_is_refused(home: Path, given: str, cure: str) -> None:
    said = refusal(home, "status", "--since", given, code=2)
    assert said.startswith(f"--since {given!r}: expected ")
    assert cure in said


def test_the_message_reaches_the_shell(home: Path) -> None:
    done = run("status", "--since", "2999-01-01", "--home", ".", folder=home, code=2)
    assert b"locum: --since '2999-01-01': expected a time that has passed" in done.stderr
    assert done.stdout == b""


# A promotion of another version.


def test_what_another_version_promoted_shows_its_cure_and_no_promise(home: Path) -> None:
    counted(home, calls(NEW_YEAR, "student", 100))
    with open_database(home / "locum.sqlite") as database:
        database.execute("UPDATE promotions SET plan = ?", (b'{"frames": []}',))
    said = " ".join(locum(home, "status", columns=300).split())
    assert "support: unreadable, so that its teacher answers all calls: made by another" in said
    assert "locum distill support, then locum promote support" in said
    assert "(400 answers compared, 8 differ) support: $0 spent" in said
    assert "promised" not in said
    assert "expected" not in said
    [found] = in_json(home, "status")["tasks"]
    for figure in ("teacher", "target", "confidence", "expected_coverage"):
        assert found[figure] is None


# By what.


def row(key: dict[str, object], usage: tuple[int, int, float, float]) -> dict[str, object]:
    answered, to_teacher, spent, saved = usage
    return {
        **key,
        "total": answered + to_teacher,
        "answered": answered,
        "to_teacher": to_teacher,
        "spent_usd": pytest.approx(spent),
        "saved_usd": pytest.approx(saved),
    }


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (
            "hour",
            [
                row({"hour": NEW_YEAR + DAY}, (1_000_000, 50, 0.1, 2_000.0)),
                row({"hour": NEW_YEAR + 10 * HOUR}, (0, 40, 0.08, 0.0)),
                row({"hour": NEW_YEAR + 9 * HOUR}, (110, 0, 0.02, 0.2)),
            ],
        ),
        (
            "day",
            [
                row({"day": NEW_YEAR + DAY}, (1_000_000, 50, 0.1, 2_000.0)),
                row({"day": NEW_YEAR}, (110, 40, 0.1, 0.2)),
            ],
        ),
        (
            "application",
            [
                row({"application": ""}, (0, 50, 0.1, 0.0)),
                row({"application": "nightly"}, (10, 40, 0.1, 0.0)),
                row({"application": "web"}, (1_000_100, 0, 0.0, 2_000.2)),
            ],
        ),
    ],
)
def test_rows_are_told_in_json(busy: Path, by: str, rows: list[dict[str, object]]) -> None:
    [found] = in_json(busy, "status", "--by", by)["tasks"]
    assert found["by"] == by
    assert sum(sum(one.pop("calls").values()) for one in found["rows"]) == found["total"]
    assert found["rows"] == rows
    [plain] = in_json(busy, "status")["tasks"]
    assert (plain["by"], plain["rows"]) == (None, [])


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        ("hour", ["2026-01-02 00:00 1,000,050 1,000,000 50 $0.1 $2,000.00", "2026-01-01 10:00"]),
        ("day", ["2026-01-02 1,000,050", "2026-01-01 150 110 40 $0.1 $0.2"]),
        ("application", ["- 50 0 50 $0.1 $0", "nightly 50 10 40", "web 1,000,100 1,000,100 0 $0"]),
    ],
)
def test_rows_fit_into_80_columns(busy: Path, by: str, shown: list[str]) -> None:
    said = locum(busy, "status", "support", "--by", by, columns=80)
    assert max(map(len, said.splitlines())) <= 80
    assert "\u2026" not in said
    plain = " ".join(re.sub("[│┃]", " ", said).split())
    assert f"support: calls by {by}" in plain
    for text in shown:
        assert text in plain


def test_each_task_has_rows_of_its_own(busy: Path) -> None:
    tell(busy / "locum.sqlite", STORY._replace(task="triage", calls={"teacher": 7}, call_usd=None))
    said = locum(busy, "status", "--by", "application")
    assert said.index("support: calls by") < said.index("triage: calls by")
    assert "triage: what a call of the teacher costs is not known" in said
    [_, found] = in_json(busy, "status", "--by", "application")["tasks"]
    assert found["rows"] == [
        {
            "application": "",
            "calls": {"teacher": 7},
            "total": 7,
            "answered": 0,
            "to_teacher": 7,
            "spent_usd": None,
            "saved_usd": None,
        }
    ]


def test_nothing_else_can_be_grouped_by(home: Path) -> None:
    said = locum(home, "status", "--by", "week", code=2)
    for expected in ("week", "hour", "day", "application"):
        assert expected in said


def test_who_watches_sees_the_time_move_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, pauses = time.time(), iter((1, 2))
    counted(home, calls(began, "student", 1111))

    def pause(seconds: float) -> None:
        assert seconds == 2
        if next(pauses) == 2:
            raise KeyboardInterrupt
        monkeypatch.setattr(time, "time", lambda: began + 3 * HOUR)
        counted(home, calls(time.time(), "student", 2222))

    monkeypatch.setattr(time, "sleep", pause)
    said = locum(home, "status", "--since", "90m", "--by", "hour", "--watch", code=130)
    first, then = said.split("promoted students")[1:]
    assert "support: calls by hour" in first
    assert "1,111" in first
    assert "2,222" in then
    assert "3,333" not in then


def test_who_watches_sees_the_store_that_was_put_in_the_place_of_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, other = home / "locum.sqlite", home / "restored.sqlite"
    with open_database(place) as database:
        database.empty_log()
    shutil.copy(place, other)
    counted(home, calls(time.time(), "student", 1111))
    pauses = iter((1, 2))

    def pause(_: float) -> None:
        if next(pauses) == 2:
            raise KeyboardInterrupt
        other.replace(place)

    monkeypatch.setattr(time, "sleep", pause)
    first, then = locum(home, "status", "--watch", code=130).split("promoted students")[1:]
    assert "1,111" in first
    assert "1,111" not in then


def test_a_disagreement_on_a_deleted_call_names_no_call(home: Path) -> None:
    differing = Shadow("support", ARTEFACT, NEW_YEAR, "abcdef0123", True, False, "billing", 0.9)  # noqa: FBT003
    with open_database(home / "locum.sqlite") as database:
        ShadowStore(database).add_shadows([differing, differing._replace(call_id=None, said="")])
    said = locum(home, "status")
    assert "student said 'billing', and the teacher did not: locum calls show abcdef01" in said
    assert "student and teacher differed on a call that was deleted" in said
    assert "show deleted" not in said


def test_a_gateways_calls_are_told_by_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("web", "nightly")
    for name in names:
        monkeypatch.setenv(f"KEY_OF_{name}", f"sk-{name}-9f8e7d6c5b4a3928")
    applications = {name: ApplicationSettings(key_env=f"KEY_OF_{name}") for name in names}
    promote(tmp_path / "locum.sqlite", tmp_path / "support")
    texts = {"web": [SURE["billing"], SURE["returns"], UNSURE], "nightly": [UNSURE]}
    with (
        upstream_server(Teacher()) as upstream,
        running_gateway(
            tmp_path,
            upstreams(upstream.url),
            LIMITS,
            place=str(tmp_path / "locum.sqlite"),
            applications=applications,
        ) as gateway,
    ):
        wait_until_ready(gateway)
        for name in names:
            key = f"authorization: Bearer sk-{name}-9f8e7d6c5b4a3928"
            for text in texts[name]:
                assert send(gateway, chat_request(text), key).status == 200
    [found] = in_json(tmp_path, "status", "--since", "1h", "--by", "application")["tasks"]
    counts = [(row["application"], row["answered"], row["to_teacher"]) for row in found["rows"]]
    assert counts == [("nightly", 0, 1), ("web", 2, 1)]


# A law: whatever calls are grouped by, they are the same calls.

APPLICATIONS = st.sampled_from(["", "web", "nightly jobs", "日本"])
ROUTES = st.sampled_from(["student", "shadow", "deferred", "teacher", "failed"])
MOMENTS = st.integers(0, 5 * DAY).map(lambda seconds: NEW_YEAR + seconds)
TALLIES = st.lists(
    st.builds(
        Tally,
        task=st.just("support"),
        artefact=st.sampled_from([ARTEFACT, "another"]),
        time=MOMENTS,
        application=APPLICATIONS,
        route=ROUTES,
        calls=st.integers(1, 10**9),
        usd=st.none() | st.floats(0, 1e6),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that examples share, each with calls of its own."""
    place = tmp_path_factory.mktemp("kept") / "locum.sqlite"
    tell(place, STORY)
    return place


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(tallies=TALLIES, since=st.none() | MOMENTS)
def test_rows_add_up_to_the_calls(kept: Path, tallies: Sequence[Tally], since: int | None) -> None:
    begin = 0 if since is None else since - since % HOUR
    expected: Counter[Route] = Counter()
    for tally in tallies:
        if tally.time >= begin:
            expected[tally.route] += tally.calls
    with open_database(kept) as database:
        database.execute("DELETE FROM tallies")
        ShadowStore(database).add_tallies(tallies)
        check_rows(database, since, "hour", expected)
        check_rows(database, since, "day", expected)
        check_rows(database, since, "application", expected)
        [plain] = read_standings(database, since=since)
    assert plain.calls == expected
    assert plain.rows == {}


def check_rows(
    database: Database, since: int | None, by: Grouping, expected: Counter[Route]
) -> None:
    [found] = read_standings(database, since=since, by=by)
    assert found.calls == expected
    rows = found.rows.values()
    assert sum((Counter(row.routes) for row in rows), Counter()) == expected
    for whole, parts in (
        (found.usage.total, [row.total for row in rows]),
        (found.usage.answered, [row.answered for row in rows]),
        (found.usage.to_teacher, [row.to_teacher for row in rows]),
        (found.usage.spent_usd, [row.spent_usd or 0.0 for row in rows]),
        (found.usage.saved_usd, [row.saved_usd or 0.0 for row in rows]),
    ):
        assert sum(parts) == pytest.approx(whole)
    assert all(row.total for row in rows)
    for key in found.rows:
        if by != "application":
            assert int(key) % (DAY if by == "day" else HOUR) == 0
            assert since is None or int(key) + (DAY if by == "day" else HOUR) > since


# Calls of another prompt.

CHANGED = "Which team should answer? Name one."
NOW = 2_000_000_000.0  # later than the promotion


def recorded(text: str, told: str, number: int, task: str | None = None, **more: float) -> Call:
    call = record(chat_request(text, told, **more), "Billing.", number, task=task)
    return call._replace(facts=replace(call.facts, time=NOW + number))


@pytest.fixture
def changing(tmp_path: Path) -> Path:
    """A home whose application has another prompt since, and other tasks too."""
    learned_from = label_calls()
    promoted = promote(tmp_path / "locum.sqlite", tmp_path / "student")
    ids = [call.facts.id for call in learned_from]
    calls = [recorded(f"text {n}", CHANGED, n) for n in range(3)]
    calls += [recorded(f"text {n}", "Translate into French.", n, task="support") for n in (3, 4)]
    calls += [
        recorded("of another task", "Translate into French, and be polite.", 5),
        recorded("named otherwise", CHANGED, 6, task="mail"),
        recorded("of other settings", f"{INSTRUCTION} Name two.", 7, temperature=1),
        recorded("left to the teacher", INSTRUCTION, 8, task="support"),
    ]
    with open_database(tmp_path / "locum.sqlite") as database:
        store = CallStore(database)
        store.link("artefact", [(promoted.promotion.artefact, one) for one in ids])
        store.add(calls)
    return tmp_path


def test_calls_that_a_changed_prompt_leaves_to_the_teacher_are_told_of(changing: Path) -> None:
    [found] = in_json(changing, "status")["tasks"]
    prompts = found["other_prompts"]
    assert [prompt["calls"] for prompt in prompts] == [3, 2]
    assert prompts[0] == {
        "fingerprint": prompts[0]["fingerprint"],
        "calls": 3,
        "first": NOW,
        "cost_usd": pytest.approx(0.003),
    }
    assert found["total"] == 0
    said = " ".join(locum(changing, "status", "support").split())
    assert "support: 3 calls since" in said
    assert f"learn from these, locum distill {prompts[0]['fingerprint']}" in said
    with open_database(changing / "locum.sqlite") as database:
        assert [one.other_prompts for one in read_standings(database)] == [[]]


def test_who_watches_waits_the_longer_for_other_prompts_the_longer_they_take(
    changing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, clock, looked = changing / "locum.sqlite", [100.0], [0]

    def find(database: Database, where: CallFilter) -> list[CallSums]:
        looked[0] += 1
        clock[0] += 1.5
        return list(stream_sums(database, where))

    monkeypatch.setattr("locum.promotion.other_prompts.stream_sums", find)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    reader = StandingsReader(place, None, None, None, RedactionSettings())
    told = []
    for _ in range(20):
        [found] = reader.read()
        told.append([prompt.calls for prompt in found.other_prompts])
        clock[0] += 2.0
    # It took 1.5 of 30 seconds: the next look is the 16th.
    assert looked[0] == 2
    assert told == [[3, 2]] * 20
    demote(place)
    assert [one.other_prompts for one in reader.read()] == [[]]
    promoted = promote(place, changing / "student")
    assert [one.artefact for one in reader.read()] == [promoted.promotion.artefact]
    assert [one.other_prompts for one in reader.read()] == [[]]


def test_calls_of_another_prompt_are_counted_while_the_student_stands_in(changing: Path) -> None:
    with open_database(changing / "locum.sqlite") as database:
        [found] = read_standings(database, since=NOW + 100, framer=Framer())
    assert found.other_prompts == []
    demote(changing / "locum.sqlite")
    assert in_json(changing, "status")["tasks"][0]["other_prompts"] == []
