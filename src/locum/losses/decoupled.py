"""Knowledge of the right class and of the others, weighed apart, in torch."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from locum.losses.signals import (
    NOTHING,
    log_probabilities,
    refuse_temperature,
    refuse_unlike,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["decoupled_loss"]


def decoupled_loss(
    student_NC: Tensor,
    teacher_NC: Tensor,
    labels_N: Tensor,
    *,
    target_weight: float = 1.0,
    other_weight: float = 8.0,
    temperature: float = 4.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """Decoupled distillation (DKD; Zhao et al. 2022, equation 7).

    ``T^2 (target_weight TCKD + other_weight NCKD)``: TCKD is the KL of two events, the right
    class or another; NCKD is the KL among the others, as if the right class could not be. With
    ``other_weight`` equal to the teacher's probability of another class it would be the forward
    KL: there the teacher's certainty holds down what the others teach, and here it does not.

    Args:
        student_NC: The student's logits, of two classes or more.
        teacher_NC: The teacher's logits.
        labels_N: The right classes, int64.
        target_weight: The paper's alpha.
        other_weight: The paper's beta, which it finds best between 1 and 8.
        temperature: ``T > 0``; the paper's is 4.
        mask: True at rows that count.
        count: What the sum over rows is divided by, their number unless it is given.
    """
    from locum.losses.whole_rows import loss_of_rows

    refuse_temperature(temperature)
    refuse_unlike(student_NC, teacher_NC)
    return loss_of_rows(
        partial(_decoupled, target_weight, other_weight, temperature),
        student_NC,
        (teacher_NC, labels_N),
        temperature=temperature,
        mask=mask,
        count=count,
    )


def _decoupled(
    target_weight: float,
    other_weight: float,
    temperature: float,
    student_NC: Tensor,
    teacher_NC: Tensor,
    labels_N: Tensor,
) -> Tensor:
    student_NC, teacher_NC = (
        log_probabilities(logits, temperature) for logits in (student_NC, teacher_NC)
    )
    right_N1 = labels_N.unsqueeze(-1)
    others = tuple(
        logits.scatter(-1, right_N1, NOTHING).logsumexp(dim=-1)
        for logits in (student_NC, teacher_NC)
    )
    student_N, teacher_N = (
        logits.gather(-1, right_N1).squeeze(-1) for logits in (student_NC, teacher_NC)
    )
    target_N = teacher_N.exp() * (teacher_N - student_N) + others[1].exp() * (others[1] - others[0])
    return target_weight * target_N + other_weight * _kl_without(right_N1, teacher_NC, student_NC)


def _kl_without(right_N1: Tensor, teacher_NC: Tensor, student_NC: Tensor) -> Tensor:
    teacher_NC, student_NC = (
        logits.scatter(-1, right_N1, NOTHING).log_softmax(dim=-1)
        for logits in (teacher_NC, student_NC)
    )
    return (teacher_NC.exp() * (teacher_NC - student_NC)).sum(dim=-1)
