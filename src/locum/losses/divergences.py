"""Divergences of a student's next-token distribution from its teacher's, in torch.

All take the student's logits and the teacher's signal, its logits or its likeliest tokens (see
`locum.losses.SparseTargets`), and share three arguments:

* ``temperature``: ``T > 0`` that both models' logits are divided by. The value is times ``T^2``,
  which keeps the size of the gradient when ``T`` changes (Hinton, Vinyals and Dean 2015,
  section 2).
* ``mask``: true, or 1, at the rows that count; the others have no part in value or gradient, even
  where they are no numbers.
* ``count``: what the sum over rows is divided by, their number unless it is given
  (see `locum.losses.reduce_rows`).

``p`` is the teacher and ``q`` the student; values are in nats. Shapes: any number of leading axes
(rows), V tokens of the vocabulary, E events.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from functools import partial
from math import log, log1p
from typing import TYPE_CHECKING

from locum.losses.reduction import reduce_rows
from locum.losses.signals import (
    SparseTargets,
    listed_events,
    log_probabilities,
    refuse_temperature,
    refuse_unlike,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = [
    "forward_kl",
    "jensen_shannon",
    "reverse_kl",
    "skew_kl",
    "skew_reverse_kl",
    "total_variation",
]


def forward_kl(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``KL(p || q)``, whose gradient is that of Hinton's soft-target cross-entropy.

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.
    """
    return _divergence(
        lambda student_NE, teacher_NE: _kl(teacher_NE, student_NE),
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
        sloped=partial(_sloped_forward_kl, temperature),
    )


def reverse_kl(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``KL(q || p)``, which forgives a student that leaves some of its teacher's answers out.

    MiniLLM (Gu et al. 2024) minimises it on what the student writes.

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.
    """
    return _divergence(
        _kl,
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def jensen_shannon(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """Generalised Jensen-Shannon divergence (GKD; Agarwal et al. 2024, equation 1).

    ``beta KL(p || m) + (1 - beta) KL(q || m)`` with ``m = beta p + (1 - beta) q``. Divided by
    ``beta`` it tends to the forward KL as ``beta`` goes to zero, and divided by ``1 - beta`` to
    the reverse KL as ``beta`` goes to one.

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        beta: The teacher's share of the mixture, between zero and one.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.

    Raises:
        ValueError: ``beta`` is not between zero and one.
    """
    _refuse_unless_between(beta, "beta", "forward_kl and reverse_kl are its limits")
    return _divergence(
        partial(_jensen_shannon, beta),
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def skew_kl(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    alpha: float = 0.1,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``KL(p || alpha p + (1 - alpha) q)`` (DistiLLM; Ko et al. 2024, equation 4).

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        alpha: The teacher's share of the mixture; the paper's is 0.1.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.

    Raises:
        ValueError: ``alpha`` is not between zero and one.
    """
    _refuse_unless_between(alpha, "alpha", "forward_kl is its limit at zero")
    return _divergence(
        lambda student_NE, teacher_NE: _kl(teacher_NE, _mixture(teacher_NE, student_NE, alpha)),
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def skew_reverse_kl(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    alpha: float = 0.1,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``KL(q || (1 - alpha) p + alpha q)`` (DistiLLM; Ko et al. 2024, section 3.1).

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        alpha: The student's share of the mixture; the paper's is 0.1.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.

    Raises:
        ValueError: ``alpha`` is not between zero and one.
    """
    _refuse_unless_between(alpha, "alpha", "reverse_kl is its limit at zero")
    return _divergence(
        lambda student_NE, teacher_NE: _kl(student_NE, _mixture(student_NE, teacher_NE, alpha)),
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def total_variation(
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    count: float | Tensor | None = None,
) -> Tensor:
    """``1/2 sum |p - q|``: at temperature one, how often the two cannot be made to agree.

    One less it is the rate at which speculative decoding accepts the student's tokens
    (Leviathan, Kalman and Matias 2023, corollary 3.6); as a loss of distillation see Wen et al.
    2023. Over listed tokens it is a lower bound: what differs inside the tail is not seen.

    Args:
        student_NV: The student's logits.
        teacher: The teacher's logits, or its likeliest tokens.
        temperature: See the module, as for ``mask`` and ``count``.
        mask: True at rows that count.
        count: What to divide by.
    """
    return _divergence(
        lambda student_NE, teacher_NE: (student_NE.exp() - teacher_NE.exp()).abs().sum(dim=-1) / 2,
        student_NV,
        teacher,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def _divergence(
    compare: Callable[[Tensor, Tensor], Tensor],
    student_NV: Tensor,
    teacher: Tensor | SparseTargets,
    *,
    temperature: float,
    mask: Tensor | None,
    count: float | Tensor | None,
    sloped: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
) -> Tensor:
    """Return what the student's and the teacher's log-probabilities cost, by how they compare."""
    refuse_temperature(temperature)
    if isinstance(teacher, SparseTargets):
        rows_N = compare(*listed_events(student_NV, teacher, temperature, mask))
        return temperature**2 * reduce_rows(rows_N, count)
    from locum.losses.whole_rows import loss_of_rows

    refuse_unlike(student_NV, teacher)
    return loss_of_rows(
        lambda *logits: compare(*(log_probabilities(one, temperature) for one in logits)),
        student_NV,
        (teacher,),
        sloped=sloped,
        temperature=temperature,
        mask=mask,
        count=count,
    )


def _sloped_forward_kl(
    temperature: float, student_RV: Tensor, teacher_RV: Tensor
) -> tuple[Tensor, Tensor]:
    """``KL(p || q)`` and its slope ``(q - p) / T``, in half the time that recording takes."""
    log_q_RV = log_probabilities(student_RV, temperature)
    log_p_RV = log_probabilities(teacher_RV, temperature)
    ratios_RV = log_p_RV - log_q_RV
    p_RV = log_p_RV.exp_()
    losses_R = ratios_RV.mul_(p_RV).sum(dim=-1)
    return losses_R, log_q_RV.exp_().sub_(p_RV).div_(temperature)


def _kl(left_NE: Tensor, right_NE: Tensor) -> Tensor:
    return (left_NE.exp() * (left_NE - right_NE)).sum(dim=-1)


def _jensen_shannon(beta: float, student_NE: Tensor, teacher_NE: Tensor) -> Tensor:
    mixture_NE = _mixture(teacher_NE, student_NE, beta)
    return beta * _kl(teacher_NE, mixture_NE) + (1 - beta) * _kl(student_NE, mixture_NE)


def _mixture(left_NE: Tensor, right_NE: Tensor, share: float) -> Tensor:
    """Return the logarithm of ``share`` of the left and the rest of the right."""
    import torch

    return torch.logaddexp(left_NE + log(share), right_NE + log1p(-share))


def _refuse_unless_between(share: float, name: str, hint: str) -> None:
    if not 0 < share < 1:
        raise ValueError(f"{name} is {share}, expected a number between zero and one ({hint})")
