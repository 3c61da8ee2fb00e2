"""Old calls in Parquet files: compaction, reading and deletion."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import pytest

from locum.errors import InputError, UsageError
from locum.schema import Call, TeacherAnswer
from locum.store import (
    CallFilter,
    CallStore,
    Database,
    LabelStore,
    archive,
)
from locum.store.parquet import ParquetReader
from tests.call_samples import files_of, full_call, ids, in_tables, make_call, make_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from locum.store.call_filter import Condition
    from locum.store.database import Row


EVERYTHING = CallFilter()


@pytest.fixture
def place(odd_path: Path) -> str:
    """SQLite alone has an archive."""
    return str(odd_path)


def mixed_calls() -> list[Call]:
    """Calls of which much and little is known, the oldest first."""
    calls = []
    for number, call in enumerate(make_calls(300)):
        facts = replace(
            full_call().facts if number % 3 else call.facts,
            id=call.facts.id,
            time=float(number),
            task=["support", None, "billing"][number % 3],
            model=f"model-{number % 2}",
        )
        calls.append(Call(facts, call.request, call.response if number % 5 else None))
    return calls


def test_archived_calls_answer_like_others(odd_path: Path, store: CallStore) -> None:
    store.add(mixed_calls())
    filters = [
        EVERYTHING,
        CallFilter(task="support"),
        CallFilter(task="fedcba"),
        CallFilter(model="model-*", since=90.0, until=210.0),
        CallFilter(ids=("call-00007", "call-00299", "unknown")),
        CallFilter(outcome="failed"),
    ]
    before = [
        (list(store.iterate(w)), store.find(w, 20), store.count(w), store.totals(w))
        for w in filters
    ]
    compaction = store.compact(200.0)
    assert (compaction.calls, compaction.files) == (200, 1)
    assert compaction.bytes == files_of(odd_path)[0].stat().st_size
    for where, (calls, newest, count, totals) in zip(filters, before, strict=True):
        assert list(store.iterate(where)) == calls
        assert store.find(where, 20) == newest
        assert store.count(where) == count
        assert store.totals(where) == [pytest.approx(row) for row in totals]
    assert store.get("call-00007") == mixed_calls()[7]
    with pytest.raises(InputError, match="several calls begin with 'call-0000'"):
        store.get("call-0000")


def test_calls_in_files_are_not_named_and_counted(store: CallStore) -> None:
    calls = make_calls(4)
    store.add(calls)
    store.compact(1.5)
    assert store.name(calls, "support") == (2, {}, 2)
    tasks = [call.facts.task for call in store.iterate(EVERYTHING)]
    assert tasks == [None, None, "support", "support"]


def test_it_is_known_when_the_gateway_sent_calls_of_an_id(store: CallStore) -> None:
    sent, imported = (
        [call._replace(facts=replace(call.facts, source=source)) for call in calls]
        for source, calls in (
            ("gateway", make_calls(1_200)),
            ("openai", make_calls(10, first=2_000)),
        )
    )
    store.add([*sent, *imported])
    store.compact(300.0)
    names = [call.facts.id for call in (*sent, *imported)]
    known = store.recorded_times([*names, *names, "unknown"])
    assert known.keys() == {call.facts.id for call in sent}
    # Of those in files it is said that they are there alone.
    assert all(known[c.facts.id] == (0 if c.facts.time < 300 else c.facts.time) for c in sent)
    assert store.recorded_times([]) == {}


def test_the_newest_calls_are_found_without_opening_older_files(
    store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(300))
    store.compact(200.0)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert len(store.find(EVERYTHING, 100)) == 100
    with pytest.raises(UsageError, match=r"pip install 'locum\[parquet\]'"):
        store.find(EVERYTHING, 101)


def test_calls_that_something_stems_from_are_read_in_one_pass(
    store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = make_calls(2600)
    store.add(calls)
    store.compact(1200.0)
    store.compact(2400.0)
    store.link("artefact", [("a", call.facts.id) for call in calls[::2]])
    store.link("artefact", [("a", "call-00005"), ("a", "gone"), ("b", "call-00007")])
    read: list[str] = []
    stream = ParquetReader.stream

    def noted(
        reader: ParquetReader, columns: str, files: Sequence[str], condition: Condition
    ) -> Iterator[Row]:
        read.extend(files)
        return stream(reader, columns, files, condition)

    monkeypatch.setattr(ParquetReader, "stream", noted)
    expected = {call.facts.id for call in calls[::2]} | {"call-00005"}
    assert sorted(ids(store.linked("artefact", "a"))) == sorted(expected)
    assert len(read) == len(set(read)) == 2
    assert list(store.linked("artefact", "c")) == []


def test_the_newest_calls_are_found_where_a_file_is_newer(store: CallStore) -> None:
    store.add(make_calls(10, first=100))
    store.compact(1e9)
    store.add(make_calls(10))
    assert ids(store.find(EVERYTHING, 11)) == [
        *(f"call-{number:05}" for number in range(109, 99, -1)),
        "call-00009",
    ]


def test_files_that_overlap_are_read_in_the_order_of_time(
    odd_path: Path,
    store: CallStore,
    monkeypatch: pytest.MonkeyPatch,
    generator: np.random.Generator,
) -> None:
    monkeypatch.setattr(archive, "CALLS_A_FILE", 70)
    calls = make_calls(600)
    shuffled = [calls[place] for place in generator.permutation(600)]
    for start in range(0, 600, 200):
        store.add(shuffled[start : start + 200])
        store.compact(500.0)
    assert len(files_of(odd_path)) >= 6
    assert list(store.iterate(EVERYTHING)) == calls
    assert ids(store.iterate(CallFilter(since=123.0, until=456.0))) == ids(make_calls(333, 123))


def test_many_calls_keep_their_order_in_one_file(odd_path: Path, store: CallStore) -> None:
    calls = [make_call(f"{number:06}", number / 7) for number in range(20_000)]
    store.add(calls)
    assert store.compact(1e9).files == 1
    [file] = files_of(odd_path)
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT id FROM read_parquet(?)", [str(file)]).fetchall()
        groups = connection.execute(
            "SELECT count(DISTINCT row_group_id) FROM parquet_metadata(?)", [str(file)]
        ).fetchone()
    assert [call_id for (call_id,) in rows] == ids(calls)
    assert groups is not None
    assert groups[0] > 1


def test_files_end_at_a_number_of_bytes_too(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "BYTES_A_FILE", 1000)
    store.add(make_calls(100))
    assert store.compact(1e9).files == len(files_of(odd_path)) > 5
    assert list(store.iterate(EVERYTHING)) == make_calls(100)


def test_a_deletion_while_calls_are_read_is_said(store: CallStore, database: Database) -> None:
    for first in (0, 100):
        store.add(make_calls(20, first))
        store.compact(1000.0)
    reading = store.iterate(EVERYTHING)
    next(reading)
    CallStore(database).delete(CallFilter(since=119.0))
    with pytest.raises(
        InputError, match="is gone: where calls were deleted while they were read, run it again"
    ):
        list(reading)


def test_an_archived_call_is_known(store: CallStore, database: Database) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    assert store.add(make_calls(12)) == 2
    assert store.count(EVERYTHING) == 12
    assert in_tables(database) == 7


def test_compacting_twice_moves_once(odd_path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    assert store.compact(5.0).calls == 5
    files = files_of(odd_path)
    assert store.compact(5.0) == (0, 0, 0)
    assert files_of(odd_path) == files


def test_compaction_makes_the_file_smaller(
    odd_path: Path, store: CallStore, database: Database
) -> None:
    store.add(make_calls(5000))
    database.empty_log()
    before = odd_path.stat().st_size
    store.compact(4900.0)
    assert odd_path.stat().st_size < before / 4


def test_files_can_be_read_by_their_owner_alone(odd_path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(odd_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_deletion_reaches_archived_calls(odd_path: Path, store: CallStore) -> None:
    store.add(mixed_calls())
    store.compact(200.0)
    labels = LabelStore(odd_path)
    labels.add([("a", TeacherAnswer("a")), ("b", TeacherAnswer("b"))])
    labels.link([("a", "call-00000"), ("b", "call-00001")])
    store.link("student", [("support", "call-00000")])
    [before] = files_of(odd_path)
    deletion = store.delete(CallFilter(task="support"))
    assert deletion[:4] == (100, 67, 1, ("support",))
    expected = [call for call in mixed_calls() if call.facts.task != "support"]
    assert list(store.iterate(EVERYTHING)) == expected
    assert set(labels.find(["a", "b"])) == {"b"}
    [after] = files_of(odd_path)
    assert after != before
    assert b"call-00000" not in after.read_bytes()
    assert store.add(mixed_calls()) == 100
    with labels:
        assert store.count(EVERYTHING) == 300
    assert deletion.imported == 0
    assert store.delete(CallFilter(task="billing")).imported == 100


def test_a_file_without_calls_goes(odd_path: Path, store: CallStore, database: Database) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    assert store.delete(CallFilter(until=7.0))[:3] == (7, 5, 0)
    assert files_of(odd_path) == []
    assert database.execute("SELECT * FROM archived") == []
    assert ids(store.iterate(EVERYTHING)) == ids(make_calls(3, first=7))


def test_a_file_without_deleted_calls_stays_as_it_is(odd_path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    files = files_of(odd_path)
    assert store.delete(CallFilter(ids=("call-00009",)))[:3] == (1, 0, 0)
    assert files_of(odd_path) == files
