"""Losses between what two encoders attend to, in torch.

Shapes: B texts, L tokens, H heads, D values of all heads together. A score says how much one token
(row) has to do with another (column): of queries with keys it is the attention before its softmax,
of values with values MiniLM's value relation. Padding takes no part, neither as row nor as column,
also where its scores are no numbers. The loss of a batch is the mean of the losses of its texts,
weighted by their tokens, and zero where it has none. It is computed in float32 at least.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses.encoder_pairs import refuse_unlike_pair
from locum.losses.reduction import as_mask, reduce_rows, widened

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["relation_loss", "relation_scores", "score_loss"]


def relation_scores(left_BLD: Tensor, right_BLD: Tensor, heads: int) -> Tensor:
    """Scaled dot products of tokens' vectors, head by head: ``left right^T / sqrt(D / H)``.

    With queries, keys and the encoder's own heads these are its attention scores (Vaswani et al.
    2017). With one kind of vector on both sides and any number of heads they are the relations of
    MiniLMv2 (Wang et al. 2021, section 3.1), which two encoders of unlike widths can share.

    Args:
        left_BLD: Vectors of the tokens that ask, the heads side by side.
        right_BLD: Vectors of the tokens that are asked.
        heads: ``H``, a divisor of ``D``.

    Returns:
        Scores ``[B, H, L, L]``.
    """
    left_BHLK, right_BHLK = (
        vectors.reshape(*vectors.shape[:2], heads, -1).transpose(1, 2)
        for vectors in (left_BLD, right_BLD)
    )
    scale: float = left_BHLK.shape[-1] ** -0.5
    return left_BHLK @ right_BHLK.mT * scale


def score_loss(student_BHLL: Tensor, teacher_BHLL: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean squared error of attention scores (TinyBERT; Jiao et al. 2020, section 3.1).

    Args:
        student_BHLL: The student's scores before the softmax.
        teacher_BHLL: The teacher's, of as many heads.
        mask_BL: True at real tokens.

    Returns:
        The mean over real tokens of the mean over heads and over the real tokens of the same text.

    Raises:
        ValueError: The shapes are not the same, or the mask is of other tokens.
    """
    _refuse_unlike(student_BHLL, teacher_BHLL, mask_BL)
    mask_BL = as_mask(mask_BL)
    real_B1LL = _real_pairs(mask_BL)
    student_BHLL, teacher_BHLL = (
        widened(scores.masked_fill(~real_B1LL, 0)) for scores in (student_BHLL, teacher_BHLL)
    )
    squares_BHLL = (student_BHLL - teacher_BHLL).square()
    return _mean_of_rows(squares_BHLL.sum(dim=-1) / real_B1LL.sum(dim=-1).clamp(min=1), mask_BL)


def relation_loss(student_BHLL: Tensor, teacher_BHLL: Tensor, mask_BL: Tensor) -> Tensor:
    """Divergence of two encoders' relations, ``KL(softmax(teacher) || softmax(student))``.

    Of attention scores and of value relations it is MiniLM's loss (Wang et al. 2020, section
    3), of relations of queries, keys and values MiniLMv2's (Wang et al. 2021, section 3.1).

    Args:
        student_BHLL: The student's scores; the softmax is over the last axis.
        teacher_BHLL: The teacher's, of as many heads.
        mask_BL: True at real tokens.

    Returns:
        The mean over real tokens and heads, in nats.

    Raises:
        ValueError: The shapes are not the same, or the mask is of other tokens.
    """
    _refuse_unlike(student_BHLL, teacher_BHLL, mask_BL)
    mask_BL = as_mask(mask_BL)
    padding_B1LL = ~_real_pairs(mask_BL)
    student_BHLL, teacher_BHLL = (
        # Not minus infinity: zero times the difference of two infinities is not a number.
        widened(scores).masked_fill(padding_B1LL, -1e30).log_softmax(dim=-1)
        for scores in (student_BHLL, teacher_BHLL)
    )
    divergences_BHL = (teacher_BHLL.exp() * (teacher_BHLL - student_BHLL)).sum(dim=-1)
    return _mean_of_rows(divergences_BHL, mask_BL)


def _refuse_unlike(student_BHLL: Tensor, teacher_BHLL: Tensor, mask_BL: Tensor) -> None:
    tokens = (student_BHLL.shape[0], student_BHLL.shape[-1])
    cure = "compare scores of as many heads, such as those of relation_scores"
    refuse_unlike_pair(student_BHLL, teacher_BHLL, mask_BL, tokens, cure)


def _real_pairs(mask_BL: Tensor) -> Tensor:
    """True where both tokens are real: zero times what is no number would be none either."""
    return mask_BL[:, None, :, None] & mask_BL[:, None, None, :]


def _mean_of_rows(rows_BHL: Tensor, mask_BL: Tensor) -> Tensor:
    return reduce_rows(rows_BHL.transpose(1, 2)[mask_BL])
