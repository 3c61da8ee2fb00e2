"""fastText (Joulin, Grave, Bojanowski and Mikolov 2017), its settings found by its own search."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fasttext
import numpy as np

from benchmarks.peers.protocol import Fitted, Job, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("fasttext-numpy2-wheel", "fasttext-wheel", "fasttext")
PREFIX = "__label__"
FILE = "model.bin"
SETTINGS = (
    {"epoch": 25, "lr": 0.5, "wordNgrams": 2},
    {"epoch": 50, "lr": 0.5, "wordNgrams": 2},
    {"epoch": 25, "lr": 1.0, "wordNgrams": 2},
    {"epoch": 25, "lr": 0.5, "wordNgrams": 2, "minn": 2, "maxn": 5},
)
BUCKETS = 200_000


class FastText(NamedTuple):
    """A fastText classifier whose labels are the indices of ours."""

    model: Any
    labels: int

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        found, probabilities = self.model.predict([_one_line(text) for text in texts], k=-1)
        proba = np.zeros((len(texts), self.labels))
        for row, (names, values) in enumerate(zip(found, probabilities, strict=True)):
            proba[row, [int(name[len(PREFIX) :]) for name in names]] = values
        scaled: NDArray[np.float64] = proba / proba.sum(axis=1, keepdims=True)
        return scaled


def fit(job: Job, folder: Path) -> Fitted:
    """Try a few settings, and learn again from train and validation inputs with the best."""

    def agreement(settings: dict[str, float]) -> float:
        proba = _fit(job, job.train, settings).predict_proba(job.validation.texts)
        return float((proba.argmax(axis=1) == job.validation.answers).mean())

    best = max(SETTINGS, key=agreement)
    validation = _fit(job, job.train, best).predict_proba(job.validation.texts)
    final = _fit(job, job.train.joined(job.validation), best)
    final.model.save_model(str(folder / FILE))
    return Fitted(final, validation, {"settings": best})


def load(folder: Path, job: Job) -> FastText:
    """Read what `fit` saved."""
    return FastText(fasttext.load_model(str(folder / FILE)), len(job.labels))


def _fit(job: Job, part: Part, settings: dict[str, float]) -> FastText:
    rows = zip(part.texts, part.answers.tolist(), strict=True)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "train.txt"
        lines = "".join(f"{PREFIX}{label} {_one_line(text)}\n" for text, label in rows)
        file.write_text(lines, encoding="utf-8")
        model = fasttext.train_supervised(
            str(file), **settings, bucket=BUCKETS, thread=1, seed=job.seed, verbose=0
        )
    return FastText(model, len(job.labels))


def _one_line(text: str) -> str:
    return " ".join(text.lower().split())
