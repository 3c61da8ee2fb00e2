"""The forward KL of whole vocabularies with its gradient in closed form.

``dKL/dz = (softmax(z / T) - p) / T``: made in the buffer of the student's probabilities, it takes
a third of the memory that a recorded graph would.

Shapes: N rows, V tokens.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ForwardKL"]


class ForwardKL(torch.autograd.Function):
    """``KL(softmax(teacher / T) || softmax(student / T))`` of each row, in float32 at least."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401 - autograd's own
        student_NV: Tensor,
        teacher_NV: Tensor,
        temperature: float,
    ) -> Tensor:
        """Compare, and keep the slope in the place of the student's probabilities."""
        log_q_NV, log_p_NV = (
            _scaled(logits, temperature).log_softmax(dim=-1) for logits in (student_NV, teacher_NV)
        )
        p_NV = log_p_NV.exp()
        rows_N: Tensor = torch.linalg.vecdot(p_NV, log_p_NV.sub_(log_q_NV))
        context.kind, context.temperature = student_NV.dtype, temperature
        context.save_for_backward(log_q_NV.exp_().sub_(p_NV))
        return rows_N

    @staticmethod
    @once_differentiable
    def backward(
        context: Any,  # noqa: ANN401 - autograd's own
        slopes_N: Tensor,
    ) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass kept."""
        (kept_NV,) = context.saved_tensors
        slope_NV = kept_NV * (slopes_N / context.temperature).unsqueeze(-1)
        return slope_NV.to(context.kind), None, None


def _scaled(logits_NV: Tensor, temperature: float) -> Tensor:
    long_NV = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    return long_NV if temperature == 1 else long_NV / temperature
