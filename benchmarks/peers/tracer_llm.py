"""tracer-llm: a classifier on embeddings out of a zoo, with a learned acceptor and its threshold.

It gets all inputs but the test inputs and divides them itself. The threshold is chosen on seven
tenths of its calibration inputs, by an exact lower limit at 90% for each threshold by itself, and
checked by the point estimate on the others. Trees are left out, as its command line does by
default, and the promise's target is the only one that it is asked for.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tracer.api import fit as fit_policy
from tracer.api import load_router
from tracer.config import FitConfig
from tracer.fit.surrogate import search_best_surrogate

from benchmarks.peers.protocol import Fitted, Gated, Job, at_places
from benchmarks.peers.sentences import embed_texts, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("tracer-llm", "scikit-learn")
TREES = ("dt", "rf", "et", "gbt")


class Surrogate(NamedTuple):
    """One of its classifiers on embeddings.

    Args:
        classifier: Fitted.
        embed: From texts to what the classifier takes.
        places: Our index of each label that it numbers.
        labels: Number of labels.
    """

    classifier: Any
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    places: list[int]
    labels: int

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        proba = self.classifier.predict_proba(self.embed(texts))
        places = [self.places[row] for row in self.classifier.classes_]
        return at_places(proba, places, self.labels)


def fit(job: Job, folder: Path) -> Fitted:
    """Fit its routing policy; the classifier that Locum's certificate judges learns from train."""

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return embed_texts(job, texts).vectors

    everything = job.train.joined(job.validation).joined(job.certify)
    rows = zip(everything.texts, everything.answers.tolist(), strict=True)
    lines = [json.dumps({"input": text, "teacher": job.labels[answer]}) for text, answer in rows]
    traces = folder / "traces.jsonl"
    traces.write_text("\n".join(lines), encoding="utf-8")
    config = FitConfig(
        target_teacher_agreement=job.target,
        frontier_targets=(job.target,),
        skip_candidates=TREES,
        seed=job.seed,
        verbose=False,
    )
    vectors = embed_texts(job, everything.texts)
    started = time.perf_counter()
    deployed = fit_policy(traces, folder, embeddings=vectors.vectors, config=config).manifest
    seconds = time.perf_counter() - started + vectors.seconds
    train, validation = embed(job.train.texts), embed(job.validation.texts)
    classifier, name, _ = search_best_surrogate(
        train, job.train.answers, validation, job.validation.answers, skip=TREES
    )
    apart = Surrogate(classifier, embed, list(range(len(job.labels))), len(job.labels))
    gate = _gate(job, folder, embed) if deployed.selected_method else None
    return Fitted(
        apart,
        apart.predict_proba(job.validation.texts),
        {"train_seconds": seconds, "method": deployed.selected_method, "classifier": name},
        gate,
    )


def _gate(
    job: Job, folder: Path, embed: Callable[[Sequence[str]], NDArray[np.float32]]
) -> Callable[[Sequence[str]], Gated]:
    router = load_router(folder)
    place = {label: index for index, label in enumerate(job.labels)}

    def gate(texts: Sequence[str]) -> Gated:
        routed = router.predict_batch(embed(texts))
        predicted = np.array([place.get(label, -1) for label in routed["labels"]], np.int64)
        return Gated(predicted, np.asarray(routed["handled"], np.bool_))

    return gate


def load(folder: Path, job: Job) -> Surrogate:
    """Read the deployed policy; what is timed is the first stage, which every input is asked."""
    router = load_router(folder)
    stage = router._stages[0]["clf"]  # noqa: SLF001 - it has no way to ask for probabilities
    places = [job.labels.index(label) for label in router._label_space]  # noqa: SLF001
    return Surrogate(stage, lambda texts: encode(job.encoder, texts), places, len(job.labels))
