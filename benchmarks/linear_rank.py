"""What weights of low rank are worth to the linear student.

The student learns from the train inputs with the teacher's answers, once with the convex penalty
and once with rank 32, with the same settings else: agreement with the teacher on the test inputs,
and certified coverage at 95% agreement with 95% confidence, as ``benchmarks/students.py`` has them.
Means over seeds with 95% intervals, and the difference, paired by seed; "fit" is in seconds of
processor time.

    python -m benchmarks.linear_rank --packages DIR

``benchmarks/sets.py`` says how to get DIR.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.contenders import judge
from benchmarks.divided_sets import divide
from benchmarks.intervals import interval
from benchmarks.sets import read_set
from benchmarks.students import LEARNED
from locum.students.linear import LinearStudent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.divided_sets import DividedSet

__all__ = ["main"]

SETS = ("banking77", "newsgroups", "reuters", "trec", "movies")
RANKS = (0, 32)
WORD_WEIGHT = 4


class Figures(NamedTuple):
    """Of one student."""

    agreement: float
    certified: float
    seconds: float


def measure(divided: DividedSet, rank: int) -> Figures:
    """Train a student and judge it."""
    soft_labels = np.eye(len(divided.whole.labels))[divided.answers("train")]
    started = time.process_time()
    student = LinearStudent(divided.whole.labels, word_weight=WORD_WEIGHT, rank=rank)
    student.fit(divided.texts("train"), soft_labels)
    seconds = time.process_time() - started
    proba = {
        split: student.predict_proba(divided.texts(split))
        for split in ("validation", "certify", "test")
    }
    found = judge(divided, proba)
    return Figures(found["agreement"], found["certified"], seconds)


def show(name: str, packages: Path, seeds: int) -> None:
    """Print the lines of a set."""
    whole = read_set(name, packages)
    divided = [divide(whole, seed, LEARNED.get(name)) for seed in range(seeds)]
    found = {rank: [measure(one, rank) for one in divided] for rank in RANKS}
    for rank, of_seeds in found.items():
        label = f"{name} ({len(whole.labels)})" if not rank else ""
        print_line(label, f"rank {rank}" if rank else "convex", np.array(of_seeds))
    print_line("", "gain", np.array(found[RANKS[1]]) - np.array(found[RANKS[0]]))


def print_line(name: str, weights: str, figures: NDArray[np.float64]) -> None:
    """Print figures ``[seeds, 3]`` as their means."""
    agreement, certified, _ = (interval(column.tolist()) for column in figures.T)
    seconds = figures[:, 2].mean()
    line = f"{name:20} {weights:8} {agreement:>14} {certified:>14} {seconds:8.1f}"
    print(line, flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'set (labels)':20} {'weights':8} {'agreement':>14} {'certified':>14} {'fit s':>8}")
    for name in SETS:
        show(name, arguments.packages, arguments.seeds)


if __name__ == "__main__":
    main()
