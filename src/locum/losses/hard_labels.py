"""Labels that are certain, and how they are mixed with soft ones, in torch."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses.reduction import as_mask, counted, reduce_rows, refuse_other_rows
from locum.losses.signals import NOTHING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["mix", "token_cross_entropy"]


def token_cross_entropy(
    student_NV: Tensor,
    labels_N: Tensor,
    *,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``-log q(label)``, with the reduction that the divergences have.

    Args:
        student_NV: The student's logits.
        labels_N: The tokens or classes that were right, int64; anything where the mask is false.
        mask: True at rows that count.
        count: What the sum over rows is divided by, their number unless it is given.

    Returns:
        A scalar, in nats.

    Raises:
        ValueError: Labels or mask are of other rows than the logits.
    """
    from locum.losses.chosen import chosen_and_all

    refuse_other_rows(student_NV, labels_N, mask)
    mask = as_mask(mask)
    right_N1 = counted(labels_N, mask).unsqueeze(-1)
    chosen_N1, all_N1 = chosen_and_all(student_NV, right_N1, mask=mask)
    return reduce_rows(all_N1 - chosen_N1.clamp(min=NOTHING), count)


def mix(soft: Tensor, hard: Tensor, soft_share: float) -> Tensor:
    """``soft_share soft + (1 - soft_share) hard`` (Hinton, Vinyals and Dean 2015, section 2).

    Raises:
        ValueError: ``soft_share`` is not from zero to one.
    """
    if not 0 <= soft_share <= 1:
        raise ValueError(f"soft_share is {soft_share}, expected a number from zero to one")
    return soft_share * soft + (1 - soft_share) * hard
