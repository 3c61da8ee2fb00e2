"""Losses over a vocabulary: golden numbers, laws, gradients, and the ways that they are cut up."""

from __future__ import annotations

from functools import partial
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.losses import (
    SparseTargets,
    contrastive_loss,
    decoupled_loss,
    forward_kl,
    groups,
    jensen_shannon,
    mix,
    projected_loss,
    reduce_rows,
    reverse_kl,
    sampled_cross_entropy,
    skew_kl,
    skew_reverse_kl,
    soft_target_loss,
    token_cross_entropy,
    total_variation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

DIVERGENCES: dict[str, Callable[..., Tensor]] = {
    "forward": forward_kl,
    "reverse": reverse_kl,
    "jensen-shannon": partial(jensen_shannon, beta=0.3),
    "skew": skew_kl,
    "skew-reverse": skew_reverse_kl,
    "variation": total_variation,
}
divergences = pytest.mark.parametrize("divergence", DIVERGENCES.values(), ids=DIVERGENCES.keys())
ROWS, TOKENS, WIDTH = 6, 9, 4


def logits(seed: int, *shape: int, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape or (ROWS, TOKENS), generator=generator, dtype=torch.float64)


def kl(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float((left * np.log(left / right)).sum())


def naive(name: str, p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Each by its definition, of one row of probabilities."""
    mixed = 0.3 * p + 0.7 * q
    by_name: dict[str, Callable[[], float]] = {
        "forward": lambda: kl(p, q),
        "reverse": lambda: kl(q, p),
        "jensen-shannon": lambda: 0.3 * kl(p, mixed) + 0.7 * kl(q, mixed),
        "skew": lambda: kl(p, 0.1 * p + 0.9 * q),
        "skew-reverse": lambda: kl(q, 0.9 * p + 0.1 * q),
        "variation": lambda: float(np.abs(p - q).sum()) / 2,
    }
    return by_name[name]()


def whole_list(teacher: Tensor, temperature: float = 1.0) -> SparseTargets:
    """The whole vocabulary as a list, in an order of its own."""
    order = logits(9, *teacher.shape).argsort(dim=-1)
    listed = (teacher / temperature).log_softmax(dim=-1).gather(-1, order)
    return SparseTargets(order, listed, temperature)


def learned() -> Any:  # noqa: ANN401 - a tensor where a number is expected
    return torch.tensor(1.0, requires_grad=True)


# Golden numbers. p = [3/4, 1/4], q = [1/2, 1/2].
TEACHER, STUDENT = torch.tensor([[log(3), 0.0]]), torch.tensor([[0.0, 0.0]])


@pytest.mark.parametrize(
    ("divergence", "expected"),
    [
        # 3/4 log(3/2) + 1/4 log(1/2)
        (forward_kl, 0.75 * log(3) - log(2)),
        # 1/2 log(2/3) + 1/2 log 2
        (reverse_kl, log(2) - 0.5 * log(3)),
        # m = [5/8, 3/8]: halves of 3/4 log(6/5) + 1/4 log(2/3) and 1/2 log(4/5) + 1/2 log(4/3)
        (
            jensen_shannon,
            (0.75 * log(6 / 5) + 0.25 * log(2 / 3) + 0.5 * log(4 / 5) + 0.5 * log(4 / 3)) / 2,
        ),
        # m = p / 10 + 9 q / 10 = [21/40, 19/40]
        (skew_kl, 0.75 * log(30 / 21) + 0.25 * log(10 / 19)),
        # m = 9 p / 10 + q / 10 = [29/40, 11/40]
        (skew_reverse_kl, 0.5 * log(20 / 29) + 0.5 * log(20 / 11)),
        (total_variation, 0.25),
    ],
)
def test_golden_numbers(divergence: Callable[..., Tensor], expected: float) -> None:
    assert float(divergence(STUDENT, TEACHER)) == pytest.approx(expected, rel=1e-6)


def test_the_temperature_divides_logits_and_its_square_multiplies() -> None:
    # At T = 2 the logits 2 log 3 and 0 are those of the golden numbers.
    value = forward_kl(STUDENT, 2 * TEACHER, temperature=2)
    assert float(value) == pytest.approx(4 * (0.75 * log(3) - log(2)), rel=1e-6)


def test_the_tail_of_a_list_is_one_event() -> None:
    # p = [1/2, 1/4, 1/8, 1/8], of which the first is listed; q is uniform, its tail 3/4.
    listed = SparseTargets(torch.tensor([[0]]), torch.tensor([[0.5]]).log())
    value = forward_kl(torch.zeros(1, 4), listed)
    assert float(value) == pytest.approx(0.5 * log(2) + 0.5 * log(2 / 3), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("name", DIVERGENCES)
def test_each_is_its_definition(name: str, temperature: float) -> None:
    student, teacher = logits(0), logits(1)
    q, p = ((values / temperature).softmax(dim=-1).numpy() for values in (student, teacher))
    expected = np.mean([naive(name, *row) for row in zip(p, q, strict=True)])
    value = DIVERGENCES[name](student, teacher, temperature=temperature)
    assert float(value) == pytest.approx(temperature**2 * expected, rel=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@divergences
def test_gradients_are_slopes(divergence: Callable[..., Tensor], temperature: float) -> None:
    student, teacher = logits(2).requires_grad_(), logits(3)
    assert torch.autograd.gradcheck(
        lambda values: divergence(values, teacher, temperature=temperature), student
    )


@divergences
def test_gradients_of_listed_tokens_are_slopes(divergence: Callable[..., Tensor]) -> None:
    listed = first(whole_list(logits(4)), 3)
    student = logits(5).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: divergence(values, listed), student)


def first(listed: SparseTargets, tokens: int) -> SparseTargets:
    return SparseTargets(
        listed.ids_NK[:, :tokens], listed.log_probabilities_NK[:, :tokens], listed.temperature
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@divergences
def test_a_list_of_all_tokens_is_the_whole(
    divergence: Callable[..., Tensor], temperature: float
) -> None:
    student, teacher = logits(6), logits(7)
    whole = divergence(student, teacher, temperature=temperature)
    listed = divergence(student, whole_list(teacher, temperature), temperature=temperature)
    torch.testing.assert_close(listed, whole)


@divergences
@pytest.mark.parametrize("tokens", [1, 4, 8])
def test_a_list_is_the_whole_with_its_tail_as_one_token(
    divergence: Callable[..., Tensor], tokens: int
) -> None:
    student, teacher = logits(8), logits(10)
    listed = whole_list(teacher)
    lumped = []
    for values in (student, teacher):
        ordered = values.log_softmax(dim=-1).gather(-1, listed.ids_NK)
        rest = ordered[:, tokens:].logsumexp(dim=-1, keepdim=True)
        lumped.append(torch.cat((ordered[:, :tokens], rest), dim=-1))
    value = divergence(student, first(listed, tokens))
    torch.testing.assert_close(value, divergence(*lumped))


@pytest.mark.parametrize("sure", [5.0, 15.0, 20.0, 30.0])
@divergences
def test_a_list_in_float32_costs_no_more_than_the_whole_where_its_teacher_is_sure(
    divergence: Callable[..., Tensor], sure: float
) -> None:
    teacher = logits(21, ROWS, 200, scale=1.0)
    teacher[:, 7] += sure
    likeliest = teacher.log_softmax(dim=-1).float().topk(20)
    listed = SparseTargets(likeliest.indices, likeliest.values)
    student = logits(22, ROWS, 200, scale=1.0).float()
    # To lump events together never adds to a divergence; a float's rounding of the tail may.
    assert divergence(student, listed) <= divergence(student, teacher.float()) * 1.01


@divergences
def test_places_that_a_row_does_not_fill_belong_to_the_rest(
    divergence: Callable[..., Tensor],
) -> None:
    student, listed = logits(11).requires_grad_(), first(whole_list(logits(12)), 3)
    padded = SparseTargets(
        torch.cat((listed.ids_NK, whole_list(logits(12)).ids_NK[:, 3:5]), dim=-1),
        torch.nn.functional.pad(listed.log_probabilities_NK, (0, 2), value=-torch.inf),
    )
    values = [divergence(student, one) for one in (padded, listed)]
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(value, student)[0] for value in values))


@divergences
def test_what_is_masked_has_no_part(divergence: Callable[..., Tensor]) -> None:
    student, teacher = logits(13), logits(14)
    mask = torch.tensor([True, False, True, True, False, True])
    broken = student.clone()
    broken[~mask] = torch.nan
    broken.requires_grad_()
    value = divergence(broken, teacher, mask=mask)
    torch.testing.assert_close(value, divergence(student[mask], teacher[mask]))
    (slope,) = torch.autograd.grad(value, broken)
    assert not slope[~mask].any()


@divergences
def test_micro_batches_add_up_however_they_are_cut(divergence: Callable[..., Tensor]) -> None:
    student, teacher = logits(15), logits(16)
    mask = torch.tensor([True, True, False, True, False, True])
    parts = [
        divergence(student[rows], teacher[rows], mask=mask[rows], count=mask.sum())
        for rows in (slice(1), slice(1, 5), slice(5, None))
    ]
    torch.testing.assert_close(sum(parts), divergence(student, teacher, mask=mask))


@divergences
@given(st.floats(-1e3, 1e3), st.integers(0, 99))
@settings(max_examples=20)
def test_a_shift_changes_nothing_and_itself_costs_nothing(
    divergence: Callable[..., Tensor], shift: float, seed: int
) -> None:
    student, teacher = logits(seed), logits(seed + 100)
    value = divergence(student, teacher)
    assert value >= 0
    torch.testing.assert_close(divergence(student + shift, teacher - shift), value)
    assert abs(float(divergence(student, student + shift))) < 1e-12


LOSSES = DIVERGENCES | {
    "decoupled": lambda student, teacher: decoupled_loss(
        student, teacher, torch.zeros(ROWS, dtype=torch.int64)
    ),
}
# A divergence from what its second model rules out is infinite.
INFINITE = {("forward", "student"), ("decoupled", "student"), ("reverse", "teacher")}


@pytest.mark.parametrize("who", ["both", "student", "teacher"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_token_that_cannot_be_is_as_one_of_no_probability(name: str, who: str) -> None:
    student, teacher = logits(51), logits(52)
    for model, values in (("student", student), ("teacher", teacher)):
        values[:3, 5:] = -torch.inf if who in {"both", model} else values[:3, 5:]
    unlikely = student.clamp(min=-800).requires_grad_(), teacher.clamp(min=-800)
    student.requires_grad_()
    value, expected = LOSSES[name](student, teacher), LOSSES[name](*unlikely)
    (slope,), (near,) = (
        torch.autograd.grad(*pair) for pair in ((value, student), (expected, unlikely[0]))
    )
    if (name, who) in INFINITE:
        assert value.isfinite() * value > 1e20
        return
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, near)


@divergences
def test_a_listed_token_that_cannot_be_is_as_one_of_the_logits(
    divergence: Callable[..., Tensor],
) -> None:
    student, teacher = logits(53), logits(54)
    student[:3, 5:] = teacher[:3, 5:] = -torch.inf
    student.requires_grad_()
    whole = divergence(student, teacher)
    (slope,) = torch.autograd.grad(whole, student)
    listed = divergence(student, whole_list(teacher))
    torch.testing.assert_close(listed, whole)
    torch.testing.assert_close(torch.autograd.grad(listed, student)[0], slope)
    likeliest = teacher.log_softmax(dim=-1).topk(5)
    some = divergence(student, SparseTargets(likeliest.indices, likeliest.values))
    assert some.isfinite()
    assert torch.autograd.grad(some, student)[0].isfinite().all()


# What the student is to say of classes, of which the last is one that it rules out.
OF_CLASSES: dict[str, Callable[[Tensor], Tensor]] = {
    "soft": lambda student: soft_target_loss(student, torch.tensor([[0.7, 0.3, 0.0]]), 2.0),
    "drawn": lambda student: sampled_cross_entropy(
        student, torch.tensor([[0, 1, 2]]), torch.tensor([[0.7, 0.3, 0.0]]), temperature=2.0
    ),
    "hard": lambda student: token_cross_entropy(student, torch.tensor([1])),
}


@pytest.mark.parametrize("loss", OF_CLASSES.values(), ids=OF_CLASSES)
def test_a_class_that_cannot_be_and_is_not_wanted_costs_nothing(
    loss: Callable[[Tensor], Tensor],
) -> None:
    student = torch.tensor([[0.5, -1.0, -torch.inf]], requires_grad=True)
    unlikely = torch.tensor([[0.5, -1.0, -800.0]], requires_grad=True)
    value, expected = loss(student), loss(unlikely)
    torch.testing.assert_close(value, expected)
    (slope,), (near,) = (
        torch.autograd.grad(*pair) for pair in ((value, student), (expected, unlikely))
    )
    torch.testing.assert_close(slope, near)


def test_a_label_that_cannot_be_costs_a_number() -> None:
    student = torch.tensor([[0.5, -torch.inf]], requires_grad=True)
    value = token_cross_entropy(student, torch.tensor([1]))
    assert value.item() == pytest.approx(1e30)
    assert torch.autograd.grad(value, student)[0].isfinite().all()


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 100.0])
@divergences
def test_extremes_are_numbers(
    divergence: Callable[..., Tensor], temperature: float, kind: torch.dtype
) -> None:
    far = torch.tensor([[1e4, -1e4, 0, 3], [-1e4, -1e4, -1e4, -1e4], [1e4, 1e4, 0, 0]])
    student = far.to(kind).requires_grad_()
    teacher = far.flip(0, 1).to(kind)
    listed = first(whole_list(teacher.double(), temperature), 2)
    for signal in (teacher, listed):
        value = divergence(student, signal, temperature=temperature)
        (slope,) = torch.autograd.grad(value, student)
        assert torch.isfinite(value)
        assert torch.isfinite(slope).all()
        assert value.dtype == torch.float32


def test_the_forward_kl_has_the_gradient_of_soft_targets() -> None:
    student, teacher = logits(17).requires_grad_(), logits(18)
    (ours,) = torch.autograd.grad(forward_kl(student, teacher, temperature=2), student)
    soft = soft_target_loss(student, (teacher / 2).softmax(dim=-1), 2)
    (hintons,) = torch.autograd.grad(soft, student)
    torch.testing.assert_close(ours, hintons)


def test_jensen_shannon_tends_to_both_kls() -> None:
    student, teacher = logits(19), logits(20)
    near, far = (jensen_shannon(student, teacher, beta=beta) for beta in (1e-7, 1 - 1e-7))
    torch.testing.assert_close(near / 1e-7, forward_kl(student, teacher), rtol=1e-4, atol=0)
    torch.testing.assert_close(far / 1e-7, reverse_kl(student, teacher), rtol=1e-4, atol=0)


MASK_OF_SEQUENCES = torch.tensor([[True, True, False], [True, False, True]])


def all_losses(student: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Every loss over logits of two sequences of three tokens."""
    teacher, weights = logits(50, 2, 3, TOKENS), logits(52, 2, 3, 4).exp()
    listed = first(whole_list(logits(51)), 4)
    ids = listed.ids_NK.reshape(2, 3, 4)
    of_sequences = SparseTargets(ids, listed.log_probabilities_NK.reshape(2, 3, 4))
    return [
        *(loss(student, teacher, mask=mask) for loss in DIVERGENCES.values()),
        *(loss(student, of_sequences, mask=mask) for loss in DIVERGENCES.values()),
        token_cross_entropy(student, ids[..., 0], mask=mask),
        sampled_cross_entropy(student, ids // 2, weights, mask=mask),
        decoupled_loss(student, teacher, ids[..., 0], mask=mask),
    ]


def test_a_batch_of_sequences_is_its_rows_taken_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    student, masks = logits(49, 2, 3, TOKENS).requires_grad_(), (None, MASK_OF_SEQUENCES)
    together = [all_losses(student, mask) for mask in masks]
    monkeypatch.setattr(groups, "OF_A_CORE", 1)
    for known, alone in zip(together, (all_losses(student, mask) for mask in masks), strict=True):
        for one, other in zip(known, alone, strict=True):
            torch.testing.assert_close(one, other)
            torch.testing.assert_close(
                torch.autograd.grad(one, student), torch.autograd.grad(other, student)
            )


@pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.float32], ids=str)
def test_a_mask_of_ones_and_zeros_is_one_of_truth_values(kind: torch.dtype) -> None:
    student = logits(49, 2, 3, TOKENS)
    for one, other in zip(
        all_losses(student, MASK_OF_SEQUENCES.to(kind)),
        all_losses(student, MASK_OF_SEQUENCES),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_gradients_of_labels_and_samples_are_slopes() -> None:
    student, ids = logits(53).requires_grad_(), torch.tensor([[0, 3, 3]] * ROWS)
    weights = logits(54, ROWS, 3).exp()
    assert torch.autograd.gradcheck(
        lambda z: sampled_cross_entropy(z, ids, weights, temperature=2), student
    )
    assert torch.autograd.gradcheck(lambda z: token_cross_entropy(z, ids[:, 1]), student)


@pytest.mark.parametrize("shape", [(2, 4), (3, 2), (6,), (2, 2)], ids=str)
def test_labels_lists_draws_and_masks_of_other_rows_are_refused(shape: tuple[int, ...]) -> None:
    student, few = logits(50, 2, 3, TOKENS), (*shape, 2)
    ids, labels = torch.zeros(few, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
    listed, mask = SparseTargets(ids, torch.full(few, -1.0)), torch.ones(shape, dtype=torch.bool)
    right = labels.new_zeros(2, 3)
    calls: tuple[Callable[[], Tensor], ...] = (
        lambda: token_cross_entropy(student, labels),
        lambda: token_cross_entropy(student, right, mask=mask),
        lambda: sampled_cross_entropy(student, ids, torch.ones(few)),
        lambda: decoupled_loss(student, student, labels),
        lambda: forward_kl(student, student, mask=mask),
        *(partial(one, student, listed) for one in DIVERGENCES.values()),
    )
    for call in calls:
        with pytest.raises(ValueError, match="expected the same leading axes"):
            call()


def test_no_row_costs_nothing() -> None:
    assert float(reduce_rows(torch.zeros(0))) == 0
    nothing = torch.zeros(ROWS, dtype=torch.bool)
    student = logits(0).requires_grad_()
    for signal in (logits(1), whole_list(logits(1))):
        value = forward_kl(student, signal, mask=nothing)
        assert float(value.detach()) == 0
        assert not torch.autograd.grad(value, student)[0].any()


@pytest.mark.parametrize("count", [0, 0.0, torch.tensor(0)])
def test_no_row_costs_nothing_by_a_count_of_none(count: float | Tensor) -> None:
    nothing, student = torch.zeros(ROWS, dtype=torch.bool), logits(0).requires_grad_()
    for signal in (logits(1), whole_list(logits(1))):
        value = forward_kl(student, signal, mask=nothing, count=count)
        assert float(value.detach()) == 0
        assert not torch.autograd.grad(value, student)[0].any()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: forward_kl(STUDENT, TEACHER, temperature=0), "temperature is 0"),
        (lambda: forward_kl(STUDENT, TEACHER, temperature=learned()), "a tensor that learns"),
        (
            lambda: forward_kl(STUDENT, whole_list(TEACHER), temperature=learned()),
            "a tensor that learns",
        ),
        (lambda: forward_kl(STUDENT, torch.zeros(1, 3)), r"\(1, 3\) and the student's \(1, 2\)"),
        (lambda: jensen_shannon(STUDENT, TEACHER, beta=1), "beta is 1"),
        (lambda: skew_kl(STUDENT, TEACHER, alpha=0), "alpha is 0"),
        (lambda: skew_reverse_kl(STUDENT, TEACHER, alpha=-1), "alpha is -1"),
        (
            lambda: forward_kl(STUDENT, whole_list(TEACHER), temperature=2),
            "listed at temperature 1.0 and the loss is at 2",
        ),
        (
            lambda: forward_kl(STUDENT, SparseTargets(torch.tensor([[0]]), torch.zeros(1, 2))),
            "expected as many",
        ),
        (lambda: mix(STUDENT, TEACHER, 1.5), "soft_share is 1.5"),
        (lambda: soft_target_loss(STUDENT, TEACHER[0]), "expected the same shape: a probability"),
        (lambda: soft_target_loss(STUDENT, TEACHER, 0), "temperature is 0"),
        (lambda: forward_kl(STUDENT, TEACHER, mask=torch.tensor([-1e4])), "mask is torch.float32"),
        (
            lambda: projected_loss(STUDENT, TEACHER, lambda z, _: z.sum(), chunk_rows=0),
            "chunk_rows is 0",
        ),
        (
            lambda: projected_loss(logits(0, 2, 3, 4), logits(0, 5, 4), lambda z, _: z.sum()),
            "flatten",
        ),
        (lambda: contrastive_loss(STUDENT, torch.zeros(1, 3), population=9), "map the student's"),
        (lambda: contrastive_loss(STUDENT, TEACHER, population=9), "no other of another class"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


# Hard labels, and their mixture with soft ones.


def test_hard_labels_are_torchs_cross_entropy() -> None:
    student, labels = logits(21), torch.tensor([0, 3, 8, 1, 1, 5])
    expected = torch.nn.functional.cross_entropy(student, labels)
    torch.testing.assert_close(token_cross_entropy(student, labels), expected)
    mask = labels != 1
    masked = torch.nn.functional.cross_entropy(student[mask], labels[mask])
    torch.testing.assert_close(token_cross_entropy(student, labels, mask=mask), masked)


def test_a_mixture_is_between_its_parts() -> None:
    soft, hard = torch.tensor(2.0), torch.tensor(4.0)
    assert float(mix(soft, hard, 0.25)) == pytest.approx(3.5)


# Samples instead of lists.


def test_samples_have_no_bias() -> None:
    """The mean over all that can be drawn, each by its probability, is the whole's."""
    student, teacher = logits(22, 1, 5).requires_grad_(), logits(23, 1, 5)
    p, proposal = teacher.softmax(dim=-1), logits(24, 1, 5).softmax(dim=-1)
    mean = torch.zeros((), dtype=torch.float64)
    for one in range(5):
        for other in range(5):
            ids = torch.tensor([[one, other]])
            weights = p.gather(-1, ids) / (2 * proposal.gather(-1, ids))
            chance = proposal[0, one] * proposal[0, other]
            mean = mean + chance * sampled_cross_entropy(student, ids, weights)
    whole = soft_target_loss(student, p)
    torch.testing.assert_close(mean, whole)
    torch.testing.assert_close(
        torch.autograd.grad(mean, student), torch.autograd.grad(whole, student)
    )


def test_samples_with_all_tokens_once_are_the_soft_targets() -> None:
    student, teacher = logits(25), logits(26)
    listed = whole_list(teacher, 2.0)
    value = sampled_cross_entropy(
        student, listed.ids_NK, listed.log_probabilities_NK.exp(), temperature=2
    )
    torch.testing.assert_close(value, soft_target_loss(student, (teacher / 2).softmax(dim=-1), 2))


# Projection and loss together.


@pytest.mark.parametrize("chunk_rows", [1, 4, 6, 50])
@divergences
def test_chunks_are_the_whole(divergence: Callable[..., Tensor], chunk_rows: int) -> None:
    teacher, mask = logits(27), torch.tensor([True, True, False, True, False, True])
    leaves = [logits(seed, *shape).requires_grad_() for seed, shape in HEAD]
    hidden, weight, bias = leaves
    whole = divergence(hidden @ weight.mT + bias, teacher, temperature=2, mask=mask)
    chunked = projected_loss(
        hidden,
        weight,
        lambda z, rows: divergence(
            z, teacher[rows], temperature=2, mask=mask[rows], count=mask.sum()
        ),
        bias_V=bias,
        chunk_rows=chunk_rows,
    )
    torch.testing.assert_close(chunked, whole)
    slopes = torch.autograd.grad(3 * whole, leaves)
    torch.testing.assert_close(torch.autograd.grad(3 * chunked, leaves), slopes)


def test_chunks_take_lists_as_well() -> None:
    listed, mask = first(whole_list(logits(45)), 3), torch.tensor([1, 0, 1, 1, 0, 1]).bool()
    hidden, weight = (logits(seed, *shape) for seed, shape in HEAD[:2])
    chunked = projected_loss(
        hidden,
        weight,
        lambda z, rows: reverse_kl(z, listed.rows(rows), mask=mask[rows], count=mask.sum()),
        chunk_rows=4,
    )
    torch.testing.assert_close(chunked, reverse_kl(hidden @ weight.mT, listed, mask=mask))


HEAD = ((28, (ROWS, WIDTH)), (29, (TOKENS, WIDTH)), (30, (TOKENS,)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda leaf: forward_kl(leaf, logits(61)),
        lambda leaf: jensen_shannon(leaf, logits(61)),
        lambda leaf: token_cross_entropy(leaf, logits(61).argmax(-1)),
        lambda leaf: decoupled_loss(leaf, logits(61), logits(62).argmax(-1)),
        lambda leaf: projected_loss(
            leaf.reshape(ROWS, TOKENS),
            logits(61, TOKENS, TOKENS),
            lambda z, rows: forward_kl(z, logits(63)[rows], count=ROWS),
            chunk_rows=4,
        ),
    ],
)
def test_a_retained_graph_gives_the_same_gradient_again(loss: Callable[[Tensor], Tensor]) -> None:
    leaf, added = logits(60).requires_grad_(), []
    value = loss(leaf)
    for _ in range(3):
        torch.autograd.backward(value, retain_graph=True)
        assert leaf.grad is not None
        added.append(leaf.grad.clone())
    torch.testing.assert_close(added[1:], [2 * added[0], 3 * added[0]])


def test_gradients_of_chunks_are_slopes() -> None:
    teacher = logits(31)
    leaves = [logits(seed, *shape).requires_grad_() for seed, shape in HEAD]

    def chunked(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return projected_loss(
            hidden,
            weight,
            lambda z, rows: forward_kl(z, teacher[rows], count=ROWS),
            bias_V=bias,
            chunk_rows=4,
        )

    assert torch.autograd.gradcheck(chunked, leaves)


def test_sums_in_a_longer_type_do_not_forget_small_chunks() -> None:
    """In bfloat16 a sum stops at 256 times what is added; the gradient of a weight must not."""
    hidden, weight = torch.ones(1024, 1).bfloat16(), torch.zeros(2, 1).bfloat16().requires_grad_()
    value = projected_loss(hidden, weight, lambda z, _: z.sum(), chunk_rows=1)
    (slope,) = torch.autograd.grad(value, weight)
    assert (slope == 1024).all()


def test_a_frozen_head_gets_no_gradient() -> None:
    (_, shape), (_, head), _ = HEAD
    hidden, weight, labels = (
        logits(32, *shape).requires_grad_(),
        logits(33, *head),
        torch.arange(ROWS),
    )
    value = projected_loss(
        hidden, weight, lambda z, rows: token_cross_entropy(z, labels[rows], count=ROWS)
    )
    (slope,) = torch.autograd.grad(value, hidden)
    expected = token_cross_entropy(hidden @ weight.mT, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, torch.autograd.grad(expected, hidden)[0])
    with torch.no_grad():
        assert not projected_loss(hidden, weight, lambda z, _: z.sum()).requires_grad


@pytest.mark.parametrize("autocast", [False, True])
def test_chunks_in_bfloat16_are_near_float32(*, autocast: bool) -> None:
    teacher = logits(34).float()
    leaves = [logits(seed, *shape, scale=0.5).float() for seed, shape in HEAD[:2]]
    kind = torch.float32 if autocast else torch.bfloat16
    short = [leaf.to(kind).requires_grad_() for leaf in leaves]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = projected_loss(
            short[0],
            short[1],
            lambda z, rows: forward_kl(z, teacher[rows], count=ROWS),
            chunk_rows=2,
        )
    long = [leaf.requires_grad_() for leaf in leaves]
    expected = forward_kl(long[0] @ long[1].mT, teacher)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0.02, atol=0.02)
    for ours, theirs in zip(
        torch.autograd.grad(value, short), torch.autograd.grad(expected, long), strict=True
    ):
        assert ours.dtype == kind
        torch.testing.assert_close(ours.float(), theirs, rtol=0.05, atol=0.02)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_divergences_can_be_compiled() -> None:
    student, teacher = logits(35).float(), logits(36).float()
    for divergence in DIVERGENCES.values():
        compiled = torch.compile(divergence, fullgraph=True)
        torch.testing.assert_close(compiled(student, teacher), divergence(student, teacher))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler looks at what it is given
def test_a_compiled_step_steps_around_its_chunks_as_one() -> None:
    body, head = torch.nn.Linear(WIDTH, WIDTH), logits(46, TOKENS, WIDTH).float().requires_grad_()
    inputs, teacher = logits(47, ROWS, WIDTH).float(), logits(48).float()

    def step(inputs: Tensor) -> Tensor:
        return projected_loss(
            torch.relu(body(inputs)),
            head,
            lambda z, rows: forward_kl(z, teacher[rows], count=ROWS),
            chunk_rows=4,
        )

    graphs = []

    def keep(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    leaves = [*body.parameters(), head]
    compiled, eager = torch.compile(step, backend=keep)(inputs), step(inputs)
    assert len(graphs) == 1
    torch.testing.assert_close(compiled, eager)
    torch.testing.assert_close(
        torch.autograd.grad(compiled, leaves), torch.autograd.grad(eager, leaves)
    )


# The right class and the others apart.


def test_decoupled_by_hand() -> None:
    # p = [1/2, 1/4, 1/4] and uniform q, the first right: the others are alike in both, NCKD is 0,
    # TCKD = 1/2 log(3/2) + 1/2 log(3/4).
    teacher, student = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.zeros(1, 3)
    value = decoupled_loss(student, teacher, torch.tensor([0]), target_weight=2, temperature=1)
    assert float(value) == pytest.approx(log(3 / 2) + log(3 / 4), rel=1e-5)


def test_others_weighed_by_their_probability_are_the_forward_kl() -> None:
    student, teacher, labels = logits(37, 1, 5), logits(38, 1, 5), torch.tensor([2])
    rest = 1 - float((teacher / 2).softmax(dim=-1)[0, 2])
    value = decoupled_loss(student, teacher, labels, other_weight=rest, temperature=2)
    torch.testing.assert_close(value, forward_kl(student, teacher, temperature=2))


def test_decoupled_gradients_are_slopes_and_extremes_are_numbers() -> None:
    labels = torch.tensor([0, 3, 8, 1, 1, 5])
    student, teacher = logits(39).requires_grad_(), logits(40)
    assert torch.autograd.gradcheck(lambda z: decoupled_loss(z, teacher, labels), student)
    far = torch.tensor([[1e4, -1e4, 0]]).requires_grad_()
    for temperature in (0.05, 100.0):
        value = decoupled_loss(far, -far, torch.tensor([0]), temperature=temperature)
        assert torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, far)[0]).all()


# Vectors told apart.


def test_contrast_by_hand() -> None:
    # Two inputs whose vectors are the same as the teacher's and at right angles to each other:
    # s = e^(1/T) for the own, 1 for the other, n / M = 1/8.
    vectors = torch.eye(2, dtype=torch.float64)
    value = contrastive_loss(vectors, vectors, population=8, temperature=0.5)
    own, other = exp(2) / (exp(2) + 1 / 8), 1 / (1 + 1 / 8)
    assert float(value) == pytest.approx(-log(own) - log(1 - other), rel=1e-6)


def test_those_of_the_same_class_are_no_negatives() -> None:
    student, teacher = logits(41, 4, 3), logits(42, 4, 3)
    labels = torch.tensor([0, 1, 0, 1])
    value = contrastive_loss(student, teacher, population=100, labels_N=labels, temperature=0.2)
    unit = [
        v.numpy() / np.linalg.norm(v.numpy(), axis=1, keepdims=True) for v in (student, teacher)
    ]
    scores = np.exp(unit[0] @ unit[1].T / 0.2)
    critic = scores / (scores + 2 / 100)
    losses = [
        -np.log(critic[i, i])
        - sum(np.log(1 - critic[i, j]) for j in range(4) if labels[i] != labels[j])
        for i in range(4)
    ]
    assert float(value) == pytest.approx(np.mean(losses), rel=1e-5)


def test_contrastive_gradients_are_slopes() -> None:
    student, teacher = logits(43, 4, 3).requires_grad_(), logits(44, 4, 3)
    assert torch.autograd.gradcheck(lambda z: contrastive_loss(z, teacher, population=50), student)
