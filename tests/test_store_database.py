"""The surface over SQLite and PostgreSQL, and its migrations."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from locum.errors import InputError, UsageError
from locum.schema import TeacherAnswer, Usage
from locum.store import (
    CallFilter,
    CallStore,
    Database,
    LabelStore,
    PromotionStore,
    open_database,
)
from locum.store.migrations import MIGRATIONS, Migration, migrate
from locum.store.postgres import PostgresDatabase
from locum.store.sqlite import SqliteDatabase
from tests.promoted import stored_files

ANSWER = TeacherAnswer("long", (0.125, 0.75), Usage(7, 2), 12.5)


ADD_ANSWER = """
import sys
from locum.schema import TeacherAnswer
from locum.store import LabelStore
with LabelStore(sys.argv[1]) as store:
    store.add([(sys.argv[2], TeacherAnswer("a"))])
"""


class FailureError(Exception):
    """Raised inside a transaction."""


def count_answers(database: Database) -> int:
    return int(database.execute("SELECT count(*) FROM answers")[0][0])


def add_answer(database: Database, key: str) -> None:
    database.execute("INSERT INTO answers VALUES (?, ?)", (key, b"{}"))


def fail_after_writing(database: Database) -> None:
    with database.transaction():
        add_answer(database, "a")
        raise FailureError


def duplicate(database: Database) -> None:
    with database.transaction():
        add_answer(database, "a")
        add_answer(database, "a")


@pytest.mark.parametrize("url", ["sqlite:///x.sqlite", "mysql://user:secret@db/locum"])
def test_a_url_of_another_scheme_is_refused_and_no_file_is_made(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scheme = url.split("//", maxsplit=1)[0]
    with pytest.raises(UsageError, match=f"begins with '{scheme}//': expected postgresql://") as e:
        open_database(url)
    assert "secret" not in str(e.value)
    assert not [*tmp_path.iterdir()]


def open_bare(place: str) -> Database:
    """A database without tables."""
    if place.startswith("postgresql"):
        return PostgresDatabase(place)
    return SqliteDatabase(Path(place))


def test_a_store_from_a_dump_is_told_how_it_gets_its_version(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    with LabelStore(old) as store:
        store.add([("a", ANSWER)])
    with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(new)) as target:
        target.executescript("\n".join(source.iterdump()))
    with pytest.raises(InputError, match="made from a dump, which leaves out its version") as said:
        open_database(new)
    [statements] = re.findall("'(PRAGMA [^']*)'", str(said.value))
    with closing(sqlite3.connect(new)) as target:
        target.executescript(statements.replace("= N;", f"= {len(MIGRATIONS)};"))
    with LabelStore(new) as store:
        assert store.find(["a"]) == {"a": ANSWER}
        assert store.database.execute("PRAGMA auto_vacuum") == [(1,)]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(FailureError):
        fail_after_writing(database)
    assert count_answers(database) == 0
    with database.transaction():
        add_answer(database, "b")
    assert count_answers(database) == 1


def test_a_statement_that_fails_names_the_store(database: Database) -> None:
    with pytest.raises(InputError) as caught:
        duplicate(database)
    assert f"the store {database.name} cannot be used: " in str(caught.value)
    assert count_answers(database) == 0


def test_an_executemany_counts_what_it_changed(database: Database) -> None:
    insert = "INSERT INTO answers VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
    assert database.executemany(insert, [("a", b"1"), ("b", b"2"), ("a", b"3")]) == 2
    assert database.executemany(insert, []) == 0
    assert database.executemany("DELETE FROM answers WHERE key = ?", [("a",), ("z",)]) == 1


def test_a_snapshot_does_not_see_later_writes(database: Database) -> None:
    add_answer(database, "a")
    with database.snapshot() as snapshot:
        assert snapshot.execute("SELECT count(*) FROM answers") == [(1,)]
        add_answer(database, "b")
        assert snapshot.execute("SELECT count(*) FROM answers") == [(1,)]
        assert list(snapshot.stream("SELECT key FROM answers WHERE key < ?", ("z",))) == [("a",)]
    assert count_answers(database) == 2


def test_a_snapshot_names_the_store_when_it_fails(database: Database) -> None:
    with (
        pytest.raises(InputError, match="cannot be used"),
        database.snapshot() as snapshot,
    ):
        next(snapshot.stream("SELECT nothing FROM nowhere"))


def test_a_stream_yields_every_row_once(database: Database) -> None:
    keys = [f"{number:04}" for number in range(1003)]
    with database.transaction():
        database.executemany("INSERT INTO answers VALUES (?, ?)", [(key, b"") for key in keys])
    with database.snapshot() as snapshot:
        assert [key for (key,) in snapshot.stream("SELECT key FROM answers ORDER BY key")] == keys


def test_threads_share_a_database(database: Database) -> None:
    def write(thread: int) -> None:
        for number in range(25):
            with database.transaction():
                add_answer(database, f"{thread} {number}")
                database.execute("SELECT 1")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_answers(database) == 200


def test_processes_that_open_a_new_store_at_once_share_it(place: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ADD_ANSWER, place, str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 4
    with open_database(place) as database:
        assert count_answers(database) == 4
        assert database.version() == len(MIGRATIONS)


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_a_store_of_every_version_is_brought_up_with_its_data(
    place: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, open_bare(place) as database:
        patch.setattr("locum.store.migrations.MIGRATIONS", MIGRATIONS[:version])
        migrate(database)
        assert database.version() == version
        if version:
            LabelStore(database).add([("a", ANSWER)])
    with open_database(place) as database:
        assert database.version() == len(MIGRATIONS)
        assert LabelStore(database).find(["a"]) == ({"a": ANSWER} if version else {})
        assert CallStore(database).count(CallFilter()) == 0


def test_calls_that_were_counted_before_have_the_price_of_the_plan(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = {
        "cheap": b'{"labels":{"\\"call_usd\\": 9":"x"},"call_usd":2.5e-3}',
        "free": b'{"call_usd":null}',
        "damaged": b'{"call_\xff',
    }
    with monkeypatch.context() as patch, open_bare(place) as database:
        patch.setattr("locum.store.migrations.MIGRATIONS", MIGRATIONS[:6])
        migrate(database)
        for task, plan in plans.items():
            database.execute(
                "INSERT INTO promotions VALUES (?, 1, 'active', 'aa', 100, 0.02, ?, 0, '')",
                (task, plan),
            )
        for task in (*plans, "other"):
            database.execute(
                "INSERT INTO tallies VALUES (?, 'aa', 0, '', 'student', 1000)", (task,)
            )
    with open_database(place) as database:
        found = database.execute("SELECT task, usd FROM tallies ORDER BY task")
        assert [*found] == [("cheap", 2.5), ("damaged", None), ("free", None), ("other", None)]


def test_students_that_were_promoted_before_files_were_in_pieces_are_kept(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, open_bare(place) as database:
        patch.setattr("locum.store.migrations.MIGRATIONS", MIGRATIONS[:7])
        migrate(database)
        database.executemany(
            "INSERT INTO artefact_files VALUES (?, ?, ?)",
            [("aa", "manifest.json", b"{}"), ("aa", "weights", b"abc"), ("bb", "weights", b"")],
        )
    with open_database(place) as database:
        store = PromotionStore(database)
        assert stored_files(store, "aa") == {"manifest.json": b"{}", "weights": b"abc"}
        assert stored_files(store, "bb") == {"weights": b""}
        # As a gateway of before reads them, which was running meanwhile.
        read = "SELECT name, content FROM artefact_files WHERE artefact = ?"
        assert dict(database.execute(read, ("bb",))) == {"weights": b""}


def test_a_file_of_the_first_release_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TABLE answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL) WITHOUT ROWID"
        )
        connection.execute("""INSERT INTO answers VALUES ('a', '{"text":"yes"}')""")
        connection.execute("PRAGMA user_version = 1")
    with LabelStore(path) as store:
        assert store.find(["a"]) == {"a": TeacherAnswer("yes")}
    with open_database(tmp_path / "new.sqlite") as database:
        [(made,)] = database.execute("SELECT sql FROM sqlite_master WHERE name = 'answers'")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'answers'"
        ).fetchall() == [(made,)]


def test_a_migration_that_fails_leaves_the_version_before_it(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LabelStore(place) as store:
        store.add([("a", ANSWER)])
    broken = Migration(both=("CREATE TABLE extra (key {text})", "INSERT INTO nowhere VALUES (1)"))
    with monkeypatch.context() as patch:
        patch.setattr("locum.store.migrations.MIGRATIONS", (*MIGRATIONS, broken))
        with pytest.raises(InputError, match="nowhere"):
            open_database(place)
    with open_database(place) as database:
        assert database.version() == len(MIGRATIONS)
        assert LabelStore(database).find(["a"]) == {"a": ANSWER}
        with pytest.raises(InputError, match="extra"):
            database.execute("SELECT * FROM extra")


def test_the_store_of_a_later_version_is_refused(place: str) -> None:
    with open_database(place) as database:
        database.set_version(99)
    expected = rf"has version 99 and this Locum knows {len(MIGRATIONS)}: upgrade Locum"
    with pytest.raises(InputError, match=expected):
        open_database(place)


def test_a_label_store_leaves_a_store_open_that_was_given_to_it(database: Database) -> None:
    with LabelStore(database) as store:
        store.add([("a", ANSWER), ("b", ANSWER), ("a", TeacherAnswer("last"))])
    assert LabelStore(database).find(["a", "b"]) == {"a": TeacherAnswer("last"), "b": ANSWER}


def test_files_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_database(home / "store.sqlite") as database:
        add_answer(database, "a")
        modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    assert modes == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"), 0o600)
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_database(tmp_path / "store.sqlite"):
        pass
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_the_settings_of_a_file_keep_what_is_written(tmp_path: Path) -> None:
    with open_database(tmp_path / "store.sqlite") as database:
        settings = {
            name: database.execute(f"PRAGMA {name}")[0][0]
            for name in ("journal_mode", "synchronous", "secure_delete", "auto_vacuum")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "auto_vacuum": 1,
    }


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(place, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.3, other.execute, ["COMMIT"])
        ending.start()
        with open_database(place) as database:
            add_answer(database, "a")
        ending.join()


@pytest.mark.parametrize("to_read", [False, True])
@pytest.mark.parametrize("table", ["users (key TEXT)", "answers (question TEXT, said TEXT)"])
def test_the_database_of_another_program_is_left_as_it_is(
    table: str, *, to_read: bool, tmp_path: Path
) -> None:
    place = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute(f"CREATE TABLE {table}")
        other.execute("PRAGMA user_version = 3")
    before = place.read_bytes()
    name = table.partition(" ")[0]
    with pytest.raises(InputError, match=f"of another program, with a table '{name}': name anoth"):
        open_database(place, to_read=to_read)
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_a_file_that_is_opened_again_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    place = tmp_path / "store.sqlite"
    script = "import sys; from locum.store import open_database; open_database(sys.argv[1]).close()"
    with open_database(place) as first:
        add_answer(first, "a")
        open_database(place).close()
        # Closed by the last one that holds it, the log would go, and the first write into nothing.
        subprocess.run([sys.executable, "-c", script, str(place)], check=True)
        assert place.with_name("store.sqlite-wal").exists()
        add_answer(first, "b")
    with open_database(place) as again:
        assert count_answers(again) == 2


def test_a_full_disk_is_said_and_leaves_the_store_readable(tmp_path: Path) -> None:
    with open_database(tmp_path / "store.sqlite") as database:
        add_answer(database, "a")
        [(pages,)] = database.execute("PRAGMA page_count")
        database.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(InputError, match="database or disk is full"):
            LabelStore(database).add([("b", ANSWER), ("x" * 100_000, ANSWER)])
        assert count_answers(database) == 1
        add_answer(database, "c")


def test_a_file_stays_the_same_when_the_folder_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_database("store.sqlite") as database:
        add_answer(database, "a")
        (tmp_path / "else").mkdir()
        monkeypatch.chdir(tmp_path / "else")
        with database.snapshot() as snapshot:
            assert snapshot.execute("SELECT key FROM answers") == [("a",)]
        assert database.name == "store.sqlite"
