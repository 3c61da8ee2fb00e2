"""Old calls in Parquet files: compaction, reading, deletion and crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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
    export_parquet,
    open_database,
    parquet,
)
from locum.store.call_filter import Condition
from tests.call_samples import full_call, ids, make_call, make_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

    from locum.store.call_rows import CallRow

EVERYTHING = CallFilter()
# Compacts a store in small files, and says when it begins.
COMPACT = """
import sys
from locum.store import CallStore, archive, open_database
archive.CALLS_A_FILE = 100
with open_database(sys.argv[1]) as database:
    print("begin", flush=True)
    CallStore(database).compact(1e12)
"""


class CrashError(Exception):
    """Raised where a process might die."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is; its name holds what file patterns and SQL would take for their own."""
    folder = tmp_path / "it's [1] *"
    folder.mkdir()
    return folder / "calls.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """An empty store."""
    with open_database(path) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> CallStore:
    """An empty store of calls."""
    return CallStore(database)


def files_of(path: Path) -> list[Path]:
    return sorted(path.with_name(f"{path.name}-archive").iterdir())


def known_files(database: Database) -> set[str]:
    return {file for (file,) in database.execute("SELECT file FROM archives")}


def in_tables(database: Database) -> int:
    query = "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM bodies)"
    [(calls, bodies)] = database.execute(query)
    assert calls == bodies
    return int(calls)


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


def test_archived_calls_answer_like_others(path: Path, store: CallStore) -> None:
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
    assert compaction.bytes == files_of(path)[0].stat().st_size
    for where, (calls, newest, count, totals) in zip(filters, before, strict=True):
        assert list(store.iterate(where)) == calls
        assert store.find(where, 20) == newest
        assert store.count(where) == count
        assert store.totals(where) == [pytest.approx(row) for row in totals]
    assert store.get("call-00007") == mixed_calls()[7]
    with pytest.raises(InputError, match="several calls begin with 'call-0000'"):
        store.get("call-0000")


def test_the_newest_calls_are_found_without_opening_older_files(
    store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(300))
    store.compact(200.0)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert len(store.find(EVERYTHING, 100)) == 100
    with pytest.raises(UsageError, match=r"pip install 'locum\[parquet\]'"):
        store.find(EVERYTHING, 101)


def test_the_newest_calls_are_found_where_a_file_is_newer(store: CallStore) -> None:
    store.add(make_calls(10, first=100))
    store.compact(1e9)
    store.add(make_calls(10))
    assert ids(store.find(EVERYTHING, 11)) == [
        *(f"call-{number:05}" for number in range(109, 99, -1)),
        "call-00009",
    ]


def test_files_that_overlap_are_read_in_the_order_of_time(
    path: Path,
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
    assert len(files_of(path)) >= 6
    assert list(store.iterate(EVERYTHING)) == calls
    assert ids(store.iterate(CallFilter(since=123.0, until=456.0))) == ids(make_calls(333, 123))


def test_many_calls_keep_their_order_in_one_file(path: Path, store: CallStore) -> None:
    calls = [make_call(f"{number:06}", number / 7) for number in range(20_000)]
    store.add(calls)
    assert store.compact(1e9).files == 1
    [file] = files_of(path)
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT id FROM read_parquet(?)", [str(file)]).fetchall()
        groups = connection.execute(
            "SELECT count(DISTINCT row_group_id) FROM parquet_metadata(?)", [str(file)]
        ).fetchone()
    assert [call_id for (call_id,) in rows] == ids(calls)
    assert groups is not None
    assert groups[0] > 1


def test_files_end_at_a_number_of_bytes_too(
    path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "BYTES_A_FILE", 1000)
    store.add(make_calls(100))
    assert store.compact(1e9).files == len(files_of(path)) > 5
    assert list(store.iterate(EVERYTHING)) == make_calls(100)


def test_an_archived_call_is_known(store: CallStore, database: Database) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    assert store.add(make_calls(12)) == 2
    assert store.count(EVERYTHING) == 12
    assert in_tables(database) == 7


def test_compacting_twice_moves_once(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    assert store.compact(5.0).calls == 5
    files = files_of(path)
    assert store.compact(5.0) == (0, 0, 0)
    assert files_of(path) == files


def test_compaction_makes_the_file_smaller(
    path: Path, store: CallStore, database: Database
) -> None:
    store.add(make_calls(5000))
    database.empty_log()
    before = path.stat().st_size
    store.compact(4900.0)
    assert path.stat().st_size < before / 4


def test_files_can_be_read_by_their_owner_alone(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_deletion_reaches_archived_calls(path: Path, store: CallStore) -> None:
    store.add(mixed_calls())
    store.compact(200.0)
    labels = LabelStore(path)
    labels.add([("a", TeacherAnswer("a")), ("b", TeacherAnswer("b"))])
    labels.link([("a", "call-00000"), ("b", "call-00001")])
    store.link("student", [("support", "call-00000")])
    [before] = files_of(path)
    deletion = store.delete(CallFilter(task="support"))
    assert deletion == (100, 67, 1, ("support",))
    expected = [call for call in mixed_calls() if call.facts.task != "support"]
    assert list(store.iterate(EVERYTHING)) == expected
    assert set(labels.find(["a", "b"])) == {"b"}
    [after] = files_of(path)
    assert after != before
    assert b"call-00000" not in after.read_bytes()
    assert store.add(mixed_calls()) == 100
    with labels:
        assert store.count(EVERYTHING) == 300


def test_a_file_without_calls_goes(path: Path, store: CallStore, database: Database) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    assert store.delete(CallFilter(until=7.0)) == (7, 5, 0, ())
    assert files_of(path) == []
    assert database.execute("SELECT * FROM archived") == []
    assert ids(store.iterate(EVERYTHING)) == ids(make_calls(3, first=7))


def test_a_file_without_deleted_calls_stays_as_it_is(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    files = files_of(path)
    assert store.delete(CallFilter(ids=("call-00009",))) == (1, 0, 0, ())
    assert files_of(path) == files


def test_calls_deleted_during_a_compaction_stay_deleted(
    path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    write = parquet.write_parquet

    def write_late(rows: Iterator[CallRow], file: Path) -> int:
        written = write(rows, file)
        monkeypatch.setattr(archive, "write_parquet", write)
        with open_database(path) as other:
            CallStore(other).delete(CallFilter(ids=("call-00003",)))
        return written

    monkeypatch.setattr(archive, "write_parquet", write_late)
    assert store.compact(5.0).calls == 4
    assert ids(store.iterate(EVERYTHING)) == [c for c in ids(make_calls(10)) if c[-1] != "3"]
    assert len(files_of(path)) == 1


def test_calls_compacted_during_a_deletion_are_deleted(
    path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    store.compact(3.0)
    copy = sys.modules["locum.store.deletion"].copy_parquet

    def copy_late(source: Path, file: Path, left_out: list[str]) -> None:
        copy(source, file, left_out)
        monkeypatch.setattr("locum.store.deletion.copy_parquet", copy)
        with open_database(path) as other:
            assert CallStore(other).compact(6.0).calls == 3

    monkeypatch.setattr("locum.store.deletion.copy_parquet", copy_late)
    assert store.delete(CallFilter(since=1.0, until=8.0)) == (7, 5, 0, ())
    assert ids(store.iterate(EVERYTHING)) == ["call-00000", "call-00008", "call-00009"]
    assert len(files_of(path)) == 1


@pytest.mark.parametrize(
    "step",
    [
        "locum.store.archive.write_parquet",
        "locum.store.archive._record",
        "locum.store.parquet._copy",
        "locum.store.parquet._flush",
        "locum.store.parquet._flush_folder",
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_compaction_that_fails_anywhere_keeps_every_call(
    path: Path, store: CallStore, database: Database, step: str, when: str
) -> None:
    store.add(make_calls(10))
    module, name = step.rsplit(".", 1)
    real = getattr(sys.modules[module], name)

    def crash(*arguments: object) -> None:
        if when == "after":
            real(*arguments)
        raise CrashError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, crash)
        with pytest.raises(CrashError):
            store.compact(5.0)
    assert list(store.iterate(EVERYTHING)) == make_calls(10)
    assert {file.name for file in files_of(path)} == known_files(database)
    store.compact(5.0)
    assert list(store.iterate(EVERYTHING)) == make_calls(10)
    assert in_tables(database) == 5


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["copy_parquet", "_replace", "_delete_rows"])
def test_a_deletion_that_fails_anywhere_is_all_or_nothing(
    path: Path, store: CallStore, database: Database, step: str, when: str
) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    real = getattr(sys.modules["locum.store.deletion"], step)

    def crash(*arguments: object) -> None:
        if when == "after":
            real(*arguments)
        raise CrashError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"locum.store.deletion.{step}", crash)
        with pytest.raises(CrashError):
            store.delete(CallFilter(since=2.0, until=7.0))
    assert list(store.iterate(EVERYTHING)) == make_calls(10)
    assert {file.name for file in files_of(path)} == known_files(database)
    assert store.delete(CallFilter(since=2.0, until=7.0)) == (5, 3, 0, ())


def test_a_compaction_that_is_killed_loses_and_doubles_nothing(
    path: Path, generator: np.random.Generator
) -> None:
    calls = make_calls(3000)
    with open_database(path) as database:
        CallStore(database).add(calls)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", COMPACT, path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        time.sleep(generator.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with open_database(path) as database:
            assert list(CallStore(database).iterate(EVERYTHING)) == calls
            assert database.execute("PRAGMA integrity_check") == [("ok",)]
    with open_database(path) as database:
        store = CallStore(database)
        store.compact(2950.0)
        assert {file.name for file in files_of(path)} == known_files(database)
        assert list(store.iterate(EVERYTHING)) == calls
        assert in_tables(database) == 50


def test_leftovers_of_a_crash_are_cleaned(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(path)
    (file.parent / "leftover.parquet").write_bytes(b"PAR1")
    (file.parent / ".parquet-x").mkdir()
    (file.parent / ".parquet-x" / "calls.parquet").write_bytes(b"PAR1")
    store.compact(5.0)
    assert files_of(path) == [file]


def test_a_file_that_is_gone_is_named(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(path)
    file.unlink()
    with pytest.raises(InputError, match=file.name):
        list(store.iterate(EVERYTHING))


def test_a_damaged_file_is_named(path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(path)
    file.write_bytes(b"PAR1" * 100)
    with pytest.raises(InputError, match=file.name):
        store.count(EVERYTHING)


def test_an_export_holds_the_calls(tmp_path: Path) -> None:
    target = tmp_path / "calls.parquet"
    bare = Call(make_call("bare", 1.0, latency_ms=3, cost_usd=None).facts, {}, None)
    assert export_parquet(iter([full_call(), bare]), target) == 2
    assert list(tmp_path.iterdir()) == [target]
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(target))
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        [full, empty] = relation.fetchall()
    assert types["time"] == types["cost_usd"] == types["latency_ms"] == "DOUBLE"
    assert types["input_tokens"] == types["status"] == "BIGINT"
    assert types["streamed"] == "BOOLEAN"
    assert set(types.values()) == {"VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN"}
    assert full[0] == "full"
    assert empty[0] == "bare"
    assert empty[-1] is None
    assert empty[-2] == "{}"


def test_an_export_of_nothing_is_an_empty_table(tmp_path: Path) -> None:
    target = tmp_path / "calls.parquet"
    assert export_parquet([], target) == 0
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(target))
        assert "fingerprint" in relation.columns
        assert relation.fetchall() == []


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def failing() -> Iterator[Call]:
        yield full_call()
        raise CrashError

    target = tmp_path / "calls.parquet"
    target.write_bytes(b"earlier")
    with pytest.raises(CrashError):
        export_parquet(failing(), target)
    assert [file.name for file in tmp_path.iterdir()] == ["calls.parquet"]
    assert target.read_bytes() == b"earlier"
    with pytest.raises(InputError, match=r"gone.calls\.parquet cannot be written: No such file"):
        export_parquet([full_call()], tmp_path / "gone" / "calls.parquet")


def test_without_duckdb_the_extra_is_named(
    tmp_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for attempt in (
        lambda: store.compact(5.0),
        lambda: export_parquet([full_call()], tmp_path / "calls.parquet"),
    ):
        with pytest.raises(UsageError, match=r"pip install 'locum\[parquet\]'"):
            attempt()
    assert list(store.iterate(EVERYTHING)) == make_calls(10)
    assert not os.path.lexists(tmp_path / "calls.parquet")


def test_queries_reach_no_other_file_and_no_network(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("inside.parquet", "../outside.parquet"):
        export_parquet([full_call()], folder / name)
    settings = ", ".join(
        f"current_setting('{name}')"
        for name in (
            "autoinstall_known_extensions",
            "autoload_known_extensions",
            "enable_external_access",
        )
    )
    everything = Condition("TRUE", [])
    with parquet.ParquetReader(folder) as reader:
        assert list(reader.stream(settings, ["inside.parquet"], everything)) == [
            (False, False, False)
        ]
        with pytest.raises(InputError, match="disabled by configuration"):
            list(reader.stream("id", ["../outside.parquet"], everything))
