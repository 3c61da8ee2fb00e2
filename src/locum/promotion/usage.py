"""How many calls went which way, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema import JsonObject
    from locum.store import Route

__all__ = ["Usage"]


class Usage(NamedTuple):
    """Calls of a task, and what they cost.

    Args:
        routes: How many went which way.
        usd: What the teacher asks for so many, in US dollars, each at its mean price of the time;
            ``None`` where that is not known.
    """

    routes: Mapping[Route, int]
    usd: Mapping[Route, float] | None

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.routes.values())

    @property
    def answered(self) -> int:
        """Calls that the student answered."""
        return self.routes.get("student", 0) + self.routes.get("shadow", 0)

    @property
    def to_teacher(self) -> int:
        """Calls that the teacher answered."""
        return self.total - self.answered

    @property
    def spent_usd(self) -> float | None:
        """What the teacher's answers cost, those that were bought to compare among them."""
        if self.usd is None:
            return None
        return sum(usd for route, usd in self.usd.items() if route != "student")

    @property
    def saved_usd(self) -> float | None:
        """What the teacher's answers would have cost, less those that were bought to compare."""
        return None if self.usd is None else self.usd.get("student", 0.0)

    def to_object(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "calls": dict(self.routes),
            "total": self.total,
            "answered": self.answered,
            "to_teacher": self.to_teacher,
            "spent_usd": self.spent_usd,
            "saved_usd": self.saved_usd,
        }
