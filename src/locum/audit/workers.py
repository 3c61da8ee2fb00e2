"""Probing in several processes, from any program.

``multiprocessing`` runs the main module of a script again in each process that it starts, so that a
script without a guard would audit again. These processes run nothing but probes.

Each is handed one task after the other, and what it finds does not hang on which: so neither the
number of processes nor their order changes a result.
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
from typing import IO, TYPE_CHECKING

from locum.audit.probe import probe
from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locum.audit.probe import Lessons, Probe, ProbeSettings

__all__ = ["main", "probe_all"]

# What the parent imports from is told first, so that the child finds the same packages.
_COMMAND = "import sys; sys.path[:] = sys.argv[1:]; from locum.audit.workers import main; main()"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FEW_CALLS = 2_000


def probe_all(
    lessons: Sequence[Lessons],
    settings: ProbeSettings,
    processes: int | None = None,
    told: Callable[[int], object] = lambda _: None,
) -> list[Probe | str]:
    """Probe tasks, as many at once as there are processes.

    Args:
        lessons: What each task is probed with.
        settings: How.
        processes: How many work at once; by default one where they are quickly done, else as many
            as there are processors.
        told: Is told how many are done.

    Returns:
        What was found of each, in their order.

    Raises:
        InputError: A process was ended before its work.
    """
    if processes is None:
        is_little = sum(len(one.inputs) for one in lessons) < _FEW_CALLS
        processes = 1 if is_little else len(os.sched_getaffinity(0))
    if processes <= 1 or len(lessons) <= 1 or not sys.executable:
        return list(_probed_here(lessons, settings, told))
    return _probed_elsewhere(lessons, settings, min(processes, len(lessons)), told)


def _probed_here(
    lessons: Sequence[Lessons], settings: ProbeSettings, told: Callable[[int], object]
) -> Iterator[Probe | str]:
    for number, one in enumerate(lessons):
        told(number)
        yield probe(one, settings)


@dataclass(slots=True)
class _Worker:
    """A process, and the place of the task that it probes."""

    process: subprocess.Popen[bytes]
    into: IO[bytes]
    out: IO[bytes]
    place: int = -1


def _probed_elsewhere(
    lessons: Sequence[Lessons],
    settings: ProbeSettings,
    processes: int,
    told: Callable[[int], object],
) -> list[Probe | str]:
    found: dict[int, Probe | str] = {}
    # Those that take longest begin first, so that none is left alone at the end.
    waiting = sorted(range(len(lessons)), key=lambda place: (_effort(lessons[place]), -place))
    with ExitStack() as opened, selectors.DefaultSelector() as ready:
        for _ in range(processes):
            worker = _start(opened)
            ready.register(worker.out, selectors.EVENT_READ, worker)
        for key in list(ready.get_map().values()):
            _give(key.data, lessons, waiting.pop(), settings)
        told(0)
        while len(found) < len(lessons):
            for key, _ in ready.select():
                worker = key.data
                found[worker.place] = _taken(worker, lessons)
                told(len(found))
                if waiting:
                    _give(worker, lessons, waiting.pop(), settings)
                else:
                    ready.unregister(worker.out)
    return [found[place] for place in range(len(lessons))]


def _effort(lessons: Lessons) -> int:
    characters = sum(len(example.text) for example in lessons.inputs)
    return characters * len({example.answer for example in lessons.inputs})


def _start(opened: ExitStack) -> _Worker:
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *sys.path],
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


def _give(worker: _Worker, lessons: Sequence[Lessons], place: int, settings: ProbeSettings) -> None:
    worker.place = place
    try:
        worker.into.write(pickle.dumps((lessons[place], settings)))
        worker.into.flush()
    except BrokenPipeError:
        raise _ended(worker, lessons) from None


def _taken(worker: _Worker, lessons: Sequence[Lessons]) -> Probe | str:
    try:
        found: Probe | str = pickle.load(worker.out)  # noqa: S301 - our own process wrote it
    except (EOFError, pickle.UnpicklingError):
        raise _ended(worker, lessons) from None
    return found


def _ended(worker: _Worker, lessons: Sequence[Lessons]) -> InputError:
    code = worker.process.wait()
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return InputError(
        f"the process that probed {lessons[worker.place].name!r} was ended {how}, as happens where "
        "memory is short: free some, audit fewer tasks by their names, or give --no-probe"
    )


def main() -> None:
    """Probe what standard input holds, task by task, and write what is found."""
    # An interrupt reaches the parent as well, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            lessons, settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent wrote it
        except EOFError:
            return
        out.write(pickle.dumps(probe(lessons, settings)))
        out.flush()
