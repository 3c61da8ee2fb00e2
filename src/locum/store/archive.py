"""Old calls, moved from the SQLite file into Parquet files beside it.

The table ``archives`` says which files count. A file is on disk before the transaction that records
it and deletes its calls from the tables, and files are never changed, only replaced by others, so
that a crash at any point loses and doubles nothing. One compaction or deletion is at work at a
time, and others wait for it. The table ``archive_writes`` has the name of each file from before it
is written: of these alone, one that does not count is a leftover. What else lies in the folder may
be another store's, or this one's from before a backup was restored.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from hashlib import blake2b
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from locum.errors import InputError, UsageError
from locum.store.call_filter import CallFilter, Condition
from locum.store.call_rows import FACT_COLUMNS, FACTS, CallRow
from locum.store.holding import hold_in_turn
from locum.store.parquet import SPILLED, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from locum.store.database import Database, Row, Snapshot

__all__ = [
    "ArchiveFile",
    "Compaction",
    "clean_archive",
    "compact_calls",
    "hash_id",
    "list_archives",
    "new_file",
    "unknown_files",
    "work_alone",
]
CALLS_A_FILE = 100_000
BYTES_A_FILE = 256 * 2**20
_TIME, _TASK = FACT_COLUMNS.index("time"), FACT_COLUMNS.index("task")


class ArchiveFile(NamedTuple):
    """A Parquet file of calls in the order of their times.

    Args:
        file: Its name.
        calls: How many it holds.
        first: No call is earlier, in seconds since 1970.
        last: No call is later.
    """

    file: str
    calls: int
    first: float
    last: float


class Compaction(NamedTuple):
    """What was moved.

    Args:
        calls: Calls.
        files: Files that they are in now.
        bytes: Size of these files.
    """

    calls: int
    files: int
    bytes: int


class _CallsChangedError(Exception):
    """Another process named calls meanwhile: begin again."""


class _Taken(NamedTuple):
    number: int
    hash: int
    time: float
    task: str | None


@contextmanager
def work_alone(database: Database, waiting: Callable[[], object]) -> Iterator[None]:
    """Keep other compactions and deletions waiting until the block ends.

    Args:
        database: The store.
        waiting: Called once where another one is at work, which is waited for.

    Raises:
        InputError: The folder of the store cannot be written.
    """
    if database.archive is None:  # a server has no files that one could take from another
        yield
        return
    with hold_in_turn(database.archive, waiting):
        yield


def list_archives(
    database: Database, reader: Database | Snapshot, where: CallFilter
) -> list[ArchiveFile]:
    """Return the files that may hold calls of a filter, the earliest first."""
    if database.archive is None:
        return []
    since = -inf if where.since is None else where.since
    until = inf if where.until is None else where.until
    rows = reader.execute(
        "SELECT file, calls, first, last FROM archives WHERE last >= ? AND first < ? "
        "ORDER BY first, file",
        (since, until),
    )
    return [ArchiveFile(*row) for row in rows]


def hash_id(call_id: str) -> int:
    """Return the 64 bits by which an archived call is known again."""
    digest = blake2b(call_id.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def new_file(database: Database) -> str:
    """Return a name that no file has, noted as that of one of this store's."""
    name = f"{uuid4().hex}.parquet"
    database.execute("INSERT INTO archive_writes VALUES (?)", (name,))
    return name


def compact_calls(database: Database, before: float, waiting: Callable[[], object]) -> Compaction:
    """Move calls into Parquet files, once no other compaction or deletion is at work.

    Args:
        database: The store.
        before: Calls before this are moved, in seconds since 1970.
        waiting: Called once where another one is waited for.

    Raises:
        InputError: The store or a file cannot be read or written, or one is gone; what was moved
            stays moved.
        UsageError: The store is on PostgreSQL, or ``locum[parquet]`` is not installed.
    """
    folder = database.archive
    if folder is None:
        raise UsageError(
            f"the store {database.name} is on PostgreSQL, which keeps all calls itself: what is no "
            "longer needed there leaves it by locum calls export FILE --until DATE and locum calls "
            "delete --until DATE"
        )
    with work_alone(database, waiting):
        moved = _move(database, folder, before)
        size = sum((folder / file.file).stat().st_size for file in moved)
    database.empty_log()
    return Compaction(sum(file.calls for file in moved), len(moved), size)


def _move(database: Database, folder: Path, before: float) -> list[ArchiveFile]:
    _require_files(database, folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    clean_archive(database)
    moved: list[ArchiveFile] = []
    try:
        while (files := _move_some(database, folder, before)) is not None:
            moved += files
    except BaseException:
        clean_archive(database)
        raise
    return moved


def clean_archive(database: Database) -> None:
    """Remove what a crash, or a file that was replaced, left in the folder, while working alone."""
    folder = database.archive
    if folder is None or not folder.exists():
        return
    rows = database.execute("SELECT file FROM archive_writes EXCEPT SELECT file FROM archives")
    leftovers = {SPILLED, *(file for (file,) in rows)}
    for path in folder.iterdir():
        if _written_as(path) not in leftovers:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unknown_files(database: Database) -> list[Path]:
    """Return what lies in the folder and was not written by this store, as far as it knows."""
    folder = database.archive
    if folder is None or not folder.exists():
        return []
    written = {SPILLED, *(file for (file,) in database.execute("SELECT file FROM archive_writes"))}
    return sorted(path for path in folder.iterdir() if _written_as(path) not in written)


def _written_as(path: Path) -> str:
    """Return the name that a file was noted by, also of the folder in which it was begun."""
    if path.is_dir() and path.name != SPILLED:
        return path.name[1:].rpartition("-")[0]
    return path.name


def _require_files(database: Database, folder: Path) -> None:
    """Refuse to go on where a file is gone.

    Raises:
        InputError: It is so.
    """
    files = [file for (file,) in database.execute("SELECT file FROM archives ORDER BY file")]
    gone = [file for file in files if not (folder / file).exists()]
    if gone:
        raise InputError(
            f"{len(gone):,} of the {len(files):,} files in {folder} are gone, such as {gone[0]}: "
            "nothing is moved until they are back; a store that was moved or restored needs the "
            "folder that it had beside it"
        )


def _move_some(database: Database, folder: Path, before: float) -> list[ArchiveFile] | None:
    """Move the earliest calls; none where others changed them meanwhile."""
    taken: list[_Taken] = []
    with database.snapshot() as snapshot:
        condition = Condition("time < ? ORDER BY time, number", [before])
        query = condition.select(
            f"number, {FACTS}, request, response", "calls JOIN bodies USING (number)"
        )
        rows = snapshot.stream(query, condition.parameters)
        first = next(rows, None)
        if first is None:
            return None
        path = folder / new_file(database)
        write_parquet(_take(chain([first], rows), taken), path)
    file = ArchiveFile(path.name, len(taken), taken[0].time, taken[-1].time)
    try:
        _record(database, file, taken)
    except _CallsChangedError:
        clean_archive(database)
        return []
    return [file]


def _take(rows: Iterable[Row], taken: list[_Taken]) -> Iterator[CallRow]:
    size = 0
    for number, *facts, request, response in rows:
        row = CallRow(tuple(facts), request, response)
        taken.append(_Taken(number, hash_id(row.id), facts[_TIME], facts[_TASK]))
        yield row
        size += len(request) + len(response)
        if len(taken) >= CALLS_A_FILE or size >= BYTES_A_FILE:
            return


def _record(database: Database, file: ArchiveFile, taken: list[_Taken]) -> None:
    numbers = [(call.number,) for call in taken]
    hashes = sorted((call.hash,) for call in taken)
    with database.transaction():
        database.execute("INSERT INTO archives VALUES (?, ?, ?, ?)", file)
        database.executemany("INSERT INTO archived VALUES (?) ON CONFLICT DO NOTHING", hashes)
        database.executemany("DELETE FROM bodies WHERE number = ?", numbers)
        # One that was named since it was read is there still, and so is its name.
        removed = database.executemany(
            "DELETE FROM calls WHERE number = ? AND task IS ?",
            [(call.number, call.task) for call in taken],
        )
        if removed != len(taken):
            raise _CallsChangedError
