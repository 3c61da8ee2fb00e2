"""scikit-learn: logistic regression on TF-IDF, or on a sentence encoder's embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.peers.protocol import Fitted, Job, Part, at_places
from benchmarks.peers.sentences import embed_texts, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("scikit-learn",)
STRENGTHS = (1.0, 10.0, 100.0)
FILE = "model.joblib"


class Regression(NamedTuple):
    """A classifier over texts, or over their embeddings.

    Args:
        classifier: Fitted.
        embed: From texts to what the classifier takes; ``None`` where it takes texts.
        labels: Number of labels.
    """

    classifier: Any
    embed: Callable[[Sequence[str]], NDArray[np.float32]] | None
    labels: int

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        given = list(texts) if self.embed is None else self.embed(texts)
        proba = self.classifier.predict_proba(given)
        return at_places(proba, self.classifier.classes_, self.labels)


def fit(job: Job, folder: Path) -> Fitted:
    """Choose the penalty by agreement on validation inputs, and learn from these too.

    The setting ``features`` is ``words`` or ``sentences``.
    """
    sentences = job.settings["features"] == "sentences"
    embed = (lambda texts: embed_texts(job, texts).vectors) if sentences else None
    learned = job.train.joined(job.validation).texts
    seconds = embed_texts(job, learned).seconds if sentences else 0.0

    def fit_part(part: Part, strength: float) -> Regression:
        regression = LogisticRegression(C=strength, max_iter=1000)
        classifier = regression if embed else make_pipeline(_vectorizer(), regression)
        classifier.fit(embed(part.texts) if embed else part.texts, part.answers)
        return Regression(classifier, embed, len(job.labels))

    def agreement(strength: float) -> float:
        proba = fit_part(job.train, strength).predict_proba(job.validation.texts)
        return float((proba.argmax(axis=1) == job.validation.answers).mean())

    best = max(STRENGTHS, key=agreement)
    validation = fit_part(job.train, best).predict_proba(job.validation.texts)
    final = fit_part(job.train.joined(job.validation), best)
    joblib.dump(final.classifier, folder / FILE)
    return Fitted(final, validation, {"C": best, "encoding_seconds": seconds})


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def load(folder: Path, job: Job) -> Regression:
    """Read what `fit` saved."""
    classifier = joblib.load(folder / FILE)
    if job.settings["features"] == "words":
        return Regression(classifier, None, len(job.labels))
    return Regression(classifier, lambda texts: encode(job.encoder, texts), len(job.labels))
