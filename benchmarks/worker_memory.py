"""What each of several workers holds of a student, loaded by itself or before the fork.

    python -m benchmarks.worker_memory STUDENT TEXTS

STUDENT is the folder that ``locum distill`` wrote; TEXTS is a file with an input on each line. Four
workers answer all of them one by one. In the first round each worker loads the student; in the
second the process does that they are forked from, as ``gunicorn --preload`` has it. Printed is what
a worker holds alone, in megabytes: private pages that were written to, as Linux counts them
(``smaps_rollup``), less what it held before it had loaded anything.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

WORKERS = 4


def private_megabytes() -> float:
    """Return what this process shares with no other."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


def in_workers(work: Callable[[], float]) -> list[float]:
    """Return what each of four forked workers returns; they work one after the other."""
    return [_in_worker(work) for _ in range(WORKERS)]


def _in_worker(work: Callable[[], float]) -> float:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writing, repr(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        found = float(said.read())
    os.waitpid(pid, 0)
    return found


def held(load: Callable[[], Any], texts: Sequence[str]) -> float:
    """Return how many megabytes a worker holds alone after it has got a student and used it."""
    before = private_megabytes()
    student = load()
    for text in texts:
        student.predict([text])
    return private_megabytes() - before


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("student", type=Path)
    parser.add_argument("texts", type=Path)
    arguments = parser.parse_args(argv)
    texts = arguments.texts.read_text(encoding="utf-8").splitlines()

    def load() -> Any:  # noqa: ANN401 - a student of labels or of objects
        # Imported in the worker where it is the worker that loads.
        import locum

        return locum.load(arguments.student)

    alone = in_workers(partial(held, load, texts))
    student = load()
    student.predict(texts[:1])
    gc.freeze()
    shared = in_workers(partial(held, lambda: student, texts))
    print(f"{len(texts):,} texts, megabytes that a worker holds alone (median of {WORKERS})")
    for name, found in (
        ("each worker loads the student", alone),
        ("loaded before the fork", shared),
    ):
        print(f"{name:32}{statistics.median(found):8.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
