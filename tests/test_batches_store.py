"""Batches that lie with a provider are found again, with what is reserved for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.schema import TeacherAnswer
from locum.store import BatchRow, BatchStore, Claim, Ledger, Settlement, open_database

if TYPE_CHECKING:
    from locum.store import Database

ROW = BatchRow("run-1", "https://api model", "task", None, 1000.25, 3)
ANSWER = TeacherAnswer("yes")


def claim_three(database: Database) -> Ledger:
    ledger = Ledger(database, "task", cap=100, run=ROW.run, lease_seconds=None)
    ledger.exchange([], [Claim("a", 10), Claim("b", 20), Claim("c", 0)])
    return ledger


def test_open_batches_of_a_teacher_are_found_oldest_first(database: Database) -> None:
    batches = BatchStore(database)
    older = ROW._replace(run="run-2", created=999.5, remote="batch_1")
    for row in (ROW, older, ROW._replace(run="run-3", teacher="another")):
        batches.add(row)
    assert batches.open(ROW.teacher) == [older, ROW]
    assert batches.open("nobody") == []


def test_another_process_knows_what_was_noted(place: str) -> None:
    with open_database(place) as database:
        BatchStore(database).add(ROW)
        claim_three(database)
        BatchStore(database).note_remote(ROW.run, "batch_1")
    with open_database(place) as database:
        batches = BatchStore(database)
        assert batches.open(ROW.teacher) == [ROW._replace(remote="batch_1")]
        assert batches.keys(ROW.run) == {"a": 10, "b": 20, "c": 0}


def test_a_run_holds_one_batch(database: Database) -> None:
    BatchStore(database).add(ROW)
    with pytest.raises(InputError, match="cannot be used"):
        BatchStore(database).add(ROW)


def test_keys_that_were_settled_are_no_longer_in_flight(database: Database) -> None:
    ledger = claim_three(database)
    ledger.exchange([Settlement("b", ANSWER, 7)], [])
    Ledger(database, "task").exchange([], [Claim("d", 1)])
    assert BatchStore(database).keys(ROW.run) == {"a": 10, "c": 0}


def test_closing_releases_what_is_left(database: Database) -> None:
    batches, ledger = BatchStore(database), claim_three(database)
    batches.add(ROW)
    batches.add(ROW._replace(run="run-2"))
    ledger.exchange([Settlement("b", ANSWER, 7)], [])
    other = Ledger(database, "task", cap=100)
    other.exchange([], [Claim("d", 50)])
    for _ in range(2):
        batches.close(ROW.run)
        assert batches.keys(ROW.run) == {}
        assert [row.run for row in batches.open(ROW.teacher)] == ["run-2"]
        assert other.balance() == (7, 0, 50, 1)
    assert other.exchange([], [Claim("a", 10), Claim("b", 1)]) == ["granted", "known"]
    assert database.execute("SELECT id FROM runs") == [(other.run,)]
