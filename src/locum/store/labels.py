"""Teachers' answers on disk, so that none is bought twice."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from locum.schema import KeptSoftLabel, TeacherAnswer
from locum.store.database import Database, open_database
from locum.store.derived import link_derived
from locum.store.soft_labels import (
    SoftLabelsOfCalls,
    fit_soft_labels,
    former_key,
    soft_label_key,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from locum.store.database import Row

__all__ = ["LabelStore", "execute_by_key", "find_answers", "find_soft_labels", "put_answers"]

_T = TypeVar("_T")
_KEYS_A_QUERY = 500
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

    def link(self, links: Iterable[tuple[str, str]]) -> None:
        """Note which recorded calls answers stem from, so that they go when those are deleted.

        Args:
            links: The key of an answer, each with the id of a call.

        Raises:
            InputError: The store cannot be written.
        """
        link_derived(self._database, "answer", links)

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
        keyed = {soft_label_key(call_id, whole=whole): call_id for call_id in kept}
        self.link(keyed.items())
        with self._database.transaction():
            _put(self._database, {key: kept[keyed[key]] for key in keyed}, _SOFT_LABEL)

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


def execute_by_key(database: Database, sql: str, keys: Sequence[object]) -> list[Row]:
    """Run a statement for some keys at a time, in place of ``KEYS``, and return all its rows."""
    rows: list[Row] = []
    for start in range(0, len(keys), _KEYS_A_QUERY):
        some = keys[start : start + _KEYS_A_QUERY]
        rows += database.execute(sql.replace("KEYS", ",".join("?" * len(some))), some)
    return rows
