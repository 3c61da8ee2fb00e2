"""Distillation by telling a teacher's vector of the same input from those of others, in torch."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["contrastive_loss"]


def contrastive_loss(
    student_ND: Tensor,
    teacher_ND: Tensor,
    *,
    population: int,
    labels_N: Tensor | None = None,
    temperature: float = 0.1,
) -> Tensor:
    """Contrastive representation distillation (CRD; Tian, Krishnan and Isola 2020, equation 17).

    A critic ``h = s / (s + n / M)`` with ``s = exp(cos(student, teacher) / temperature)`` says
    whether two vectors come from one input: of each student's vector with its own teacher's, and
    with the ``n`` others of the batch. The loss is ``-log h(own) - sum_others log(1 - h)``. The
    paper draws negatives from a memory of all inputs; here they are the rest of the batch.

    Args:
        student_ND: The student's vectors, after a learned map to the teacher's width.
        teacher_ND: The teacher's, of the same inputs in the same order. No gradient goes to them.
        population: ``M``, the number of training inputs.
        labels_N: Classes of the inputs: those of the same class are then no negatives.
        temperature: Of the critic; the paper's is 0.1.

    Returns:
        The mean over the ``N`` inputs.

    Raises:
        ValueError: An input has no negative, or the shapes are not the same.
    """
    import torch
    from torch.nn import functional

    if student_ND.shape != teacher_ND.shape:
        raise ValueError(
            f"the student's vectors are {tuple(student_ND.shape)} and the teacher's "
            f"{tuple(teacher_ND.shape)}, expected the same shape: map the student's to it first"
        )
    own_NN = torch.eye(len(student_ND), dtype=torch.bool, device=student_ND.device)
    alike_NN = own_NN if labels_N is None else labels_N[:, None] == labels_N[None, :]
    negatives_N1 = (~alike_NN).sum(dim=-1, keepdim=True)
    if not bool((negatives_N1 > 0).all()):
        raise ValueError(
            f"of {len(student_ND)} inputs some have no other of another class to be told from: "
            "use larger batches, or shuffle them"
        )
    cosines_NN = (
        functional.normalize(student_ND, dim=-1)
        @ functional.normalize(teacher_ND.detach(), dim=-1).mT
    )
    # log(h / (1 - h)), so that log h and log(1 - h) are log-sigmoids, which lose no digits
    odds_NN = cosines_NN / temperature - negatives_N1.log() + log(population)
    positives_N = functional.logsigmoid(odds_NN.diagonal())
    others_NN = functional.logsigmoid(-odds_NN).masked_fill(alike_NN, 0)
    return -(positives_N + others_NN.sum(dim=-1)).mean()
