"""The one way in which losses of rows become the loss of a batch."""

# ruff: noqa: N803 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_mask", "counted", "divisor", "reduce_rows", "refuse_other_rows", "widened"]


@overload
def as_mask(mask: Tensor) -> Tensor: ...


@overload
def as_mask(mask: None) -> None: ...


@overload
def as_mask(mask: Tensor | None) -> Tensor | None: ...


def as_mask(mask: Tensor | None) -> Tensor | None:
    """Return a mask as truth values; tokenizers give theirs as ones and zeros.

    An index by whole numbers would take the first two rows again and again.

    Raises:
        ValueError: It holds something else, such as the minus infinities that attention adds.
    """
    import torch

    if mask is None or mask.dtype == torch.bool:
        return mask
    if not ((mask == 0) | (mask == 1)).all():
        raise ValueError(
            f"the mask is {mask.dtype} and holds other numbers than 0 and 1: expected true, or 1, "
            "at rows that count"
        )
    return mask.bool()


def counted(rows: Tensor, mask_N: Tensor | None) -> Tensor:
    """Return the rows that count, ``[rows, ...]``; all of them without a mask.

    The others are left out before anything is computed of them: where an attention kernel makes
    padding no number, a zero times it in the backward pass would be none either.
    """
    return rows if mask_N is None else rows[mask_N]


def widened(values: Tensor) -> Tensor:
    """Return values in float32 at least, as they are where they are that.

    Sums in float16 overflow, and bfloat16 has no room for small differences.
    """
    import torch

    return values.to(torch.promote_types(values.dtype, torch.float32))


def refuse_other_rows(student_NV: Tensor, *known: Tensor | None) -> None:
    """Refuse what is known of other rows than those of the logits, such as labels not yet shifted.

    Args:
        student_NV: The student's logits.
        known: What is known of each row, a mask among it; ``None`` for nothing.

    Raises:
        ValueError: Leading axes differ.
    """
    rows = student_NV.shape[:-1]
    for part in known:
        if part is not None and part.shape[: len(rows)] != rows:
            raise ValueError(
                f"shapes {tuple(student_NV.shape)} of logits and {tuple(part.shape)} of what is "
                "known of their rows do not fit: expected the same leading axes; shift both alike"
            )


def reduce_rows(rows_N: Tensor, count: float | Tensor | None = None) -> Tensor:
    """Return the sum of rows' losses over ``count``, their number unless it is given.

    With the number of rows of *all* micro-batches that make a step as ``count``, their losses add
    up to that of the whole, however they were cut. No row costs nothing, also by a count of zero.
    """
    return rows_N.sum() / (max(rows_N.numel(), 1) if count is None else divisor(count))


def divisor(count: float | Tensor) -> float | Tensor:
    """Return what a sum is divided by: one where nothing is counted, which costs nothing."""
    return count + (count == 0)
