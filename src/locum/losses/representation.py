"""Losses between the hidden states of two encoders, in torch.

Shapes: B texts, L tokens, M of them real, D values of a hidden state. The mean is over real tokens:
padding takes no part, whatever stands there, and the loss of a batch is the mean of the losses of
its texts, weighted by their tokens, and zero where it has none. It is computed in float32 at least.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.losses.encoder_pairs import refuse_unlike_pair
from locum.losses.reduction import as_mask, reduce_rows, widened

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cosine_loss", "hidden_state_loss"]


def hidden_state_loss(student_BLD: Tensor, teacher_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean squared error of hidden states (TinyBERT; Jiao et al. 2020, section 3.1).

    Args:
        student_BLD: The student's states; where its width is another, after a learned projection to
            the teacher's.
        teacher_BLD: The teacher's states.
        mask_BL: True at real tokens.

    Returns:
        The mean over real tokens and over the values of a state.

    Raises:
        ValueError: The shapes are not the same, or the mask is of other tokens.
    """
    student_MD, teacher_MD = _real(student_BLD, teacher_BLD, mask_BL)
    return reduce_rows((student_MD - teacher_MD).square())


def cosine_loss(student_BLD: Tensor, teacher_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """One less the cosine of the angle between hidden states (DistilBERT; Sanh et al. 2019).

    Args:
        student_BLD: The student's states, of the teacher's width.
        teacher_BLD: The teacher's states.
        mask_BL: True at real tokens.

    Returns:
        The mean over real tokens: 0 where all states point the same way, at most 2.

    Raises:
        ValueError: The shapes are not the same, or the mask is of other tokens.
    """
    from torch.nn import functional

    student_MD, teacher_MD = _real(student_BLD, teacher_BLD, mask_BL)
    return reduce_rows(1 - functional.cosine_similarity(student_MD, teacher_MD, dim=-1))


def _real(student_BLD: Tensor, teacher_BLD: Tensor, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Return the states of real tokens."""
    cure = "project the student's to the teacher's width"
    refuse_unlike_pair(student_BLD, teacher_BLD, mask_BL, student_BLD.shape[:-1], cure)
    mask_BL = as_mask(mask_BL)
    return widened(student_BLD[mask_BL]), widened(teacher_BLD[mask_BL])
