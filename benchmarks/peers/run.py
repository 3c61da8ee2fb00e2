"""Train or time one student in a process of its own.

    python -m benchmarks.peers.run embed - JOB
    python -m benchmarks.peers.run fit ADAPTER JOB FOLDER
    python -m benchmarks.peers.run time ADAPTER JOB FOLDER STARTED

``embed`` embeds the job's inputs, so that no student's time holds what others need not wait for.
``fit`` saves the student into ``FOLDER/model`` and writes what it says of the inputs beside it, a
file of arrays and one of facts for each student. ``time`` prints one line of JSON; the process uses
one processor, and ``STARTED`` is the time at which it was started.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.protocol import Adapter, Fitted, Job, Model

__all__ = ["embed", "fit", "peak_memory", "time_model"]

UNTIMED_TEXTS = 20
TIMED_TEXTS = 300
ROUNDS = 3
BATCH_SECONDS = 5.0
MOST_BATCH = 2_000


def find_adapter(name: str) -> Adapter:
    """Return the adapter of a name."""
    return cast("Adapter", import_module(f"benchmarks.peers.{name}"))


def embed(job: Job) -> None:
    """Embed all inputs that are not embedded yet."""
    from benchmarks.peers.sentences import embed_texts

    parts = (job.train, job.validation, job.certify, job.test)
    embed_texts(job, [text for part in parts for text in part.texts])


def fit(name: str, job: Job, folder: Path) -> None:
    """Train, save, and write down what the student says."""
    adapter = find_adapter(name)
    (folder / "model").mkdir(parents=True)
    started = time.perf_counter()
    found = adapter.fit(job, folder / "model")
    seconds = time.perf_counter() - started
    if isinstance(found, dict):
        for student, fitted in found.items():
            write_outcome(job, fitted, folder / student, seconds, adapter.PACKAGES)
    else:
        write_outcome(job, found, folder / "model", seconds, adapter.PACKAGES)


def write_outcome(
    job: Job, fitted: Fitted, stem: Path, seconds: float, packages: tuple[str, ...]
) -> None:
    """Write probabilities, the product's own answers, and facts, as ``stem`` with its endings."""
    import numpy as np

    arrays: dict[str, Any] = {
        "validation": fitted.validation,
        "certify": fitted.model.predict_proba(job.certify.texts),
        "test": fitted.model.predict_proba(job.test.texts),
    }
    if fitted.gate:
        gated = fitted.gate(job.test.texts)
        arrays |= {"predicted": gated.predicted, "answered": gated.answered}
    np.savez(stem.with_suffix(".npz"), **arrays)
    encoding = fitted.facts.get("encoding_seconds", 0.0)
    seconds += encoding
    facts = {"train_seconds": seconds, "versions": versions(packages), **fitted.facts}
    stem.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def time_model(load: Callable[[], Model], texts: list[str], started: float) -> dict[str, float]:
    """Time a student that is loaded now.

    Args:
        load: Loads it.
        texts: Inputs to ask it of.
        started: When the process was started, in seconds since 1970.
    """
    model = load()
    model.predict_proba(texts[:1])
    cold = time.time() - started
    for text in texts[1:UNTIMED_TEXTS]:
        model.predict_proba([text])
    rounds = [one_by_one(model, texts[:TIMED_TEXTS]) for _ in range(ROUNDS)]
    p50 = min(durations[len(durations) // 2] for durations in rounds)
    fitting = max(TIMED_TEXTS // 10, min(MOST_BATCH, int(BATCH_SECONDS / p50)))
    batch = (texts * (1 + fitting // len(texts)))[:fitting]
    return {
        "cold_start_s": cold,
        "p50_us": p50 * 1e6,
        "p99_us": min(durations[len(durations) * 99 // 100] for durations in rounds) * 1e6,
        "texts_per_s": max(len(batch) / seconds_of(model, batch) for _ in range(ROUNDS)),
        "peak_mb": peak_memory(),
    }


def one_by_one(model: Model, texts: list[str]) -> list[float]:
    """Return the seconds that each text takes, sorted."""
    return sorted(seconds_of(model, [text]) for text in texts)


def seconds_of(model: Model, texts: list[str]) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    model.predict_proba(texts)
    return time.perf_counter() - started


def peak_memory() -> float:
    """Return the most memory that this process has held, in megabytes (Linux).

    The kernel's figure for a process and its children counts what the parent held too.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


def main() -> None:
    """Run one of the two commands."""
    from benchmarks.peers.protocol import Job

    command, name, path = sys.argv[1:4]
    job = Job.read(Path(path))
    if command == "embed":
        embed(job)
        return
    folder = Path(sys.argv[4])
    if command == "fit":
        fit(name, job, folder)
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    adapter = find_adapter(name)
    timed = time_model(lambda: adapter.load(folder, job), job.test.texts, float(sys.argv[5]))
    print(json.dumps(timed))


if __name__ == "__main__":
    main()
