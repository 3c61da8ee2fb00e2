"""A store that cannot be written: its folder is another's, or its disk is full."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pytest

from locum.errors import InputError
from locum.store import CallStore, open_database
from locum.store.migrations import MIGRATIONS, migrate
from locum.store.sqlite import SqliteDatabase
from tests.call_samples import make_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

# Counts the calls, and then tries to add one. Whoever root becomes may not see Python's files.
USE = """
import os, sys
import duckdb, numpy
from locum.errors import InputError
from locum.store import CallFilter, CallStore, migrations, open_database, sqlite
from tests.call_samples import make_call
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with open_database(sys.argv[1], to_read=sys.argv[2] == "True") as database:
        store = CallStore(database)
        print(database.read_only, store.count(CallFilter()), len(store.find(CallFilter(), 3)))
        store.add([make_call("new")])
except InputError as error:
    print(error)
"""
CURE = (
    "; it cannot be written here: run this as who may, or copy all files whose names begin with "
    "calls.sqlite to where you may"
)
READ = "True 20 3"


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose files all users can read, and nobody but root can write."""
    with TemporaryDirectory() as made:
        path = Path(made)
        with open_database(path / "calls.sqlite") as database:
            store = CallStore(database)
            store.add(make_calls(20))
            store.compact(10.0)
        for one in path.rglob("*"):
            one.chmod(0o555 if one.is_dir() else 0o444)
        path.chmod(0o555)
        yield path
        path.chmod(0o755)


def use(path: Path, *, to_read: bool) -> list[str]:
    """What a user who is not root is told."""
    done = subprocess.run(
        [sys.executable, "-c", USE, str(path), str(to_read)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_a_store_that_cannot_be_written_can_be_read(folder: Path) -> None:
    path = folder / "calls.sqlite"
    said = f"the store {path} cannot be used: attempt to write a readonly database{CURE}"
    assert use(path, to_read=True) == [READ, said]
    [said] = use(path, to_read=False)
    assert said.startswith(f"the store {path} cannot be used: ")
    assert said.endswith(CURE)


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_the_log_of_a_store_that_cannot_be_written_is_read(folder: Path) -> None:
    path = folder / "calls.sqlite"
    folder.chmod(0o755)
    path.chmod(0o644)
    with open_database(path) as database:
        # As the file lies in a snapshot that was taken now.
        CallStore(database).add(make_calls(1, first=30))
        for one in folder.glob("calls.sqlite*"):
            if one.is_file():
                shutil.copy(one, folder / one.name.replace("calls", "taken"))
    shutil.copytree(folder / "calls.sqlite-archive", folder / "taken.sqlite-archive")
    for one in folder.glob("taken.sqlite*"):
        one.chmod(0o555 if one.is_dir() else 0o444)
    folder.chmod(0o555)
    [counted, _] = use(folder / "taken.sqlite", to_read=True)
    assert counted == "True 21 3"


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_a_store_of_before_that_cannot_be_written_is_to_be_copied(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, SqliteDatabase(tmp_path / "calls.sqlite") as database:
        patch.setattr("locum.store.migrations.MIGRATIONS", MIGRATIONS[:-1])
        migrate(database)
    folder.chmod(0o755)
    path = folder / "older" / "calls.sqlite"
    path.parent.mkdir()
    shutil.copy(tmp_path / "calls.sqlite", path)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    [said] = use(path, to_read=True)
    assert said.endswith(CURE)
    path.parent.chmod(0o755)


def test_a_file_that_can_be_written_is_written_by_readers_too(tmp_path: Path) -> None:
    with open_database(tmp_path / "calls.sqlite", to_read=True) as database:
        assert not database.read_only
        assert CallStore(database).add(make_calls(1)) == 1


@pytest.mark.parametrize("free", [0, 2**30])
def test_a_full_disk_is_named_with_its_cure(
    tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteDatabase(tmp_path / "calls.sqlite")) as database:
        migrate(database)
        [(pages,)] = database.execute("PRAGMA page_count")
        database.execute(f"PRAGMA max_page_count = {pages + 2}")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**40, 2**40 - free, free))
        with pytest.raises(InputError) as caught:
            CallStore(database).add(make_calls(1_000))
    assert str(caught.value).endswith("disk is full; its disk is full: make room") == (not free)
