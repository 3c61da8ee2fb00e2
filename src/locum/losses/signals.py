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

from locum.losses.reduction import as_mask, refuse_other_rows, widened

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "NOTHING",
    "Events",
    "SampledTargets",
    "SparseTargets",
    "listed_events",
    "log_probabilities",
    "refuse_temperature",
    "refuse_unlike",
    "softened",
]

# Stands for the logarithm of nothing: infinities would make zero times infinity no number.
NOTHING = -1e30
# What lists in float32 say of their tail is known to this much: it may be less, and not nothing.
_LEAST_TAIL = 2.0**-23


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


def refuse_unlike(student_NV: Tensor, teacher_NV: Tensor) -> None:
    """Refuse logits of two vocabularies, or of other rows."""
    if teacher_NV.shape != student_NV.shape:
        raise ValueError(
            f"the teacher's logits are {tuple(teacher_NV.shape)} and the student's "
            f"{tuple(student_NV.shape)}: cut both to the vocabulary that they share"
        )


def listed_events(
    student_NV: Tensor,
    teacher: SparseTargets,
    temperature: float = 1.0,
    mask_N: Tensor | None = None,
) -> Events:
    """Put a student's logits and its teacher's list into log-probabilities of the same events.

    Args:
        student_NV: The student's logits.
        teacher: Its likeliest tokens.
        temperature: ``T > 0`` that the logits are divided by before the softmax.
        mask_N: True at rows that count; the others are left out.

    Raises:
        ValueError: The temperature is not that of the list, or the shapes do not fit.
    """
    import torch

    from locum.losses.chosen import chosen_and_rest

    _refuse_list(teacher, temperature)
    refuse_other_rows(student_NV, teacher.ids_NK, mask_N)
    mask_N = as_mask(mask_N)
    teacher = teacher.rows(mask_N)
    chosen_NK, rest_N1 = chosen_and_rest(student_NV, teacher.ids_NK, temperature, mask_N)
    chosen_NK = chosen_NK.clamp(min=NOTHING)
    listed_NK = teacher.log_probabilities_NK.detach().to(chosen_NK.dtype).clamp(min=NOTHING)
    if teacher.ids_NK.shape[-1] == student_NV.shape[-1]:
        return Events(chosen_NK.log_softmax(dim=-1), listed_NK)
    # What fills a short list up is no event of its own: it belongs to the rest.
    filler_NK = listed_NK <= NOTHING
    filling_N1 = chosen_NK.masked_fill(~filler_NK, NOTHING).logsumexp(dim=-1, keepdim=True)
    rest_N1 = torch.logaddexp(rest_N1, filling_N1)
    chosen_NK = chosen_NK.masked_fill(filler_NK, NOTHING)
    tail_N1 = (1 - listed_NK.exp().sum(dim=-1, keepdim=True)).clamp(min=_LEAST_TAIL).log()
    return Events(
        torch.cat((chosen_NK, rest_N1), -1).log_softmax(dim=-1),
        torch.cat((listed_NK, tail_N1), -1),
    )


def _refuse_list(teacher: SparseTargets, temperature: float) -> None:
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


def log_probabilities(logits_NV: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``log softmax(logits / T)``, in float32 at least."""
    return softened(logits_NV, temperature).log_softmax(dim=-1)


def softened(logits_NV: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``logits / T``, in float32 at least.

    Bfloat16 has no room for a vocabulary's small probabilities.
    """
    long_NV = widened(logits_NV)
    return long_NV if temperature == 1 else long_NV / temperature


def refuse_temperature(temperature: float) -> None:
    """Refuse what logits cannot be divided by, and what would learn from slopes in the logits."""
    if getattr(temperature, "requires_grad", False):
        raise ValueError(
            "temperature is a tensor that learns, and the loss has no gradient for it: give a "
            "number, such as temperature.item()"
        )
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, expected a number above zero")
