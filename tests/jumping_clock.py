"""An event loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run_jumping"]

_Result = TypeVar("_Result")


class _Clock:
    now = 1000.0


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Move the clock on by the time that there is nothing to do."""
        assert timeout is not None, "everyone waits for ever"
        self._clock.now += timeout
        return super().select(0)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(_JumpingSelector(self._clock))

    def time(self) -> float:
        """Return the time on the clock, in seconds."""
        return self._clock.now


def run_jumping(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine; its sleeps take no time, and waiting for nothing fails."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(work)
