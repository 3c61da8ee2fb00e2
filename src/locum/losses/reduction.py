"""The one way in which losses of rows become the loss of a batch."""

# ruff: noqa: N803 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["counted", "reduce_rows"]


def counted(rows: Tensor, mask_N: Tensor | None) -> Tensor:
    """Return the rows that count, ``[rows, ...]``; all of them without a mask.

    The others are left out before anything is computed of them: where an attention kernel makes
    padding no number, a zero times it in the backward pass would be none either.
    """
    return rows if mask_N is None else rows[mask_N]


def reduce_rows(rows_N: Tensor, count: float | Tensor | None = None) -> Tensor:
    """Return the sum of rows' losses over ``count``, their number unless it is given.

    With the number of rows of *all* micro-batches that make a step as ``count``, their losses add
    up to that of the whole, however they were cut. No row costs nothing.
    """
    return rows_N.sum() / (max(rows_N.numel(), 1) if count is None else count)
