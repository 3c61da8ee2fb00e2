"""The files of promoted students in a store, in pieces that are written one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locum.store.database import Database

__all__ = ["StudentFiles"]

# A value of either database holds a gigabyte at most, and of weights there may be more. Who writes
# to a SQLite file waits for all others that do, so that a piece is also what one has to wait for.
_PIECE_BYTES = 16 * 2**20
# Who waits for a SQLite file looks every tenth of a second whether it is free.
_PAUSE_SECONDS_A_BYTE = 0.15 / _PIECE_BYTES
_UNUSED = "artefact NOT IN (SELECT artefact FROM promotions)"


class StudentFiles:
    """Files of students by their artefact; a student is whole before a promotion names it.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, artefact: str, files: Mapping[str, bytes]) -> None:
        """Write the pieces that are not there yet, each in a transaction of its own.

        Args:
            artefact: SHA-256 of the student's manifest.
            files: Its files by name.
        """
        for name, part, piece in _cut(files):
            held = self._read(artefact, name, part)
            if held is None or memoryview(held) != piece:
                self._database.execute(
                    "INSERT INTO artefact_files (artefact, name, part, content) "
                    "VALUES (?, ?, ?, ?) ON CONFLICT (artefact, name, part) "
                    "DO UPDATE SET content = excluded.content",
                    (artefact, name, part, piece),
                )
                self._let_others_write(len(piece))

    def settle(self, artefact: str, files: Mapping[str, bytes]) -> bool:
        """Drop what is no piece of a student any more, as a part of a transaction of the caller's.

        Args:
            artefact: As of `write`.
            files: Likewise.

        Returns:
            Whether all pieces are there; others may have dropped them while no promotion named it.
        """
        keys = {(name, part) for name, part, _ in _cut(files)}
        held = set(
            self._database.execute(
                "SELECT name, part FROM artefact_files WHERE artefact = ?", (artefact,)
            )
        )
        for name, part in held - keys:
            self._database.execute(
                "DELETE FROM artefact_files WHERE artefact = ? AND name = ? AND part = ?",
                (artefact, name, part),
            )
        return keys <= held

    def unused(self) -> Iterator[tuple[str, str, int]]:
        """Yield artefact, name and number of the pieces that no promotion names."""
        query = f"SELECT artefact, name, part, length(content) FROM artefact_files WHERE {_UNUSED}"  # noqa: S608 - no value in it
        for artefact, name, part, size in self._database.execute(query):
            yield artefact, name, part
            self._let_others_write(size)

    def drop(self, artefact: str, name: str, part: int) -> None:
        """Drop a piece, as a part of a transaction of the caller's, unless a promotion names it."""
        self._database.execute(
            "DELETE FROM artefact_files WHERE artefact = ? AND name = ? AND part = ? "  # noqa: S608 - no value in it
            f"AND {_UNUSED}",
            (artefact, name, part),
        )

    def pieces(self, artefact: str) -> dict[str, int]:
        """Return the names of a student's files, and of how many pieces each is.

        Raises:
            InputError: The store has none.
        """
        rows = self._database.execute(
            "SELECT name, COUNT(*) FROM artefact_files WHERE artefact = ? GROUP BY name ORDER BY "
            "name",
            (artefact,),
        )
        if not rows:
            raise self._lacks(artefact)
        return dict(rows)

    def piece(self, artefact: str, name: str, part: int) -> bytes:
        """Return a piece of a file; one after the other they are the file.

        Raises:
            InputError: The store has it not, or no more.
        """
        piece = self._read(artefact, name, part)
        if piece is None:
            raise self._lacks(artefact)
        return piece

    def _read(self, artefact: str, name: str, part: int) -> bytes | None:
        rows = self._database.execute(
            "SELECT content FROM artefact_files WHERE artefact = ? AND name = ? AND part = ?",
            (artefact, name, part),
        )
        return bytes(rows[0][0]) if rows else None

    def _let_others_write(self, size: int) -> None:
        """Wait after a piece of so many bytes, for as long as others need to get their turn."""
        if self._database.dialect == "sqlite":
            time.sleep(size * _PAUSE_SECONDS_A_BYTE)

    def _lacks(self, artefact: str) -> InputError:
        return InputError(f"{self._database.name} holds no student {artefact[:12]}: promote it")


def _cut(files: Mapping[str, bytes]) -> Iterator[tuple[str, int, memoryview]]:
    """Yield the pieces of files, each with its file's name and its number; an empty one has one."""
    for name, content in files.items():
        whole = memoryview(content)
        for part, start in enumerate(range(0, max(len(whole), 1), _PIECE_BYTES)):
            yield name, part, whole[start : start + _PIECE_BYTES]
