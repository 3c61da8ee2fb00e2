"""What a store on PostgreSQL alone has to get right."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from locum.errors import InputError, LocumError, UsageError
from locum.store import CallFilter, CallStore, Claim, Ledger, open_database
from locum.store.postgres import PostgresDatabase
from tests.commands import run
from tests.databases import PASSWORD, run_pooler
from tests.promoted import chat_request, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.store import Database


def refusal(url: str) -> LocumError:
    with pytest.raises(LocumError) as caught:
        open_database(url)
    return caught.value


def test_the_password_is_never_shown(postgres_url: str) -> None:
    with open_database(postgres_url) as database:
        assert database.name.startswith("postgresql://locum@/")
        shown = f"{database!r} {database} {database.name}"
        with pytest.raises(InputError) as caught:
            database.execute("SELECT ?::integer", (PASSWORD,))
    assert PASSWORD not in shown
    assert PASSWORD not in str(caught.value)


def test_a_wrong_password_is_refused_without_showing_it(postgres_url: str) -> None:
    error = refusal(postgres_url.replace("sesame", "barley"))
    assert isinstance(error, InputError)
    assert 'password authentication failed for user "locum"' in str(error)
    assert "barley" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://locum:hidden words@host:port:port/x",
        "postgresql://locum:hidden%zz@host/x",
        "postgresql://locum:hidden@host/x?nonsense=hidden",
        "postgresql://locum:hidden@[host/x",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    error = refusal(url)
    assert isinstance(error, UsageError)
    assert "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in str(error)
    assert "hidden" not in "".join(traceback.format_exception(error))


def test_a_server_that_is_not_there_is_named() -> None:
    error = refusal("postgresql://locum:hidden@127.0.0.1:1/calls")
    assert str(error).startswith("the store postgresql://locum@127.0.0.1:1/calls cannot be used: ")
    assert "hidden" not in str(error)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refusal("postgresql://host/calls")
    assert isinstance(error, UsageError)
    assert "pip install 'locum[postgres]'" in str(error)


def cut(url: str, database: Database) -> None:
    """End the connection of a database, as an administrator does."""
    [(process,)] = database.execute("SELECT pg_backend_pid()")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (process,))


def test_a_connection_that_was_cut_while_nobody_used_it_is_not_missed(postgres_url: str) -> None:
    with open_database(postgres_url) as database:
        cut(postgres_url, database)
        assert database.execute("SELECT 1") == [(1,)]
        cut(postgres_url, database)
        with database.transaction():
            assert database.execute("SELECT 2") == [(2,)]


def test_no_other_connection_takes_up_the_rest_of_a_transaction(postgres_url: str) -> None:
    with open_database(postgres_url) as database:
        database.execute("CREATE TABLE written (number BIGINT)")
        with database.transaction():
            database.execute("INSERT INTO written VALUES (1)")
            cut(postgres_url, database)
            for number in range(3):
                with pytest.raises(InputError, match="cannot be used"):
                    database.execute("INSERT INTO written VALUES (?)", (number,))
        assert database.execute("SELECT * FROM written") == []


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII"])
def test_texts_of_any_script_are_kept_whatever_the_client_would_speak(
    postgres_server: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with open_database(encoded(postgres_server, encoding)) as database:
        CallStore(database).add([record(chat_request("5 € für Привет"), "да")])
        [facts] = CallStore(database).find(CallFilter(), 1)
    assert facts.preview == "5 € für Привет"


def test_an_encoding_that_does_not_hold_all_texts_is_refused_with_a_cure(
    postgres_server: str,
) -> None:
    error = refusal(encoded(postgres_server, "LATIN1"))
    assert isinstance(error, InputError)
    assert "keeps texts as LATIN1" in str(error)
    assert "ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0" in str(error)


def encoded(server: str, encoding: str) -> str:
    """Make a database of an encoding and return its URL."""
    name = f"of_{encoding.lower()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    return server.replace("/postgres?", f"/{name}?")


def test_who_waited_for_a_lock_sees_what_was_written_meanwhile(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", r"-c default_transaction_isolation=repeatable\ read")
    with open_database(postgres_url) as one, open_database(postgres_url) as other:
        ledgers = [Ledger(database, "task", cap=1000) for database in (one, other)]
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(_claim_many, ledgers))
        assert ledgers[0].balance().reserved == 40


def _claim_many(ledger: Ledger) -> None:
    for number in range(20):
        ledger.exchange([], [Claim(f"{ledger.run} {number}", 1)])


def test_leases_go_by_the_clock_of_the_server(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(postgres_url) as one, open_database(postgres_url) as other:
        assert Ledger(one, "task").exchange([], [Claim("key", 10)]) == ["granted"]
        ahead = time.time() + 3600
        monkeypatch.setattr(time, "time", lambda: ahead)
        late = Ledger(other, "task")
        assert late.exchange([], [Claim("key", 10)]) == ["claimed"]
        assert late.taken_over == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone has it")
@pytest.mark.parametrize(
    ("given", "milliseconds"), [("", 60_000), ("&tcp_user_timeout=5000", 5000)]
)
def test_a_machine_that_vanished_is_not_waited_for(
    postgres_url: str, given: str, milliseconds: int
) -> None:
    with relay(postgres_url) as url, open_database(url + given) as database:
        assert isinstance(database, PostgresDatabase)
        handle = database._connection.fileno()  # noqa: SLF001 - only the system knows
        with socket.socket(fileno=os.dup(handle)) as connected:
            assert _option(connected, "TCP_USER_TIMEOUT") == milliseconds
            assert _option(connected, "TCP_KEEPIDLE") == 30


def _option(connected: socket.socket, name: str) -> int:
    return connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))


@contextmanager
def relay(url: str) -> Iterator[str]:
    """Give the URL of a server on a Unix socket by TCP, for one connection."""
    address = urlsplit(url)
    path = f"{parse_qs(address.query)['host'][0]}/.s.PGSQL.5432"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_relay, args=(listening, path))
        thread.start()
        yield f"{url.partition('?')[0].replace('@/', f'@127.0.0.1:{port}/')}?sslmode=disable"
        thread.join(10)


def _relay(listening: socket.socket, path: str) -> None:
    near, _ = listening.accept()
    with near, socket.socket(socket.AF_UNIX) as far:
        far.connect(path)
        while readable := select.select([near, far], [], [], 10)[0]:
            for one in readable:
                data = one.recv(65536)
                if not data:
                    return
                (far if one is near else near).sendall(data)


def test_a_deletion_says_what_the_server_may_hold(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "locum.toml").write_text(f'[store]\nurl = "{postgres_url}"\n', "utf-8")
    with open_database(postgres_url) as database:
        CallStore(database).add([record(chat_request("a text"), "billing")])
    given = ("calls", "delete", "--task", "support", "--yes")
    done = run(*given, "--config", str(tmp_path / "locum.toml"), folder=tmp_path)
    assert b"until VACUUM FULL writes its tables anew" in b" ".join(done.stdout.split())


def test_nothing_is_prepared_behind_a_pooler_whose_servers_are_anothers_too(
    postgres_url: str,
) -> None:
    open_database(postgres_url).close()
    with (
        run_pooler(postgres_url) as url,
        open_database(url) as one,
        open_database(url) as other,
    ):
        for number in range(10):
            assert one.execute("SELECT ?::bigint", (number,)) == [(number,)]
            assert other.execute("SELECT -?::bigint", (number,)) == [(-number,)]


def test_compaction_is_refused_with_a_way_out(postgres_url: str) -> None:
    with (
        open_database(postgres_url) as database,
        pytest.raises(UsageError, match=r"locum calls export FILE --until DATE"),
    ):
        CallStore(database).compact(0.0)
