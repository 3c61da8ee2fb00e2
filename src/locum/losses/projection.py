"""Losses over a vocabulary without its logits: projection and loss together, some rows at a time.

Of N rows and V tokens the logits are N V numbers, and a loss between two models holds several
times as many at once. Here the logits of a chunk of rows are made, judged, and their gradient is
carried back to hidden states and projection at once, so that no more than a chunk's are ever held,
in the forward pass and in the backward one (the idea of Liger Kernel's fused linear losses; Hsu
et al. 2024).

Shapes: N rows, D values of a hidden state, V tokens, C rows of a chunk.
"""

# ruff: noqa: N803 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["projected_loss"]


def projected_loss(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    loss: Callable[[Tensor, slice], Tensor],
    *,
    bias_V: Tensor | None = None,
    chunk_rows: int = 192,
) -> Tensor:
    """Return the loss of ``hidden weight^T + bias``, whose logits are never held together.

    ``loss`` is called once for each chunk with its logits ``[C, V]`` and the slice of rows that
    they are of, and the results are added up. With the number of all rows that count as ``count``,
    every loss of `locum.losses` gives the loss of the whole::

        count = mask.sum()
        projected_loss(
            hidden,
            head.weight,
            lambda logits, rows: forward_kl(logits, teacher(rows), mask=mask[rows], count=count),
        )

    where ``teacher`` returns the teacher's logits or its listed tokens for these rows, so that the
    teacher's are not held together either.

    Args:
        hidden_ND: The student's last hidden states.
        weight_VD: The output projection.
        loss: What a chunk's logits cost. Nothing but the logits gets a gradient from it.
        bias_V: The projection's bias.
        chunk_rows: ``C``. Memory grows with it; with few, time goes to the gradient of the weight,
            all of which each chunk adds to.

    Returns:
        A scalar, float32 at least. Gradients go to hidden states, weight and bias.

    Raises:
        ValueError: ``chunk_rows`` is under one, or the hidden states are not ``[N, D]``.
    """
    if chunk_rows < 1:
        raise ValueError(f"chunk_rows is {chunk_rows}, expected one row or more")
    if hidden_ND.dim() != 2:
        raise ValueError(
            f"hidden states are {tuple(hidden_ND.shape)}, expected rows by width: "
            "flatten them first"
        )
    from locum.losses.chunks import chunked_loss

    total: Tensor = chunked_loss(hidden_ND, weight_VD, bias_V, loss, chunk_rows)
    return total
