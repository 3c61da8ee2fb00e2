"""How well the tasks in traffic are found, how fast, and in how much memory.

The traffic is that of `benchmarks.audit_mixture`: twenty tasks on real texts and prompts that share
nothing; or, with ``--odd``, that of `benchmarks.audit_odd_prompts`. Two calls are a pair where they
are of one task; a way of grouping has a precision and a recall over pairs. A task is found where
one group holds 95% of its calls, and 95% of the group are its calls; precision over tasks is the
share of groups that are such. One-off prompts are pairs with no other call.

    python -m benchmarks.audit_discovery --packages DIR --snips DIR --conll DIR
    python -m benchmarks.audit_discovery ... --odd
    python -m benchmarks.audit_discovery ... --peers PYTHON --model DIR   # tracer-llm's scan too
    python -m benchmarks.audit_discovery ... --calls 1000000              # seconds and memory
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.audit_mixture import ONE_OFF, LabelledCall, Places, Source, read_sources
from benchmarks.audit_odd_prompts import read_odd_sources
from locum.audit import discover
from locum.store import CallStore, open_database
from locum.traffic import input_text, instruction

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

FOUND = 0.95
SIZES = (10_000, 100_000, 1_000_000)
BATCH = 1_000
PEER = Path(__file__).parent / "peers" / "tracer_scan.py"


class Score(NamedTuple):
    """How well groups are tasks; shares from 0 to 1."""

    groups: int
    pair_precision: float
    pair_recall: float
    task_precision: float
    task_recall: float

    @property
    def pair_f1(self) -> float:
        """Harmonic mean of precision and recall over pairs."""
        both = self.pair_precision + self.pair_recall
        return 2 * self.pair_precision * self.pair_recall / both if both else 0.0


def score(tasks: Sequence[str], groups: Sequence[Hashable]) -> Score:
    """Compare groups with the true tasks.

    Args:
        tasks: Of each call.
        groups: Of each call; ``None`` for a call of no group.
    """
    truth = [task if task != ONE_OFF else (ONE_OFF, n) for n, task in enumerate(tasks)]
    guess = [group if group is not None else (None, n) for n, group in enumerate(groups)]
    both, true, guessed = Counter(zip(truth, guess, strict=True)), Counter(truth), Counter(guess)
    shared = _pairs(both.values())
    found = {
        task
        for (task, group), count in both.items()
        if task in set(tasks) and count >= FOUND * max(true[task], guessed[group])
    }
    named = {group for group in groups if group is not None}
    wanted = set(tasks) - {ONE_OFF}
    return Score(
        len(named),
        shared / max(1, _pairs(guessed.values())),
        shared / max(1, _pairs(true.values())),
        len(found) / max(1, len(named)),
        len(found) / len(wanted),
    )


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)


def compare(sources: Sequence[Source], each: int, peers: Path | None, model: Path | None) -> None:
    """Print how well each way finds the tasks of a mixture."""
    calls = [call for source in sources for call in source.calls(each)]
    tasks = [call.task for call in calls]
    print(f"{len(calls):,} calls of {len(sources) - 1} tasks, and one-off prompts")
    rows: dict[str, list[Hashable]] = {
        "locum audit": _audited(calls),
        "fingerprint": [call.call.facts.fingerprint for call in calls],
        "hash of the system prompt": [
            sha256(instruction(call.call.request).encode()).hexdigest() for call in calls
        ],
    }
    if peers is not None and model is not None:
        rows["tracer-llm scan"] = _scanned(calls, peers, model)
    print(f"{'':<28}{'groups':>7}  pairs: P     R     F1   tasks: P     R")
    for name, groups in rows.items():
        s = score(tasks, groups)
        print(
            f"{name:<28}{s.groups:>7}  {s.pair_precision:9.3f} {s.pair_recall:5.3f} "
            f"{s.pair_f1:5.3f} {s.task_precision:9.3f} {s.task_recall:5.3f}"
        )


def _audited(calls: Sequence[LabelledCall]) -> list[Hashable]:
    with TemporaryDirectory() as folder, open_database(Path(folder, "store.sqlite")) as database:
        CallStore(database).add([call.call for call in calls])
        started = time.perf_counter()
        found = discover(database)
        print(f"audited in {time.perf_counter() - started:.1f} s")
    true = {call.call.facts.id: call.task for call in calls}
    for task in found.tasks:
        held = Counter(true[call.call_id] for call in task.sample)
        kinds = ", ".join(f"{kind} {count}" for kind, count in held.most_common(3))
        output, narrow = task.measures.output.kind, task.measures.narrowness
        print(f"  {task.name:<44} {task.kind:<12} {output:<10} {narrow:.2f}  {kinds}")
    for other in found.others:
        print(f"  {other.calls} calls: {other.reason}")
    group_of = {call.call_id: task.name for task in found.tasks for call in task.sample}
    return [group_of.get(call.call.facts.id) for call in calls]


def _scanned(calls: Sequence[LabelledCall], peers: Path, model: Path) -> list[Hashable]:
    lines = []
    for labelled in calls:
        request, response = labelled.call.request, labelled.call.response or {}
        text = f"{instruction(request)}\n{input_text(request)}".strip()
        answer = response["choices"][0]["message"]["content"] or "tools"
        lines.append(json.dumps({"input": text, "label": answer}))
    done = subprocess.run(
        [str(peers), str(PEER), str(model)],
        input="\n".join(lines),
        capture_output=True,
        check=True,
        text=True,
    )
    clusters: list[Hashable] = json.loads(done.stdout.splitlines()[-1])
    return clusters


def measure_scale(sources: Sequence[Source], most: int) -> None:
    """Print seconds and peak memory of an audit, each in a process of its own."""
    for size in [size for size in SIZES if size <= most]:
        with TemporaryDirectory() as folder:
            place = Path(folder, "store.sqlite")
            with open_database(place) as database:
                fill(CallStore(database), sources, size)
            subprocess.run(
                [sys.executable, "-m", "benchmarks.audit_discovery", "--audit", str(place)],
                check=True,
            )


def fill(store: CallStore, sources: Sequence[Source], size: int) -> None:
    """Add calls of all tasks; the n-th has a share of 1 / n."""
    shares = [1 / rank for rank in range(1, len(sources) + 1)]
    streams = [
        source.calls(round(size * share / sum(shares)))
        for source, share in zip(sources, shares, strict=True)
    ]
    batch = []
    for labelled in _mixed(streams):
        batch.append(labelled.call)
        if len(batch) == BATCH:
            store.add(batch)
            batch = []
    store.add(batch)


def _mixed(streams: Sequence[Iterator[LabelledCall]]) -> Iterator[LabelledCall]:
    for stream in streams:
        yield from stream


def audit_once(place: Path) -> None:
    """Audit a store, and print what it took."""
    steps: defaultdict[str, float] = defaultdict(float)
    started = before = time.perf_counter()

    def told(what: str) -> None:
        nonlocal before
        now = time.perf_counter()
        steps[what.split(" ", maxsplit=1)[0]] += now - before
        before = now

    with open_database(place) as database:
        found = discover(database, told=told)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{found.calls:>9,} calls: {seconds:6.1f} s, {peak:6.0f} MB, {len(found.tasks)} tasks, "
        f"{found.read:,} bodies read; sums {steps['summed']:.1f} s",
        flush=True,
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--snips", type=Path)
    parser.add_argument("--conll", type=Path)
    parser.add_argument("--each", type=int, default=180, help="calls of each task")
    parser.add_argument("--odd", action="store_true", help="other prompts, written afterwards")
    parser.add_argument("--peers", type=Path, help="Python of an environment with tracer-llm")
    parser.add_argument("--model", type=Path, help="folder of a sentence encoder for it")
    parser.add_argument("--calls", type=int, help="measure stores of up to so many calls")
    parser.add_argument("--audit", type=Path, help="audit one store alone")
    given = parser.parse_args()
    if given.audit is not None:
        audit_once(given.audit)
        return
    if None in {given.packages, given.snips, given.conll}:
        parser.error("--packages, --snips and --conll are needed")
    places = Places(given.packages, given.snips, given.conll)
    sources = read_odd_sources(places) if given.odd else read_sources(places)
    if given.calls is None:
        compare(sources, given.each, given.peers, given.model)
    else:
        measure_scale(sources, given.calls)


if __name__ == "__main__":
    main()
