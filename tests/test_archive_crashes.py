"""An archive loses and doubles no call, whatever fails and whoever else writes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

import pytest

from locum.errors import InputError
from locum.store import (
    CallFilter,
    CallStore,
    Database,
    archive,
    open_database,
    parquet,
)
from locum.store.parquet import ParquetReader
from tests.call_samples import files_of, ids, in_tables, known_files, make_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from locum.store import Compaction, Deletion
    from locum.store.call_filter import Condition
    from locum.store.call_rows import CallRow
    from locum.store.database import Row

EVERYTHING = CallFilter()
SOME = CallFilter(since=1.0, until=8.0)
Done = TypeVar("Done")
# Compacts a store in small files, and says when it begins.
COMPACT = """
import sys
from locum.store import CallStore, archive, open_database
archive.CALLS_A_FILE = 100
with open_database(sys.argv[1]) as database:
    print("begin", flush=True)
    CallStore(database).compact(2950.0)
"""
DELETE = """
import sys
from locum.store import CallFilter, CallStore, open_database
with open_database(sys.argv[1]) as database:
    CallStore(database).delete(CallFilter(since=500.0, until=1500.0))
"""


class CrashError(Exception):
    """Raised where a process might die."""


@pytest.fixture
def place(odd_path: Path) -> str:
    """SQLite alone has an archive."""
    return str(odd_path)


def test_a_deletion_waits_for_a_compaction(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    write = parquet.write_parquet
    with ThreadPoolExecutor() as pool:

        def write_slowly(rows: Iterator[CallRow], file: Path) -> int:
            written = write(rows, file)
            deleting.append(
                in_turn(pool, odd_path, lambda other, said: other.delete(SOME, 0, said))
            )
            return written

        deleting: list[Future[Deletion]] = []
        monkeypatch.setattr(archive, "write_parquet", write_slowly)
        assert store.compact(5.0).calls == 5
        assert deleting[0].result()[:2] == (7, 4)
    assert ids(store.iterate(EVERYTHING)) == ["call-00000", "call-00008", "call-00009"]
    assert len(files_of(odd_path)) == 1


def test_a_compaction_waits_for_a_deletion(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    store.compact(3.0)
    copy = parquet.copy_parquet
    with ThreadPoolExecutor() as pool:

        def copy_slowly(source: Path, file: Path, left_out: list[str]) -> None:
            copy(source, file, left_out)
            compacting.append(in_turn(pool, odd_path, lambda other, said: other.compact(9.0, said)))

        compacting: list[Future[Compaction]] = []
        monkeypatch.setattr("locum.store.deletion.copy_parquet", copy_slowly)
        assert store.delete(SOME)[:2] == (7, 2)
        assert compacting[0].result().calls == 1
    assert ids(store.iterate(EVERYTHING)) == ["call-00000", "call-00008", "call-00009"]
    assert len(files_of(odd_path)) == 2


def in_turn(
    pool: ThreadPoolExecutor,
    place: Path,
    work: Callable[[CallStore, Callable[[], object]], Done],
) -> Future[Done]:
    """Begin work on a store elsewhere, and return once it waits for what is at work there."""
    waits = Event()

    def run() -> Done:
        with open_database(place) as other:
            return work(CallStore(other), waits.set)

    future = pool.submit(run)
    assert waits.wait(30)
    return future


def test_commands_beside_each_other_end_well(odd_path: Path, store: CallStore) -> None:
    calls = make_calls(3000)
    store.add(calls)
    store.compact(1000.0)
    store.compact(2000.0)
    done = [
        subprocess.Popen([sys.executable, "-c", code, odd_path], stderr=subprocess.PIPE, text=True)
        for code in (COMPACT, DELETE, COMPACT, DELETE)
    ]
    assert [(one.communicate()[1], one.returncode) for one in done] == [("", 0)] * 4
    assert list(store.iterate(EVERYTHING)) == [*calls[:500], *calls[1500:]]


def test_a_name_that_calls_are_given_during_a_compaction_is_kept(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = make_calls(10)
    store.add(calls)
    write = parquet.write_parquet

    def write_late(rows: Iterator[CallRow], file: Path) -> int:
        written = write(rows, file)
        monkeypatch.setattr(archive, "write_parquet", write)
        with open_database(odd_path) as other:
            assert CallStore(other).name(calls[3:7], "support").named == 4
        return written

    monkeypatch.setattr(archive, "write_parquet", write_late)
    assert store.compact(5.0).calls == 5
    assert store.count(CallFilter(task="support")) == 4
    assert len(files_of(odd_path)) == 1


def test_calls_are_counted_while_others_are_deleted(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    stream = ParquetReader.stream

    def stream_late(
        reader: ParquetReader, columns: str, files: Sequence[str], condition: Condition
    ) -> Iterator[Row]:
        monkeypatch.setattr(ParquetReader, "stream", stream)
        with open_database(odd_path) as other:
            CallStore(other).delete(SOME)
        return stream(reader, columns, files, condition)

    monkeypatch.setattr(ParquetReader, "stream", stream_late)
    assert store.count(EVERYTHING) == 3


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
    odd_path: Path, store: CallStore, database: Database, step: str, when: str
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
    assert {file.name for file in files_of(odd_path)} == known_files(database)
    store.compact(5.0)
    assert list(store.iterate(EVERYTHING)) == make_calls(10)
    assert in_tables(database) == 5


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["copy_parquet", "_replace", "_delete_rows"])
def test_a_deletion_that_fails_anywhere_is_all_or_nothing(
    odd_path: Path, store: CallStore, database: Database, step: str, when: str
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
    assert {file.name for file in files_of(odd_path)} == known_files(database)
    assert store.delete(CallFilter(since=2.0, until=7.0))[:3] == (5, 3, 0)


def test_a_compaction_that_is_killed_loses_and_doubles_nothing(
    odd_path: Path, generator: np.random.Generator
) -> None:
    calls = make_calls(3000)
    with open_database(odd_path) as database:
        CallStore(database).add(calls)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", COMPACT, odd_path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        time.sleep(generator.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with open_database(odd_path) as database:
            assert list(CallStore(database).iterate(EVERYTHING)) == calls
            assert database.execute("PRAGMA integrity_check") == [("ok",)]
    with open_database(odd_path) as database:
        store = CallStore(database)
        store.compact(2950.0)
        assert {file.name for file in files_of(odd_path)} == known_files(database)
        assert list(store.iterate(EVERYTHING)) == calls
        assert in_tables(database) == 50


def test_a_file_that_is_gone_is_named(odd_path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(odd_path)
    file.unlink()
    with pytest.raises(InputError, match=file.name):
        list(store.iterate(EVERYTHING))


def test_a_damaged_file_is_named(odd_path: Path, store: CallStore) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(odd_path)
    file.write_bytes(b"PAR1" * 100)
    with pytest.raises(InputError, match=file.name):
        store.count(EVERYTHING)
