"""Losses between the representations of two encoders, and the soft-target loss in torch.

Shapes: B texts, L tokens, D values, H heads, N inputs, C labels.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

import subprocess
import sys
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from locum.losses import (
    cosine_loss,
    hidden_state_loss,
    relation_loss,
    relation_scores,
    score_loss,
    soft_target_cross_entropy,
    soft_target_loss,
    soften,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

STATE_LOSSES = [hidden_state_loss, cosine_loss]
SCORE_LOSSES = [score_loss, relation_loss]
HEADS = 2


def _attention(of_scores: Loss) -> Loss:
    """A loss of scores as one of vectors ``[B, L, D]``: scores of the vectors with themselves."""

    def loss(student_BLD: Tensor, teacher_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        student_BHLL, teacher_BHLL = (
            relation_scores(vectors, vectors, HEADS) for vectors in (student_BLD, teacher_BLD)
        )
        return of_scores(student_BHLL, teacher_BHLL, mask_BL)

    return loss


LOSSES = [*STATE_LOSSES, *map(_attention, SCORE_LOSSES)]
each_loss = pytest.mark.parametrize(
    "loss", LOSSES, ids=[function.__name__ for function in (*STATE_LOSSES, *SCORE_LOSSES)]
)


def _vectors(texts: int, tokens: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(texts, tokens, 6, generator=generator, dtype=torch.float64)


def _real(*lengths: int, tokens: int) -> Tensor:
    return torch.arange(tokens)[None] < torch.tensor(lengths)[:, None]


def test_hidden_state_loss_by_hand() -> None:
    # Real tokens: errors (1, 0) and (2, 2), squares 1 + 0 + 4 + 4 over 2 tokens of 2 values.
    student = torch.tensor([[[1.0, 0.0], [2.0, 3.0], [9.0, 9.0]]])
    teacher = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    assert hidden_state_loss(student, teacher, _real(2, tokens=3)).item() == pytest.approx(9 / 4)


def test_cosine_loss_by_hand() -> None:
    # Angles of 0, 60 and 180 degrees, whatever the lengths: 1 - (1 + 1/2 - 1) / 3.
    student = torch.tensor([[[2.0, 0.0], [1.0, sqrt(3)], [-3.0, 0.0]]])
    teacher = torch.tensor([[[1.0, 0.0], [5.0, 0.0], [1.0, 0.0]]])
    found = cosine_loss(student, teacher, _real(3, tokens=3)).item()
    assert found == pytest.approx(1 - 0.5 / 3)


def test_relation_scores_by_hand() -> None:
    # Two heads of one value: products of the first values, then of the second; sqrt(1) = 1.
    left = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    right = torch.tensor([[[5.0, 6.0], [7.0, 8.0]]])
    expected = [[[[5, 7], [15, 21]], [[12, 16], [24, 32]]]]
    torch.testing.assert_close(relation_scores(left, right, 2), torch.tensor(expected).float())
    # One head of two values: (1 * 5 + 2 * 6) / sqrt(2), and so on.
    expected_one = torch.tensor([[[[17.0, 23.0], [39.0, 53.0]]]]) / sqrt(2)
    torch.testing.assert_close(relation_scores(left, right, 1), expected_one)


def test_score_loss_by_hand() -> None:
    # First text, two tokens: rows of means (1 + 0) / 2 and (9 + 4) / 2. Second text, one token: 16.
    student = torch.zeros(2, 1, 2, 2)
    teacher = torch.tensor([[[[1.0, 0.0], [3.0, 2.0]]], [[[4.0, 7.0], [7.0, 7.0]]]])
    found = score_loss(student, teacher, _real(2, 1, tokens=2)).item()
    assert found == pytest.approx((1 / 2 + 13 / 2 + 16) / 3)


def test_relation_loss_by_hand() -> None:
    # Teacher's rows (3/4, 1/4) and (1/2, 1/2), student's (1/2, 1/2) and (1/4, 3/4).
    teacher = torch.tensor([[[[log(3), 0.0], [5.0, 5.0]]]])
    student = torch.tensor([[[[1.0, 1.0], [0.0, log(3)]]]])
    first = 3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)
    second = 1 / 2 * log(2) + 1 / 2 * log(2 / 3)
    found = relation_loss(student, teacher, _real(2, tokens=2)).item()
    assert found == pytest.approx((first + second) / 2)


def test_relation_loss_is_torchs_divergence() -> None:
    student, teacher = _vectors(3, 5, 0)[:, None], _vectors(3, 5, 1)[:, None]
    scores = relation_scores(student[:, 0], student[:, 0], 3)
    others = relation_scores(teacher[:, 0], teacher[:, 0], 3)
    expected = torch.nn.functional.kl_div(
        scores.log_softmax(-1), others.log_softmax(-1), log_target=True, reduction="none"
    )
    found = relation_loss(scores, others, _real(5, 5, 5, tokens=5))
    assert found.item() == pytest.approx(expected.sum(-1).mean().item())


@each_loss
def test_a_student_equal_to_its_teacher_loses_nothing(loss: Loss) -> None:
    vectors, mask = _vectors(2, 4, 0), _real(4, 2, tokens=4)
    assert loss(vectors, vectors, mask).item() == pytest.approx(0, abs=1e-12)
    assert loss(_vectors(2, 4, 1), vectors, mask).item() > 0.01


@each_loss
def test_padding_changes_nothing(loss: Loss) -> None:
    student, teacher = _vectors(2, 3, 0), _vectors(2, 3, 1)
    sliced = loss(student, teacher, _real(3, 3, tokens=3))
    padding = torch.full((2, 2, 6), 1e3, dtype=torch.float64)
    padded = loss(
        torch.cat([student, padding], dim=1),
        torch.cat([teacher, -padding], dim=1),
        _real(3, 3, tokens=5),
    )
    assert padded.item() == pytest.approx(sliced.item(), rel=1e-12)


@each_loss
def test_a_tokenizers_mask_is_taken_as_it_is(loss: Loss) -> None:
    student, teacher, real = _vectors(2, 5, 0), _vectors(2, 5, 1), _real(3, 5, tokens=5)
    assert loss(student, teacher, real.long()).item() == loss(student, teacher, real).item()


@pytest.mark.parametrize("loss", SCORE_LOSSES)
@pytest.mark.parametrize("nothing", [-torch.inf, torch.nan])
def test_scores_of_padding_may_be_no_numbers(loss: Loss, nothing: float) -> None:
    """As minus infinity, which attention adds at padding, and what kernels make of it."""
    real, vectors = _real(2, 3, tokens=3), (_vectors(2, 3, 0), _vectors(2, 3, 1))
    student, teacher = (relation_scores(one, one, HEADS) for one in vectors)
    known = loss(student, teacher, real).item()
    padding = ~(real[:, None, :, None] & real[:, None, None, :])
    student = student.masked_fill(padding, nothing).requires_grad_()
    value = loss(student, teacher.masked_fill(padding, nothing), real)
    (slope,) = torch.autograd.grad(value, student)
    assert value.item() == pytest.approx(known, rel=1e-12)
    assert slope.isfinite().all()
    assert not slope.masked_select(padding).any()


@pytest.mark.parametrize("loss", STATE_LOSSES)
def test_states_of_another_width_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 1\).*\(2, 3, 6\).*teacher's width"):
        loss(_vectors(2, 3, 0)[..., :1], _vectors(2, 3, 1), _real(3, 2, tokens=3))


@pytest.mark.parametrize("loss", SCORE_LOSSES)
def test_scores_of_other_heads_are_refused(loss: Loss) -> None:
    vectors = _vectors(2, 3, 0)
    scores = [relation_scores(vectors, vectors, heads) for heads in (1, HEADS)]
    with pytest.raises(ValueError, match=r"\(2, 1, 3, 3\).*\(2, 2, 3, 3\).*as many heads"):
        loss(scores[0], scores[1], _real(3, 2, tokens=3))


@each_loss
@pytest.mark.parametrize("shape", [(2,), (2, 1), (1, 3), (3, 2)])
def test_masks_of_other_tokens_are_refused(loss: Loss, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(2, 3\): one value for each token"):
        loss(_vectors(2, 3, 0), _vectors(2, 3, 1), torch.ones(shape))


@each_loss
def test_no_real_token_costs_nothing(loss: Loss) -> None:
    nothing = _real(0, 0, tokens=3)
    assert loss(_vectors(2, 3, 0), _vectors(2, 3, 1), nothing).item() == 0


@each_loss
def test_padding_gets_no_gradient(loss: Loss) -> None:
    student = _vectors(2, 5, 0).requires_grad_()
    mask = _real(3, 5, tokens=5)
    (slope,) = torch.autograd.grad(loss(student, _vectors(2, 5, 1), mask), student)
    assert not slope[~mask].any()
    assert slope[mask].abs().min() > 0


@each_loss
def test_a_batch_is_the_mean_of_its_texts_weighted_by_tokens(loss: Loss) -> None:
    student, teacher, lengths = _vectors(3, 6, 0), _vectors(3, 6, 1), (6, 1, 3)
    alone = [
        loss(student[[row], :length], teacher[[row], :length], _real(length, tokens=length)).item()
        for row, length in enumerate(lengths)
    ]
    batch = loss(student, teacher, _real(*lengths, tokens=6)).item()
    assert batch == pytest.approx(np.average(alone, weights=lengths), rel=1e-12)


@each_loss
def test_the_gradient_is_the_slope(loss: Loss) -> None:
    teacher, mask = _vectors(2, 3, 1), _real(3, 2, tokens=3)
    student = _vectors(2, 3, 0).requires_grad_()
    assert torch.autograd.gradcheck(lambda vectors: loss(vectors, teacher, mask), student)


def test_far_scores_are_safe() -> None:
    student = torch.tensor([[[[1e4, -1e4], [-1e4, 1e4]]]]).requires_grad_()
    found = relation_loss(student, -student.detach(), _real(2, tokens=2))
    (slope,) = torch.autograd.grad(found, student)
    # All of the teacher's mass lies where the student's logarithm is -2e4.
    assert found.item() == pytest.approx(2e4)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_soft_target_loss_is_the_one_in_numpy(
    temperature: float, generator: np.random.Generator
) -> None:
    logits_NC, targets_NC = generator.normal(size=(7, 5)) * 3, generator.dirichlet(np.ones(5), 7)
    targets_NC = soften(targets_NC, temperature) * generator.uniform(0, 1, (7, 1))
    targets_NC[2] = 0
    expected = soft_target_cross_entropy(logits_NC, targets_NC, temperature)
    logits = torch.from_numpy(logits_NC).requires_grad_()
    loss = soft_target_loss(logits, torch.from_numpy(targets_NC), temperature)
    (slope,) = torch.autograd.grad(loss, logits)
    assert loss.item() == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(slope.numpy(), expected.gradient, atol=1e-14)


def test_soft_target_loss_by_hand() -> None:
    # softmax([0, 2] / 2) = [1, e] / (1 + e); L = 4 * (log(1 + e) - 1/2 * 1).
    loss = soft_target_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.5, 0.5]]), 2.0)
    assert loss.item() == pytest.approx(4 * (log(1 + exp(1)) - 0.5))


def test_losses_and_training_are_imported_without_torch() -> None:
    program = (
        "import sys\n"
        "import locum.losses, locum.training\n"
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
