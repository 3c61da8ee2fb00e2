"""Teachers' answers on disk, so that none is bought twice."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from pydantic import TypeAdapter, ValidationError

from locum.errors import InputError
from locum.schema import TeacherAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["LabelStore"]

_MIGRATIONS = ("CREATE TABLE answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL) WITHOUT ROWID",)
_BUSY_SECONDS = 30.0
_KEYS_A_QUERY = 500
_ANSWER = TypeAdapter(TeacherAnswer)


class LabelStore:
    """A SQLite file of answers by the key of their question; several processes may share it.

    Args:
        path: The file; it is made when it does not exist.

    Raises:
        InputError: The file cannot be opened, is no such store, or was written by a later Locum.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store of labels {path} cannot be opened: {error}") from None
        try:
            with self._said():
                self._migrate()
        except InputError:
            self._connection.close()
            raise

    def _migrate(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            raise InputError(
                f"{self._path} has version {version} and this Locum knows {len(_MIGRATIONS)}: "
                "upgrade Locum"
            )
        for number in range(version, len(_MIGRATIONS)):
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                if self._connection.execute("PRAGMA user_version").fetchone()[0] == number:
                    self._connection.execute(_MIGRATIONS[number])
                    self._connection.execute(f"PRAGMA user_version = {number + 1}")

    def __enter__(self) -> Self:
        """Use the store in a ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._connection.close()

    def find(self, keys: Sequence[str]) -> dict[str, TeacherAnswer]:
        """Return the answers that are known, by key; a row that cannot be read is not.

        Raises:
            InputError: The file cannot be read.
        """
        found: dict[str, TeacherAnswer] = {}
        with self._said():
            for start in range(0, len(keys), _KEYS_A_QUERY):
                some = keys[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"  # noqa: S608 - marks alone
                for key, stored in self._connection.execute(query, some).fetchall():
                    with suppress(ValidationError):
                        found[key] = _ANSWER.validate_json(stored)
        return found

    def add(self, answers: Iterable[tuple[str, TeacherAnswer]]) -> None:
        """Write answers; they are on disk when this returns.

        Raises:
            InputError: The file cannot be written.
        """
        rows = [(key, _ANSWER.dump_json(answer)) for key, answer in answers]
        with self._said(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say which file SQLite's errors are about."""
        try:
            yield
        except sqlite3.Error as error:
            raise InputError(f"the store of labels {self._path} cannot be used: {error}") from None
