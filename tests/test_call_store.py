"""Recorded calls in the store, in both dialects."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.errors import InputError, UsageError
from locum.schema import Call, TeacherAnswer
from locum.store import CallFilter, CallStore, Database, LabelStore, open_database
from locum.store.call_rows import to_call, to_row
from tests.call_samples import full_call, ids, make_call, make_calls

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = CallFilter()
NOTHING_KNOWN = Call(make_call("bare").facts, {}, None)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def bodies_and_calls(database: Database) -> tuple[int, int]:
    query = "SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM calls)"
    [(bodies, calls)] = database.execute(query)
    return bodies, calls


def test_calls_come_back_as_they_were(place: str) -> None:
    calls = [NOTHING_KNOWN, full_call()]
    with open_database(place) as database:
        assert CallStore(database).add(calls) == 2
    with open_database(place) as database:
        store = CallStore(database)
        assert list(store.iterate(EVERYTHING)) == calls
        assert store.find(EVERYTHING, 10) == [full_call().facts, NOTHING_KNOWN.facts]
        assert store.get("full") == full_call()
        assert isinstance(store.get("full").facts.streamed, bool)


def test_deletions_at_once_delete_each_call_once(place: str) -> None:
    with open_database(place) as database:
        CallStore(database).add(make_calls(400))

    def delete(first: float) -> int:
        with open_database(place) as own:
            return CallStore(own).delete(CallFilter(since=first, until=first + 200)).calls

    with ThreadPoolExecutor() as pool:
        assert sum(pool.map(delete, (0.0, 50.0, 100.0, 150.0))) == 350
    with open_database(place) as database:
        assert bodies_and_calls(database) == (50, 50)


@given(st.dictionaries(st.text(), JSON, max_size=4))
@example({"just beyond 64 bits": -(2**63) - 1})
def test_every_body_that_json_can_say_comes_back(body: dict[str, Any]) -> None:
    facts, request, response = to_row(Call(full_call().facts, body, body))
    assert to_call((*facts, request, response)) == Call(full_call().facts, body, body)


@pytest.mark.parametrize(
    "body", [{"n": 2**70}, {"text": "half \ud83d of a pair"}, {"n": -(10**25), "t": "\udc00"}]
)
def test_bodies_beyond_64_bits_and_unicode_are_kept(store: CallStore, body: dict[str, Any]) -> None:
    call = Call(full_call().facts, body, body)
    store.add([call])
    assert store.get("full") == call


def test_a_body_that_is_no_json_is_refused_with_its_batch(store: CallStore) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"deeper": deep}
    with pytest.raises(InputError, match="call deep cannot be kept as JSON"):
        store.add([full_call(), Call(make_call("deep").facts, deep, None)])
    assert store.count(EVERYTHING) == 0


def test_texts_that_no_database_takes_are_mended(store: CallStore) -> None:
    store.add([make_call("odd", preview="a\0b \ud83d c", application="x\0")])
    [facts] = store.find(EVERYTHING, 1)
    assert (facts.preview, facts.application) == ("a\ufffdb ? c", "x\ufffd")


def test_a_number_that_no_database_takes_is_refused(store: CallStore) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        store.add([make_call("huge", input_tokens=2**64)])
    assert store.count(EVERYTHING) == 0


def test_known_calls_are_left_as_they_are(store: CallStore, database: Database) -> None:
    assert store.add(make_calls(5)) == 5
    changed = [Call(call.facts, {"changed": True}, None) for call in make_calls(8, first=3)]
    assert store.add(changed) == 6
    assert store.add([*changed, *changed]) == 0
    assert bodies_and_calls(database) == (11, 11)
    assert store.get("call-00004").request != {"changed": True}
    assert store.get("call-00005").request == {"changed": True}


def test_nothing_to_add_is_no_fault(store: CallStore) -> None:
    assert store.add([]) == 0


def test_connections_that_add_the_same_calls_add_them_once(place: str) -> None:
    counts: list[int] = []

    def add(first: int) -> None:
        with open_database(place) as database:
            store = CallStore(database)
            counts.extend(store.add(make_calls(20, first + 10 * batch)) for batch in range(10))

    open_database(place).close()
    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 5, 10, 15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_database(place) as database:
        assert sum(counts) == CallStore(database).count(EVERYTHING) == 125
        assert bodies_and_calls(database) == (125, 125)


FILTERED = [
    make_call("a", 1.0, task="support", model="gpt-5.2-mini", fingerprint="aaaaaa000000"),
    make_call("b", 2.0, task="support", model="gpt-5.2", fingerprint="aaaaaa111111"),
    make_call("c", 3.0, fingerprint="aaaaab000000", model="GPT-5.2", application="shop"),
    make_call("d", 4.0, task="aaaaaa", source="otel", outcome="failed", endpoint="messages"),
    make_call("e", 5.0, application="shop", outcome="incomplete", model="gpt-5_2"),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (CallFilter(), "abcde"),
        (CallFilter(task="support"), "ab"),
        (CallFilter(task="suppor"), ""),
        (CallFilter(task="aaaaaa"), "abd"),
        (CallFilter(task="aaaaaa1"), "b"),
        (CallFilter(task="aaaaa"), ""),
        (CallFilter(model="gpt-5.2"), "bd"),
        (CallFilter(model="gpt-5.2*"), "abd"),
        (CallFilter(model="gpt-*"), "abde"),
        (CallFilter(model="*"), "abcde"),
        (CallFilter(model="%"), ""),
        (CallFilter(source="otel"), "d"),
        (CallFilter(outcome="whole"), "abc"),
        (CallFilter(endpoint="messages"), "d"),
        (CallFilter(application="shop", outcome="incomplete"), "e"),
        (CallFilter(since=2.0, until=4.0), "bc"),
        (CallFilter(since=6.0), ""),
        (CallFilter(ids=("a", "e", "z")), "ae"),
        (CallFilter(ids=()), ""),
        (CallFilter(task="support' OR TRUE --"), ""),
    ],
    ids=str,
)
def test_filters(store: CallStore, where: CallFilter, expected: str) -> None:
    store.add(FILTERED)
    assert "".join(ids(store.iterate(where))) == expected
    assert "".join(ids(store.find(where, 100))) == expected[::-1]
    assert store.count(where) == len(expected)
    assert sum(totals.calls for totals in store.totals(where)) == len(expected)


def test_too_many_ids_are_refused() -> None:
    with pytest.raises(UsageError, match="10,001 calls are named: name at most 10,000"):
        CallFilter(ids=("a",) * 10_001)


def test_ten_thousand_ids_are_found(store: CallStore) -> None:
    store.add(make_calls(3))
    unknown = tuple(f"unknown {number}" for number in range(9_998))
    assert store.count(CallFilter(ids=("call-00000", *unknown, "call-00002"))) == 2


def test_the_newest_calls_come_first(store: CallStore) -> None:
    store.add(make_calls(50, first=50))
    store.add(make_calls(50))
    assert ids(store.find(EVERYTHING, 3)) == ["call-00099", "call-00098", "call-00097"]
    assert ids(store.find(CallFilter(until=10.0), 2)) == ["call-00009", "call-00008"]
    assert store.find(EVERYTHING, 0) == []


def test_totals_sum_by_task_or_fingerprint_and_model(store: CallStore) -> None:
    known = {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5}
    store.add(
        [
            make_call("a", 3.0, task="t", fingerprint="000000000000", **known),
            make_call("b", 1.0, task="t", fingerprint="111111111111", **known),
            make_call("c", 2.0, task="t", fingerprint="111111111111"),
            make_call("d", 4.0, task="t", model="other"),
            make_call("e", 5.0, fingerprint="222222222222", input_tokens=1),
            make_call("f", 6.0, fingerprint="222222222222", input_tokens=2),
        ]
    )
    totals = store.totals(EVERYTHING)
    assert [tuple(row) for row in totals] == [
        ("t", True, "gpt-5.2", 3, 20, 4, 1.0, 1.0, 3.0),
        ("222222222222", False, "gpt-5.2", 2, 3, 0, None, 5.0, 6.0),
        ("t", True, "other", 1, 0, 0, None, 4.0, 4.0),
    ]
    assert all(isinstance(row.input_tokens, int) for row in totals)
    assert [row.calls for row in store.totals(CallFilter(until=3.0))] == [2]


def test_a_call_is_found_by_the_beginning_of_its_id(store: CallStore) -> None:
    store.add([make_call(call_id) for call_id in ("abc", "abcd", "abd", "b%", "ü")])
    assert store.get("abcd").facts.id == "abcd"
    assert store.get("abc").facts.id == "abc"
    assert store.get("abd").facts.id == "abd"
    assert store.get("b").facts.id == "b%"
    assert store.get("ü").facts.id == "ü"
    with pytest.raises(InputError, match="several calls begin with 'ab': abc, abcd, abd; give"):
        store.get("ab")
    with pytest.raises(InputError, match=r"there is no call '%': locum calls lists"):
        store.get("%")


def test_many_calls_that_begin_alike_are_named_in_part(store: CallStore) -> None:
    store.add(make_calls(20))
    with pytest.raises(InputError, match=r"call-00003, call-00004, \.\.\.; give more of the id"):
        store.get("call")


def test_calls_are_read_while_others_are_written(store: CallStore) -> None:
    store.add(make_calls(1000))
    reading = store.iterate(EVERYTHING)
    seen = ids([next(reading)])
    store.add(make_calls(10, first=1000))
    store.delete(CallFilter(ids=("call-00999",)))
    seen += ids(reading)
    assert seen == ids(make_calls(1000))
    assert store.count(EVERYTHING) == 1009


def test_an_abandoned_reading_holds_nothing_up(store: CallStore) -> None:
    store.add(make_calls(1000))
    next(store.iterate(EVERYTHING))
    assert store.delete(EVERYTHING).calls == 1000


def test_calls_are_named_where_they_have_no_task(store: CallStore) -> None:
    known = [*make_calls(2), make_call("other", task="billing"), make_call("same", task="support")]
    store.add(known)
    naming = store.name([*known, *make_calls(1), make_call("unknown")], "support")
    assert naming == (2, {"billing": 1}, 0)
    tasks = {call.facts.id: call.facts.task for call in store.iterate(EVERYTHING)}
    assert tasks == {
        **dict.fromkeys(["call-00000", "call-00001", "same"], "support"),
        "other": "billing",
    }
    assert store.name(known, "support") == (0, {"billing": 1}, 0)


def test_a_deletion_takes_what_was_derived_from_it_alone(
    store: CallStore, database: Database
) -> None:
    store.add(make_calls(4))
    labels = LabelStore(database)
    labels.add([(key, TeacherAnswer(key)) for key in ("one", "both", "kept", "free")])
    labels.link([("one", "call-00000"), ("one", "call-00001"), ("both", "call-00001")])
    store.link("answer", [("both", "call-00002"), ("kept", "call-00003"), ("both", "call-00002")])
    store.link("student", [("support", "call-00000"), ("support", "call-00003")])
    store.link("student", [("other", "call-00003"), ("billing", "call-00001")])
    store.link("report", [("refused", "call-00000"), ("other", "call-00003")])
    store.link("written", [("support", "call-00001"), ("other", "call-00003")])
    deletion = store.delete(CallFilter(until=2.0))
    assert deletion[:8] == (2, 0, 1, ("billing", "support"), ("refused",), ("support",), (), ())
    assert set(labels.find(["one", "both", "kept", "free"])) == {"both", "kept", "free"}
    assert ids(store.iterate(EVERYTHING)) == ["call-00002", "call-00003"]
    assert bodies_and_calls(database) == (2, 2)
    assert store.delete(CallFilter(ids=("call-00002",)))[:8] == (1, 0, 1, (), (), (), (), ())
    assert set(labels.find(["one", "both", "kept", "free"])) == {"kept", "free"}
    assert database.execute("SELECT DISTINCT call_id FROM derived") == [("call-00003",)]
    assert store.delete(CallFilter(task="nothing"))[:8] == (0, 0, 0, (), (), (), (), ())


def test_a_student_that_learned_from_deleted_calls_stays_known_and_the_calls_do_not(
    store: CallStore, database: Database
) -> None:
    store.add(make_calls(3))
    assert (
        store.link_made({"student": "support", "artefact": "a"}, ["call-00000", "call-00001"]) == 0
    )
    assert store.link_made({"artefact": "b"}, ["call-00002"]) == 0
    deletion = store.delete(CallFilter(ids=("call-00001",)))
    assert deletion.students == ("support",)
    assert [store.learned_from_deleted(artefact) for artefact in "abc"] == [True, False, False]
    assert ids(store.linked("artefact", "a")) == ["call-00000"]
    known = database.execute("SELECT DISTINCT call_id FROM derived ORDER BY call_id")
    assert known == [("",), ("call-00000",), ("call-00002",)]
    # The same student, made of what is left.
    assert store.link_made({"artefact": "a"}, ["call-00000"]) == 0
    assert not store.learned_from_deleted("a")


def test_what_was_made_of_calls_that_are_gone_is_not_noted(
    store: CallStore, database: Database
) -> None:
    store.add(make_calls(5))
    if database.dialect == "sqlite":
        store.compact(2.0)
    store.delete(CallFilter(ids=("call-00001", "call-00003")))
    every = [f"call-{number:05}" for number in range(5)]
    assert store.link_made({"artefact": "a", "student": "support"}, every) == 2
    assert database.execute("SELECT * FROM derived") == []
    left = [every[0], every[2], every[4]]
    assert store.link_made({"artefact": "a", "student": "support"}, left) == 0
    assert sorted(ids(store.linked("artefact", "a"))) == left


def test_a_deletion_either_names_what_is_made_or_is_seen(place: str) -> None:
    with open_database(place) as database:
        CallStore(database).add(make_calls(200))
    ready = threading.Barrier(2)
    gone: list[int] = []
    named: list[tuple[str, ...]] = []

    def make() -> None:
        with open_database(place) as database:
            ready.wait()
            names = [f"call-{number:05}" for number in range(200)]
            gone.append(CallStore(database).link_made({"student": "support"}, names))

    def delete() -> None:
        with open_database(place) as database:
            ready.wait()
            named.append(CallStore(database).delete(EVERYTHING).students)

    threads = [threading.Thread(target=work) for work in (make, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (gone, named) in [([0], [("support",)]), ([200], [()])]


def test_a_deleted_call_may_be_added_again(store: CallStore) -> None:
    store.add(make_calls(2))
    assert store.delete(EVERYTHING).calls == 2
    assert store.add(make_calls(2)) == 2


def test_a_deletion_that_fails_leaves_everything(store: CallStore, database: Database) -> None:
    store.add(make_calls(3))
    database.execute("ALTER TABLE derived RENAME TO away")
    with pytest.raises(InputError, match="derived"):
        store.delete(EVERYTHING)
    database.execute("ALTER TABLE away RENAME TO derived")
    assert bodies_and_calls(database) == (3, 3)
    assert store.delete(EVERYTHING).calls == 3


def test_deleted_words_are_gone_from_the_files(tmp_path: Path) -> None:
    words = "a sentence that nobody may find again"
    with open_database(tmp_path / "calls.sqlite") as database:
        store = CallStore(database)
        store.add([*make_calls(500), make_call(words, preview=words)])
        files = list(tmp_path.iterdir())
        assert any(words.encode() in file.read_bytes() for file in files)
        store.delete(CallFilter(ids=(words,)))
        assert not any(words.encode() in file.read_bytes() for file in tmp_path.iterdir())
        assert store.count(EVERYTHING) == 500


def test_a_deletion_says_that_the_log_holds_deleted_words_and_later_programs_empty_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, words = tmp_path / "calls.sqlite", [f"a sentence of customer {n}" for n in range(2)]

    def found(word: str) -> bool:
        return any(word.encode() in file.read_bytes() for file in tmp_path.iterdir())

    def reader() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM calls").fetchone()
        return connection

    monkeypatch.setattr("locum.store.sqlite._EMPTYING_MILLISECONDS", 1)
    with open_database(path) as database:
        store = CallStore(database)
        store.add([make_call(word, preview=word) for word in words])
        with closing(reader()):
            assert not store.delete(CallFilter(ids=(words[0],))).log_emptied
        assert found(words[0])
        open_database(path).close()
        assert not found(words[0])
        reading = reader()
        monkeypatch.setattr("time.sleep", lambda _: reading.close())
        assert store.delete(CallFilter(ids=(words[1],)), patience=60.0).log_emptied
        assert not found(words[1])


def test_a_deletion_counts_imported_calls(store: CallStore) -> None:
    store.add([make_call("recorded", source="gateway"), make_call("imported", source="pairs")])
    assert store.delete(EVERYTHING).imported == 1


def test_a_damaged_body_names_its_call(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with open_database(path) as database:
        CallStore(database).add(make_calls(1))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE bodies SET request = '{'")
    with (
        open_database(path) as database,
        pytest.raises(InputError, match="the body of call call-00000 is damaged"),
    ):
        list(CallStore(database).iterate(EVERYTHING))


def test_queries_over_many_calls_use_the_indexes(tmp_path: Path) -> None:
    def plan(database: Database, query: str) -> str:
        return " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}"))

    with open_database(tmp_path / "calls.sqlite") as database:
        newest = plan(database, "SELECT * FROM calls WHERE task = 'a' ORDER BY time DESC LIMIT 20")
        totals = plan(
            database,
            "SELECT sum(cost_usd), max(time) FROM calls WHERE task = 'a' AND application = 'b' "
            "AND outcome = 'c' AND endpoint = 'd' AND source = 'e' "
            "GROUP BY fingerprint, task, model",
        )
    assert "USING INDEX calls_time" in newest
    assert "B-TREE FOR ORDER BY" not in newest
    assert "USING COVERING INDEX calls_totals" in totals
