"""Work in several processes, from any program.

``multiprocessing`` runs the main module of a script again in each process that it starts, so that a
script without a guard would do its work again. These processes run nothing but the work, and import
from where this one does; the current folder, whose code may be what is looked at, is not added.

Each is handed one item after the other, and what comes of an item does not hang on which: so
neither the number of processes nor their order changes a result.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Item = TypeVar("Item")
    Result = TypeVar("Result")

__all__ = ["main", "processors", "work_in_processes"]

_COMMAND = "import sys; sys.path[:] = sys.argv[1:]; from locum.processes import main; main()"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(slots=True)
class _Worker:
    """A process, and the place of the item that it works on."""

    process: subprocess.Popen[bytes]
    into: IO[bytes]
    out: IO[bytes]
    place: int = -1


def work_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    *,
    lost: Callable[[Item, str], str],
    told: Callable[[int], object] = lambda _: None,
) -> list[Result]:
    """Return what comes of each item, in their order.

    Args:
        work: What is done with one: a function of a module, or a ``partial`` of one.
        items: They are begun in this order.
        processes: How many work at once, with one thread each.
        lost: Words the error where a process ended before its work, of the item and how it ended.
        told: Is told how many are done.

    Raises:
        InputError: A process ended before its work.
    """
    found: dict[int, Result] = {}
    waiting = iter(range(len(items)))
    with ExitStack() as opened, selectors.DefaultSelector() as ready:
        for _ in range(min(processes, len(items))):
            worker = _start(opened)
            ready.register(worker.out, selectors.EVENT_READ, worker)
        for key in list(ready.get_map().values()):
            _give(key.data, work, items, next(waiting), lost)
        told(0)
        while len(found) < len(items):
            for key, _ in ready.select():
                worker = key.data
                found[worker.place] = _taken(worker, items, lost)
                told(len(found))
                place = next(waiting, None)
                if place is None:
                    ready.unregister(worker.out)
                else:
                    _give(worker, work, items, place, lost)
    return [found[place] for place in range(len(items))]


def processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _start(opened: ExitStack) -> _Worker:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _COMMAND, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
    )
    opened.callback(_end, process)
    assert process.stdin is not None
    assert process.stdout is not None
    return _Worker(process, process.stdin, process.stdout)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, whatever it does; done is done."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _give(
    worker: _Worker,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    place: int,
    lost: Callable[[Item, str], str],
) -> None:
    worker.place = place
    try:
        worker.into.write(pickle.dumps((work, items[place])))
        worker.into.flush()
    except BrokenPipeError:
        raise _ended(worker, items, lost) from None


def _taken(worker: _Worker, items: Sequence[Item], lost: Callable[[Item, str], str]) -> Any:  # noqa: ANN401 - what the work returns
    try:
        return pickle.load(worker.out)  # noqa: S301 - our own process wrote it
    except (EOFError, pickle.UnpicklingError):
        raise _ended(worker, items, lost) from None


def _ended(worker: _Worker, items: Sequence[Item], lost: Callable[[Item, str], str]) -> InputError:
    code = worker.process.wait()
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return InputError(lost(items[worker.place], how))


def main() -> None:
    """Do the work that standard input holds, item by item, and write what comes of it.

    Ends with its input. An interrupt goes to all processes of a terminal; the one that started this
    one answers it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            work, item = pickle.load(sys.stdin.buffer)  # noqa: S301 - the process that started us
            out.write(pickle.dumps(work(item)))
            out.flush()
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):  # who started us has ended
            return
