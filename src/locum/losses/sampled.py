"""The cross-entropy to a teacher of whom samples are kept, without bias, in torch."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses.reduction import as_mask, counted, reduce_rows, refuse_other_rows
from locum.losses.signals import NOTHING, refuse_temperature

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["sampled_cross_entropy"]


def sampled_cross_entropy(
    student_NV: Tensor,
    ids_NK: Tensor,
    weights_NK: Tensor,
    *,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``-T^2 sum_k w_k log q(token_k)``, an estimate of the soft-target cross-entropy.

    With tokens drawn from a proposal ``r`` and weights ``p(token) / (K r(token))``, their mean
    over draws is the cross-entropy to the whole of ``p``, and so is its gradient: a list of the
    likeliest tokens has a bias however it is filled up, and this has none (random sampling
    distillation; Anshumann et al. 2025).

    Args:
        student_NV: The student's logits.
        ids_NK: The tokens drawn, int64; one drawn twice may stand twice, or once with both weights.
        weights_NK: Their weights, not negative; zero at places that are not filled.
        temperature: ``T > 0`` that the student's logits are divided by; the teacher's ``p`` is
            taken to be at the same one.
        mask: True at rows that count.
        count: What the sum over rows is divided by, their number unless it is given.

    Raises:
        ValueError: Tokens, weights or mask are of other rows than the logits.
    """
    from locum.losses.chosen import chosen_and_all

    refuse_temperature(temperature)
    refuse_other_rows(student_NV, ids_NK, weights_NK, mask)
    mask = as_mask(mask)
    ids_NK, weights_NK = counted(ids_NK, mask), counted(weights_NK, mask)
    chosen_NK, all_N1 = chosen_and_all(student_NV, ids_NK, temperature, mask)
    costs_NK = all_N1 - chosen_NK.clamp(min=NOTHING)
    rows_N = (weights_NK.to(chosen_NK.dtype) * costs_NK).sum(dim=-1)
    return temperature**2 * reduce_rows(rows_N, count)
