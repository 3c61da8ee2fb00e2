"""Teachers' answers on disk, so that none is bought twice."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from locum.schema import KeptSoftLabel, TeacherAnswer
from locum.store.database import Database, execute_by_key, open_database
from locum.store.derived import put_derived
from locum.store.in_flight import lock_ledgers
from locum.store.known_calls import find_present
from locum.store.soft_labels import (
    SoftLabelsOfCalls,
    fit_soft_labels,
    former_key,
    soft_label_key,
)
from locum.store.tombstones import find_deleted_lately

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


__all__ = ["LabelStore", "find_answers", "find_soft_labels", "put_answers"]

_T = TypeVar("_T")
_ANSWER = TypeAdapter(TeacherAnswer)
_SOFT_LABEL = TypeAdapter(KeptSoftLabel)


class LabelStore:
    """Answers by the key of their question; several processes may share them.

    Args:
        place: The path of a SQLite file, which is made when it does not exist, or the URL of a
            PostgreSQL database; or a store that is open already, and stays open.

    Raises:
        InputError: The store cannot be opened, is none, or was written by a later Locum.
        UsageError: As `open_database`.
    """

    def __init__(self, place: str | Path | Database) -> None:
        self._owned = not isinstance(place, Database)
        self._database = place if isinstance(place, Database) else open_database(place)
        self._watched: dict[str, bool] = {}

    def __enter__(self) -> Self:
        """Use the store in a ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what was opened here."""
        if self._owned:
            self._database.close()

    @property
    def database(self) -> Database:
        """The store that is open."""
        return self._database

    def find(self, keys: Sequence[str]) -> dict[str, TeacherAnswer]:
        """Return the answers that are known, by key; a row that cannot be read is not.

        Raises:
            InputError: The store cannot be read.
        """
        return find_answers(self._database, keys)

    def add(self, answers: Iterable[tuple[str, TeacherAnswer]]) -> None:
        """Write answers; they are on disk when this returns.

        Raises:
            InputError: The store cannot be written.
        """
        rows = dict(answers)
        with self._database.transaction():
            put_answers(self._database, rows)

    def watch(self, call_ids: Iterable[str]) -> None:
        """Note which calls a run works on: what comes of those that are deleted is not kept.

        They may have been deleted since the run read them. What is said of calls that are in
        another store is kept all the same.

        Raises:
            InputError: The store cannot be read.
        """
        new = [call_id for call_id in dict.fromkeys(call_ids) if call_id not in self._watched]
        known = find_present(self._database, new)
        # In this order: one that is deleted between the two is known.
        known |= find_deleted_lately(self._database, set(new) - known)
        self._watched |= {call_id: call_id in known for call_id in new}

    def link(self, links: Iterable[tuple[str, str]]) -> None:
        """Note which recorded calls answers stem from, so that they go when those are deleted.

        Args:
            links: The key of an answer, each with the id of a call.

        Raises:
            InputError: The store cannot be written.
        """
        rows = list(links)
        with self._database.transaction():
            deleted = self._find_deleted([call_id for _, call_id in rows])
            put_derived(self._database, "answer", (row for row in rows if row[1] not in deleted))

    def add_for_calls(self, answers: Mapping[str, tuple[str, TeacherAnswer]]) -> None:
        """Write answers by their keys, each with the id of the call that it goes with.

        Raises:
            InputError: The store cannot be written.
        """
        self._put_for_calls(answers, _ANSWER)

    def add_soft_labels(
        self,
        labels: Sequence[str],
        answers: Mapping[str, TeacherAnswer],
        unfinished: Collection[str] = (),
    ) -> None:
        """Keep what a teacher said of the inputs of recorded calls; it goes when those do.

        It takes the place of what was kept of them before.

        Args:
            labels: The label set, in the order of the distributions.
            answers: By the id of the call.
            unfinished: Calls of which more is to be asked: what is kept of them stands in for it.

        Raises:
            InputError: The store cannot be written.
        """
        asked = tuple(labels)
        for whole in (True, False):
            kept = {
                call_id: KeptSoftLabel(asked, answer)
                for call_id, answer in answers.items()
                if (call_id not in unfinished) is whole
            }
            self.keep_soft_labels(kept, whole=whole)

    def keep_soft_labels(self, kept: Mapping[str, KeptSoftLabel], *, whole: bool = True) -> None:
        """Keep soft labels of recorded calls, by the id of the call; each goes when its call does.

        Raises:
            InputError: The store cannot be written.
        """
        keyed = {soft_label_key(one, whole=whole): (one, kept[one]) for one in kept}
        self._put_for_calls(keyed, _SOFT_LABEL)

    def _put_for_calls(self, values: Mapping[str, tuple[str, _T]], kind: TypeAdapter[_T]) -> None:
        with self._database.transaction():
            deleted = self._find_deleted([call_id for call_id, _ in values.values()])
            left = {key: value for key, value in values.items() if value[0] not in deleted}
            put_derived(self._database, "answer", ((key, left[key][0]) for key in left))
            _put(self._database, {key: value for key, (_, value) in left.items()}, kind)

    def _find_deleted(self, call_ids: Sequence[str]) -> set[str]:
        """Watched calls that were deleted, as part of a transaction."""
        lock_ledgers(self._database)
        there = [call_id for call_id in dict.fromkeys(call_ids) if self._watched.get(call_id)]
        return set(there) - find_present(self._database, there)

    def soft_labels_of(
        self, labels: Sequence[str], call_ids: Sequence[str], *, finished: bool = False
    ) -> SoftLabelsOfCalls:
        """Return what is kept of calls, over the labels of a task.

        Args:
            labels: The label set, which may have more labels than were asked about.
            call_ids: The calls.
            finished: Leave out what stands in for what is to be asked yet.

        Raises:
            InputError: The store cannot be read.
        """
        found, left = SoftLabelsOfCalls({}, {}, {}), list(dict.fromkeys(call_ids))
        for whole in (True,) if finished else (True, False):
            fitting = fit_soft_labels(self._kept(labels, left, whole=whole), labels)
            found.answers.update(fitting.answers)
            found.missing.update(fitting.missing)
            found.unused.update(fitting.unused)
            left = [call_id for call_id in left if call_id not in found.answers]
        for call_id in found.answers:
            found.unused.pop(call_id, None)
        return found

    def _kept(
        self, labels: Sequence[str], call_ids: Sequence[str], *, whole: bool
    ) -> dict[str, KeptSoftLabel]:
        kept = find_soft_labels(self._database, call_ids, whole=whole)
        # Those of an earlier Locum are found by these very labels, and from now on by their call.
        left = [call_id for call_id in call_ids if call_id not in kept]
        keyed = {former_key(labels, call_id, whole=whole): call_id for call_id in left}
        asked = tuple(sorted(labels))
        former = {
            keyed[key]: KeptSoftLabel(asked, answer)
            for key, answer in self.find(list(keyed)).items()
        }
        if former:
            self.keep_soft_labels(former, whole=whole)
        return kept | former


def find_soft_labels(
    database: Database, call_ids: Sequence[str], *, whole: bool = True
) -> dict[str, KeptSoftLabel]:
    """Return the soft labels that are kept of calls, by the id of the call."""
    keyed = {soft_label_key(call_id, whole=whole): call_id for call_id in call_ids}
    found = _find(database, list(keyed), _SOFT_LABEL)
    return {keyed[key]: kept for key, kept in found.items()}


def find_answers(database: Database, keys: Sequence[str]) -> dict[str, TeacherAnswer]:
    """Return the answers that are known, by key; a row that cannot be read is not."""
    return _find(database, keys, _ANSWER)


def put_answers(database: Database, answers: Mapping[str, TeacherAnswer]) -> None:
    """Write answers as part of a transaction."""
    _put(database, answers, _ANSWER)


def _find(database: Database, keys: Sequence[str], kind: TypeAdapter[_T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    query = "SELECT key, answer FROM answers WHERE key IN (KEYS)"
    for key, stored in execute_by_key(database, query, keys):
        with suppress(ValidationError):
            found[key] = kind.validate_json(stored)
    return found


def _put(database: Database, values: Mapping[str, _T], kind: TypeAdapter[_T]) -> None:
    rows = [(key, kind.dump_json(value)) for key, value in sorted(values.items())]
    database.executemany(
        "INSERT INTO answers (key, answer) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET answer = excluded.answer",
        rows,
    )
