"""What surrounds a training of a language model: left as it was, and refused where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState

from locum.errors import UsageError
from locum.language import (
    CachedTeacher,
    DistributionCache,
    LanguageSettings,
    ModelTeacher,
    TopTokens,
    TrainingStep,
    block_influence,
    cross_entropy,
    fill_cache,
    measure_importance,
    pack,
    train_language_model,
)
from locum.language.models import split_model
from locum.language.on_policy import Writer
from locum.language.projected_teacher import ProjectedTeacher
from tests.test_language_training import SIZE, some_documents, student_of, weights
from tests.tiny_model import new_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from transformers import PreTrainedModel

SETTINGS = LanguageSettings(sequences_per_step=4, precision="float32", most_steps=2)
PACKED = pack(some_documents(), 32, 0)
IDS_SL = torch.arange(24).view(2, 12) % SIZE


def stop(step: TrainingStep, _: int) -> None:
    """Interrupt a training that has begun."""
    if step.number == 1:
        raise KeyboardInterrupt


@pytest.fixture
def accelerate_anew() -> Iterator[None]:
    """The state of a process that has not used accelerate, and none left behind."""
    AcceleratorState._reset_state()  # noqa: SLF001 - no other way
    GradientState._reset_state()  # noqa: SLF001 - no other way
    yield
    AcceleratorState._reset_state()  # noqa: SLF001 - no other way
    GradientState._reset_state()  # noqa: SLF001 - no other way


@pytest.mark.usefixtures("accelerate_anew")
def test_an_accelerator_of_ones_own_is_left_as_it_was_and_changes_nothing() -> None:
    alone, beside = student_of(), student_of()
    train_language_model(alone, PACKED, settings=SETTINGS)
    mine = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=4)
    train_language_model(beside, PACKED, settings=SETTINGS)
    assert all(torch.equal(weights(alone)[name], kept) for name, kept in weights(beside).items())
    assert mine.mixed_precision == "bf16"
    assert mine.gradient_accumulation_steps == 4
    assert Accelerator(mixed_precision="bf16").native_amp


@pytest.mark.usefixtures("accelerate_anew")
def test_an_accelerator_is_left_as_it_was_by_an_error() -> None:
    mine = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=4)
    with pytest.raises(KeyboardInterrupt):
        train_language_model(student_of(), PACKED, settings=SETTINGS, tell=stop)
    assert (mine.mixed_precision, mine.gradient_accumulation_steps) == ("bf16", 4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_random_numbers_of_the_process_go_on_as_they_would_have(share: float) -> None:
    settings = LanguageSettings(
        sequences_per_step=4, precision="float32", most_steps=2, on_policy_share=share
    )
    student, teacher = student_of(), ModelTeacher(new_model("llama", SIZE))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_language_model(student, PACKED, teacher, settings, held_out=PACKED)
    assert torch.equal(torch.rand(3), expected)


def test_an_interrupted_student_is_left_in_evaluation_mode() -> None:
    student = student_of().train()
    with pytest.raises(KeyboardInterrupt):
        train_language_model(student, PACKED, settings=SETTINGS, tell=stop)
    assert not any(part.training for part in student.modules())


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_a_student_learns_where_no_gradients_are_asked_for(without: Callable[[], Any]) -> None:
    alone, within = student_of(), student_of()
    train_language_model(alone, PACKED, settings=SETTINGS)
    with without():
        train_language_model(within, PACKED, settings=SETTINGS)
    assert all(torch.equal(weights(alone)[name], kept) for name, kept in weights(within).items())


@pytest.mark.parametrize(
    "look",
    [
        lambda model: cross_entropy(model, PACKED, precision="float32"),
        lambda model: block_influence(model, [IDS_SL]),
        lambda model: measure_importance(model, [IDS_SL]),
        lambda model: Writer(model, 4, "float32", SIZE).rewrite(PACKED),
        split_model,
    ],
    ids=["cross_entropy", "block_influence", "measure_importance", "writing", "split_model"],
)
def test_looking_at_a_model_leaves_each_part_in_its_mode(
    look: Callable[[PreTrainedModel], object],
) -> None:
    model = student_of().train()
    model.model.layers[0].eval()
    modes = [part.training for part in model.modules()]
    look(model)
    assert [part.training for part in model.modules()] == modes


def test_a_cap_that_small_numbers_do_not_show_is_refused() -> None:
    capped = new_model("gemma2", SIZE).bfloat16()
    assert capped.config.final_logit_softcapping
    with pytest.raises(UsageError, match="in another way than by a linear layer"):
        split_model(capped)
    capped.config.final_logit_softcapping = None
    split_model(capped)


def test_a_model_in_the_place_of_a_teacher_is_refused(tmp_path: Path) -> None:
    model: Any = new_model("llama", SIZE)
    expected = r"teacher is a LlamaForCausalLM, .*ModelTeacher\(model\)"
    with pytest.raises(UsageError, match=expected):
        train_language_model(student_of(), PACKED, model)
    cache = DistributionCache(tmp_path, teacher="it", vocabulary=SIZE, settings=TopTokens(10))
    with pytest.raises(UsageError, match=expected):
        fill_cache(cache, PACKED, model)


def test_texts_that_are_not_packed_are_refused(tmp_path: Path) -> None:
    documents: Any = some_documents()
    cache = DistributionCache(tmp_path, teacher="it", vocabulary=SIZE, settings=TopTokens(10))
    teacher = ModelTeacher(new_model("llama", SIZE), fingerprint="it")
    for use in (
        lambda: train_language_model(student_of(), documents),
        lambda: train_language_model(student_of(), PACKED, held_out=documents),
        lambda: cross_entropy(student_of(), documents),
        lambda: fill_cache(cache, documents, teacher),
    ):
        with pytest.raises(UsageError, match=r"texts are a list, .*pack\(documents"):
            use()


@pytest.mark.parametrize(
    ("batch", "what"),
    [({"input_ids": IDS_SL}, "dict"), ([1, 2, 3], "list"), (IDS_SL[0], r"\(12,\)")],
    ids=["mapping", "list", "one sequence"],
)
@pytest.mark.parametrize("measure", [block_influence, measure_importance])
def test_batches_of_anything_but_token_ids_are_refused(
    measure: Callable[[PreTrainedModel, Any], object], batch: object, what: str
) -> None:
    with pytest.raises(UsageError, match=rf'a batch is {what}, .*batch\["input_ids"\]'):
        measure(student_of(), [batch])


def test_a_teacher_that_was_asked_before_cannot_judge_what_the_student_writes(
    tmp_path: Path,
) -> None:
    settings = LanguageSettings(on_policy_share=0.01, precision="float32")
    told: list[int] = []
    with DistributionCache(
        tmp_path, teacher="it", vocabulary=SIZE, settings=TopTokens(10)
    ) as cache:
        cached = CachedTeacher(cache)
        for teacher in (cached, ProjectedTeacher(cached, lambda logits: logits)):
            with pytest.raises(UsageError, match=rf"{type(teacher).__name__}, .*on_policy_share=0"):
                train_language_model(
                    student_of(),
                    PACKED,
                    teacher,
                    settings,
                    tell=lambda step, _: told.append(step.number),
                )
    assert told == []


def test_a_teacher_whose_weights_change_is_another() -> None:
    model = new_model("llama", SIZE)
    teacher = ModelTeacher(model)
    before = teacher.fingerprint
    assert teacher.fingerprint == before
    with torch.no_grad():
        model.model.norm.weight += 1
    assert teacher.fingerprint != before
    assert ModelTeacher(model, fingerprint="named").fingerprint == "named"
    settings = ModelTeacher(model, precision="float32").fingerprint, teacher.fingerprint
    model.config.rms_norm_eps *= 2
    assert len({*settings, teacher.fingerprint}) == 3


def test_a_teacher_is_asked_in_evaluation_mode_whatever_its_owner_does() -> None:
    model = new_model("gpt2", SIZE)
    teacher = ModelTeacher(model, precision="float32")
    expected: Any = teacher.ask(PACKED)(slice(None))
    model.train()
    said: Any = teacher.ask(PACKED)(slice(None))
    assert torch.equal(said, expected)
    assert model.training


def test_a_folder_of_checkpoints_may_be_text(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    train_language_model(student_of(), PACKED, settings=SETTINGS, folder=str(folder))
    again = train_language_model(student_of(), PACKED, settings=SETTINGS, folder=folder)
    assert again.resumed_at == 2
