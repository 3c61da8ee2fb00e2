"""Students that were made of calls, and how long the store knows of which."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.store.in_flight import lock_ledgers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.store.database import Database

__all__ = ["forget_past_students", "newest_student", "note_student"]

_KEPT = 3
# Others write to the store meanwhile: they look every tenth of a second whether it is free.
_LINKS_A_TURN = 5_000
_PAUSE_SECONDS = 0.15
_NEWEST = "SELECT artefact FROM students WHERE task = ? ORDER BY made DESC, artefact LIMIT ?"
_FORGET_LINKS = """
    DELETE FROM derived
    WHERE kind = 'artefact' AND key = ? AND key NOT IN (SELECT artefact FROM promotions)
    AND call_id IN (
        SELECT call_id FROM derived WHERE kind = 'artefact' AND key = ? ORDER BY call_id LIMIT ?
    )
"""
_FORGET_STUDENT = """
    DELETE FROM students WHERE artefact = ? AND artefact NOT IN (SELECT artefact FROM promotions)
"""
_OF_TASK = """
    SELECT 1 FROM derived AS own JOIN derived AS student ON student.call_id = own.call_id
    WHERE own.kind = 'artefact' AND own.key = ? AND student.kind = 'student' AND student.key = ?
    LIMIT 1
"""


def note_student(database: Database, task: str, artefact: str) -> None:
    """Note that a student of a task was made now, as part of a transaction of the caller's."""
    database.execute(
        "INSERT INTO students (artefact, task, made) VALUES (?, ?, ?) "
        "ON CONFLICT (artefact) DO UPDATE SET task = excluded.task, made = excluded.made",
        (artefact, task, time.time()),
    )


def newest_student(database: Database, task: str) -> str | None:
    """Return the student of a task that was made last, if one was since that is noted."""
    for (artefact,) in database.execute(_NEWEST, (task, 1)):
        return str(artefact)
    return None


def forget_past_students(database: Database, task: str) -> None:
    """Forget from which calls students of a task learned that are of no use any more.

    Those are all but the last three that were made, and what is promoted or was last. A link for
    each call would else be added by each refresh for good.
    """
    kept = {artefact for (artefact,) in database.execute(_NEWEST, (task, _KEPT))}
    if len(kept) < _KEPT:
        return
    noted = database.execute("SELECT artefact, task FROM students")
    own = {artefact for artefact, of_task in noted if of_task == task}
    # Students of before this was noted are older than all of these.
    unnoted = set(_linked(database)) - {artefact for artefact, _ in noted}
    own |= {artefact for artefact in unnoted if database.execute(_OF_TASK, (artefact, task))}
    for artefact in sorted(own - kept):
        while _forget_some(database, artefact) == _LINKS_A_TURN:
            time.sleep(_PAUSE_SECONDS)
        database.execute(_FORGET_STUDENT, (artefact,))


def _forget_some(database: Database, artefact: str) -> int:
    """Forget some calls of a student, unless it is promoted; return how many."""
    with database.transaction():
        # A deletion removes links in another order: each would wait for the other.
        lock_ledgers(database)
        return database.executemany(_FORGET_LINKS, [(artefact, artefact, _LINKS_A_TURN)])


def _linked(database: Database) -> Iterator[str]:
    """Yield the students that are linked to calls, by a step through the index for each."""
    query = "SELECT min(key) FROM derived WHERE kind = 'artefact' AND key > ?"
    [(artefact,)] = database.execute(query, ("",))
    while artefact is not None:
        yield artefact
        [(artefact,)] = database.execute(query, (artefact,))
