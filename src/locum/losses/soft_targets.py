"""The soft-target cross-entropy in torch, for students whose gradient torch finds.

Shapes: N inputs, C labels.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses.signals import NOTHING, log_probabilities, refuse_temperature

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["soft_target_loss"]


def soft_target_loss(logits_NC: Tensor, targets_NC: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of a student to soft targets at a temperature.

    The value and the gradient are those of `locum.losses.soft_target_cross_entropy`:
    ``T^2 / N * sum_n sum_c -q_nc log softmax(z_n / T)_c`` (Hinton, Vinyals and Dean 2015).

    Args:
        logits_NC: Student's logits ``z``.
        targets_NC: Soft targets ``q``, already at the temperature (see `locum.losses.soften`). A
            row that sums to less than one weighs less; a row of zeros is left out.
        temperature: ``T > 0``.

    Returns:
        The mean over all ``N`` rows, float32 at least.

    Raises:
        ValueError: The targets are not of the logits' shape, or the temperature is not above zero.
    """
    refuse_temperature(temperature)
    if targets_NC.shape != logits_NC.shape:
        raise ValueError(
            f"soft targets are {tuple(targets_NC.shape)} and logits {tuple(logits_NC.shape)}, "
            "expected the same shape: a probability for each class of each input"
        )
    # Not minus infinity: zero times that is not a number.
    costs_NC = targets_NC * log_probabilities(logits_NC, temperature).clamp(min=NOTHING)
    return -(temperature**2) * costs_NC.sum(dim=-1).mean()
