"""What promoted students do: how many calls went which way, and how sampled ones compare."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

import orjson

from locum.store.call_rows import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.schema import JsonObject
    from locum.store.database import Database, Row

__all__ = [
    "Counts",
    "Grouping",
    "Route",
    "Shadow",
    "ShadowStore",
    "Tally",
    "hour_begin",
    "lock_watch",
]

Route = Literal["student", "shadow", "deferred", "teacher", "failed"]
Grouping = Literal["hour", "day", "application"]

_COLUMNS = (
    "task, artefact, time, call_id, answered, agrees, said, confidence, novelty, input_hash, "
    "answer_hash, teacher"
)
_HOUR_SECONDS = 3600
# What calls are grouped by, and in which order groups come.
_GROUPS: dict[Grouping | None, tuple[str, str]] = {
    None: ("task", ""),
    "hour": ("hour * 3600", "DESC"),
    "day": ("hour / 24 * 86400", "DESC"),
    "application": ("application", ""),
}
_MOST = 2**62
_WATCH_LOCK = 0x6C6F_6375_6D02


class Shadow(NamedTuple):
    """A call, drawn by chance, of which both student and teacher were asked.

    Args:
        task: Of which task.
        artefact: Which student.
        time: When, in seconds since 1970.
        call_id: The call with the teacher's answer; ``None`` where it was deleted.
        answered: Whether the student's certificate covers its answer.
        agrees: Whether the teacher said the same; ``None`` where it said nothing.
        said: The student's answer, redacted.
        confidence: What the student thinks of it.
        novelty: How unlike its training inputs the input is to it, where it says so.
        input_hash: Alike for equal inputs; empty where the call was deleted.
        answer_hash: Alike for answers of the teacher that mean the same; empty where it gave none.
        teacher: What the teacher calls itself; empty where it does not.
    """

    task: str
    artefact: str
    time: float
    call_id: str | None
    answered: bool
    agrees: bool | None
    said: str
    confidence: float
    novelty: float | None = None
    input_hash: str = ""
    answer_hash: str = ""
    teacher: str = ""


class Tally(NamedTuple):
    """Calls of one hour that went one way.

    Args:
        task: Of which task.
        artefact: Which student was asked.
        time: Some moment of the hour, in seconds since 1970.
        application: Who called; empty where the gateway knows no applications.
        route: ``student`` answered; ``shadow``: it did, and the teacher was asked besides;
            ``deferred`` to the teacher; ``teacher`` was asked alone; ``failed``: the student did.
        calls: How many.
        usd: What their teacher asks for so many by its mean price then, in US dollars; ``None``
            where that is not known.
    """

    task: str
    artefact: str
    time: float
    application: str
    route: Route
    calls: int
    usd: float | None = None


class Counts(NamedTuple):
    """Calls by the way that they went.

    Args:
        calls: How many.
        usd: What their teacher asks for so many, in US dollars, each at its price of the time;
            without those whose price was not known.
    """

    calls: Counter[Route]
    usd: dict[Route, float]


def hour_begin(moment: float) -> int:
    """Return when the hour of a moment begins, both in seconds since 1970."""
    return int(moment // _HOUR_SECONDS) * _HOUR_SECONDS


def lock_watch(database: Database) -> None:
    """Let one gateway at a time add sampled calls, until the transaction ends.

    So the order of their numbers is the one in which they are seen.
    """
    if database.dialect == "postgres":  # in SQLite a transaction keeps other writers out already
        database.execute("SELECT pg_advisory_xact_lock(?::bigint)", (_WATCH_LOCK,))


class ShadowStore:
    """Sampled calls and tallies of a store; threads may share it.

    Every method raises `InputError` where the store cannot be read or written.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_shadows(self, shadows: Sequence[Shadow]) -> None:
        """Keep what students and teachers said of the same calls."""
        self._database.executemany(
            f"INSERT INTO shadows ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - no value in it
            [tuple(map(storable, shadow)) for shadow in shadows],
        )

    def shadows(
        self, task: str, artefact: str, after: int = 0, limit: int = _MOST
    ) -> list[tuple[int, Shadow]]:
        """Return the shadowed calls of a student in their order, each with its number.

        Args:
            task: Of which task.
            artefact: Which student.
            after: Only those with a higher number.
            limit: At most so many.
        """
        rows = self._database.execute(
            f"SELECT number, {_COLUMNS} FROM shadows "  # noqa: S608 - no value in it
            "WHERE task = ? AND artefact = ? AND number > ? ORDER BY number LIMIT ?",
            (task, artefact, after, limit),
        )
        return [(row[0], _to_shadow(row[1:])) for row in rows]

    def disagreements(self, task: str, artefact: str, limit: int) -> list[Shadow]:
        """Return the last answers of a student that the teacher would not have given."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM shadows WHERE task = ? AND artefact = ? "  # noqa: S608 - no value in it
            "AND answered AND NOT agrees ORDER BY number DESC LIMIT ?",
            (task, artefact, limit),
        )
        return [_to_shadow(row) for row in rows]

    def keep_watch(self, task: str, artefact: str, state: JsonObject) -> None:
        """Keep what the watch over a student has found so far."""
        self._database.execute(
            "INSERT INTO watches (task, artefact, state) VALUES (?, ?, ?) "
            "ON CONFLICT (task, artefact) DO UPDATE SET state = excluded.state",
            (task, artefact, orjson.dumps(state).decode()),
        )

    def watch(self, task: str, artefact: str) -> JsonObject | None:
        """Return what the watch over a student has found so far."""
        query = "SELECT state FROM watches WHERE task = ? AND artefact = ?"
        for (state,) in self._database.execute(query, (task, artefact)):
            found: JsonObject = orjson.loads(state)
            return found
        return None

    def keep_memory(self, task: str, artefact: str, memory: JsonObject) -> None:
        """Keep what the watch over a student has learned of calls, which may be deleted.

        Args:
            task: Of which task.
            artefact: Which student; of one without `watch` nothing is kept.
            memory: Sums over calls, which tell of none of them.
        """
        self._database.execute(
            "UPDATE watches SET memory = ? WHERE task = ? AND artefact = ?",
            (orjson.dumps(memory).decode(), task, artefact),
        )

    def memory(self, task: str, artefact: str) -> JsonObject | None:
        """Return what the watch over a student had learned of calls."""
        query = "SELECT memory FROM watches WHERE task = ? AND artefact = ? AND memory IS NOT NULL"
        for (memory,) in self._database.execute(query, (task, artefact)):
            found: JsonObject = orjson.loads(memory)
            return found
        return None

    def is_broken(self, task: str, artefact: str) -> bool:
        """Tell whether the watch over a student found that it breaks its promise."""
        return bool((self.watch(task, artefact) or {}).get("broken"))

    def last_break(self, task: str) -> float | None:
        """Return when a student of a task was last found to break its promise.

        It is the time of the newest call by which that was seen, in seconds since 1970; ``None``
        where all kept theirs.
        """
        rows = self._database.execute("SELECT state FROM watches WHERE task = ?", (task,))
        found = [orjson.loads(state).get("found") for (state,) in rows]
        return max((one for one in found if one is not None), default=None)

    def add_tallies(self, tallies: Iterable[Tally]) -> None:
        """Add calls to those that are counted already."""
        rows = [
            ((t.task, t.artefact, int(t.time) // _HOUR_SECONDS, t.application, t.route), t)
            for t in tallies
        ]
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO tallies (task, artefact, hour, application, route, calls, usd) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (task, artefact, hour, application, route) "
                "DO UPDATE SET calls = tallies.calls + excluded.calls, "
                "usd = coalesce(tallies.usd + excluded.usd, tallies.usd, excluded.usd)",
                [(*key, t.calls, t.usd) for key, t in sorted(rows, key=lambda row: row[0])],
            )

    def counts(
        self, task: str, artefact: str | None = None, *, since: float | None = None
    ) -> Counter[Route]:
        """Return how many calls of a task went which way; see `counts_by` for the arguments."""
        counted = self.counts_by(None, task, artefact, since=since)
        return sum((one.calls for one in counted.values()), Counter[Route]())

    def counts_by(
        self,
        by: Grouping | None,
        task: str,
        artefact: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        application: str | None = None,
    ) -> dict[int | str, Counts]:
        """Return how many calls of a task went which way, apart by hour, day or application.

        Args:
            by: By what; ``None`` for all at once, by the name of the task.
            task: Of which task.
            artefact: While this student stood in; by default any.
            since: From the beginning of the hour of this moment on, in seconds since 1970; by
                default at all times.
            until: Hours that begin before this moment; by default all.
            application: Calls of this one; by default of any.

        Returns:
            Those that had calls: hours and days (in UTC) by when they begin, in seconds since 1970,
            the newest first; or applications by name.
        """
        key, order = _GROUPS[by]
        first = None if since is None else hour_begin(since) // _HOUR_SECONDS
        end = None if until is None else math.ceil(until / _HOUR_SECONDS)
        rows = self._database.execute(
            f"SELECT {key}, route, sum(calls), sum(usd) FROM tallies WHERE task = ? "  # noqa: S608 - no value in it
            "AND artefact = coalesce(?, artefact) AND application = coalesce(?, application) "
            "AND hour >= coalesce(?, hour) AND hour < coalesce(?, hour + 1) "
            f"GROUP BY 1, route ORDER BY 1 {order}",
            (task, artefact, application, first, end),
        )
        found: defaultdict[int | str, Counts] = defaultdict(lambda: Counts(Counter(), {}))
        for group, route, calls, usd in rows:
            found[group].calls[route] = int(calls)
            if usd is not None:
                found[group].usd[route] = float(usd)
        return dict(found)


def _to_shadow(row: Row) -> Shadow:
    shadow = Shadow(*row)
    agrees = None if shadow.agrees is None else bool(shadow.agrees)
    return shadow._replace(answered=bool(shadow.answered), agrees=agrees)
