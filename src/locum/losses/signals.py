"""What a teacher says of the next token, whole or in part, and both models' view of it.

Every divergence in `locum.losses` compares two distributions over the same *events*. With the
teacher's logits for the whole vocabulary each token is an event. With a list of its likeliest
tokens each of them is one, and all other tokens together are one more, of which both models'
probabilities are known: nothing is renormalised, and mass that was not listed is not lost.

Shapes: N rows (tokens that are predicted), V tokens of the vocabulary, K listed tokens, E events.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.losses.reduction import counted

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "NOTHING",
    "Events",
    "SampledTargets",
    "SparseTargets",
    "events_of",
    "log_probabilities",
    "refuse_temperature",
    "refuse_unlike",
]

# Stands for the logarithm of nothing: infinities would make zero times infinity no number.
NOTHING = -1e30


class SparseTargets(NamedTuple):
    """A teacher's likeliest tokens.

    Attributes:
        ids_NK: Their places in the vocabulary, int64, each at most once in a row.
        log_probabilities_NK: Natural logarithms of their probabilities, at the temperature below;
            ``-inf`` where a row lists fewer than ``K``.
        temperature: Of the softmax that they came from. The tail of a list cannot be softened
            afterwards, so a loss at another temperature refuses it.
    """

    ids_NK: Tensor
    log_probabilities_NK: Tensor
    temperature: float = 1.0

    def rows(self, which: Tensor | slice | None) -> SparseTargets:
        """Return some of the rows, by a mask or a slice; all for ``None``."""
        if which is None:
            return self
        return self._replace(
            ids_NK=self.ids_NK[which], log_probabilities_NK=self.log_probabilities_NK[which]
        )


class SampledTargets(NamedTuple):
    """Tokens drawn from a teacher, with the weights that make their mean the whole of it.

    Attributes:
        ids_NK: The tokens drawn, int64.
        weights_NK: ``p(token) / (K r(token))`` of a proposal ``r``; zero at places not filled.
        temperature: Of the softmax that gave ``p``.
    """

    ids_NK: Tensor
    weights_NK: Tensor
    temperature: float = 1.0


class Events(NamedTuple):
    """Log-probabilities of the same events by both models, float32 or float64, ``[N, E]``."""

    student_NE: Tensor
    teacher_NE: Tensor


def events_of(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    temperature: float = 1.0,
    mask_N: Tensor | None = None,
) -> Events:
    """Put a student's logits and what its teacher says into log-probabilities of the same events.

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits ``[N, V]``, or its likeliest tokens. No gradient goes to it.
        temperature: ``T > 0`` that both are divided by before the softmax.
        mask_N: True at rows that count; the others are left out.

    Raises:
        ValueError: The temperature is not above zero, or is not that of the list; or the shapes
            do not fit.
    """
    student_NV = log_probabilities(counted(student_NV, mask_N), temperature)
    if isinstance(teacher, SparseTargets):
        return _listed_events(student_NV, teacher.rows(mask_N), temperature)
    teacher_NV = counted(teacher.detach(), mask_N)
    refuse_unlike(student_NV, teacher_NV)
    return Events(student_NV, log_probabilities(teacher_NV, temperature))


def refuse_unlike(student_NV: Tensor, teacher_NV: Tensor) -> None:
    """Refuse logits of two vocabularies, or of other rows."""
    if teacher_NV.shape != student_NV.shape:
        raise ValueError(
            f"the teacher's logits are {tuple(teacher_NV.shape)} and the student's "
            f"{tuple(student_NV.shape)}: cut both to the vocabulary that they share"
        )


def _listed_events(student_NV: Tensor, teacher: SparseTargets, temperature: float) -> Events:
    import torch

    if teacher.temperature != temperature:
        raise ValueError(
            f"the teacher's tokens are listed at temperature {teacher.temperature} and the loss is "
            f"at {temperature}: list them again, or use that temperature"
        )
    if teacher.ids_NK.shape != teacher.log_probabilities_NK.shape:
        raise ValueError(
            f"{tuple(teacher.ids_NK.shape)} tokens are listed with "
            f"{tuple(teacher.log_probabilities_NK.shape)} log-probabilities, expected as many"
        )
    listed_NK = teacher.log_probabilities_NK.detach().to(student_NV.dtype).clamp(min=NOTHING)
    chosen_NK = student_NV.gather(-1, teacher.ids_NK)
    if teacher.ids_NK.shape[-1] == student_NV.shape[-1]:
        return Events(chosen_NK, listed_NK)
    rest_N1 = student_NV.scatter(-1, teacher.ids_NK, NOTHING).logsumexp(dim=-1, keepdim=True)
    tail_N1 = (1 - listed_NK.exp().sum(dim=-1, keepdim=True)).clamp(min=0).log().clamp(min=NOTHING)
    return Events(torch.cat((chosen_NK, rest_N1), -1), torch.cat((listed_NK, tail_N1), -1))


def log_probabilities(logits_NV: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``log softmax(logits / T)``, in float32 at least.

    Bfloat16 has no room for a vocabulary's small probabilities.

    Raises:
        ValueError: The temperature is not above zero.
    """
    import torch

    refuse_temperature(temperature)
    long = torch.promote_types(logits_NV.dtype, torch.float32)
    long_NV = logits_NV.to(long)
    return (long_NV if temperature == 1 else long_NV / temperature).log_softmax(dim=-1)


def refuse_temperature(temperature: float) -> None:
    """Refuse what logits cannot be divided by."""
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, expected a number above zero")
