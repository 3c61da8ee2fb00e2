"""An archive loses and doubles no call, whatever fails and whoever else writes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

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
from tests.call_samples import files_of, ids, in_tables, known_files, make_calls

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
    CallStore(database).compact(2950.0)
"""


class CrashError(Exception):
    """Raised where a process might die."""


@pytest.fixture
def place(odd_path: Path) -> str:
    """SQLite alone has an archive."""
    return str(odd_path)


def test_calls_deleted_during_a_compaction_stay_deleted(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    write = parquet.write_parquet

    def write_late(rows: Iterator[CallRow], file: Path) -> int:
        written = write(rows, file)
        monkeypatch.setattr(archive, "write_parquet", write)
        with open_database(odd_path) as other:
            CallStore(other).delete(CallFilter(ids=("call-00003",)))
        return written

    monkeypatch.setattr(archive, "write_parquet", write_late)
    assert store.compact(5.0).calls == 4
    assert ids(store.iterate(EVERYTHING)) == [c for c in ids(make_calls(10)) if c[-1] != "3"]
    assert len(files_of(odd_path)) == 1


def test_calls_compacted_during_a_deletion_are_deleted(
    odd_path: Path, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(make_calls(10))
    store.compact(3.0)
    copy = sys.modules["locum.store.deletion"].copy_parquet

    def copy_late(source: Path, file: Path, left_out: list[str]) -> None:
        copy(source, file, left_out)
        monkeypatch.setattr("locum.store.deletion.copy_parquet", copy)
        with open_database(odd_path) as other:
            assert CallStore(other).compact(6.0).calls == 3

    monkeypatch.setattr("locum.store.deletion.copy_parquet", copy_late)
    assert store.delete(CallFilter(since=1.0, until=8.0))[:3] == (7, 5, 0)
    assert ids(store.iterate(EVERYTHING)) == ["call-00000", "call-00008", "call-00009"]
    assert len(files_of(odd_path)) == 1


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
