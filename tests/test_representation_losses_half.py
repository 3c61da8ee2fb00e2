"""Losses between two encoders whose states are in a short type, as under mixed precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from locum.losses import (
    cosine_loss,
    hidden_state_loss,
    relation_loss,
    relation_scores,
    score_loss,
    soft_target_loss,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

TEXTS, TOKENS, WIDTH, HEADS = 4, 40, 512, 2
SCALE = 2.0**12


def _scores_of(loss: Loss) -> Loss:
    """A loss of scores as one of states: the states are taken for scores, ``[B, H, L, L]``."""

    def of_states(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
        student, teacher = (
            states[..., : HEADS * TOKENS].reshape(TEXTS, TOKENS, HEADS, TOKENS).transpose(1, 2)
            for states in (student, teacher)
        )
        return loss(student, teacher, mask)

    return of_states


LOSSES = {
    "hidden": hidden_state_loss,
    "cosine": cosine_loss,
    "scores": _scores_of(score_loss),
    "relation": _scores_of(relation_loss),
    "soft targets": lambda student, teacher, _: soft_target_loss(
        student, teacher.softmax(-1, torch.float32)
    ),
}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
each_type = pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])


@pytest.fixture(params=[1.5, 0.03], ids=["far", "near"])
def states(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """A student's and its teacher's, far from each other or near."""
    generator = torch.Generator().manual_seed(0)
    teacher, apart = torch.randn(2, TEXTS, TOKENS, WIDTH, generator=generator).mul_(2)
    return teacher + request.param * apart, teacher


@each_loss
@each_type
def test_short_types_lose_nothing_but_the_digits_that_they_lack(
    loss: Loss, kind: torch.dtype, states: tuple[Tensor, Tensor]
) -> None:
    student, teacher = (one.to(kind) for one in states)
    mask = torch.arange(TOKENS)[None] < torch.tensor([TOKENS, 30, 7, 1])[:, None]
    leaf, exact_leaf = student.clone().requires_grad_(), student.double().requires_grad_()
    found, exact = loss(leaf, teacher, mask), loss(exact_leaf, teacher.double(), mask)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(exact.item(), rel=1e-3)
    [slope] = torch.autograd.grad(found * SCALE, leaf)
    [exact_slope] = torch.autograd.grad(exact * SCALE, exact_leaf)
    assert (slope - exact_slope).norm() < 0.01 * exact_slope.norm()


def test_losses_are_finite_where_torch_chooses_float16() -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(TEXTS, TOKENS, WIDTH, generator=generator).mul_(2)
    mask = torch.ones(TEXTS, TOKENS)
    layers = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(2)]
    for layer in layers:
        torch.nn.init.normal_(layer.weight, std=WIDTH**-0.5, generator=generator)
    with torch.autocast("cpu", dtype=torch.float16):
        student, teacher = (layer(states) for layer in layers)
        assert student.dtype == torch.float16
        assert hidden_state_loss(student, teacher, mask).isfinite()
        assert cosine_loss(student, teacher, mask).isfinite()
        student, teacher = (relation_scores(one, one, HEADS) for one in (student, teacher))
        assert score_loss(student, teacher, mask).isfinite()
        assert relation_loss(student, teacher, mask).isfinite()
