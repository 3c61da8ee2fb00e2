"""Teachers' answers on disk, so that none is bought twice."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import orjson
from pydantic import TypeAdapter, ValidationError

from locum.schema import TeacherAnswer
from locum.store.database import Database, open_database
from locum.store.derived import link_derived

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from locum.store.database import Row

__all__ = ["LabelStore", "execute_by_key", "find_answers", "put_answers"]

_KEYS_A_QUERY = 500
_ANSWER = TypeAdapter(TeacherAnswer)


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

        It is found by the same labels in any order.

        Args:
            labels: The label set, in the order of the distributions.
            answers: By the id of the call.
            unfinished: Calls of which more is to be asked: what is kept of them stands in for it.

        Raises:
            InputError: The store cannot be written.
        """
        keyed = {_call_key(labels, call, whole=call not in unfinished): call for call in answers}
        places = sorted(range(len(labels)), key=labels.__getitem__)
        self.link(keyed.items())
        self.add((key, _ordered(answers[call_id], places)) for key, call_id in keyed.items())

    def soft_labels_of(
        self, labels: Sequence[str], call_ids: Sequence[str], *, finished: bool = False
    ) -> dict[str, TeacherAnswer]:
        """Return what `add_soft_labels` kept for a label set, by the id of the call.

        Args:
            labels: The label set.
            call_ids: The calls.
            finished: Leave out what stands in for what is to be asked yet.

        Raises:
            InputError: The store cannot be read.
        """
        place_of = {label: place for place, label in enumerate(sorted(labels))}
        places = [place_of[label] for label in labels]
        found: dict[str, TeacherAnswer] = {}
        for whole in (True,) if finished else (False, True):
            keyed = {_call_key(labels, call_id, whole=whole): call_id for call_id in call_ids}
            kept = self.find(list(keyed))
            found |= {keyed[key]: _ordered(answer, places) for key, answer in kept.items()}
        return found


def _call_key(labels: Sequence[str], call_id: str, *, whole: bool) -> str:
    kind = "soft label" if whole else "unfinished soft label"
    return hashlib.sha256(orjson.dumps([kind, sorted(labels), call_id])).hexdigest()


def _ordered(answer: TeacherAnswer, places: Sequence[int]) -> TeacherAnswer:
    """Return an answer with its probabilities from these places."""
    if answer.distribution is None:
        return answer
    return replace(answer, distribution=tuple(answer.distribution[place] for place in places))


def find_answers(database: Database, keys: Sequence[str]) -> dict[str, TeacherAnswer]:
    """Return the answers that are known, by key; a row that cannot be read is not."""
    found: dict[str, TeacherAnswer] = {}
    query = "SELECT key, answer FROM answers WHERE key IN (KEYS)"
    for key, stored in execute_by_key(database, query, keys):
        with suppress(ValidationError):
            found[key] = _ANSWER.validate_json(stored)
    return found


def put_answers(database: Database, answers: Mapping[str, TeacherAnswer]) -> None:
    """Write answers as part of a transaction."""
    rows = [(key, _ANSWER.dump_json(answer)) for key, answer in sorted(answers.items())]
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
