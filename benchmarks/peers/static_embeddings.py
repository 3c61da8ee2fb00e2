"""model2vec's own classifier: static embeddings, distilled from the encoder, fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from model2vec.inference import StaticModelPipeline

from benchmarks.peers.protocol import Fitted, Job, at_places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("model2vec",)


class Pipeline(NamedTuple):
    """A classifier whose labels are the indices of ours."""

    pipeline: Any
    labels: int

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        proba = self.pipeline.predict_proba(list(texts))
        return at_places(proba, [int(name) for name in self.pipeline.classes_], self.labels)


def fit(job: Job, folder: Path) -> Fitted:
    """Distil the token embeddings, and fine-tune them with a head by the package's defaults."""
    from model2vec.distill import distill
    from model2vec.train import StaticModelForClassification

    base = distill(model_name=job.encoder, device="cpu")
    classifier = StaticModelForClassification.from_static_model(model=base)
    classifier.fit(
        job.train.texts,
        [str(answer) for answer in job.train.answers.tolist()],
        X_val=job.validation.texts,
        y_val=[str(answer) for answer in job.validation.answers.tolist()],
        device="cpu",
        random_seed=job.seed,
    )
    classifier.to_pipeline().save_pretrained(str(folder))
    model = load(folder, job)
    return Fitted(model, model.predict_proba(job.validation.texts))


def load(folder: Path, job: Job) -> Pipeline:
    """Read what `fit` saved."""
    return Pipeline(StaticModelPipeline.from_pretrained(str(folder)), len(job.labels))
