"""What an import must remember across lines, in a private file that SQLite removes by itself.

The file has no name from the start, so that nothing is left of it however the import ends; small
logs never reach it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.traffic.imports.items import BatchAnswer, BatchRequest, LoggedCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.schema import JsonObject

__all__ = ["BatchJoin", "Joined", "Occurrences"]

_CACHE_KIB = 64 * 1024
_TWICE = "another has its custom_id: import each batch by itself"


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


class Joined(NamedTuple):
    """A call of a batch from its two halves, or a half that cannot be used.

    Args:
        file: Which of the files holds the half that came later.
        place: Where in that file.
        call: The call; ``None`` where the half cannot be used.
        problem: Why it cannot.
        size: About how many bytes it takes.
    """

    file: int
    place: int
    call: LoggedCall | None
    problem: str
    size: int


class BatchJoin:
    """Puts the two halves of a batch's calls together, whichever comes first.

    Batches repeat each other's ids, as many count from one, and nothing else tells which of two
    results belongs to which of two requests: so no call is made before all files are known.
    """

    def __init__(self) -> None:
        self._connection = _open(
            "CREATE TABLE halves (number INTEGER PRIMARY KEY, key TEXT NOT NULL, "
            "asked INTEGER NOT NULL, file INTEGER NOT NULL, place INTEGER NOT NULL, "
            "half BLOB NOT NULL)"
        )

    def add(self, source: str, half: BatchRequest | BatchAnswer, file: int, place: int) -> None:
        """Remember a half.

        Args:
            source: The name of its file's format.
            half: The half.
            file: Which of the files holds it.
            place: Where in that file.
        """
        key, asked = f"{source}:{half.key}", isinstance(half, BatchRequest)
        row = (key, asked, file, place, orjson.dumps(half._asdict()))
        self._connection.execute("INSERT INTO halves VALUES (NULL, ?, ?, ?, ?, ?)", row)

    def calls(self) -> Iterator[Joined]:
        """Yield the calls that are whole, and the halves that others repeat, as they came."""
        self._connection.execute(
            "CREATE TABLE keys AS SELECT key, sum(asked) AS asked, sum(1 - asked) AS answered, "
            "min(number) AS first, max(number) AS last FROM halves GROUP BY key"
        )
        self._connection.execute("CREATE UNIQUE INDEX by_key ON keys (key)")
        rows = self._connection.execute(
            "SELECT file, place, first, last, keys.asked > 1 OR answered > 1 "
            "FROM halves JOIN keys USING (key) "
            "WHERE keys.asked > 1 OR answered > 1 OR (first < last AND number = last) "
            "ORDER BY number"
        )
        for file, place, first, last, repeated in rows:
            if repeated:
                yield Joined(file, place, None, _TWICE, 0)
            else:
                yield Joined(file, place, *self._join(first, last))

    def waiting(self) -> tuple[int, int]:
        """Return how many requests lack an answer, and how many answers a request."""
        query = (
            "SELECT count(*) FILTER (WHERE asked = 1 AND answered = 0), "
            "count(*) FILTER (WHERE asked = 0 AND answered = 1) FROM keys"
        )
        unanswered, unasked = self._connection.execute(query).fetchone()
        return unanswered, unasked

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def _join(self, first: int, last: int) -> tuple[LoggedCall, str, int]:
        query = "SELECT half FROM halves WHERE number IN (?, ?) ORDER BY asked DESC"
        asked, answered = (row[0] for row in self._connection.execute(query, (first, last)))
        request, answer = BatchRequest(**orjson.loads(asked)), BatchAnswer(**orjson.loads(answered))
        return _to_call(request, answer), "", len(asked) + len(answered)


def _to_call(request: BatchRequest, answer: BatchAnswer) -> LoggedCall:
    body: JsonObject = request.request
    return LoggedCall(
        endpoint=request.endpoint,
        request=body,
        response=answer.response,
        id=answer.id,
        outcome=answer.outcome,
        status=answer.status,
    )
