"""What all watches have in common: they count, and once broken they stay so."""

from __future__ import annotations

from locum.errors import UsageError

__all__ = ["Watch", "check_probability"]


def check_probability(name: str, value: float) -> None:
    """Refuse a number that does not lie strictly between 0 and 1.

    Raises:
        UsageError: It does not; NaN neither.
    """
    if not 0 < value < 1:
        raise UsageError(f"{name} {value} cannot be used: expected a number in (0, 1)")


class Watch:
    """A test that may be looked at after each observation.

    Args:
        delta: Bound on the chance that it is ever broken while its hypothesis holds.

    Raises:
        UsageError: It does not lie between 0 and 1.
    """

    def __init__(self, delta: float) -> None:
        check_probability("delta", delta)
        self.delta = delta
        self._observed = 0
        self._broken_at: int | None = None

    @property
    def observed(self) -> int:
        """Observations so far."""
        return self._observed

    @property
    def broken(self) -> bool:
        """Whether the hypothesis was ever found broken."""
        return self._broken_at is not None

    @property
    def broken_at(self) -> int | None:
        """The observation at which it was found broken, counted from 1."""
        return self._broken_at
