"""Progress on standard error: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from locum.cli.console import PlainConsole
    from locum.teachers import LabellingProgress

__all__ = ["TerminalProgress", "stderr_console"]

_SECONDS_BETWEEN_LINES = 5.0


def stderr_console() -> PlainConsole:
    """Return a console for messages; ``NO_COLOR`` holds."""
    from locum.cli.console import PlainConsole

    return PlainConsole(stderr=True, soft_wrap=True)


def _interrupt(*_: object) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what they put behind
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


class TerminalProgress:
    """Shows the stages of a run, with the seconds since its start.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = stderr_console()
        self._quiet = quiet
        self._started = self._last_line = time.monotonic()
        self._last_done = -1
        self._pause = _SECONDS_BETWEEN_LINES
        self._first: tuple[float, LabellingProgress] | None = None
        self._known = 0
        self._bar: Progress | None = None
        self._bar_task: TaskID | None = None

    def __enter__(self) -> Self:
        """Start; from now on SIGTERM ends a run as Ctrl-C does, with what was answered kept."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self._close_bar()
        if kind is KeyboardInterrupt:
            self._say("stopped; what the teacher has answered is kept")

    def stage(self, message: str) -> None:
        """A new step begins."""
        self._close_bar()
        self._first = None
        self._say(message)

    def advance(self, done: int, total: int, remark: str = "") -> None:
        """So much of a step of known length is done."""
        if self._quiet or not total:
            return
        if self._console.is_terminal:
            self._advance_bar(done, total, remark)
        elif done == total or self._is_due(done):
            self._say(f"  {done:,} of {total:,}{', ' if remark else ''}{remark}")

    def spend(self, told: LabellingProgress) -> None:
        """So far are the calls of a labelling run; what was known before took no time."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, told
        since, first = self._first
        made = told.done - told.known - (first.done - first.known)
        rate = f"{made / (now - since):,.0f} a second, " if now > since else ""
        if told.known != self._known and self._bar is not None and self._bar_task is not None:
            self._bar.reset(self._bar_task, completed=told.done)
        self._known = told.known
        self.advance(told.done, told.wanted, f"{rate}${told.spent_usd:,.4f} spent")

    def count(self, done: int) -> None:
        """So much of a step of unknown length is done."""
        if time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._say(f"  {done:,}")

    def _is_due(self, done: int) -> bool:
        """Whether a line is due: ever more seldom where nothing comes, as while a batch waits."""
        if done != self._last_done:
            self._pause = _SECONDS_BETWEEN_LINES
        if time.monotonic() - self._last_line <= self._pause:
            return False
        self._last_done = done
        self._pause *= 2
        return True

    def _say(self, message: str) -> None:
        if self._quiet:
            return
        self._last_line = time.monotonic()
        self._console.print(f"{self._last_line - self._started:6.1f} s  {message}")

    def _advance_bar(self, done: int, total: int, remark: str) -> None:
        if self._bar is None:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar_task = self._bar.add_task("", total=total)
            self._bar.start()
        if self._bar_task is not None:
            self._bar.update(self._bar_task, completed=done, total=total, description=remark)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
