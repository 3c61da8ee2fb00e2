"""Divergences of a student's next-token distribution from its teacher's, in torch.

All take the student's logits and the teacher's signal, its logits or its likeliest tokens (see
`locum.losses.SparseTargets`), and share three arguments:

* ``temperature``: ``T > 0`` that both models' logits are divided by. The value is times ``T^2``,
  which keeps the size of the gradient when ``T`` changes (Hinton, Vinyals and Dean 2015,
  section 2).
* ``mask``: true at the rows that count; the others have no part in value or gradient, even where
  they are no numbers.
* ``count``: what the sum over rows is divided by, their number unless it is given
  (see `locum.losses.reduce_rows`).

``p`` is the teacher and ``q`` the student; values are in nats. Shapes: any number of leading axes
(rows), V tokens of the vocabulary, E events.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING

from locum.losses.reduction import counted, reduce_rows
from locum.losses.signals import SparseTargets, events_of, refuse_temperature, refuse_unlike

if TYPE_CHECKING:
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
    if isinstance(teacher, SparseTargets):
        student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
        return temperature**2 * reduce_rows(_kl(teacher_NE, student_NE), count)
    rows_N = _whole_forward_kl(counted(student_NV, mask), counted(teacher, mask), temperature)
    return temperature**2 * reduce_rows(rows_N, count)


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
    student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
    return temperature**2 * reduce_rows(_kl(student_NE, teacher_NE), count)


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
    student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
    mixture_NE = _mixture(teacher_NE, student_NE, beta)
    rows_N = beta * _kl(teacher_NE, mixture_NE) + (1 - beta) * _kl(student_NE, mixture_NE)
    return temperature**2 * reduce_rows(rows_N, count)


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
    student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
    rows_N = _kl(teacher_NE, _mixture(teacher_NE, student_NE, alpha))
    return temperature**2 * reduce_rows(rows_N, count)


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
    student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
    rows_N = _kl(student_NE, _mixture(student_NE, teacher_NE, alpha))
    return temperature**2 * reduce_rows(rows_N, count)


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
    student_NE, teacher_NE = events_of(student_NV, teacher, temperature, mask)
    rows_N = (student_NE.exp() - teacher_NE.exp()).abs().sum(dim=-1) / 2
    return temperature**2 * reduce_rows(rows_N, count)


def _whole_forward_kl(student_NV: Tensor, teacher_NV: Tensor, temperature: float) -> Tensor:
    from locum.losses.kl_rows import ForwardKL

    refuse_temperature(temperature)
    refuse_unlike(student_NV, teacher_NV)
    rows_N: Tensor = ForwardKL.apply(  # type: ignore[no-untyped-call]
        student_NV, teacher_NV.detach(), temperature
    )
    return rows_N


def _kl(left_NE: Tensor, right_NE: Tensor) -> Tensor:
    return (left_NE.exp() * (left_NE - right_NE)).sum(dim=-1)


def _mixture(left_NE: Tensor, right_NE: Tensor, share: float) -> Tensor:
    """Return the logarithm of ``share`` of the left and the rest of the right."""
    import torch

    return torch.logaddexp(left_NE + log(share), right_NE + log1p(-share))


def _refuse_unless_between(share: float, name: str, hint: str) -> None:
    if not 0 < share < 1:
        raise ValueError(f"{name} is {share}, expected a number between zero and one ({hint})")
