"""What a smaller encoder learns from a batch: a larger one's representations, labels, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses import soft_target_loss, soften
from locum.students.encoder_pooling import pool
from locum.training.observing import EncoderObserver

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from locum.students.encoder_source import Pooling
    from locum.training.imitation import Imitation
    from locum.training.initialisation import EncoderPair
    from locum.training.token_batches import TokenBatch

__all__ = ["LabelTask", "Lesson"]


class LabelTask:
    """Soft labels, and a linear head on the student's pooled states to learn them by.

    Args:
        width: Of a pooled state.
        pooling: How the states of a text become one.
        soft_labels: Of all texts, ``[N, C]``.
        temperature: At which they are learned.
    """

    def __init__(
        self, width: int, pooling: Pooling, soft_labels: NDArray[np.float64], temperature: float
    ) -> None:
        from torch import nn

        self.head = nn.Linear(width, soft_labels.shape[1])
        self._pooling = pooling
        self._targets = soften(soft_labels, temperature)
        self._temperature = temperature

    def loss(self, hidden: Tensor, batch: TokenBatch) -> Tensor:
        """Cross-entropy to the soft labels, from the last hidden states ``[B, L, D]``."""
        import torch

        targets = torch.from_numpy(self._targets[batch.rows]).to(hidden)
        logits = self.head(pool(hidden, batch.mask, self._pooling))
        return soft_target_loss(logits, targets, self._temperature)


class Lesson:
    """The loss of a batch; a context manager, which watches the encoders' layers.

    Args:
        pair: Teacher and student, put into the modes in which they teach and learn.
        imitation: What is imitated; ``None`` leaves the teacher out.
        task: The labels, if there are any.
        device: Where all is computed, as torch calls it.
    """

    def __init__(
        self,
        pair: EncoderPair,
        imitation: Imitation | None,
        task: LabelTask | None,
        device: str,
    ) -> None:
        self._imitation, self._task = imitation, task
        self._learning: list[nn.Module] = [pair.student.train().requires_grad_()]
        self._learning += [imitation.to_teacher] if imitation else []
        self._learning += [task.head] if task else []
        for module in (pair.teacher.train(mode=False), *self._learning):
            module.to(device)
        layers = imitation.layers if imitation else []
        self._teacher = EncoderObserver(pair.teacher, [matched for matched, _ in layers])
        self._student = EncoderObserver(pair.student, [layer for _, layer in layers])

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._teacher.__enter__()
        self._student.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the encoders as they were."""
        self._student.__exit__(kind, error, trace)
        self._teacher.__exit__(kind, error, trace)

    def parameters(self) -> list[nn.Parameter]:
        """All that learns."""
        return [parameter for module in self._learning for parameter in module.parameters()]

    def loss(self, batch: TokenBatch) -> Tensor:
        """The loss of the labels and of what is imitated, added up."""
        import torch

        student = self._student(batch.tokens)
        total = student.hidden[-1].new_zeros(())
        if self._task:
            total = total + self._task.loss(student.hidden[-1], batch)
        if self._imitation:
            with torch.no_grad():
                teacher = self._teacher(batch.tokens)
            total = total + self._imitation(teacher, student, batch.mask)
        return total
