"""The logits of chosen tokens, and what stands against them: a vocabulary in a few numbers.

Listed and sampled tokens and labels are compared by these alone, so that of whole vocabularies
nothing but the logits and their slopes is held.

Shapes: any number of leading axes (N rows), V tokens, M rows that count, K tokens chosen.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from locum.losses.groups import groups_of_rows, put, room_for_slopes
from locum.losses.reduction import counted
from locum.losses.signals import NOTHING, softened

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["chosen_and_all", "chosen_and_rest"]


def chosen_and_rest(
    student_NV: Tensor, ids_MK: Tensor, temperature: float = 1.0, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return softened logits of chosen tokens and, as one logit, of all others.

    Args:
        student_NV: Logits.
        ids_MK: The tokens of the rows that count, each at most once in a row.
        temperature: What the logits are divided by.
        mask: True at rows that count.

    Returns:
        ``z / T`` at the tokens, ``[M, K]``, and the logarithm of the sum of the others'
        exponentials, ``[M, 1]``; float32 at least.
    """
    return _chosen(student_NV, ids_MK, temperature, mask, without=True)


def chosen_and_all(
    student_NV: Tensor, ids_MK: Tensor, temperature: float = 1.0, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return softened logits of chosen tokens, and of all together as one.

    As `chosen_and_rest`; a token may be chosen twice.
    """
    return _chosen(student_NV, ids_MK, temperature, mask, without=False)


def _chosen(
    student_NV: Tensor, ids_MK: Tensor, temperature: float, mask: Tensor | None, *, without: bool
) -> tuple[Tensor, Tensor]:
    if torch.compiler.is_compiling():  # which fuses the operations, and would unroll the groups
        return _of_rows(counted(student_NV, mask), ids_MK, temperature, without=without)
    rows = student_NV.shape[:-1].numel()
    chosen_MK, rest_M1 = _Chosen.apply(  # type: ignore[no-untyped-call]
        student_NV.reshape(rows, student_NV.shape[-1]),
        ids_MK.reshape(-1, ids_MK.shape[-1]),
        None if mask is None else mask.reshape(rows),
        temperature,
        without,
    )
    return chosen_MK.reshape(ids_MK.shape), rest_M1.reshape(*ids_MK.shape[:-1], 1)


def _of_rows(
    student_RV: Tensor, ids_RK: Tensor, temperature: float, *, without: bool
) -> tuple[Tensor, Tensor]:
    softened_RV = softened(student_RV, temperature)
    chosen_RK = softened_RV.gather(-1, ids_RK)
    others_RV = softened_RV.scatter(-1, ids_RK, NOTHING) if without else softened_RV
    return chosen_RK, others_RV.logsumexp(dim=-1, keepdim=True)


class _Chosen(torch.autograd.Function):
    """`_of_rows` of all rows, with its slope made anew in the backward pass."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401 - autograd's own
        student_NV: Tensor,
        ids_MK: Tensor,
        mask_N: Tensor | None,
        temperature: float,
        without: bool,  # noqa: FBT001 - autograd passes by place
    ) -> tuple[Tensor, Tensor]:
        """Go through the rows, and keep what was found of them."""
        long = torch.promote_types(student_NV.dtype, torch.float32)
        chosen_MK = student_NV.new_empty(ids_MK.shape, dtype=long)
        rest_M1 = student_NV.new_empty((len(ids_MK), 1), dtype=long)
        for rows, places in groups_of_rows(student_NV, mask_N):
            chosen_MK[places], rest_M1[places] = _of_rows(
                student_NV[rows], ids_MK[places], temperature, without=without
            )
        context.save_for_backward(student_NV, ids_MK, mask_N, rest_M1)
        context.temperature, context.without = temperature, without
        return chosen_MK, rest_M1

    @staticmethod
    @once_differentiable
    def backward(
        context: Any,  # noqa: ANN401 - autograd's own
        of_chosen_MK: Tensor,
        of_rest_M1: Tensor,
    ) -> tuple[Tensor | None, ...]:
        """Spread the rest's slope over its tokens, by their shares of it."""
        student_NV, ids_MK, mask_N, rest_M1 = context.saved_tensors
        slopes_NV = room_for_slopes(student_NV, mask_N)
        for rows, places in groups_of_rows(student_NV, mask_N):
            shares_RV = (softened(student_NV[rows], context.temperature) - rest_M1[places]).exp_()
            if context.without:
                shares_RV.scatter_(-1, ids_MK[places], 0)
            shares_RV.mul_(of_rest_M1[places]).scatter_add_(
                -1, ids_MK[places], of_chosen_MK[places]
            )
            put(slopes_NV, rows, shares_RV.div_(context.temperature))
        return slopes_NV, None, None, None, None
