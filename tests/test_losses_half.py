"""Gradients in float16, whose range is short, with the scale that a gradient scaler gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn import functional

from locum.losses import forward_kl, jensen_shannon, projected_loss, reverse_kl

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ROWS, TOKENS, WIDTH = 512, 4096, 16
SCALE = 2.0**16


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    """A student's and its teacher's, in float16."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, ROWS, TOKENS, generator=generator).mul_(2).half()
    return drawn[0], drawn[1]


def scaled_gradients(loss: Callable[..., Tensor], *leaves: Tensor) -> list[Tensor]:
    """Gradients of leaves, with the scale taken off again."""
    own = [leaf.clone().requires_grad_() for leaf in leaves]
    made = torch.autograd.grad(loss(*own) * SCALE, own)
    return [gradient.double() / SCALE for gradient in made]


def error(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize("loss", [forward_kl, reverse_kl, jensen_shannon])
def test_small_slopes_outlive_float16(
    loss: Callable[..., Tensor], logits: tuple[Tensor, Tensor]
) -> None:
    student, teacher = logits
    [found] = scaled_gradients(lambda given: loss(given, teacher), student)
    [exact] = scaled_gradients(lambda given: loss(given, teacher.double()), student.double())
    assert error(found, exact) < 1e-3


@pytest.mark.parametrize("loss", [forward_kl, reverse_kl, jensen_shannon])
def test_slopes_of_a_high_temperature_outlive_float16(loss: Callable[..., Tensor]) -> None:
    """They are the smaller by it, until its square is applied."""
    student, teacher = torch.randn(2, 4, 20_000, generator=torch.Generator().manual_seed(0)).half()
    [found] = scaled_gradients(lambda given: loss(given, teacher, temperature=100), student)
    [exact] = scaled_gradients(
        lambda given: loss(given, teacher.double(), temperature=100), student.double()
    )
    assert error(found, exact) < 5e-3


def test_small_slopes_outlive_a_projection_in_float16(logits: tuple[Tensor, Tensor]) -> None:
    _, teacher = logits
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(ROWS, WIDTH, generator=generator).half()
    weight = torch.randn(TOKENS, WIDTH, generator=generator).mul_(0.5).half()

    def naive(hidden: Tensor, weight: Tensor) -> Tensor:
        said = functional.log_softmax(hidden @ weight.mT, -1)
        wanted = teacher.double().log_softmax(-1)
        return functional.kl_div(said, wanted, log_target=True, reduction="sum") / ROWS

    def ours(hidden: Tensor, weight: Tensor) -> Tensor:
        return projected_loss(
            hidden, weight, lambda given, rows: forward_kl(given, teacher[rows], count=ROWS)
        )

    found = scaled_gradients(ours, hidden, weight)
    exact = scaled_gradients(naive, hidden.double(), weight.double())
    assert max(map(error, found, exact)) < 2e-3
