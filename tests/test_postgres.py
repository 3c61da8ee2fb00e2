"""What a store on PostgreSQL alone has to get right."""

from __future__ import annotations

import sys
import traceback

import psycopg
import pytest

from locum.errors import InputError, LocumError, UsageError
from locum.store import CallStore, open_database
from tests.databases import PASSWORD


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


def test_a_lost_connection_is_opened_again(postgres_url: str) -> None:
    with open_database(postgres_url) as database:
        [(process,)] = database.execute("SELECT pg_backend_pid()")
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (process,))
        with pytest.raises(InputError, match="cannot be used"):
            database.execute("SELECT 1")
        assert database.execute("SELECT 1") == [(1,)]


def test_compaction_is_refused_with_a_way_out(postgres_url: str) -> None:
    with open_database(postgres_url) as database, pytest.raises(UsageError, match="partition"):
        CallStore(database).compact(0.0)
