"""What an import must remember across lines, in a private file that SQLite removes by itself.

The file has no name from the start, so that nothing is left of it however the import ends; small
logs never reach it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import orjson

from locum.rows import BadRowError
from locum.traffic.imports.items import BatchAnswer, BatchRequest, LoggedCall

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = ["BatchJoin", "Occurrences"]

_CACHE_KIB = 64 * 1024
_TWICE = "its custom_id stands twice on one side: import each batch by itself"


def _open(table: str) -> sqlite3.Connection:
    connection = sqlite3.connect("", isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute(table)
    connection.execute("BEGIN")
    return connection


class Occurrences:
    """Counts how often each text was asked for."""

    def __init__(self) -> None:
        self._connection = _open(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID"
        )

    def count(self, text: str) -> int:
        """Return how often the text was counted before, and count it."""
        row = self._connection.execute(
            "INSERT INTO seen VALUES (?, 1) "
            "ON CONFLICT (id) DO UPDATE SET times = times + 1 RETURNING times",
            (text,),
        ).fetchone()
        return int(row[0]) - 1

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class BatchJoin:
    """Puts the two halves of a batch's calls together, whichever comes first."""

    def __init__(self) -> None:
        self._connection = _open(
            "CREATE TABLE waiting (key TEXT PRIMARY KEY, side TEXT NOT NULL, half BLOB NOT NULL) "
            "WITHOUT ROWID"
        )

    def add(self, source: str, half: BatchRequest | BatchAnswer) -> LoggedCall | None:
        """Return the whole call, or ``None`` while its other half is missing.

        Raises:
            BadRowError: Another request, or another answer, of the same ``custom_id`` waits: which
                of them belongs to which cannot be told, so none of them is used.
        """
        key = f"{source}:{half.key}"
        side = type(half).__name__
        row = self._connection.execute(
            "SELECT side, half FROM waiting WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            waiting = (key, side, orjson.dumps(half._asdict()))
            self._connection.execute("INSERT INTO waiting VALUES (?, ?, ?)", waiting)
            return None
        if row[0] in (side, "both"):
            self._connection.execute("UPDATE waiting SET side = 'both' WHERE key = ?", (key,))
            raise BadRowError(_TWICE)
        self._connection.execute("DELETE FROM waiting WHERE key = ?", (key,))
        other = orjson.loads(row[1])
        if isinstance(half, BatchRequest):
            return _joined(half, BatchAnswer(**other))
        return _joined(BatchRequest(**other), half)

    def waiting(self) -> tuple[int, int]:
        """Return how many requests lack an answer, and how many answers a request."""
        query = (
            "SELECT count(*) FILTER (WHERE side = ?), count(*) FROM waiting WHERE side <> 'both'"
        )
        row = self._connection.execute(query, (BatchRequest.__name__,)).fetchone()
        return row[0], row[1] - row[0]

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


def _joined(request: BatchRequest, answer: BatchAnswer) -> LoggedCall:
    body: JsonObject = request.request
    return LoggedCall(
        endpoint=request.endpoint,
        request=body,
        response=answer.response,
        id=answer.id,
        outcome=answer.outcome,
        status=answer.status,
    )
