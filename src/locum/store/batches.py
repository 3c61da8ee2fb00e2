"""Batches that lie with a provider, so that a process that was killed finds them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.store.database import execute_by_key
from locum.store.in_flight import end_run, find_in_batches, find_reserved, lock_ledgers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.store.database import Database

__all__ = ["BatchRow", "BatchStore"]

_COLUMNS = "run, teacher, ledger, remote, created, keys"


class BatchRow(NamedTuple):
    """One batch.

    Args:
        run: Its id here, and the run of the ledger under which its calls are in flight.
        teacher: Who answers: what is the same for one model at one address.
        ledger: The name of the ledger that it is paid from.
        remote: Its id with the provider; ``None`` while it is being created.
        created: When, in seconds since 1970.
        keys: How many questions it holds.
    """

    run: str
    teacher: str
    ledger: str
    remote: str | None
    created: float
    keys: int


class BatchStore:
    """Batches beside the ledger that pays for them.

    A run of the ledger whose lease never ends holds the claims of a batch: add the batch first,
    claim then, and send last, so that whatever is in flight can be found.

    Args:
        database: The store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: BatchRow) -> None:
        """Note a batch before its questions are claimed.

        Raises:
            InputError: The store cannot be written, or has a batch of this run.
        """
        self._database.execute(
            f"INSERT INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - likewise
            row,
        )

    def note_remote(self, run: str, remote: str) -> None:
        """Note the id that the provider gave to a batch.

        Raises:
            InputError: The store cannot be written.
        """
        self._database.execute("UPDATE batches SET remote = ? WHERE run = ?", (remote, run))

    def open(self, teacher: str) -> list[BatchRow]:
        """Return the batches of a teacher that were not closed, the oldest first.

        Raises:
            InputError: The store cannot be read.
        """
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM batches WHERE teacher = ? ORDER BY created, run",  # noqa: S608 - likewise
            (teacher,),
        )
        return [BatchRow(*row) for row in rows]

    def keys(self, run: str) -> dict[str, int]:
        """Return the keys of a batch that are in flight, each with the nanodollars reserved for it.

        Raises:
            InputError: The store cannot be read.
        """
        return find_reserved(self._database, run)

    def holding(self, keys: Sequence[str]) -> set[str]:
        """Return those of these keys that lie in a batch, of whichever teacher and ledger.

        Raises:
            InputError: The store cannot be read.
        """
        return find_in_batches(self._database, keys)

    def find(self, keys: Sequence[str]) -> dict[str, BatchRow]:
        """Return the batch that holds each of these keys which lies in one.

        Raises:
            InputError: The store cannot be read.
        """
        query = (
            f"SELECT key, {_COLUMNS} FROM in_flight JOIN batches USING (run) WHERE key IN (KEYS)"  # noqa: S608 - no value in it
        )
        return {key: BatchRow(*row) for key, *row in execute_by_key(self._database, query, keys)}

    def close(self, run: str) -> None:
        """Remove a batch and its run; calls that it still has in flight count as never sent.

        Raises:
            InputError: The store cannot be written.
        """
        with self._database.transaction():
            lock_ledgers(self._database)
            end_run(self._database, run, forfeit=False)
            self._database.execute("DELETE FROM batches WHERE run = ?", (run,))
