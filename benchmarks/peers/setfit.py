"""SetFit (Tunstall et al. 2022): an encoder fine-tuned on pairs, with logistic regression on top.

Its default draws all pairs there are, which is meant for a few texts a label and would take days
here. The number of pairs is bounded instead, and the regression learns from all inputs.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from setfit import SetFitModel

from benchmarks.peers.protocol import Fitted, Job, at_places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("setfit", "sentence-transformers", "transformers")
BATCH = 16
PAIRS = 10_000
MAX_TOKENS = 128


class Body(NamedTuple):
    """A SetFit model whose labels are the indices of ours."""

    model: Any
    labels: int

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of the labels, ``[N, C]``."""
        proba = self.model.predict_proba(list(texts), as_numpy=True, show_progress_bar=False)
        return at_places(proba, self.model.model_head.classes_, self.labels)


def fit(job: Job, folder: Path) -> Fitted:
    """Fine-tune on pairs, and fit the head on all train inputs."""
    from datasets import Dataset
    from setfit import Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(job.encoder)
    model.model_body.max_seq_length = MAX_TOKENS
    rows = {"text": job.train.texts, "label": job.train.answers.tolist()}
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            batch_size=BATCH,
            max_steps=PAIRS // BATCH,
            seed=job.seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict(rows)).train()
    model.save_pretrained(str(folder))
    body = Body(model, len(job.labels))
    return Fitted(body, body.predict_proba(job.validation.texts), {"pairs": PAIRS})


def load(folder: Path, job: Job) -> Body:
    """Read what `fit` saved."""
    return Body(SetFitModel.from_pretrained(str(folder)), len(job.labels))
