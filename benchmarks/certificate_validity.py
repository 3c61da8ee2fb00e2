"""Does the certificate keep its promise? Random splits of real traffic, counted.

Each split trains a student, fixes thresholds on validation inputs, certifies on others, and then
counts on a large held-out rest how often student and teacher agree where the student may answer.
Beside it stands the threshold that is usual: the one that answers the most inputs while agreement
on the same certify inputs is at least the target, without a bound.

    python benchmarks/certificate_validity.py                       # 100 splits, about 8 minutes
    python benchmarks/certificate_validity.py --splits 20 --calls FILE
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import fit_temperature
from locum.dataset import find_groups, infer_labels, read_examples, split_rows
from locum.evaluation import Promise, certify, clopper_pearson, plan_thresholds, selective_point
from locum.losses import soften
from locum.students import find_family
from locum.teachers import LabelParser

if TYPE_CHECKING:
    from locum.schema import Split

SHARES: dict[Split, float] = {"train": 0.40, "validation": 0.10, "certify": 0.15, "test": 0.35}
CALLS = Path(__file__).parent / "data" / "banking77_deepseek.csv"


class Data(NamedTuple):
    """Inputs with their labels and groups of near-copies."""

    texts: list[str]
    labels: tuple[str, ...]
    answers: np.ndarray
    group: np.ndarray


class Outcome(NamedTuple):
    """Held-out coverage and agreement at one threshold."""

    coverage: float
    agreement: float


def load(calls: Path) -> Data:
    """Read the calls and find what repeats."""
    examples = [e for e in read_examples(calls).examples if e.answer is not None]
    labels = infer_labels([e.answer for e in examples if e.answer is not None]).labels
    parser = LabelParser(labels)
    answers = np.array([parser(e.answer or "") for e in examples], np.int64)
    texts = [e.text for e in examples]
    return Data(texts, labels, answers, find_groups(texts).group)


def most_without_bound(confidence: np.ndarray, agrees: np.ndarray, target: float) -> float:
    """The threshold that answers the most certify inputs at the target, by point estimate."""
    order = np.argsort(-confidence)
    agreement = np.cumsum(agrees[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(agreement >= target)
    return float(confidence[order[enough[-1]]]) if enough.size else float("inf")


def run_split(seed: int, data: Data, promise: Promise) -> tuple[Outcome | None, Outcome | None]:
    """Train, certify and count for one random split: with the bound, and without."""
    count = len(data.texts)
    splits = split_rows(
        data.group, data.answers, [None] * count, np.zeros(count, bool), seed, SHARES
    ).rows

    def texts(split: Split) -> list[str]:
        return [data.texts[row] for row in splits[split].tolist()]

    one_hot = np.eye(len(data.labels))[data.answers[splits["train"]]]
    student = find_family("linear")(data.labels).fit(texts("train"), one_hot)
    raw = {split: student.predict_proba(texts(split)) for split in splits if split != "train"}
    temperature = fit_temperature(raw["validation"], data.answers[splits["validation"]])
    confidence = {split: soften(proba, temperature).max(axis=1) for split, proba in raw.items()}
    agrees = {
        split: proba.argmax(axis=1) == data.answers[splits[split]] for split, proba in raw.items()
    }
    thresholds = plan_thresholds(
        confidence["validation"], agrees["validation"], len(splits["certify"]), promise
    )
    certificate = certify(confidence["certify"], agrees["certify"], thresholds, promise)
    usual = most_without_bound(confidence["certify"], agrees["certify"], promise.target)
    certified = certificate.threshold if certificate else float("inf")
    return (
        held_out(confidence["test"], agrees["test"], certified),
        held_out(confidence["test"], agrees["test"], usual),
    )


def held_out(confidence: np.ndarray, agrees: np.ndarray, threshold: float) -> Outcome | None:
    """Coverage and agreement on the held-out inputs; none where nothing is answered."""
    point = selective_point(confidence, agrees, threshold)
    if not point.answered:
        return None
    agreement = 1 - point.disagreements / point.answered
    return Outcome(point.answered / len(confidence), agreement)


def describe(name: str, outcomes: list[Outcome | None], target: float) -> str:
    """One line of the table."""
    answered = [outcome for outcome in outcomes if outcome is not None]
    broken = sum(outcome.agreement < target for outcome in answered)
    low, high = clopper_pearson(broken, len(outcomes))
    coverage = statistics.fmean(outcome.coverage for outcome in answered)
    worst = min(outcome.agreement for outcome in answered)
    return (
        f"{name:<32} {broken:>4} of {len(outcomes)}   {broken / len(outcomes):6.1%} "
        f"[{low:.1%}, {high:.1%}]   {coverage:8.1%}   {worst:8.2%}"
    )


def main() -> None:
    """Run the splits and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=Path, default=CALLS)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--confidence", type=float, default=0.95)
    arguments = parser.parse_args()
    promise = Promise(arguments.target, arguments.confidence)
    data = load(arguments.calls)
    work = partial(run_split, data=data, promise=promise)
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        results = []
        for result in pool.imap(work, range(arguments.splits)):
            results.append(result)
            print(f"\r{len(results)} of {arguments.splits}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{len(data.texts):,} inputs, {len(data.labels)} labels, {arguments.splits} splits")
    print(
        f"{'threshold':<32} agreement under {promise.target:.0%}, share [95% interval]   "
        f"coverage   worst"
    )
    print(describe("certificate (exact bound)", [r[0] for r in results], promise.target))
    print(describe("point estimate (no bound)", [r[1] for r in results], promise.target))


if __name__ == "__main__":
    main()
