"""How often a recorder died of late: one that keeps dying is told from one that starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from locum.store import PromotionEvent, PromotionStore

if TYPE_CHECKING:
    from locum.store import Database

__all__ = ["NO_DEATHS", "Deaths", "tell_deaths"]

# What makes it die, such as a sampled call, may come seldom.
_APART_SECONDS = 86_400.0
_SEVERAL = 2
# Half a day is less than the time that tells deaths apart: the next one counts with those before.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 43_200.0
_MOST_DOUBLINGS = 10


class Deaths(NamedTuple):
    """Deaths of a recorder of which each came within a day of the one before.

    Args:
        times: How often it died.
        first: When it did first, in seconds since 1970.
        last: When it did last.
    """

    times: int
    first: float
    last: float

    def with_one(self, now: float) -> Deaths:
        """Return them with one more; those of long ago are forgotten."""
        if now - self.last > _APART_SECONDS:
            return Deaths(1, now, now)
        return Deaths(self.times + 1, self.first, now)

    def is_repeated(self, now: float) -> bool:
        """Tell whether it keeps dying, rather than that it died once."""
        return self.times >= _SEVERAL and now - self.last <= _APART_SECONDS

    @property
    def pause_seconds(self) -> float:
        """For how long after the last one no student is to answer: the longer the more there are.

        What made it die may come again with each sampled call, so that nobody watches; a student
        that answers again is tried out on few calls before the next death.
        """
        if self.times < _SEVERAL:
            return 0.0
        doublings = min(self.times - _SEVERAL, _MOST_DOUBLINGS)
        return min(_FIRST_PAUSE_SECONDS * 2.0**doublings, _LONGEST_PAUSE_SECONDS)

    def is_pause(self, now: float) -> bool:
        """Tell whether no student is to answer because of them."""
        return now - self.last < self.pause_seconds


NO_DEATHS = Deaths(0, 0.0, 0.0)


def tell_deaths(database: Database, deaths: Deaths) -> None:
    """Say of promoted students, as an event, that a recorder keeps dying: at 2, 4, 8 ... deaths.

    Args:
        database: The store.
        deaths: Those of the gateway's recorders before this one.

    Raises:
        InputError: The store cannot be read or written.
    """
    if not deaths.is_repeated(time.time()) or deaths.times.bit_count() > 1:
        return
    message = (
        f"a gateway's recorder died {deaths.times:,} times since {_moment(deaths.first)}, last at "
        f"{_moment(deaths.last)}: what it had in its hands, such as sampled calls, is lost; its "
        f"standard error says why; no student answers there for {deaths.pause_seconds:,.0f} s"
    )
    store = PromotionStore(database)
    for promotion in store.all():
        if promotion.state == "active":
            store.note_unless_last(PromotionEvent(promotion.task, deaths.last, "alarm", message))


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
