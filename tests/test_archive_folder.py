"""The folder of an archive belongs to a file, and may hold what others wrote."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.store import CallFilter, CallStore, Database, open_database
from locum.store.archive import new_file
from locum.store.migrations import MIGRATIONS, migrate
from locum.store.parquet import SPILLED
from locum.store.sqlite import SqliteDatabase
from tests.call_samples import files_of, ids, known_files, make_calls

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = CallFilter()
# Dies while it writes a Parquet file.
DIE_WRITING = """
import os, signal, sys
from locum.store import CallStore, open_database, parquet
parquet._flush = lambda _: os.kill(os.getpid(), signal.SIGKILL)
with open_database(sys.argv[1]) as database:
    CallStore(database).compact(5.0)
"""


@pytest.fixture
def place(odd_path: Path) -> str:
    """SQLite alone has an archive."""
    return str(odd_path)


def compacted(path: Path, count: int = 10, first: int = 0) -> None:
    """Add calls to a store and archive them all."""
    with open_database(path) as database:
        store = CallStore(database)
        store.add(make_calls(count, first))
        store.compact(1e9)


def read(path: Path) -> list[str]:
    with open_database(path) as database:
        return ids(CallStore(database).iterate(EVERYTHING))


def test_a_store_keeps_the_archive_of_the_one_at_its_place_before(odd_path: Path) -> None:
    compacted(odd_path)
    [theirs] = files_of(odd_path)
    away = odd_path.with_name("2025.sqlite")
    odd_path.rename(away)
    compacted(odd_path, 5, first=20)
    with open_database(odd_path) as database:
        store = CallStore(database)
        assert store.delete(CallFilter(since=22.0)).archived == 3
        assert store.compact(1e9) == (0, 0, 0)
        assert store.unknown_files() == [theirs]
        assert {file.name for file in files_of(odd_path)} == {theirs.name} | known_files(database)
    shutil.copytree(theirs.parent, away.with_name(f"{away.name}-archive"))
    assert read(away) == ids(make_calls(10))
    assert read(odd_path) == ids(make_calls(2, first=20))


def test_a_store_without_its_files_is_not_compacted_and_loses_no_later_ones(
    odd_path: Path, tmp_path: Path
) -> None:
    compacted(odd_path)
    monday, tuesday = tmp_path / "monday.sqlite", tmp_path / "tuesday.sqlite"
    shutil.copy(odd_path, monday)
    with open_database(odd_path) as database:
        CallStore(database).delete(CallFilter(ids=("call-00003",)))
    later = files_of(odd_path)
    shutil.copy(odd_path, tuesday)
    shutil.copy(monday, odd_path)
    with open_database(odd_path) as database:
        store = CallStore(database)
        store.add(make_calls(5, first=20))
        with pytest.raises(InputError, match=r"1 of the 1 files in .* are gone, such as "):
            store.compact(1e9)
        with pytest.raises(InputError, match="needs the folder that it had beside it"):
            store.delete(EVERYTHING)
        assert store.unknown_files() == later
    assert files_of(odd_path) == later
    shutil.copy(tuesday, odd_path)
    assert read(odd_path) == [call for call in ids(make_calls(10)) if call[-1] != "3"]


def test_no_folder_is_made_in_the_way_of_one_that_is_to_come(odd_path: Path) -> None:
    compacted(odd_path)
    away = odd_path.with_name("2025.sqlite")
    odd_path.rename(away)
    with open_database(away) as database, pytest.raises(InputError, match="are gone"):
        CallStore(database).compact(1e9)
    files_of(odd_path)[0].parent.rename(f"{away}-archive")
    assert read(away) == ids(make_calls(10))


def test_what_the_store_wrote_and_does_not_count_is_removed_alone(
    odd_path: Path, store: CallStore, database: Database
) -> None:
    store.add(make_calls(10))
    store.compact(5.0)
    [file] = files_of(odd_path)
    folder = file.parent
    (folder / new_file(database)).write_bytes(b"PAR1")
    for begun in (f".{new_file(database)}-x1_", SPILLED):
        (folder / begun).mkdir()
        (folder / begun / "calls.parquet").write_bytes(b"PAR1")
    kept = [folder / name for name in ("other.parquet", f"{file.name}-old")]
    for other in kept:
        other.mkdir()
        (other / "file").write_bytes(b"theirs")
    kept.append(folder / f".{file.name}.partial")
    kept[-1].write_bytes(b"theirs")
    store.compact(5.0)
    assert set(files_of(odd_path)) == {file, *kept}
    assert store.unknown_files() == sorted(kept)


def test_what_a_process_that_died_was_writing_is_removed(odd_path: Path) -> None:
    with open_database(odd_path) as database:
        store = CallStore(database)
        store.add(make_calls(10))
        died = subprocess.run([sys.executable, "-c", DIE_WRITING, odd_path], check=False)
        assert died.returncode == -signal.SIGKILL
        assert files_of(odd_path)
        assert store.unknown_files() == []
        store.delete(CallFilter(ids=("call-00003",)))
        assert files_of(odd_path) == []


def test_files_of_a_store_from_before_are_its_own(
    odd_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, SqliteDatabase(odd_path) as database:
        patch.setattr("locum.store.migrations.MIGRATIONS", MIGRATIONS[:8])
        migrate(database)
        database.execute("INSERT INTO archives VALUES ('a.parquet', 1, 0.0, 0.0)")
    with open_database(odd_path) as database:
        folder = odd_path.with_name(f"{odd_path.name}-archive")
        folder.mkdir()
        (folder / "a.parquet").touch()
        assert CallStore(database).unknown_files() == []


def test_a_store_has_one_archive_by_whichever_link_it_is_reached(
    odd_path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(odd_path)
    compacted(link)
    assert read(odd_path) == read(link) == ids(make_calls(10))
    compacted(odd_path, 5, first=20)
    assert read(link) == ids([*make_calls(10), *make_calls(5, first=20)])
    assert len(files_of(odd_path)) == 2
