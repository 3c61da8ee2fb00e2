"""Teachers' answers on disk, so that none is bought twice."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

from pydantic import TypeAdapter, ValidationError

from locum.schema import TeacherAnswer
from locum.store.database import Database, open_database
from locum.store.derived import link_derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["LabelStore"]

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

    def find(self, keys: Sequence[str]) -> dict[str, TeacherAnswer]:
        """Return the answers that are known, by key; a row that cannot be read is not.

        Raises:
            InputError: The store cannot be read.
        """
        found: dict[str, TeacherAnswer] = {}
        for start in range(0, len(keys), _KEYS_A_QUERY):
            some = keys[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"  # noqa: S608 - marks alone
            for key, stored in self._database.execute(query, some):
                with suppress(ValidationError):
                    found[key] = _ANSWER.validate_json(stored)
        return found

    def add(self, answers: Iterable[tuple[str, TeacherAnswer]]) -> None:
        """Write answers; they are on disk when this returns.

        Raises:
            InputError: The store cannot be written.
        """
        rows = {key: _ANSWER.dump_json(answer) for key, answer in answers}
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO answers (key, answer) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET answer = excluded.answer",
                sorted(rows.items()),
            )

    def link(self, links: Iterable[tuple[str, str]]) -> None:
        """Note which recorded calls answers stem from, so that they go when those are deleted.

        Args:
            links: The key of an answer, each with the id of a call.

        Raises:
            InputError: The store cannot be written.
        """
        link_derived(self._database, "answer", links)
