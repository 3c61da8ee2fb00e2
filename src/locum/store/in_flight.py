"""The tables under the ledger: which calls are in flight for which run, and what may be charged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.store.database import execute_by_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.store.database import Database, Row

__all__ = [
    "delete_rows",
    "end_run",
    "find_in_batches",
    "find_reserved",
    "find_rows",
    "free",
    "lock_ledgers",
    "sum_in_batches",
]

# One lock for all ledgers: a key is in flight once over all of them, and what a dead run of
# another ledger had reserved is counted there. Locks on their rows could wait for each other.
_LEDGER_LOCK = 0x6C6F_6375_6D01


def lock_ledgers(database: Database) -> None:
    """Keep other processes from changing ledgers, or deleting calls, until the transaction ends."""
    if database.dialect == "postgres":  # in SQLite a transaction keeps other writers out already
        database.execute("SELECT pg_advisory_xact_lock(?::bigint)", (_LEDGER_LOCK,))


def find_reserved(database: Database, run: str) -> dict[str, int]:
    """Return what is reserved for each key that a run has in flight, in nanodollars."""
    return dict(database.execute("SELECT key, worst FROM in_flight WHERE run = ?", (run,)))


def sum_in_batches(database: Database, ledger: str) -> int:
    """Return what runs of a ledger that never expire have reserved, in nanodollars."""
    query = (
        "SELECT COALESCE(SUM(worst), 0) FROM in_flight JOIN runs ON runs.id = in_flight.run "
        "WHERE runs.ledger = ? AND runs.expires IS NULL"
    )
    [(reserved,)] = database.execute(query, (ledger,))
    return int(reserved)


def end_run(database: Database, run: str, *, forfeit: bool) -> int:
    """Remove a run as part of a transaction, and return how many calls it had in flight.

    Args:
        database: Where it is.
        run: Its id; a run that is not there, or no longer, is none.
        forfeit: Whether what it had in flight counts as spent, rather than as never sent.
    """
    in_flight = find_reserved(database, run)
    for (ledger,) in database.execute("SELECT ledger FROM runs WHERE id = ?", (run,)):
        free(database, ledger, in_flight, forfeit=forfeit)
    database.execute("DELETE FROM runs WHERE id = ?", (run,))
    return len(in_flight)


def free(database: Database, ledger: str, in_flight: dict[str, int], *, forfeit: bool) -> None:
    """End calls of a ledger whose cost nobody will say, as part of a transaction.

    Args:
        database: Where they are.
        ledger: The name of the ledger that they are paid from.
        in_flight: The nanodollars reserved for each key.
        forfeit: Whether they count as spent, rather than as never sent.
    """
    reserved = sum(in_flight.values())
    spent, calls = (reserved, len(in_flight)) if forfeit else (0, 0)
    database.execute(
        "UPDATE ledgers SET spent = spent + ?, assumed = assumed + ?, reserved = reserved - ?, "
        "calls = calls + ? WHERE name = ?",
        (spent, spent, reserved, calls, ledger),
    )
    delete_rows(database, in_flight)


def find_rows(database: Database, keys: Sequence[str]) -> list[Row]:
    """Return, of each of these keys that is in flight, the columns of the table."""
    query = "SELECT key, run, worst, of_calls FROM in_flight WHERE key IN (KEYS)"
    return execute_by_key(database, query, list(dict.fromkeys(keys)))


def find_in_batches(database: Database, keys: Sequence[str]) -> set[str]:
    """Return those of these keys that lie in a batch: what never expires has them in flight."""
    query = (
        "SELECT key FROM in_flight JOIN runs ON runs.id = in_flight.run "
        "WHERE runs.expires IS NULL AND key IN (KEYS)"
    )
    return {key for (key,) in execute_by_key(database, query, keys)}


def delete_rows(database: Database, keys: Iterable[str]) -> None:
    """Remove keys from what is in flight, as part of a transaction."""
    execute_by_key(database, "DELETE FROM in_flight WHERE key IN (KEYS)", sorted(keys))
