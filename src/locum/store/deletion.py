"""Calls deleted with what was derived from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.store.archive import (
    ArchiveFile,
    clean_archive,
    hash_id,
    list_archives,
    new_file,
    work_alone,
)
from locum.store.derived import DELETED, put_derived
from locum.store.in_flight import lock_ledgers
from locum.store.parquet import ParquetReader, copy_parquet
from locum.store.past_students import newest_student
from locum.store.tombstones import note_deleted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.store.call_filter import CallFilter
    from locum.store.database import Database

__all__ = ["Deletion", "delete_calls"]

_DOOMED = "(SELECT id FROM doomed)"
_ANSWERS = f"""
    SELECT DISTINCT key FROM derived
    WHERE kind = 'answer' AND call_id IN {_DOOMED} AND NOT EXISTS (
        SELECT 1 FROM derived AS other
        WHERE other.kind = 'answer' AND other.key = derived.key AND other.call_id NOT IN {_DOOMED}
    )
"""  # noqa: S608 - no value in it
_MADE = f"""
    SELECT DISTINCT key FROM derived WHERE kind = ? AND call_id IN {_DOOMED} ORDER BY key
"""  # noqa: S608 - no value in it

_IMPORTED = """
    SELECT count(*) FROM calls
    WHERE number IN (SELECT number FROM doomed) AND source <> 'gateway'
"""
_FORGOTTEN = "call_id = NULL, said = '', input_hash = '', answer_hash = ''"


class Deletion(NamedTuple):
    """What was deleted.

    Args:
        calls: Calls, archived ones included.
        archived: How many of them were in Parquet files.
        answers: Bought answers that stem from deleted calls alone.
        students: Tasks whose last student, or promoted one, learned from deleted calls: distil
            them again.
        reports: Tasks whose reports were made of deleted calls, and may quote them.
        written: Tasks with synthetic inputs that were written after deleted calls, and may repeat
            them.
        promoted: Tasks whose promoted students learned from deleted calls, and go on answering.
        ended: Tasks whose students did, and answer no more, but are kept in the store.
        imported: How many of the calls were imported; their logs may still hold them.
        log_emptied: Whether the store's write-ahead log holds nothing of them any more.
    """

    calls: int
    archived: int
    answers: int
    students: tuple[str, ...]
    reports: tuple[str, ...]
    written: tuple[str, ...]
    promoted: tuple[str, ...]
    ended: tuple[str, ...]
    imported: int
    log_emptied: bool = True


class _Rewritten(NamedTuple):
    old: ArchiveFile
    new: ArchiveFile
    ids: list[str]
    imported: int


def delete_calls(
    database: Database, where: CallFilter, patience: float, waiting: Callable[[], object]
) -> Deletion:
    """Delete calls, their bodies, and what was derived from them, all or nothing.

    Args:
        database: The store.
        where: Which calls.
        patience: For how many seconds it is tried to empty the log, where others read.
        waiting: Called once where another deletion, or a compaction, is waited for.

    Raises:
        InputError: The store or a file cannot be read or written.
        UsageError: Calls are archived, and ``locum[parquet]`` is not installed.
    """
    with work_alone(database, waiting):
        try:
            deletion = _delete(database, where)
        finally:
            clean_archive(database)
    return deletion._replace(log_emptied=database.empty_log(patience))


def _delete(database: Database, where: CallFilter) -> Deletion:
    files = list_archives(database, database, where)
    rewritten: list[_Rewritten] = []
    if database.archive is not None and files:
        rewritten = _rewrite(database, database.archive, files, where)
    with database.transaction():
        # What answers, students and reports stem from stays as it is while they are noted.
        lock_ledgers(database)
        for one in rewritten:
            _replace(database, one)
        archived = [call_id for one in rewritten for call_id in one.ids]
        deletion = _delete_rows(database, where, archived)
        imported = deletion.imported + sum(one.imported for one in rewritten)
        return deletion._replace(imported=imported)


def _rewrite(
    database: Database, folder: Path, files: list[ArchiveFile], where: CallFilter
) -> list[_Rewritten]:
    """Write files without the deleted calls, beside those that hold them."""
    condition = where.condition()
    rewritten = []
    for old in files:
        with ParquetReader(folder) as reader:
            found = list(reader.stream("id, source", [old.file], condition))
        ids = [call_id for call_id, _ in found]
        if not ids:
            continue
        new = ArchiveFile(new_file(database), old.calls - len(ids), old.first, old.last)
        if new.calls:
            copy_parquet(folder / old.file, folder / new.file, ids)
        imported = sum(source != "gateway" for _, source in found)
        rewritten.append(_Rewritten(old, new, ids, imported))
    return rewritten


def _replace(database: Database, rewritten: _Rewritten) -> None:
    database.execute("DELETE FROM archives WHERE file = ?", (rewritten.old.file,))
    if rewritten.new.calls:
        database.execute("INSERT INTO archives VALUES (?, ?, ?, ?)", rewritten.new)
    hashes = sorted((hash_id(call_id),) for call_id in rewritten.ids)
    database.executemany("DELETE FROM archived WHERE hash = ?", hashes)


def _delete_rows(database: Database, where: CallFilter, archived: list[str]) -> Deletion:
    condition = where.condition()
    database.execute("CREATE TEMP TABLE doomed AS SELECT id, number FROM calls WHERE FALSE")
    database.execute(f"INSERT INTO doomed {condition.select('id, number')}", condition.parameters)
    database.executemany("INSERT INTO doomed (id) VALUES (?)", [(one,) for one in archived])
    [(calls,)] = database.execute("SELECT count(*) FROM doomed")
    [(imported,)] = database.execute(_IMPORTED)
    note_deleted(database, (call_id for (call_id,) in database.execute("SELECT id FROM doomed")))
    keys = database.execute(_ANSWERS)
    answers = database.executemany("DELETE FROM answers WHERE key = ?", keys)
    students, reports, written, artefacts = (
        tuple(key for (key,) in database.execute(_MADE, (kind,)))
        for kind in ("student", "report", "written", "artefact")
    )
    promotions = database.execute("SELECT task, state, artefact FROM promotions ORDER BY task")
    learned = [(task, state) for task, state, artefact in promotions if artefact in artefacts]
    promoted = tuple(task for task, state in learned if state == "active")
    ended = tuple(task for task, state in learned if state != "active")
    students = tuple(
        task
        for task in students
        if task in promoted or newest_student(database, task) in {None, *artefacts}
    )
    # Which students learned from deleted calls stays known, and from which calls does not.
    put_derived(database, "artefact", [(artefact, DELETED) for artefact in artefacts])
    database.execute(f"DELETE FROM derived WHERE call_id IN {_DOOMED}")  # noqa: S608 - no value in it
    # Whether student and teacher agreed says nothing of the call, and the watch goes on counting.
    database.execute(
        f"UPDATE shadows SET {_FORGOTTEN} WHERE call_id IN {_DOOMED}"  # noqa: S608 - no value in it
    )
    for table in ("bodies", "calls"):
        database.execute(
            f"DELETE FROM {table} WHERE number IN "  # noqa: S608 - no value in it
            "(SELECT number FROM doomed WHERE number IS NOT NULL)"
        )
    database.execute("DROP TABLE doomed")
    made = (students, reports, written, promoted, ended)
    return Deletion(calls, len(archived), answers, *made, imported)
