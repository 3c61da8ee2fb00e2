"""A student and its loss as one module: what processes that share a model's weights must call.

Shapes: N rows, V tokens of the vocabulary.
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from locum.errors import UsageError
from locum.language.models import hidden_states, split_model
from locum.language.objective import row_loss
from locum.language.precision import computing_in
from locum.losses import projected_loss

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.language.packing import Packed
    from locum.language.settings import LanguageLoss, Precision
    from locum.language.teachers import Signal

__all__ = ["StudentStep"]


class StudentStep(torch.nn.Module):
    """Gives the loss of a batch, whose logits are never held together.

    Args:
        student: What learns.
        vocabulary: How many of its logits are of tokens, the rest being padding.
        loss: What rows cost.
        precision: What it computes in.

    Raises:
        UsageError: As `locum.language.models.split_model`, or it has fewer logits.
    """

    def __init__(
        self, student: PreTrainedModel, vocabulary: int, loss: LanguageLoss, precision: Precision
    ) -> None:
        super().__init__()
        self.student = student
        self.halves = split_model(student)
        held = self.halves.head.weight.shape[0]
        if vocabulary > held:
            raise UsageError(
                f"the teacher speaks of {vocabulary:,} tokens and the student has {held:,} logits: "
                "take a student of the same vocabulary, or align the two; where both have one "
                "tokenizer, some of the teacher's are padding: say how many are not, as in "
                "ModelTeacher(model, len(tokenizer))"
            )
        self.vocabulary = vocabulary
        self.loss = loss
        self.precision: Precision = precision

    def forward(
        self,
        batch: Packed,
        signal: Signal | None,
        count: float | Tensor,
        *,
        written: bool = False,
    ) -> Tensor:
        """Return the loss of the batch's rows over ``count``; the student has ``written`` them."""
        loss = replace(self.loss, soft_share=1.0) if written else self.loss
        with computing_in(self.precision, self.student):
            states_ND = hidden_states(self.halves, batch)
        head = self.halves.head
        return projected_loss(
            states_ND,
            head.weight[: self.vocabulary].to(states_ND.dtype),
            row_loss(loss, batch.targets(), signal, count),
            bias_V=None if head.bias is None else head.bias[: self.vocabulary].to(states_ND.dtype),
        )
