"""Recorded calls on disk."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.store.archive import (
    Compaction,
    compact_calls,
    hash_id,
    list_archives,
    unknown_files,
)
from locum.store.call_filter import CallFilter, Condition, prefix_range
from locum.store.call_rows import FACT_COLUMNS, FACTS, CallRow, storable, to_call, to_facts, to_row
from locum.store.call_totals import TOTALS, CallTotals, sum_up
from locum.store.database import execute_by_key
from locum.store.deletion import Deletion, delete_calls
from locum.store.derived import DerivedKind, link_derived
from locum.store.known_calls import archived_hashes, recorded_times
from locum.store.labels import LabelStore, find_soft_labels
from locum.store.made import learned_from_deleted, link_made
from locum.store.marks import with_marks
from locum.store.merging import RowStream, merge_by_time
from locum.store.naming import Naming, name_calls
from locum.store.parquet import ParquetReader
from locum.store.selecting import select_newest, select_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from locum.schema import Call, CallFacts, KeptSoftLabel, MarkedCall
    from locum.store.database import Database

__all__ = ["CallStore"]

_INSERT_CALL = (
    f"INSERT INTO calls ({FACTS}) VALUES ({', '.join('?' * len(FACT_COLUMNS))}) "  # noqa: S608 - marks alone
    "ON CONFLICT (id) DO NOTHING"
)
_INSERT_BODIES = (
    "INSERT INTO bodies (number, request, response) SELECT number, ?, ? FROM calls WHERE id = ? "
    "ON CONFLICT (number) DO NOTHING"
)
_WHOLE = f"{FACTS}, request, response"
_ID = FACT_COLUMNS.index("id")
_WITH_BODIES = "calls JOIN bodies USING (number)"
_LINKED = "SELECT call_id FROM derived WHERE kind = ? AND key = ?"
_UNTIMED = "SELECT call_id, key FROM derived WHERE kind = 'untimed'"
_SHOWN_IDS = 5


class CallStore:
    """The calls of a store; threads may share it.

    Every method raises `InputError` where the store cannot be read or written, and `UsageError`
    where calls are in Parquet files and ``locum[parquet]`` is not installed.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, calls: Sequence[Call]) -> int:
        """Write calls that are not known yet; they are on disk when this returns.

        A call that was deleted is not known any more.

        Returns:
            How many were new.

        Raises:
            InputError: A body is no JSON; then none is written.
        """
        # One order in all processes, so that no two of them wait for each other.
        rows = sorted(map(to_row, calls), key=lambda row: row.id)
        with self._database.transaction():
            rows = self._without_archived(rows)
            new = self._database.executemany(_INSERT_CALL, (row.facts for row in rows))
            self._database.executemany(
                _INSERT_BODIES, ((row.request, row.response, row.id) for row in rows)
            )
        return new

    def _without_archived(self, rows: list[CallRow]) -> list[CallRow]:
        hashes = [hash_id(row.id) for row in rows]
        known = archived_hashes(self._database, hashes)
        return [row for row, number in zip(rows, hashes, strict=True) if number not in known]

    def name(self, calls: Iterable[Call], task: str) -> Naming:
        """Name the task of known calls that have none; others keep theirs."""
        return name_calls(self._database, calls, task)

    def recorded_times(self, ids: Sequence[str]) -> dict[str, float]:
        """Return when the gateway sent calls, by id, as far as it recorded calls of these ids.

        Args:
            ids: Those that are asked for. The time of one that is in a Parquet file is 0.
        """
        return recorded_times(self._database, ids)

    def find(self, where: CallFilter, limit: int) -> list[CallFacts]:
        """Return the newest calls of a filter, the newest first.

        Args:
            where: Which calls.
            limit: At most so many.
        """
        return [to_facts(row) for row in select_newest(self._database, where, limit)]

    def count(self, where: CallFilter) -> int:
        """Return how many calls a filter has."""
        rows = select_rows(self._database, "count(*)", where, where.condition())
        return sum(count for (count,) in rows)

    def totals(self, where: CallFilter) -> list[CallTotals]:
        """Return sums by task, or fingerprint where there is none, and model; most calls first."""
        grouped = where.condition().then("GROUP BY fingerprint, task, model")
        return sum_up(select_rows(self._database, TOTALS, where, grouped))

    def get(self, call_id: str) -> Call:
        """Return a call by its id, or by the beginning of its id where no other begins so.

        Raises:
            InputError: There is no such call, or there are several.
        """
        found = self.find_id(call_id)
        if found is None:
            raise InputError(f"there is no call {call_id!r}: locum calls lists those there are")
        for call in self.iterate(CallFilter(ids=(found,))):
            return call
        raise InputError(f"call {found} was deleted just now")

    def find_id(self, beginning: str) -> str | None:
        """Return the id of the call that has this one, or whose id alone begins so.

        Raises:
            InputError: Several ids begin so.
        """
        found = self._ids_from(beginning)
        if beginning in found:
            return beginning
        if len(found) > 1:
            shown = ", ".join(found[:_SHOWN_IDS]) + ", ..." * (len(found) > _SHOWN_IDS)
            raise InputError(
                f"several calls begin with {beginning!r}: {shown}; give more of the id"
            )
        return found[0] if found else None

    def _ids_from(self, beginning: str) -> list[str]:
        """A few ids that begin so, in order."""
        condition = Condition(
            "id >= ? AND id < ? ORDER BY id LIMIT ?", [*prefix_range(beginning), _SHOWN_IDS + 1]
        )
        rows = select_rows(self._database, "id", CallFilter(), condition)
        return sorted(call_id for (call_id,) in rows)

    def iterate(
        self, where: CallFilter, damaged: Callable[[str], object] | None = None
    ) -> Iterator[Call]:
        """Yield the calls of a filter, the oldest first, as the store is when it begins.

        Few are held in memory, and writers go on meanwhile.

        Args:
            where: Which calls.
            damaged: Is told the id of each call whose bodies cannot be read, which is left out;
                by default such a call is an `InputError`.
        """
        condition = where.condition()
        ordered = condition.then("ORDER BY time, number")
        query = ordered.select(_WHOLE, _WITH_BODIES)
        with self._database.snapshot() as snapshot, ExitStack() as opened:
            streams = [RowStream(-inf, partial(snapshot.stream, query, condition.parameters))]
            files = list_archives(self._database, snapshot, where)
            if files and self._database.archive is not None:
                reader = opened.enter_context(ParquetReader(self._database.archive))
                streams += [
                    RowStream(file.first, partial(reader.stream, _WHOLE, [file.file], condition))
                    for file in files
                ]
            for row in merge_by_time(streams):
                try:
                    call = to_call(row)
                except InputError:
                    if damaged is None:
                        raise
                    damaged(row[_ID])
                else:
                    yield call

    def marked(self, calls: Iterable[Call]) -> Iterator[MarkedCall]:
        """Yield calls of the store with what it knows of them besides; few are held in memory."""
        return with_marks(self._database, calls)

    def link(self, kind: DerivedKind, links: Iterable[tuple[str, str]]) -> None:
        """Note what was derived from calls, so that a deletion finds it.

        Args:
            kind: ``answer`` for bought answers, ``student`` for the students of a task,
                ``artefact`` for one of them, ``report`` for what was written of a task,
                ``written`` for its synthetic inputs, ``deferred`` for what a student was unsure of,
                ``untimed`` for times that were made up.
            links: The key of an answer, the task of a student, a report or inputs, the SHA-256 of
                a manifest, or a time, each with the id of a call that it stems from.
        """
        link_derived(self._database, kind, links)

    def link_made(self, keys: Mapping[DerivedKind, str], call_ids: Iterable[str]) -> int:
        """Note what was just made of calls that were read before, if all of them are still there.

        Args:
            keys: What was made, by its kind; both as for `link`.
            call_ids: The calls.

        Returns:
            How many of them were deleted meanwhile; where any were, nothing is noted.
        """
        return link_made(self._database, keys, call_ids)

    def learned_from_deleted(self, artefact: str) -> bool:
        """Tell whether a student learned from calls that were deleted since.

        Args:
            artefact: SHA-256 of its manifest.
        """
        return learned_from_deleted(self._database, artefact)

    def linked(self, kind: DerivedKind, key: str) -> Iterator[Call]:
        """Yield the calls that something was derived from, as far as they are still there.

        They come in no order, and few are held in memory.

        Args:
            kind: As for `link`.
            key: Likewise.
        """
        here = Condition(f"id IN ({_LINKED})", [kind, key])
        with self._database.snapshot() as snapshot:
            query = here.select(_WHOLE, _WITH_BODIES)
            yield from map(to_call, snapshot.stream(query, here.parameters))
            files = [file.file for file in list_archives(self._database, snapshot, CallFilter())]
            ids = [call_id for (call_id,) in snapshot.execute(_LINKED, (kind, key))]
        if files and ids and self._database.archive is not None:
            # Bodies are read whole: all ids in one pass.
            archived = Condition("id IN (SELECT unnest(?))", [ids])
            with ParquetReader(self._database.archive) as reader:
                yield from map(to_call, reader.stream(_WHOLE, files, archived))

    def deferred(self) -> frozenset[str]:
        """Return the ids of calls that are known because a student was unsure of them."""
        rows = self._database.execute("SELECT call_id FROM derived WHERE kind = 'deferred'")
        return frozenset(call_id for (call_id,) in rows)

    def note_deferred(self, links: Iterable[tuple[str, str]]) -> None:
        """Note calls that are known because a student was unsure of them.

        Args:
            links: The task of the student, each with the id of a call, which need not be in the
                store yet.
        """
        self.link("deferred", links)

    def note_untimed(self, calls: Iterable[Call]) -> None:
        """Note calls of which nothing tells when they were sent, so that their time is made up.

        It holds for the time that they have here: a call that is known by its own keeps that.

        Args:
            calls: They need not be in the store yet.
        """
        self.link("untimed", [(str(call.facts.time), call.facts.id) for call in calls])

    def note_soft_labels(self, bought: Mapping[str, KeptSoftLabel]) -> None:
        """Note what another store had bought for calls, unless it was bought here too.

        Args:
            bought: By the id of the call, which need not be in the store yet.
        """
        new = {str(storable(call_id)): kept for call_id, kept in bought.items()}
        for call_id in find_soft_labels(self._database, list(new)):
            del new[call_id]
        LabelStore(self._database).keep_soft_labels(new)

    def untimed(self, ids: Sequence[str] | None = None) -> frozenset[tuple[str, float]]:
        """Return the ids of calls whose time was made up, each with that time.

        Args:
            ids: Calls that are asked about; by default all.
        """
        if ids is None:
            rows = self._database.execute(_UNTIMED)
        else:
            rows = execute_by_key(self._database, f"{_UNTIMED} AND call_id IN (KEYS)", ids)
        return frozenset((call_id, float(time)) for call_id, time in rows)

    def delete(
        self,
        where: CallFilter,
        patience: float = 0.0,
        waiting: Callable[[], object] = lambda: None,
    ) -> Deletion:
        """Delete calls, their bodies, and what was derived from them, all or nothing.

        Args:
            where: Which calls.
            patience: For how many seconds it is tried to take them out of the store's log as well,
                where others read.
            waiting: Called once where another deletion or compaction is at work, which is waited
                for.
        """
        return delete_calls(self._database, where, patience, waiting)

    def compact(self, before: float, waiting: Callable[[], object] = lambda: None) -> Compaction:
        """Move calls into Parquet files.

        Args:
            before: Calls before this are moved, in seconds since 1970.
            waiting: As for `delete`.

        Raises:
            UsageError: The store is on PostgreSQL.
        """
        return compact_calls(self._database, before, waiting)

    def unknown_files(self) -> list[Path]:
        """Return what lies beside the Parquet files and was not written by this store.

        It may hold calls of a store that was moved away, or of this one from before a backup of it
        was restored; no command reads or removes it.
        """
        return unknown_files(self._database)
