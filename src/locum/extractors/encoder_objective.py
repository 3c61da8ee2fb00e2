"""What an encoder learns that extracts: a tag for each token, and the options of the heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.students.encoder_precision import computing_short
from locum.students.encoder_tuning import pad_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.extractors.encoder_windows import Window

__all__ = ["ExtractionLesson", "ExtractionObjective", "Layers"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class ExtractionLesson(NamedTuple):
    """What an encoder is to learn.

    Args:
        model: The encoder.
        windows: ``N`` of them.
        allowed: Tags that each token of a window may have, ``[M, K]`` bools each; ``None`` for a
            window that teaches no tags.
        soft_labels: For each head distributions over its options, ``[N, V]``; rows of zeros teach
            nothing.
    """

    model: PreTrainedModel
    windows: Sequence[Window]
    allowed: Sequence[NDArray[np.bool_] | None]
    soft_labels: Sequence[Floats]


class Layers(NamedTuple):
    """What is learned on top of an encoder.

    Args:
        tags: Weights ``[d, K]`` and intercepts of the tags.
        options: Weights ``[d, V]`` and intercepts of all heads' options, one after the other.
    """

    tags: tuple[Floats, Floats]
    options: tuple[Floats, Floats]


class ExtractionObjective:
    """Cross-entropy of the tags, mean over tokens, and of each head, mean over windows, summed.

    A token that may have several tags counts by the probability of them all together.

    Args:
        lesson: What is learned.
        tags: How many there are.
    """

    def __init__(self, lesson: ExtractionLesson, tags: int) -> None:
        import torch

        self._lesson = lesson
        width: int = lesson.model.config.hidden_size
        self._sizes = [soft_labels.shape[1] for soft_labels in lesson.soft_labels]
        self._tags = torch.nn.Linear(width, tags)
        self._options = torch.nn.Linear(width, sum(self._sizes))
        self._soft_labels = [torch.from_numpy(soft_labels) for soft_labels in lesson.soft_labels]
        self.head = torch.nn.ModuleList([self._tags, self._options])

    def loss(self, rows: Rows) -> Tensor:
        """Return the loss of a batch of windows."""
        import torch

        windows = [self._lesson.windows[row] for row in rows.tolist()]
        ids, mask = pad_tokens([window.ids for window in windows])
        with computing_short():
            states = self._lesson.model(input_ids=ids, attention_mask=mask).last_hidden_state
        states = states.float()
        real = mask.unsqueeze(-1).to(states)
        mean = (states * real).sum(dim=1) / real.sum(dim=1)
        losses = [*self._tag_losses(states, rows), *self._option_losses(mean, rows)]
        return torch.stack(losses).sum() if losses else states.sum() * 0

    def _tag_losses(self, states: Tensor, rows: Rows) -> list[Tensor]:
        import torch

        at, places, allowed = [], [], []
        for place, row in enumerate(rows.tolist()):
            tags = self._lesson.allowed[row]
            if tags is not None and len(tags):
                at.append(np.full(len(tags), place))
                places.append(self._lesson.windows[row].places)
                allowed.append(tags)
        if not allowed:
            return []
        index = torch.from_numpy(np.stack([np.concatenate(at), np.concatenate(places)]))
        scores = self._tags(states[index[0], index[1]])
        known = torch.from_numpy(np.concatenate(allowed))
        likely = scores.masked_fill(~known, -torch.inf).logsumexp(dim=-1)
        return [(scores.logsumexp(dim=-1) - likely).mean()]

    def _option_losses(self, mean: Tensor, rows: Rows) -> list[Tensor]:
        if not self._sizes:
            return []
        parts = self._options(mean).split(self._sizes, dim=-1)
        losses = []
        for logits, soft_labels in zip(parts, self._soft_labels, strict=True):
            targets = soft_labels[rows]
            losses.append(-(targets * logits.log_softmax(dim=-1)).sum(dim=-1).mean())
        return losses

    def judge(self, batches: Sequence[Rows]) -> float:
        """Return the mean loss of batches, each by its size."""
        total = sum(float(self.loss(rows)) * len(rows) for rows in batches)
        return total / max(1, sum(map(len, batches)))

    def state(self) -> Layers:
        """Return the layers on top."""
        pairs = [
            (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy())
            for layer in (self._tags, self._options)
        ]
        return Layers(*pairs)
