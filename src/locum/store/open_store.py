"""A store that is held open for as long as a process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.errors import InputError
from locum.store.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from locum.store.database import Database

__all__ = ["OpenStore"]


class OpenStore:
    """Opens a store at its first use, and again after its file was moved, deleted or replaced.

    It is said of the use that comes upon this. Later ones open what is at the place by then, and
    make no new file there: it would be written over by who is about to copy one.

    Args:
        place: Path or URL.
    """

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self._database: Database | None = None
        self._was_open = False

    def use(self) -> Database:
        """Return the store.

        Raises:
            LocumError: It cannot be opened, or is not any more what was opened.
        """
        if self._database is None:
            self._database = open_database(self._place, make=not self._was_open)
            self._was_open = True
        if self._database.displaced:
            name = self._database.name
            self.close()
            raise InputError(
                f"the store {name} was moved, deleted or replaced while it was open: what is at "
                "its place is used next"
            )
        return self._database

    def close(self) -> None:
        """Close it until the next use.

        Raises:
            InputError: See `SqliteDatabase.close`; it is the one in use yet.
        """
        if self._database is not None:
            self._database.close()
            self._database = None
