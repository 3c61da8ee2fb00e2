"""From what a teacher says and the tokens of the text to the loss of rows.

Shapes: N rows, C of a chunk, V tokens of the vocabulary.
"""

# ruff: noqa: N803 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum import losses
from locum.errors import UsageError
from locum.losses import SampledTargets, mix, sampled_cross_entropy, token_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from locum.language.settings import LanguageLoss
    from locum.language.teachers import Said, Signal

__all__ = ["row_loss", "soft_loss"]


def row_loss(
    loss: LanguageLoss, labels_N: Tensor, signal: Signal | None, count: float | Tensor
) -> Callable[[Tensor, slice], Tensor]:
    """Return what `locum.losses.projected_loss` calls with logits and their rows.

    Args:
        loss: The divergence and its share.
        labels_N: The tokens of the text.
        signal: What the teacher says of rows; ``None`` for the tokens of the text alone.
        count: What the sum over rows is divided by.
    """

    def of_rows(logits_CV: Tensor, rows: slice) -> Tensor:
        if signal is None or loss.soft_share == 0:
            return token_cross_entropy(logits_CV, labels_N[rows], count=count)
        soft = soft_loss(loss, logits_CV, signal(rows), count)
        if loss.soft_share == 1:
            return soft
        hard = token_cross_entropy(logits_CV, labels_N[rows], count=count)
        return mix(soft, hard, loss.soft_share)

    return of_rows


def soft_loss(
    loss: LanguageLoss, logits_CV: Tensor, said: Said, count: float | Tensor | None
) -> Tensor:
    """Return the divergence from what a teacher says.

    Raises:
        UsageError: It says samples, and the loss is another than the forward KL or at another
            temperature: their weights hold for that alone.
    """
    if isinstance(said, SampledTargets):
        if loss.name != "forward_kl" or loss.temperature != said.temperature:
            raise UsageError(
                f"loss {loss.name!r} at temperature {loss.temperature}: samples of the teacher at "
                f"temperature {said.temperature} serve forward_kl at that temperature alone; take "
                "it, or the teacher's likeliest tokens"
            )
        return sampled_cross_entropy(
            logits_CV, *said[:2], temperature=loss.temperature, count=count
        )
    divergence = getattr(losses, loss.name)
    result: Tensor = divergence(
        logits_CV, said, temperature=loss.temperature, count=count, **loss.options
    )
    return result
