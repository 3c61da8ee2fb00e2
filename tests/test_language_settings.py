"""What each setting of a language model's training changes."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch

from locum.errors import UsageError
from locum.language import LanguageLoss, LanguageSettings, ModelTeacher, pack, train_language_model
from locum.language.schedule import Schedule
from locum.language.student_step import StudentStep
from tests.test_language_training import SIZE, some_documents, student_of, weights
from tests.tiny_model import new_model

if TYPE_CHECKING:
    from torch import Tensor

    from locum.language import TrainingStep

PACKED = pack(some_documents(), 32, 0)
BEFORE = weights(student_of())


def after_one_step(**chosen: Any) -> dict[str, Tensor]:  # noqa: ANN401 - as they are passed on
    """Weights after the first of some steps."""
    student = student_of()

    def stop(step: TrainingStep, _: int) -> None:
        if step.number == 1:
            raise KeyboardInterrupt

    given: dict[str, Any] = {"precision": "float32", "weight_decay": 0.0} | chosen
    with suppress(KeyboardInterrupt):
        train_language_model(student, PACKED, settings=LanguageSettings(**given), tell=stop)
    return weights(student)


def farthest(after: dict[str, Tensor]) -> float:
    return max(float((after[name] - value).abs().max()) for name, value in BEFORE.items())


def loss_of(loss: LanguageLoss, *, taught: bool = True, precision: Any = "float32") -> float:  # noqa: ANN401
    teacher = ModelTeacher(new_model("llama", SIZE, spread=0.5), precision="float32")
    step = StudentStep(student_of(), SIZE, loss, precision)
    return float(step(PACKED, teacher.ask(PACKED) if taught else None, PACKED.rows).detach())


def test_a_teacher_with_more_padding_is_refused_with_the_cure() -> None:
    with pytest.raises(UsageError, match=r"as in ModelTeacher\(model, len\(tokenizer\)\)$"):
        StudentStep(student_of(), SIZE + 1, LanguageLoss(), "float32")


def test_the_rate_rises_evenly_and_falls_along_half_a_cosine() -> None:
    schedule = Schedule(
        400, LanguageSettings(sequences_per_step=4, learning_rate=2.0, warmup_share=0.1)
    )
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    assert rates[:10] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert rates[10] == 2.0
    assert rates[55] == pytest.approx(1.1)
    assert rates[99] == pytest.approx(0.2, abs=0.01)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_a_step_is_as_long_as_its_rate() -> None:
    """AdamW's first step is its rate, whatever the gradient is."""
    chosen = {"learning_rate": 1e-3, "most_steps": 4, "sequences_per_step": 4}
    assert farthest(after_one_step(**chosen, warmup_share=0.0)) == pytest.approx(1e-3, rel=0.01)
    assert farthest(after_one_step(**chosen, warmup_share=1.0)) == pytest.approx(2.5e-4, rel=0.01)


def test_weights_decay_where_they_are_matrices() -> None:
    free = after_one_step(learning_rate=1e-2)
    decayed = after_one_step(learning_rate=1e-2, weight_decay=0.5)
    for name, value in BEFORE.items():
        lost = 1e-2 * 0.5 * value if value.dim() == 2 else torch.zeros_like(value)
        torch.testing.assert_close(free[name] - decayed[name], lost, rtol=1e-3, atol=1e-6)


def test_a_gradient_is_cut_to_the_norm() -> None:
    """One far below AdamW's epsilon moves hardly anything."""
    assert farthest(after_one_step(learning_rate=1e-3)) > 9e-4
    assert farthest(after_one_step(learning_rate=1e-3, most_norm=1e-9)) < 1e-4


@pytest.mark.parametrize(("every", "measured"), [(0, [0, 5]), (2, [0, 2, 4, 5]), (9, [0, 5])])
def test_it_is_measured_as_often_as_is_asked(every: int, measured: list[int]) -> None:
    settings = LanguageSettings(
        sequences_per_step=2, most_steps=5, measure_every=every, precision="float32"
    )
    done = train_language_model(student_of(), PACKED, settings=settings, held_out=PACKED)
    assert [step.number for step in done.steps if step.held_out is not None] == measured


def test_each_pass_reads_all_sequences_in_an_order_of_its_own() -> None:
    def orders(seed: int) -> list[list[int]]:
        plan = Schedule(10, LanguageSettings(epochs=2, sequences_per_step=4, seed=seed))
        assert plan.steps == 6
        passes = (range(3), range(3, 6))
        return [[n for step in steps for n in plan.of_step(step)] for steps in passes]

    first, second = orders(0)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert orders(0) == [first, second] != orders(1)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_student_writes_in_a_share_of_the_steps(share: float) -> None:
    plan = Schedule(10, LanguageSettings(on_policy_share=share))
    written = sum(plan.writes(step) for step in range(1_000)) / 1_000
    assert written == pytest.approx(share, abs=0.05 * (0 < share < 1))


def test_the_rest_of_the_soft_share_is_the_texts_own() -> None:
    soft, hard = loss_of(LanguageLoss()), loss_of(LanguageLoss(), taught=False)
    assert abs(soft - hard) > 0.1
    mixed = loss_of(LanguageLoss(soft_share=0.3))
    assert mixed == pytest.approx(0.3 * soft + 0.7 * hard, rel=1e-5)
    assert loss_of(LanguageLoss(soft_share=0.0)) == pytest.approx(hard, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "usual"), [("jensen_shannon", 0.5), ("skew_kl", 0.1), ("skew_reverse_kl", 0.1)]
)
def test_the_mixture_is_that_of_the_divergence(name: Any, usual: float) -> None:  # noqa: ANN401
    said = loss_of(LanguageLoss(name))
    assert loss_of(LanguageLoss(name, mixture=usual)) == said
    assert abs(loss_of(LanguageLoss(name, mixture=0.3)) - said) > 1e-3


def test_the_temperature_is_that_of_both() -> None:
    warm = loss_of(LanguageLoss(temperature=3.0))
    assert abs(warm - loss_of(LanguageLoss())) > 1e-3


def test_a_short_type_is_computed_in_and_not_kept() -> None:
    long, short = (loss_of(LanguageLoss(), precision=kind) for kind in ("float32", "bfloat16"))
    assert short != long
    assert short == pytest.approx(long, rel=0.02)
    student = student_of()
    train_language_model(student, PACKED, settings=LanguageSettings(most_steps=1))
    assert {value.dtype for value in student.parameters()} == {torch.float32}
