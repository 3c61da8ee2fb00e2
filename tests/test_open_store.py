"""A store that is held open, and whose file is moved away, deleted or replaced meanwhile."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.store import Database, OpenStore, open_database
from locum.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

READ_AND_WAIT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM answers").fetchall(), flush=True)
sys.stdin.read()
"""
MOVED = "was moved, deleted or replaced while it was open"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "calls.sqlite"


@pytest.fixture
def store(place: Path) -> Iterator[OpenStore]:
    store = OpenStore(place)
    yield store
    store.close()


def add(database: Database, keys: Iterable[str]) -> None:
    with database.transaction():
        database.executemany("INSERT INTO answers VALUES (?, ?)", [(key, b"{}") for key in keys])


def keys(place: Path) -> set[str]:
    with open_database(place, make=False) as database:
        assert database.execute("PRAGMA integrity_check") == [("ok",)]
        return {key for (key,) in database.execute("SELECT key FROM answers")}


def make(place: Path, *names: str) -> Path:
    with open_database(place) as database:
        add(database, names)
    return place


def log_of(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.glob(f"{place.name}-*"))


def test_a_store_that_stays_where_it_is_stays_open(store: OpenStore, place: Path) -> None:
    database = store.use()
    add(database, ["a"])
    make(place, "b")
    assert store.use() is database
    assert not database.displaced
    assert log_of(place) == ["calls.sqlite-shm", "calls.sqlite-wal"]


def test_a_server_s_database_is_never_displaced(database: Database) -> None:
    assert not database.displaced


def test_another_file_in_its_place_is_told_and_then_used(
    store: OpenStore, place: Path, tmp_path: Path
) -> None:
    other = make(tmp_path / "other.sqlite", *map(str, range(2_000)))
    add(store.use(), ["a"])
    place.rename(tmp_path / "away.sqlite")
    other.rename(place)
    with pytest.raises(InputError, match=MOVED):
        store.use()
    add(store.use(), ["b"])
    store.close()
    # SQLite reads a log that is left behind into the file that comes there.
    assert keys(place) == {*map(str, range(2_000)), "b"}
    assert keys(tmp_path / "away.sqlite") == {"a"}


def test_who_has_the_moved_file_open_yet_shares_no_log_with_the_next(
    store: OpenStore, place: Path, tmp_path: Path
) -> None:
    other = make(tmp_path / "other.sqlite", *map(str, range(2_000)))
    add(store.use(), ["a"])
    late = open_database(place)
    command = [sys.executable, "-c", READ_AND_WAIT, str(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "[(1,)]\n"
        other.replace(place)
        with pytest.raises(InputError, match=MOVED):
            store.use()
        add(store.use(), ["b"])
        reader.communicate("")
    late.close()
    assert log_of(place) == ["calls.sqlite-shm", "calls.sqlite-wal"]
    store.close()
    assert keys(place) == {*map(str, range(2_000)), "b"}


def test_no_file_is_made_where_one_was_taken_away(
    store: OpenStore, place: Path, tmp_path: Path
) -> None:
    add(store.use(), ["a"])
    place.rename(tmp_path / "away.sqlite")
    with pytest.raises(InputError, match=MOVED):
        store.use()
    with pytest.raises(InputError, match="is not there any more: put it or another one there"):
        store.use()
    # One that is being copied there.
    place.touch()
    with pytest.raises(InputError, match="is not there any more"):
        store.use()
    assert not place.stat().st_size
    (tmp_path / "away.sqlite").replace(place)
    assert store.use().execute("SELECT key FROM answers") == [("a",)]


def test_a_file_that_moves_with_its_log_keeps_it(
    store: OpenStore, place: Path, tmp_path: Path
) -> None:
    add(store.use(), ["a"])
    (tmp_path / "else").mkdir()
    for path in tmp_path.glob("calls.sqlite*"):
        path.rename(tmp_path / "else" / path.name)
    make(place, "b")
    with pytest.raises(InputError, match=MOVED):
        store.use()
    assert keys(tmp_path / "else" / "calls.sqlite") == {"a"}
    assert keys(place) == {"b"}


def test_a_folder_that_is_moved_takes_the_store_along(tmp_path: Path) -> None:
    with open_database(tmp_path / "data" / "calls.sqlite") as database:
        add(database, ["a"])
        (tmp_path / "data").rename(tmp_path / "moved")
        assert database.displaced
        (tmp_path / "data").write_bytes(b"no folder")
        assert database.displaced
    assert keys(tmp_path / "moved" / "calls.sqlite") == {"a"}


def test_a_link_that_leads_elsewhere_takes_no_log_from_the_file_that_stays(tmp_path: Path) -> None:
    place, first = tmp_path / "calls.sqlite", tmp_path / "first.sqlite"
    place.symlink_to(make(first))
    with open_database(first) as other:
        with open_database(place) as database:
            add(database, ["a"])
            place.unlink()
            place.symlink_to(make(tmp_path / "second.sqlite"))
            assert database.displaced
        assert log_of(first) == ["first.sqlite-shm", "first.sqlite-wal"]
        assert not other.displaced
    assert keys(first) == {"a"}


def test_a_log_that_cannot_follow_its_file_is_kept_until_it_can(
    store: OpenStore, place: Path, tmp_path: Path
) -> None:
    other = make(tmp_path / "other.sqlite", "b")
    database = store.use()
    add(database, ["a"])
    with closing(sqlite3.connect(place, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM answers").fetchall()
        other.replace(place)
        assert isinstance(database, SqliteDatabase)
        database.execute("PRAGMA busy_timeout = 0")
        for _ in range(2):
            with pytest.raises(InputError, match="while another program reads it"):
                store.use()
        reader.execute("COMMIT")
    with pytest.raises(InputError, match=MOVED):
        store.use()
    assert store.use().execute("SELECT key FROM answers") == [("b",)]
