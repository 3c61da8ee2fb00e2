"""The tables of the students' benchmark: means over seeds with 95% intervals, medians of costs."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.intervals import interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["print_tables"]

QUALITY = {
    "certified": ("certified coverage", 3),
    "certified_agreement": ("agreement there", 3),
    "agreement": ("agreement", 3),
    "accuracy": ("accuracy", 3),
}
COSTS = {
    "train_seconds": ("training s", 1),
    "size_mb": ("disk MB", 1),
    "peak_mb": ("memory MB", 0),
    "cold_start_s": ("cold start s", 2),
    "p50_us": ("p50 us", 0),
    "p99_us": ("p99 us", 0),
    "texts_per_s": ("texts/s", 0),
}
OWN = {
    "own": ("answers", 3),
    "own_agreement": ("agreement there", 3),
    "own_all_requests": ("agreement of all requests", 3),
}
Row = dict[str, Any]


def print_tables(rows: Sequence[Row]) -> None:
    """Print Markdown tables of all results, set by set; of a student tried twice the last."""
    rows = list({(row["set"], row["seed"], row["student"]): row for row in rows}.values())
    _print_overview(rows)
    for name in dict.fromkeys(row["set"] for row in rows):
        of_set = [row for row in rows if row["set"] == name]
        print(f"\n## {name}\n")
        print(f"Seeds: {len({row['seed'] for row in of_set})}.\n")
        _print(of_set, QUALITY)
        print("\nCosts, medians; memory, cold start and latency on one core, in its own process.\n")
        _print(of_set, COSTS, _median)
        print("\nWhere each product's own threshold lets it answer, on test inputs.\n")
        _print([row for row in of_set if "own" in row["figures"]], OWN)
        _print_choices(of_set)


def _print_overview(rows: Sequence[Row]) -> None:
    """Print the certified coverage of each student on each set."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    print("\nCertified coverage, mean over seeds with its 95% interval, and how many seeds.\n")
    print("| " + " | ".join(["student", *sets]) + " |")
    print("|---" * (len(sets) + 1) + "|")
    for student in dict.fromkeys(row["student"] for row in rows):
        cells = []
        for name in sets:
            found = [r["figures"] for r in rows if (r["set"], r["student"]) == (name, student)]
            values = [figures["certified"] for figures in found]
            cells.append(f"{interval(values, 3)} ({len(values)})" if values else "")
        print("| " + " | ".join([student, *cells]) + " |")


def _print(
    rows: Sequence[Row],
    columns: Mapping[str, tuple[str, int]],
    shown: Callable[[Sequence[float], int], str] = interval,
) -> None:
    heads = ["student", *(head for head, _ in columns.values())]
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for student in dict.fromkeys(row["student"] for row in rows):
        figures = [row["figures"] for row in rows if row["student"] == student]
        cells = [_cell(figures, name, digits, shown) for name, (_, digits) in columns.items()]
        print("| " + " | ".join([student, *cells]) + " |")


def _cell(
    figures: Sequence[Mapping[str, float]],
    name: str,
    digits: int,
    shown: Callable[[Sequence[float], int], str],
) -> str:
    values = [found[name] for found in figures if name in found]
    return shown(values, digits) if values else ""


def _median(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):,.{digits}f}"


def _print_choices(rows: Sequence[Row]) -> None:
    whole = [row for row in rows if row["contender"] == "locum"]
    chosen = [row["student"] for row in whole if row["facts"].get("chosen")]
    if chosen:
        counted = [f"{name} {chosen.count(name)} times" for name in dict.fromkeys(chosen)]
        print(f"\nThe ladder picks {', '.join(counted)}.")
    omitted = [pair for row in rows for pair in row["facts"].get("omitted", {}).items()]
    for name, reason in dict.fromkeys(omitted):
        print(f"\nNot always tried: {name} ({reason}).")
