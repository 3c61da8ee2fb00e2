"""Who waits for the answers of shadow calls: nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from locum.serving.client import Pausable
    from locum.serving.refusals import Refusal

__all__ = ["Nobody", "Waiting"]


class Waiting(Protocol):
    """Who waits for an answer."""

    keep_alive: bool

    def answered_by(self, source: Pausable) -> None:
        """Say who is to wait when the client reads slowly."""

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""

    def abort(self) -> None:
        """Show that an answer is not whole."""

    def refuse(self, refusal: Refusal, *, anthropic: bool = False) -> None:
        """Send an error of the gateway's own."""


class Nobody:
    """Takes an answer that goes to the record alone."""

    keep_alive = True

    def answered_by(self, source: Pausable) -> None:
        """Never let anyone wait."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def abort(self) -> None:
        """Do nothing: the record says that it broke off."""

    def refuse(self, refusal: Refusal, *, anthropic: bool = False) -> None:
        """Do nothing: the record says that it failed."""
