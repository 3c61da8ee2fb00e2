"""jevstiller's fit: a linear head on frozen embeddings, novelty by neighbours, a routing policy.

The policy bounds disagreements among all requests, not among those that the student answers, by
Clopper and Pearson along a fixed order of thresholds. The policy is fitted at 15% less than the
budget, as its loop does. Its own encoder (bge) is replaced by the one that all others get.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jevstiller._core import Config
from jevstiller._ood import KnnOOD
from jevstiller._student import LinearStudent
from jevstiller._training import fit_candidate

from benchmarks.peers.protocol import Fitted, Gated, Job, Part
from benchmarks.peers.sentences import embed_texts, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("jevstiller",)
HEAD, NOVELTY = "head.npz", "ood.npz"


class Head(NamedTuple):
    """A head on embeddings, with the neighbours that each request is compared to."""

    student: Any
    novelty: Any
    embed: Callable[[Sequence[str]], NDArray[np.float32]]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``; novelty is taken too, as when serving."""
        vectors = self.embed(texts)
        self.novelty.score(vectors)
        proba: NDArray[np.float64] = self.student.predict_proba(vectors)
        return proba


def fit(job: Job, folder: Path) -> Fitted:
    """Fit on train and validation inputs, with the policy calibrated on the certify inputs."""

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return embed_texts(job, texts).vectors

    learned = job.train.joined(job.validation)
    encoding = embed_texts(job, learned.texts).seconds
    started = time.perf_counter()
    found = _fit(job, learned, job.certify)
    seconds = time.perf_counter() - started + encoding
    found.student.save(folder / HEAD)
    found.ood.save(folder / NOVELTY)
    model = Head(found.student, found.ood, embed)
    labels = np.array(job.labels, dtype=object)

    def gate(texts: Sequence[str]) -> Gated:
        proba = model.predict_proba(texts)
        predicted = proba.argmax(axis=1)
        novelty = found.ood.score(embed(texts))
        accepted = found.policy.accepts(proba.max(axis=1), novelty, labels[predicted])
        return Gated(predicted, accepted)

    held_out = _fit(job, job.train, job.validation)
    validation = held_out.student.predict_proba(embed(job.validation.texts))
    facts = {"train_seconds": seconds, "bound": found.policy.disagreement_ub}
    return Fitted(model, validation, facts, gate)


def _fit(job: Job, learned: Part, calibration: Part) -> Any:  # noqa: ANN401 - the package's own type
    config = Config()
    counts = np.bincount(learned.answers, minlength=len(job.labels))
    rare = [
        label
        for label, count in zip(job.labels, counts.tolist(), strict=True)
        if count < config.min_samples_per_class
    ]
    return fit_candidate(
        embed_texts(job, learned.texts).vectors,
        np.eye(len(job.labels))[learned.answers],
        None,
        embed_texts(job, calibration.texts).vectors,
        calibration.answers,
        budget=(1 - job.target) * (1 - config.fit_headroom),
        delta=1 - config.confidence,
        ood_quantile=config.ood_quantile,
        ood_k=config.ood_k,
        ood_max_ref=config.ood_max_ref,
        epochs=config.student_epochs,
        l2=config.student_l2,
        patience=config.student_patience,
        seed=job.seed,
        threads=1,
        labels=job.labels,
        deferred_labels=rare,
    )


def load(folder: Path, job: Job) -> Head:
    """Read what `fit` saved."""
    student, novelty = LinearStudent.load(folder / HEAD), KnnOOD.load(folder / NOVELTY)
    return Head(student, novelty, lambda texts: encode(job.encoder, texts))
