"""The autograd function behind `locum.losses.projected_loss`.

Shapes: N rows, D values of a hidden state, V tokens, C rows of a chunk.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["ChunkedLoss"]


class ChunkedLoss(torch.autograd.Function):
    """Projection and loss of a chunk at a time, with gradients made in the forward pass."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401 - autograd's own
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        loss: Callable[[Tensor, slice], Tensor],
        chunk_rows: int,
    ) -> Tensor:
        """Add up the chunks' losses, and their gradients where any is asked for."""
        gradients = [
            torch.zeros_like(leaf, dtype=_long(leaf)) if leaf is not None and needed else None
            for leaf, needed in zip(
                (hidden_ND, weight_VD, bias_V), context.needs_input_grad[:3], strict=True
            )
        ]
        total = hidden_ND.new_zeros((), dtype=_long(hidden_ND))
        for start in range(0, len(hidden_ND), chunk_rows):
            rows = slice(start, min(start + chunk_rows, len(hidden_ND)))
            logits_CV = functional.linear(hidden_ND[rows], weight_VD, bias_V)
            with torch.enable_grad():
                value = loss(logits_CV.requires_grad_(), rows)
            total += value.detach()
            if any(gradient is not None for gradient in gradients):
                (slope_CV,) = torch.autograd.grad(value, logits_CV)
                del value, logits_CV  # the next chunk is made before the names are bound anew
                _carry_back(slope_CV, rows, hidden_ND, weight_VD, gradients)
                del slope_CV
        leaves = (hidden_ND, weight_VD, bias_V)
        context.gradients = [
            None if gradient is None or leaf is None else gradient.to(leaf.dtype)
            for gradient, leaf in zip(gradients, leaves, strict=True)
        ]
        return total

    @staticmethod
    @once_differentiable
    def backward(
        context: Any,  # noqa: ANN401 - autograd's own
        slope: Tensor,
    ) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass made, unless nothing stands between it and the loss."""
        made = context.gradients
        if slope == 1:
            return (*made, None, None)
        scaled = (None if gradient is None else gradient * slope for gradient in made)
        return (*scaled, None, None)


def _carry_back(
    slope_CV: Tensor,
    rows: slice,
    hidden_ND: Tensor,
    weight_VD: Tensor,
    gradients: list[Tensor | None],
) -> None:
    """Add a chunk's share to the gradients of hidden states, weight and bias."""
    of_hidden_ND, of_weight_VD, of_bias_V = gradients
    if of_hidden_ND is not None:
        of_hidden_ND[rows] = slope_CV @ weight_VD.to(slope_CV.dtype)
    if of_weight_VD is not None:
        kind = of_weight_VD.dtype
        of_weight_VD.addmm_(slope_CV.mT.to(kind), hidden_ND[rows].to(kind))
    if of_bias_V is not None:
        of_bias_V += slope_CV.sum(dim=0)


def _long(leaf: Tensor) -> torch.dtype:
    """Float32 at least: many chunks are added up."""
    return torch.promote_types(leaf.dtype, torch.float32)
