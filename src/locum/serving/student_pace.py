"""How fast a student answers, by what it took lately."""

from __future__ import annotations

__all__ = ["StudentPace"]

_MOST = 2**31


class StudentPace:
    """What an answer takes, batches and all: the last batch counts as much as all before it."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether it has answered at all."""
        return self._seconds is not None

    def note(self, answers: int, seconds: float) -> None:
        """Take note of a batch.

        Args:
            answers: How many it has answered; at least one.
            seconds: How long that took.
        """
        each = seconds / answers
        self._seconds = each if self._seconds is None else (self._seconds + each) / 2

    def answers_in(self, seconds: float) -> int:
        """Return how many it answers in a time: at least one; any number while it is not known."""
        if not self._seconds:
            return _MOST
        return int(min(max(seconds / self._seconds, 1), _MOST))
