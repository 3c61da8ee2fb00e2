"""Asynchronous work, run from code that is not."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["run_to_end"]


def run_to_end(start: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a coroutine to its end, also where an event loop runs already, as in a notebook.

    An interrupt cancels it and waits until it has ended, in either case.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(start())
        return
    begun: Future[Callable[[], object]] = Future()

    async def work() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        begun.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        await start()

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(lambda: asyncio.run(work()))
        try:
            done.result()
        except KeyboardInterrupt:
            begun.result()()
            raise
