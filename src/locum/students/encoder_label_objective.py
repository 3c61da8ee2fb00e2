"""What an encoder learns that classifies: soft labels, by a head on its embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.losses import soft_target_cross_entropy, soft_target_loss
from locum.students.encoder_head import Head, Scale
from locum.students.encoder_pooling import pooled
from locum.students.encoder_precision import computing_short
from locum.students.encoder_tuning import pad_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.students.encoder_source import Pooling
    from locum.students.softmax_regression import Term

__all__ = ["LabelLesson", "LabelObjective"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_TEMPERATURES = tuple(float(t) for t in np.geomspace(0.5, 4.0, 13))


class LabelLesson(NamedTuple):
    """What an encoder is to learn.

    Args:
        model: The encoder.
        pooling: How its hidden states become an embedding.
        head: Where the head starts from.
        scale: Of the embeddings that it was learned on.
        rows: Tokens of each of ``N`` inputs.
        terms: Of the loss.
        soft_labels: Teacher's distributions, ``[N, C]``.
    """

    model: PreTrainedModel
    pooling: Pooling
    head: Head
    scale: Scale
    rows: Sequence[Rows]
    terms: Sequence[Term]
    soft_labels: Floats


class LabelObjective:
    """Cross-entropy to the soft labels.

    States are judged at the temperature at which it is least, as students are calibrated later.

    Args:
        lesson: What is learned.
    """

    def __init__(self, lesson: LabelLesson) -> None:
        import torch

        self._lesson = lesson
        self._targets = [torch.from_numpy(term.targets) for term in lesson.terms]
        start = lesson.scale.unfold(lesson.head)
        self.head = torch.nn.Linear(*start.weights.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(start.weights.T))
            self.head.bias.copy_(torch.from_numpy(start.intercept))
        self._centre = torch.from_numpy(lesson.scale.centre)
        self._spread = float(lesson.scale.spread)

    def loss(self, rows: Rows) -> Tensor:
        """Return the sum of the loss's terms for a batch."""
        import torch

        logits = self._logits(rows)
        temperatures = [term.temperature for term in self._lesson.terms]
        losses = [
            soft_target_loss(logits, target[rows], temperature)
            for target, temperature in zip(self._targets, temperatures, strict=True)
        ]
        return torch.stack(losses).sum()

    def judge(self, batches: Sequence[Rows]) -> float:
        """Return the least cross-entropy to the soft labels over some temperatures."""
        logits: Floats = np.concatenate([self._logits(rows).numpy() for rows in batches])
        soft = self._lesson.soft_labels[np.concatenate(batches)]
        return min(
            soft_target_cross_entropy(logits / np.float32(t), soft).value for t in _TEMPERATURES
        )

    def state(self) -> Head:
        """Return the head, as it is to be used on embeddings that are not scaled."""
        weight, bias = self.head.weight.detach().numpy(), self.head.bias.detach().numpy()
        return self._lesson.scale.fold(Head(weight.T.copy(), bias.copy()))

    def _logits(self, rows: Rows) -> Tensor:
        ids, mask = pad_tokens([self._lesson.rows[row] for row in rows])
        with computing_short():
            embeddings = pooled(self._lesson.model, self._lesson.pooling, ids, mask)
        logits: Tensor = self.head((embeddings.float() - self._centre) / self._spread)
        return logits
