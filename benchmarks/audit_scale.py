"""Seconds and memory of a whole audit, with its probes, by the number of calls.

The traffic is that of `benchmarks.audit_mixture`; the n-th task has a share of 1 / n. Stores are
made once, in a folder, by the product's own writer; each is audited in a process of its own.

    python -m benchmarks.audit_scale --packages DIR --snips DIR --conll DIR --work FOLDER
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.audit_discovery import SIZES, fill
from benchmarks.audit_mixture import Places, read_sources
from locum.audit import Probe, ProbeSettings, audit_calls
from locum.distillation import Silent
from locum.evaluation import Promise
from locum.store import CallFilter, CallStore, open_database

STORE = "locum.sqlite"


class _Steps(Silent):
    """Keeps what was used before the probes began."""

    used = 0.0

    def advance(self, done: int, total: int) -> None:
        """The first step is the first probe."""
        del done, total
        self.used = self.used or time.process_time()


def audit_once(place: Path) -> None:
    """Audit a store, and print what it took."""
    started, steps = time.perf_counter(), _Steps()
    with open_database(place) as database:
        settings = ProbeSettings(Promise(0.95, 0.95))
        found = audit_calls(database, CallFilter(), settings, steps)
    wall = time.perf_counter() - started
    own, workers = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    verdicts = Counter(judged.verdict.kind for judged in found.tasks)
    probes = sum(isinstance(judged.probed, Probe) for judged in found.tasks)
    shown = ", ".join(f"{kind} {count}" for kind, count in verdicts.most_common())
    print(
        f"{found.discovery.calls:>9,} calls: {used:6.1f} s of all processors "
        f"(finding {steps.used:.1f} s), {wall:6.1f} s by clock, {own.ru_maxrss / 1024:5.0f} MB, "
        f"{len(found.tasks)} tasks, {probes} probed: {shown}",
        flush=True,
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--snips", type=Path)
    parser.add_argument("--conll", type=Path)
    parser.add_argument("--work", type=Path, help="folder of the stores")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--audit", type=Path, help="audit one store alone")
    given = parser.parse_args()
    if given.audit is not None:
        audit_once(given.audit)
        return
    if None in {given.packages, given.snips, given.conll, given.work}:
        parser.error("--packages, --snips, --conll and --work are needed")
    for size in given.sizes:
        place = given.work / f"m{size}" / STORE
        if not place.is_file():
            place.parent.mkdir(parents=True)
            places = Places(given.packages, given.snips, given.conll)
            with open_database(place) as database:
                fill(CallStore(database), read_sources(places), size)
        command = [sys.executable, "-m", "benchmarks.audit_scale", "--audit", str(place)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
