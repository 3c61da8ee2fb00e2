"""What an audit foresees of each task, beside what distilling all of its calls finds.

The traffic is that of `benchmarks.audit_mixture`. Each task is audited in a store of its own and
then distilled by the base family, whole, from the same store and by the name that the audit gave.
The interval holds where the coverage of that certificate, 0 where there is none, lies in it. The
right decision is that of the distillation: ``distil``, ``collect_more`` or ``do_not_distil``; for
free text and tools, which nothing distils, the last. An advice to cache or to use a batch price
counts as such.

    python -m benchmarks.audit_verdicts --packages DIR --snips DIR --conll DIR --each 1000 3000
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.audit_mixture import ONE_OFF, Places, read_sources
from locum.audit import Probe, ProbeSettings, audit_calls, calls_of_task, remember_tasks
from locum.audit.probe_objects import most_asked_schema
from locum.dataset import examples_of_calls, infer_labels
from locum.distillation import Silent, distill
from locum.errors import InputError, UsageError
from locum.evaluation import Interval, Promise
from locum.extraction import distill_extraction, schema_of_answers
from locum.schema import Task
from locum.shapes import ExtractionTask
from locum.store import CallFilter, CallStore, open_database

if TYPE_CHECKING:
    from benchmarks.audit_mixture import Source
    from locum.audit import JudgedTask
    from locum.store import Database

PROMISE = Promise(0.95, 0.95)


class Truth(NamedTuple):
    """What distilling found, and the seconds that it took."""

    verdict: str
    coverage: float
    seconds: float


class Row(NamedTuple):
    """One task, audited and distilled."""

    task: str
    calls: int
    found: str
    foreseen: float | None
    interval: Interval | None
    chance: float | None
    probed: float
    truth: Truth

    @property
    def holds(self) -> bool | None:
        """Whether the interval holds what was certified."""
        if self.interval is None:
            return None
        return self.interval.low <= self.truth.coverage <= self.interval.high

    @property
    def is_right(self) -> bool:
        """Whether the audit decides as the distillation does."""
        # A varying instruction is no matter of what a student learns; it is of whole objects.
        named = {
            "leave_out": "do_not_distil",
            "cache": "do_not_distil",
            "batch": "do_not_distil",
            "change_prompt": "distil",
        }
        return named.get(self.found, self.found) == self.truth.verdict


def measure(source: Source, calls: int, seed: int) -> Row:
    """Audit and distil calls of one task."""
    with TemporaryDirectory() as folder, open_database(Path(folder, "store.sqlite")) as database:
        CallStore(database).add([one.call for one in source.calls(calls, seed)])
        settings = ProbeSettings(PROMISE, seed=seed)
        audit = audit_calls(database, CallFilter(), settings, Silent())
        remember_tasks(database, audit.discovery.tasks, 0.0)
        judged = max(audit.tasks, key=lambda one: one.task.volume.calls)
        truth = Truth("do_not_distil", 0.0, 0.0)
        if judged.task.measures.output.kind in {"closed set", "schema"}:
            truth = distil_task(database, judged, seed)
    probed = judged.probed if isinstance(judged.probed, Probe) else None
    return Row(
        source.task,
        calls,
        judged.verdict.kind,
        probed.now.coverage if probed else None,
        probed.now.interval if probed else None,
        probed.now.chance if probed else None,
        probed.seconds if probed else 0.0,
        truth,
    )


def distil_task(database: Database, judged: JudgedTask, seed: int) -> Truth:
    """Distil all calls of a task."""
    started = time.perf_counter()
    name = judged.task.name
    examples, _ = examples_of_calls(calls_of_task(database, name))
    answers = [one.answer or "" for one in examples]
    try:
        if judged.task.measures.output.kind == "schema":
            asked = most_asked_schema([one.call_id or "" for one in examples], database)
            schema = schema_of_answers(answers).schema if asked is None else asked
            task = ExtractionTask(name, schema)
            found = distill_extraction(task, examples, family="linear", seed=seed)
            verdict, certificate = found.decision.verdict, found.certificate
        else:
            labels = infer_labels(answers).labels
            result = distill(Task(name, labels), examples, family="linear", seed=seed)
            verdict, certificate = result.decision.verdict, result.certificate
    except (InputError, UsageError) as error:
        print(f"  {name}: {error}")
        return Truth("do_not_distil", 0.0, time.perf_counter() - started)
    coverage = certificate.coverage if certificate else 0.0
    return Truth(verdict, coverage, time.perf_counter() - started)


def print_row(row: Row) -> None:
    """Print one row of the table."""
    foreseen = "-" if row.foreseen is None else f"{row.foreseen:.0%}"
    span = "-" if row.interval is None else f"{row.interval.low:.0%}-{row.interval.high:.0%}"
    chance = "-" if row.chance is None else f"{row.chance:.2f}"
    holds = {None: "-", True: "yes", False: "NO"}[row.holds]
    print(
        f"{row.task:<36}{row.calls:>7,} {row.found:<14}{foreseen:>5} {span:>9} {chance:>6} "
        f"{row.truth.verdict:<14}{row.truth.coverage:>5.0%} {holds:>5} "
        f"{'yes' if row.is_right else 'NO':>5} {row.probed:6.1f} {row.truth.seconds:7.1f}",
        flush=True,
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--snips", type=Path, required=True)
    parser.add_argument("--conll", type=Path, required=True)
    parser.add_argument("--each", type=int, nargs="+", default=[1_000, 3_000])
    parser.add_argument("--seeds", type=int, default=1, help="draws of the calls")
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of tasks' names")
    given = parser.parse_args()
    sources = read_sources(Places(given.packages, given.snips, given.conll))
    print(
        f"{'task':<36}{'calls':>7} {'audit says':<14}{'fore-':>5} {'interval':>9} {'chance':>6} "
        f"{'distilling':<14}{'found':>5} {'held':>5} {'right':>5} {'probe':>6} {'distil':>7}"
    )
    rows = []
    for calls in given.each:
        for seed in range(given.seeds):
            for source in sources:
                if source.task != ONE_OFF and source.task.startswith(tuple(given.only)):
                    rows.append(measure(source, calls, seed))
                    print_row(rows[-1])
    held = [row.holds for row in rows if row.holds is not None]
    right = [row.is_right for row in rows]
    print(
        f"the interval held {sum(held)} of {len(held)} certificates; {sum(right)} of {len(right)} "
        "decisions were right"
    )


if __name__ == "__main__":
    main()
