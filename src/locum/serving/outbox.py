"""Answers that leave together: to wake up one client takes longer than to write to ten."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Outbox"]


class _Sender(Protocol):
    def flush(self) -> None:
        """Send what it holds."""


class Outbox:
    """Lets connections send in the event loop's next turn, or before, what they hold."""

    def __init__(self) -> None:
        self._senders: list[_Sender] = []

    def add(self, sender: _Sender) -> None:
        """Let a connection send with the others."""
        if not self._senders:
            asyncio.get_running_loop().call_soon(self.flush)
        self._senders.append(sender)

    def flush(self) -> None:
        """Let all send now."""
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.flush()
