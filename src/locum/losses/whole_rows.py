"""Losses of rows' whole vocabularies, which a judge compares a few rows at a time.

Loss and slope of a few rows are made together, so that of a batch nothing but the slopes is held.

Shapes: any number of leading axes (N rows), V tokens, R rows of a group.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.autograd.function import once_differentiable

from locum.losses.groups import groups_of_rows, put, room_for_slopes
from locum.losses.kept import handed_out
from locum.losses.reduction import as_mask, counted, divisor, reduce_rows, refuse_other_rows
from locum.losses.signals import NOTHING, softened

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    # Losses [R] of logits [R, V] and what else is known of the rows, by what torch differentiates.
    Judge = Callable[..., Tensor]
    # The same, and the slope of each loss in the logits of its row, [R, V].
    SlopedJudge = Callable[..., tuple[Tensor, Tensor]]

__all__ = ["loss_of_rows"]

Judged = TypeVar("Judged")


def loss_of_rows(
    judge: Judge,
    student_NV: Tensor,
    known: tuple[Tensor, ...],
    *,
    sloped: SlopedJudge | None = None,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """Return ``T^2`` times the sum of rows' losses, over ``count``.

    Its gradient can be taken, and not be differentiated again. Where the loss is not finite, rows
    are judged once more, with what is minus infinity in them brought to `NOTHING`: doing so to all
    rows at once would cost up to a fifth of the time.

    Args:
        judge: What rows cost.
        student_NV: The student's logits.
        known: What the judge is given besides, each with the logits' leading axes.
        sloped: The judge with its slopes in closed form, where there is one.
        temperature: ``T``.
        mask: True at rows that count.
        count: What to divide by, the number of rows that count unless it is given.

    Raises:
        ValueError: What is known, or the mask, is of other rows than the logits.
    """
    refuse_other_rows(student_NV, *known, mask)
    mask = as_mask(mask)
    if torch.compiler.is_compiling():  # which fuses the operations, and would unroll the groups
        parts = (student_NV, *(part.detach() for part in known))
        rows_N = _bounded(judge)(*(counted(part, mask) for part in parts))
        return temperature**2 * reduce_rows(rows_N, count)
    axes, rows = student_NV.dim() - 1, student_NV.shape[:-1].numel()
    if count is None:
        count = max(rows if mask is None else int(mask.sum()), 1)
    wanted = torch.is_grad_enabled() and student_NV.requires_grad
    summed: Callable[..., Tensor] = partial(
        _SumOfRows.apply,
        student_NV.reshape(rows, student_NV.shape[-1]),
        [part.detach().reshape(rows, *part.shape[axes:]) for part in known],
        None if mask is None else mask.reshape(rows),
        temperature**2,
        divisor(count),
    )
    sloped = sloped or partial(_sloped, judge)
    total = summed(judge, sloped if wanted else None)
    if isfinite(total.item()):
        return total
    del total  # and the slopes that it keeps
    return summed(_bounded(judge), _bounded(sloped) if wanted else None)


def _bounded(judge: Callable[..., Judged]) -> Callable[..., Judged]:
    """Return a judge that is given `NOTHING` for minus infinity, whose differences are numbers."""

    def judge_bounded(*parts: Tensor) -> Judged:
        return judge(
            *(
                softened(part).clamp(min=NOTHING) if part.is_floating_point() else part
                for part in parts
            )
        )

    return judge_bounded


class _SumOfRows(torch.autograd.Function):
    """The weighted sum of rows' losses, with slopes made in the forward pass."""

    @staticmethod
    def forward(
        context: Any,  # noqa: ANN401 - autograd's own
        student_NV: Tensor,
        known: list[Tensor],
        mask_N: Tensor | None,
        square: float | Tensor,
        rows_in_all: float | Tensor,
        judge: Judge,
        sloped: SlopedJudge | None,
    ) -> Tensor:
        """Judge all rows, and keep their slopes, if asked for, in the logits' type."""
        long = torch.promote_types(student_NV.dtype, torch.float32)
        losses = [student_NV.new_zeros(0, dtype=long)]
        slopes_NV = room_for_slopes(student_NV, mask_N) if sloped else None
        weight = square / rows_in_all
        # Of so short a range many rows would leave nothing of most slopes, before they are scaled.
        late = student_NV.dtype == torch.float16
        for rows, _ in groups_of_rows(student_NV, mask_N):
            given = (student_NV[rows], *(part[rows] for part in known))
            if sloped and slopes_NV is not None:
                losses_R, slopes_RV = sloped(*given)
                put(slopes_NV, rows, slopes_RV.mul_(square if late else weight))
            else:
                losses_R = judge(*given)
            losses.append(losses_R)
        context.save_for_backward(slopes_NV)
        context.weight = 1 / rows_in_all if late else 1.0
        return torch.cat(losses).sum() * weight

    @staticmethod
    @once_differentiable
    def backward(
        context: Any,  # noqa: ANN401 - autograd's own
        slope: Tensor,
    ) -> tuple[Tensor | None, ...]:
        """Scale what the forward pass kept, unless nothing stands between it and the loss."""
        (slopes_NV,) = context.saved_tensors
        scale = slope * context.weight
        made_NV = handed_out(slopes_NV) if scale == 1 else (slopes_NV * scale).to(slopes_NV.dtype)
        return made_NV, None, None, None, None, None, None


def _sloped(judge: Judge, student_RV: Tensor, *known: Tensor) -> tuple[Tensor, Tensor]:
    short = student_RV.dtype == torch.float16  # too short for slopes that are yet to be scaled
    with torch.enable_grad():
        leaf_RV = (student_RV.float() if short else student_RV).detach().requires_grad_()
        losses_R = judge(leaf_RV, *known)
        (slopes_RV,) = torch.autograd.grad(losses_R.sum(), leaf_RV)
    return losses_R.detach(), slopes_RV
