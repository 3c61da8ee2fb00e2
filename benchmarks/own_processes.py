"""Benchmarks whose contenders each work in a process of their own.

Such a one is started again with ``--job``, maybe by another Python, and then prints what it
measured as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "measure_apart", "measure_or_compare"]

Job = dict[str, Any]


def measure_apart(module: str, job: Job, python: str) -> str:
    """Return what a benchmark measures in a process of its own, as JSON.

    Args:
        module: The benchmark.
        job: What is measured.
        python: Which Python measures it.

    Raises:
        subprocess.CalledProcessError: It cannot run.
    """
    done = subprocess.run(
        [python, "-m", module, "--job", json.dumps(job)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def measure_or_compare(
    parser: argparse.ArgumentParser,
    work: Callable[[Job], Any],
    compare: Callable[[argparse.Namespace], None],
) -> None:
    """Read the command line, and print what ``work`` measures of its job; else compare."""
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job is not None:
        print(json.dumps(work(arguments.job)))
        return
    compare(arguments)
