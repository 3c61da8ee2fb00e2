"""How a run tells how it goes on."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["Progress", "Silent"]


@runtime_checkable
class Progress(Protocol):
    """Is told how a run goes on."""

    def stage(self, message: str) -> None:
        """A new step begins."""
        ...

    def advance(self, done: int, total: int) -> None:
        """So much of a step of known length is done."""
        ...


class Silent:
    """Tells nobody."""

    def stage(self, message: str) -> None:
        """Do nothing."""

    def advance(self, done: int, total: int) -> None:
        """Do nothing."""
