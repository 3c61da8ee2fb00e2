"""What losses between two encoders refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["refuse_unlike_pair"]


def refuse_unlike_pair(
    student: Tensor, teacher: Tensor, mask: Tensor, tokens: tuple[int, ...], cure: str
) -> None:
    """Refuse what torch would spread out, or choose by whole texts.

    Args:
        student: What was seen of the student.
        teacher: What was seen of the teacher.
        mask: True at real tokens.
        tokens: The shape of a mask of the student's tokens.
        cure: What makes the two alike.

    Raises:
        ValueError: The shapes are not the same, or the mask is of other tokens.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"the student's are {tuple(student.shape)} and the teacher's {tuple(teacher.shape)}, "
            f"expected the same shape: {cure}"
        )
    if mask.shape != tokens:
        raise ValueError(
            f"the mask is {tuple(mask.shape)}, expected {tuple(tokens)}: one value for each token"
        )
