"""What applications have spent through gateways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.store.database import Database

__all__ = ["SpendStore", "Spent"]

_DAY_SECONDS = 86_400


class Spent(NamedTuple):
    """US dollars of a day and of a month, in UTC; ``None`` where there is no such amount."""

    day_usd: float | None
    month_usd: float | None


class SpendStore:
    """What applications have spent; threads may share it.

    Every method raises `InputError` where the store cannot be read or written.

    Args:
        database: Where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, spends: Mapping[str, float], moment: float) -> None:
        """Add to what applications have spent.

        Args:
            spends: US dollars by application.
            moment: When, in seconds since 1970.
        """
        day = int(moment // _DAY_SECONDS)
        rows = sorted((application, day, usd) for application, usd in spends.items())
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO spends (application, day, usd) VALUES (?, ?, ?) "
                "ON CONFLICT (application, day) DO UPDATE SET usd = spends.usd + excluded.usd",
                rows,
            )

    def spent(self, applications: Sequence[str], moment: float) -> dict[str, Spent]:
        """Return what applications have spent on the day and in the month of a moment."""
        today = int(moment // _DAY_SECONDS)
        first = datetime.fromtimestamp(moment, UTC).replace(day=1)
        month = int(first.timestamp() // _DAY_SECONDS)
        found = {}
        for application in applications:
            rows = self._database.execute(
                "SELECT day, usd FROM spends WHERE application = ? AND day >= ?",
                (application, month),
            )
            found[application] = Spent(
                sum(usd for day, usd in rows if day == today), sum(usd for _, usd in rows)
            )
        return found
