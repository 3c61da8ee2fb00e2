"""Locum's own students: the whole ladder, each rung certified as if it alone had been asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.peers.protocol import Fitted, Gated, Job, Part
from locum.distillation.choice import choose_cheapest
from locum.distillation.ladder import climb
from locum.distillation.search import AUTO, SearchSettings
from locum.evaluation import Promise, certify, plan_thresholds
from locum.training import Labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locum.distillation.attempt import Attempt
    from locum.evaluation import Certificate
    from locum.schema import Split

__all__ = ["PACKAGES", "fit"]

PACKAGES = ("locum",)
CONFIDENCE = 0.95


class _Certified(NamedTuple):
    certificate: Certificate | None
    gate: Callable[[Sequence[str]], Gated]


def fit(job: Job, folder: Path) -> dict[str, Fitted]:
    """Climb the ladder, or try the one student that the settings name."""
    promise = Promise(job.target, CONFIDENCE)
    labelled: dict[Split, Labelled] = {
        "train": _labelled(job, job.train),
        "validation": _labelled(job, job.validation),
        "certify": _labelled(job, job.certify),
        "test": _labelled(job, job.test),
    }
    settings = SearchSettings(
        student=job.settings.get("student", AUTO),
        seconds=job.settings["seconds"],
        encoder=job.encoder,
        seed=job.seed,
    )
    climbed = climb(settings, job.labels, labelled, None, promise, print)
    chosen = choose_cheapest(climbed.tried, None, len(job.certify.texts), promise)
    found = {}
    for attempt in climbed.tried:
        name = attempt.rung.name
        (folder / name).mkdir(parents=True)
        attempt.trained.student.save(folder / name)
        certified = _certify(job, attempt, labelled, promise)
        facts = {
            "family": attempt.rung.family,
            "chosen": attempt is chosen.student,
            "omitted": dict(climbed.omitted),
            "foreseen_coverage": attempt.foreseen_coverage,
            "certified_coverage": certified.certificate.coverage if certified.certificate else 0.0,
            "deferral": attempt.deferral.score.kind,
            "train_seconds": attempt.train_seconds,
        }
        validation = attempt.trained.raw_validation_proba
        found[name] = Fitted(attempt.trained.student, validation, facts, certified.gate)
    return found


def _labelled(job: Job, part: Part) -> Labelled:
    """Hard labels, as the others get; no human labels."""
    one_hot = np.eye(len(job.labels))[part.answers]
    return Labelled(part.texts, one_hot, part.answers, np.full(len(part.texts), -1))


def _certify(
    job: Job, attempt: Attempt, labelled: dict[Split, Labelled], promise: Promise
) -> _Certified:
    seen = attempt.of_validation(labelled["validation"])
    tested = attempt.judge(labelled["certify"])
    thresholds = plan_thresholds(seen.score, seen.agrees, len(tested.score), promise)
    certificate = certify(tested.score, tested.agrees, thresholds, promise)
    threshold = certificate.threshold if certificate else np.inf

    def gate(texts: Sequence[str]) -> Gated:
        unknown = Part(list(texts), np.zeros(len(texts), np.int64))
        verdicts = attempt.judge(_labelled(job, unknown))
        return Gated(verdicts.proba.argmax(axis=1), verdicts.score >= threshold)

    return _Certified(certificate, gate)
