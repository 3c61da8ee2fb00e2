"""stuntd's head on a frozen sentence encoder, and the threshold that its holdout suggests.

The threshold is the widest whose agreement on the holdout is at least the target, without a bound;
confidence is one minus the normalised entropy. Beside it stands a cut-off on novelty. The holdout
is the last fifth of all inputs. The target, 0.99 by default, is set to that of the promise. What
Locum's certificate judges is a head that saw no certify input.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors.torch import load_file
from stuntd.settings import Settings
from stuntd.train.artifacts import EMBEDDINGS_FILE, HEAD_FILE
from stuntd.train.dataset import Item, SiteDataset
from stuntd.train.encoders import resolve_encoder
from stuntd.train.metrics import confidence, fit_temperature, operating_point, predict, quantile
from stuntd.train.novelty import novelty
from stuntd.train.pooled import HEAD_BIAS, HEAD_WEIGHT, Encoder, PooledTrainer

from benchmarks.peers.protocol import Fitted, Gated, Job, Part
from benchmarks.peers.sentences import embed_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PACKAGES", "fit", "load"]

PACKAGES = ("stuntd",)


class Head(NamedTuple):
    """A linear head on embeddings, with those that each request is compared to."""

    weight: Any
    bias: Any
    reference: Any
    embed: Callable[[Sequence[str]], Any]

    def logits(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - a tensor
        """Return the labels' logits, ``[N, C]``; novelty is taken too, as when serving."""
        vectors = self.embed(list(texts))
        novelty(vectors, self.reference)
        return vectors @ self.weight.T + self.bias

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of the labels, ``[N, C]``."""
        proba: NDArray[np.float32] = torch.softmax(self.logits(texts), dim=1).numpy()
        return proba


class KeptEncoder(NamedTuple):
    """In the place of stuntd's encoder; what it embeds is kept over runs."""

    job: Job

    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Return one vector of length 1 for each text."""
        return torch.from_numpy(embed_texts(self.job, texts).vectors)


def fit(job: Job, folder: Path) -> Fitted:
    """Train on all but the holdout, and fix temperature and thresholds on the holdout.

    That head decides by the product's own thresholds. The one that is judged beside others, saved
    and timed learns from train and validation inputs.
    """
    settings = Settings()
    everything = job.train.joined(job.validation).joined(job.certify)
    held = math.ceil(len(everything.texts) * settings.holdout)
    data = _site(job, *everything.divided(len(everything.texts) - held))
    encoding = embed_texts(job, everything.texts).seconds
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        trained = _train(job, data, Path(scratch) / HEAD_FILE)
        seconds = time.perf_counter() - started + encoding
        own = load(Path(scratch), job)._replace(embed=KeptEncoder(job).embed)
    expected = [item.label for item in data.holdout]
    temperature = fit_temperature(trained.logits, expected)
    point = operating_point(predict(trained.logits, expected, temperature), job.target)
    cutoff = quantile(trained.novelty, settings.novelty_quantile)

    def gate(texts: Sequence[str]) -> Gated:
        proba = torch.softmax(own.logits(texts) / temperature, dim=1)
        sure = torch.tensor([confidence(row) for row in proba.tolist()])
        strange = novelty(own.embed(texts), own.reference) > cutoff
        answered = (sure >= (point.threshold if point else math.inf)) & ~strange
        return Gated(proba.argmax(dim=1).numpy(), answered.numpy())

    with tempfile.TemporaryDirectory() as scratch:
        apart = _train(job, _site(job, job.train, job.validation), Path(scratch) / HEAD_FILE)
    validation = torch.softmax(torch.tensor(apart.logits), dim=1).numpy()
    learned = job.train.joined(job.validation)
    _train(job, _site(job, learned, job.certify), folder / HEAD_FILE)
    head = load(folder, job)._replace(embed=KeptEncoder(job).embed)
    return Fitted(head, validation, {"train_seconds": seconds}, gate)


def _site(job: Job, learned: Part, holdout: Part) -> SiteDataset:
    return SiteDataset(
        site="benchmark",
        kind="choice",
        field="label",
        labels=tuple(job.labels),
        train=_items(learned),
        holdout=_items(holdout),
        deduplicated=0,
        dropped=0,
    )


def _items(part: Part) -> tuple[Item, ...]:
    rows = zip(part.texts, part.answers.tolist(), strict=True)
    return tuple(Item(text, label, float(place)) for place, (text, label) in enumerate(rows))


def _train(job: Job, data: SiteDataset, file: Path) -> Any:  # noqa: ANN401 - the package's own type
    trainer = PooledTrainer(resolve_encoder(job.encoder), "cpu", seed=job.seed)
    trainer._encoder = KeptEncoder(job)  # noqa: SLF001 - it embeds the same texts for each seed
    return trainer(data, file)


def load(folder: Path, job: Job) -> Head:
    """Read what `fit` saved."""
    saved = load_file(folder / HEAD_FILE)
    reference = load_file(folder / EMBEDDINGS_FILE)["embeddings"].float()
    encoder = Encoder(resolve_encoder(job.encoder), "cpu")
    return Head(saved[HEAD_WEIGHT].float(), saved[HEAD_BIAS].float(), reference, encoder.embed)
