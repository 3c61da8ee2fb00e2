"""Scanning in several processes, from any program.

``multiprocessing`` runs the main module of a script again in each process that it starts, so that a
script without a guard would scan again. These processes run nothing but the scan, and import from
where this one does; the current folder, whose code may be what is scanned, is not added.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from locum.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.scan.scanning import FilesFound, WantedFile

__all__ = ["main", "scan_in_workers"]

_COMMAND = "import sys; sys.path[:] = {path!r}; from locum.scan.workers import main; main()"


def scan_in_workers(chunks: Sequence[Sequence[WantedFile]], processes: int) -> list[FilesFound]:
    """Return what is found in each part of the files.

    Args:
        chunks: Parts of the files.
        processes: How many processes there are.

    Raises:
        InputError: A process ended before its work.
    """
    waiting = iter(enumerate(chunks))
    workers = [_start() for _ in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        try:
            done = [pool.submit(_give, waiting, worker) for worker in workers]
            found = [one for some in done for one in some.result()]
        except BaseException:
            # Nobody waits for what the others would still find.
            for worker in workers:
                worker.kill()
            raise
    return [parts for _, parts in sorted(found, key=lambda one: one[0])]


def _start() -> subprocess.Popen[bytes]:
    command = _COMMAND.format(path=sys.path)
    return subprocess.Popen(
        [sys.executable, "-I", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _give(
    waiting: Iterator[tuple[int, Sequence[WantedFile]]], worker: subprocess.Popen[bytes]
) -> list[tuple[int, FilesFound]]:
    """Hand parts to one process as long as there are some."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        return [(number, _asked(chunk, worker.stdin, worker.stdout)) for number, chunk in waiting]
    finally:
        worker.stdout.close()
        # It may have ended before it read all.
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait()


def _asked(chunk: Sequence[WantedFile], into: IO[bytes], out: IO[bytes]) -> FilesFound:
    try:
        pickle.dump(chunk, into)
        into.flush()
        found: FilesFound = pickle.load(out)  # noqa: S301 - our own process wrote it
    except (EOFError, BrokenPipeError, pickle.UnpicklingError):
        raise InputError(
            f"a process ended while it scanned {chunk[0].name!r} to {chunk[-1].name!r}: expected "
            "it to end by itself; where memory is short, scan fewer files at once"
        ) from None
    return found


def main() -> None:
    """Scan what standard input names, part by part, and write what is found.

    Ends with its input. An interrupt goes to all processes of a terminal; the one that started this
    one answers it.
    """
    from locum.scan.scanning import scan_files

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            chunk = pickle.load(sys.stdin.buffer)  # noqa: S301 - the process that started us wrote it
            pickle.dump(scan_files(chunk), sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except (EOFError, BrokenPipeError):
            return
