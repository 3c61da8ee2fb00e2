"""Scanning in several processes, from any program.

``multiprocessing`` runs the main module of a script again in each process that it starts, so that a
script without a guard would scan again. These processes run nothing but the scan.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.scan.scanning import FilesFound, WantedFile

__all__ = ["main", "scan_in_workers"]

_COMMAND = "from locum.scan.workers import main; main()"


def scan_in_workers(chunks: Sequence[Sequence[WantedFile]], processes: int) -> list[FilesFound]:
    """Return what is found in each part of the files.

    Args:
        chunks: Parts of the files.
        processes: How many processes there are.

    Raises:
        RuntimeError: A process ended before its work.
    """
    waiting = iter(enumerate(chunks))
    with ThreadPoolExecutor(processes) as pool:
        done = [pool.submit(_give, waiting) for _ in range(processes)]
        found = [one for some in done for one in some.result()]
    return [parts for _, parts in sorted(found, key=lambda one: one[0])]


def _give(
    waiting: Iterator[tuple[int, Sequence[WantedFile]]],
) -> list[tuple[int, FilesFound]]:
    """Hand parts to one process as long as there are some."""
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        return [(number, _asked(chunk, process.stdin, process.stdout)) for number, chunk in waiting]


def _asked(chunk: Sequence[WantedFile], into: IO[bytes], out: IO[bytes]) -> FilesFound:
    try:
        pickle.dump(chunk, into)
        into.flush()
        found: FilesFound = pickle.load(out)  # noqa: S301 - our own process wrote it
    except (EOFError, BrokenPipeError) as error:
        names = f"{chunk[0].name} to {chunk[-1].name}"
        raise RuntimeError(f"a process ended while it scanned {names}") from error
    return found


def main() -> None:
    """Scan what standard input names, part by part, and write what is found."""
    from locum.scan.scanning import scan_files

    while True:
        try:
            chunk = pickle.load(sys.stdin.buffer)  # noqa: S301 - the process that started us wrote it
        except EOFError:
            return
        pickle.dump(scan_files(chunk), sys.stdout.buffer)
        sys.stdout.buffer.flush()
