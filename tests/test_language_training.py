"""Training of language models: what is learned, what is resumed, what processes share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn import functional
from transformers import AttentionInterface, GenerationConfig
from transformers.masking_utils import AttentionMaskInterface, flash_attention_mask
from transformers.modeling_flash_attention_utils import _is_packed_sequence

from locum.errors import UsageError
from locum.language import (
    CachedTeacher,
    DistributionCache,
    Document,
    LanguageLoss,
    LanguageSettings,
    ModelTeacher,
    TopTokens,
    TrainingStep,
    cross_entropy,
    drop_layers,
    fill_cache,
    pack,
    train_language_model,
)
from locum.language.adapters import with_adapters
from locum.language.models import refuse_unpackable
from locum.language.on_policy import Writer
from locum.language.student_step import StudentStep
from tests.tiny_model import new_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from locum.language.settings import LossName

SIZE = 60
SETTINGS = LanguageSettings(
    epochs=2,
    sequences_per_step=4,
    sequences_per_pass=2,
    precision="float32",
    learning_rate=3e-3,
    save_every=3,
)


def some_documents(count: int = 40, *, seed: int = 0) -> list[Document]:
    """Texts in which every token follows from the one before it."""
    dice = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        start, length = torch.randint(0, SIZE, (2,), generator=dice).tolist()
        tokens = [(start + 7 * n) % SIZE for n in range(5 + length % 11)]
        found.append(Document(tokens, [False, *[True] * (len(tokens) - 1)]))
    return found


def student_of(seed: int = 1) -> PreTrainedModel:
    model = new_model("llama", SIZE, spread=0.02)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() >= 2:
                parameter.normal_(std=0.05)
    return model


def weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def test_a_student_learns_its_texts() -> None:
    packed, held_out = pack(some_documents(), 32, 0), pack(some_documents(8, seed=9), 32, 0)
    settings = LanguageSettings(
        epochs=20, sequences_per_step=4, precision="float32", learning_rate=3e-3
    )
    told: list[TrainingStep] = []
    student = student_of()
    done = train_language_model(
        student,
        packed,
        settings=settings,
        held_out=held_out,
        tell=lambda step, _: told.append(step),
    )
    assert done.steps == told
    assert told[0].number == 0
    assert told[0].held_out == pytest.approx(torch.tensor(SIZE).log().item(), abs=0.3)
    assert done.held_out is not None
    assert done.held_out < 0.5
    assert told[-1].tokens == 20 * packed.rows
    assert not student.training


def test_the_loss_of_a_step_is_that_of_its_rows_whole() -> None:
    """Packed, in halves and in passes: the same as every document alone."""
    documents = some_documents(6)
    packed, student = pack(documents, 32, 0), student_of()
    losses, rows = 0.0, 0
    for document in documents:
        ids = torch.tensor([document.tokens])
        with torch.no_grad():
            logits = student(input_ids=ids).logits
        losses += float(functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))
        rows += len(document.tokens) - 1
    step = StudentStep(student, SIZE, LanguageLoss(), "float32")
    assert packed.rows == rows
    assert step(packed, None, rows).item() == pytest.approx(losses / rows, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_of_packed_texts_is_that_of_each_alone(training: bool) -> None:  # noqa: FBT001
    documents, model = some_documents(6), student_of()
    model.train(mode=training)
    losses, rows = 0.0, 0
    for document in documents:
        ids = torch.tensor([document.tokens])
        with torch.no_grad():
            mean = model(input_ids=ids, labels=ids).loss
        losses, rows = losses + float(mean) * (ids.numel() - 1), rows + ids.numel() - 1
    found = cross_entropy(model, pack(documents, 32, 0), precision="float32", sequences_per_pass=2)
    assert found == pytest.approx(losses / rows, rel=1e-5)
    assert model.training == training


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_how_a_step_is_cut_into_passes_changes_nothing(size: int) -> None:
    packed, teacher = pack(some_documents(), 32, 0), ModelTeacher(new_model("llama", SIZE))
    ends = []
    for passes in (size, 4):
        student = student_of()
        settings = LanguageSettings(
            sequences_per_step=4, sequences_per_pass=passes, precision="float32", most_steps=3
        )
        done = train_language_model(student, packed, teacher, settings)
        ends.append((weights(student), done.steps[-1].loss))
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-5)
    for name, value in ends[0][0].items():
        torch.testing.assert_close(value, ends[1][0][name], rtol=1e-4, atol=1e-6)


def test_what_accelerate_is_set_to_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    packed, norms = pack(some_documents(), 32, 0), []
    settings = LanguageSettings(precision="float32", most_steps=1)
    for steps in ("1", "4"):
        monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", steps)
        norms.append(train_language_model(student_of(), packed, settings=settings).steps[1].norm)
    assert norms[0] == norms[1]


@pytest.mark.parametrize("loss", ["forward_kl", "reverse_kl", "jensen_shannon", "total_variation"])
def test_a_student_comes_near_its_teacher(loss: LossName) -> None:
    packed = pack(some_documents(), 32, 0)
    teacher, student = ModelTeacher(new_model("llama", SIZE, spread=0.1)), student_of()
    settings = LanguageSettings(
        loss=LanguageLoss(loss),
        epochs=15,
        sequences_per_step=4,
        precision="float32",
        learning_rate=3e-3,
    )
    steps = train_language_model(student, packed, teacher, settings).steps
    first, last = steps[1].loss, steps[-1].loss
    assert first is not None
    assert last is not None
    assert last < 0.6 * first


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_stopped_training_ends_with_the_same_bits(tmp_path: Path, share: float) -> None:
    packed, teacher = pack(some_documents(), 32, 0), ModelTeacher(new_model("llama", SIZE))
    settings = LanguageSettings(
        epochs=2, sequences_per_step=4, precision="bfloat16", save_every=3, on_policy_share=share
    )
    whole, stopped, resumed = student_of(), student_of(), student_of()
    expected = train_language_model(whole, packed, teacher, settings)

    def stop(step: TrainingStep, _: int) -> None:
        if step.number == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_language_model(stopped, packed, teacher, settings, folder=tmp_path, tell=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]
    done = train_language_model(resumed, packed, teacher, settings, folder=tmp_path)
    assert done.resumed_at == 3
    assert same(weights(whole), weights(resumed))
    assert [step[:3] for step in done.steps] == [step[:3] for step in expected.steps]
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{len(done.steps) - 1:08}"]
    again = train_language_model(student_of(), packed, teacher, settings, folder=tmp_path)
    assert again.steps == done.steps


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    known = [Document([token % 50 for token in tokens], to) for tokens, to in some_documents()]
    packed = pack(known, 32, 0)

    def stop(step: TrainingStep, _: int) -> None:
        if step.number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_language_model(student_of(), packed, settings=SETTINGS, folder=tmp_path, tell=stop)
    other = LanguageSettings(**SETTINGS.as_object() | {"loss": LanguageLoss(), "seed": 5})
    with pytest.raises(UsageError, match="seed 0 there and 5 here"):
        train_language_model(student_of(), packed, settings=other, folder=tmp_path)
    with pytest.raises(UsageError, match="student"):
        train_language_model(student_of(2), packed, settings=SETTINGS, folder=tmp_path)
    with pytest.raises(UsageError, match=r"training \(held_out none there"):
        train_language_model(
            student_of(), packed, settings=SETTINGS, held_out=packed, folder=tmp_path
        )
    with pytest.raises(UsageError, match=r"training \(vocabulary 60 there and 50 here\)"):
        train_language_model(
            student_of(), packed, settings=SETTINGS, vocabulary=50, folder=tmp_path
        )
    teacher = ModelTeacher(new_model("llama", SIZE))
    with pytest.raises(UsageError, match=r"training \(teacher none there"):
        train_language_model(student_of(), packed, teacher, SETTINGS, folder=tmp_path)
    (tmp_path / "step-00000003" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="cannot be read"):
        train_language_model(student_of(), packed, settings=SETTINGS, folder=tmp_path)


def test_a_checkpoint_of_another_student_is_refused(tmp_path: Path) -> None:
    settings = LanguageSettings(sequences_per_step=4, precision="float32", most_steps=1)
    packed = pack(some_documents(), 32, 0)

    def frozen() -> PreTrainedModel:
        student = student_of()
        student.get_input_embeddings().requires_grad_(requires_grad=False)
        return student

    def adapted(scale: float) -> PreTrainedModel:
        student = student_of()
        torch.manual_seed(0)
        return with_adapters(student, 2, scale=scale)

    makers: list[Callable[[], PreTrainedModel]] = [
        student_of,
        frozen,
        lambda: adapted(2.0),
        lambda: adapted(8.0),
    ]
    for number, make in enumerate(makers):
        train_language_model(make(), packed, settings=settings, folder=tmp_path / str(number))
        for other in makers[:number] + makers[number + 1 :]:
            with pytest.raises(UsageError, match=r"of another training \(student "):
                train_language_model(
                    other(), packed, settings=settings, folder=tmp_path / str(number)
                )


def test_what_the_student_writes_is_judged() -> None:
    documents = [Document([3, 4, 5, *range(10, 20)], [False] * 3 + [True] * 10) for _ in range(3)]
    packed = pack([*documents, Document(list(range(20, 32)), [False] + [True] * 11)], 16, 0)
    writer = Writer(student_of(), 4, "float32", SIZE)
    torch.manual_seed(0)
    batch = writer.rewrite(packed)
    for before, after, learned in zip(packed.ids_SL, batch.ids_SL, batch.learned_SL, strict=True):
        kept = 3 if int(before[0]) == 3 else 4
        assert torch.equal(before[:kept], after[:kept])
        assert not learned[:kept].any()
        assert learned[kept:].any()
    assert not torch.equal(packed.ids_SL, batch.ids_SL)
    assert torch.equal(packed.positions_SL, batch.positions_SL)


def test_what_the_student_writes_is_no_label() -> None:
    teacher = ModelTeacher(new_model("llama", SIZE), precision="float32")
    packed, ends = pack(some_documents(), 32, 0), list[dict[str, torch.Tensor]]()
    for soft_share in (1.0, 0.5, 0.0):
        settings = LanguageSettings(
            LanguageLoss(soft_share=soft_share),
            sequences_per_step=4,
            precision="float32",
            most_steps=2,
            on_policy_share=1.0,
        )
        student = student_of()
        train_language_model(student, packed, teacher, settings)
        ends.append(weights(student))
    assert same(ends[0], ends[1])
    assert same(ends[0], ends[2])


def test_what_the_student_writes_is_its_own_whatever_its_settings() -> None:
    packed = pack(
        [Document(list(range(n, n + 16)), [False] + [True] * 15) for n in range(8)], 16, 0
    )
    make: Callable[..., GenerationConfig] = GenerationConfig
    wrote = []
    for bent in (False, True):
        student = student_of()
        if bent:
            student.generation_config = make(
                repetition_penalty=5.0,
                no_repeat_ngram_size=1,
                min_p=0.5,
                num_beams=2,
                max_length=4,
                suppress_tokens=list(range(30)),
                eos_token_id=student.generation_config.eos_token_id,
            )
        usual = student.generation_config
        torch.manual_seed(0)
        wrote.append(Writer(student, 4, "float32", SIZE).rewrite(packed))
        assert student.generation_config is usual
    assert torch.equal(wrote[0].ids_SL, wrote[1].ids_SL)
    assert torch.equal(wrote[0].learned_SL, wrote[1].learned_SL)


def test_long_texts_are_not_written_beside_many_short_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    length = 64
    long = Document(list(range(60)), [False] * 40 + [True] * 20)
    short = [Document([n % SIZE, 5, 6, 7], [False] + [True] * 3) for n in range(300)]
    packed, student = pack([long, *short], length, 0), student_of()
    sizes: list[int] = []
    generate: Any = student.generate

    def note(**given: torch.Tensor) -> torch.Tensor:
        written: torch.Tensor = generate(**given)
        sizes.append(written.numel())
        return written

    monkeypatch.setattr(student, "generate", note)
    before = packed.learned_SL.clone()
    batch = Writer(student, 4, "float32", SIZE).rewrite(packed)
    assert max(sizes) <= 16 * length
    assert sum(sizes) < 2 * (len(short) * 4 + 60)
    changed = (batch.ids_SL != packed.ids_SL) & before
    assert changed.any(dim=1).all()


def test_what_is_after_an_end_that_the_student_writes_is_not_learned() -> None:
    packed = pack(
        [Document(list(range(n, n + 16)), [False] + [True] * 15) for n in range(8)], 16, 0
    )
    student = student_of()
    ends = list(range(0, SIZE, 8))
    student.generation_config.eos_token_id = ends
    torch.manual_seed(0)
    batch = Writer(student, 4, "float32", SIZE).rewrite(packed)
    lengths = []
    for before, ids, learned in zip(packed.ids_SL, batch.ids_SL, batch.learned_SL, strict=True):
        length = int(learned.sum())
        assert learned.tolist() == [4 <= n < 4 + length for n in range(16)]
        written = ids[4 : 4 + length].tolist()
        assert not set(written[:-1]) & set(ends)
        assert length == 12 or written[-1] in ends
        assert torch.equal(ids[4 + length :], before[4 + length :])
        lengths.append(length)
    assert min(lengths) < 12


def test_the_student_writes_no_token_of_the_padding() -> None:
    """The teacher could not read it."""
    packed = pack(some_documents(), 32, 0)
    teacher = ModelTeacher(new_model("llama", SIZE))
    settings = LanguageSettings(on_policy_share=1.0, precision="float32", epochs=2)
    done = train_language_model(new_model("llama", 4 * SIZE), packed, teacher, settings)
    assert len(done.steps) == 3


def test_a_pass_without_a_target_asks_no_teacher(tmp_path: Path) -> None:
    packed = pack(some_documents(), 32, 0)
    packed.learned_SL[1::2] = False
    teacher = ModelTeacher(new_model("llama", SIZE))
    cache = DistributionCache(
        tmp_path, teacher=teacher.fingerprint, vocabulary=SIZE, settings=TopTokens(10)
    )
    fill_cache(cache, packed, teacher)
    ends = []
    for size in (1, 4):
        settings = LanguageSettings(
            sequences_per_step=4, sequences_per_pass=size, precision="float32"
        )
        done = train_language_model(student_of(), packed, CachedTeacher(cache), settings)
        ends.append(done.steps[-1].loss)
    assert ends[0] == pytest.approx(ends[1], rel=1e-5)


def test_a_teacher_says_the_same_whenever_it_is_asked() -> None:
    """Also one that was left in training mode, with dropout."""
    packed = pack(some_documents(), 32, 0)
    teacher = ModelTeacher(new_model("gpt2", SIZE).train())
    first, second = (teacher.ask(packed)(slice(None)) for _ in range(2))
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    assert torch.equal(first, second)
    assert not any(weight.requires_grad for weight in teacher.model.parameters())


def attention_of_single_sequences(
    _: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    __: torch.Tensor | None,
    *,
    position_ids: torch.Tensor,
    **options: float,
) -> tuple[torch.Tensor, None]:
    """Attention that heeds documents where `_is_packed_sequence` does, as flash attention."""
    groups, places = query.shape[1] // key.shape[1], query.shape[2]
    seen = torch.ones(1, places, places, dtype=torch.bool).tril()
    if _is_packed_sequence(position_ids, len(query)):  # type: ignore[no-untyped-call]
        document = (position_ids == 0).cumsum(-1)
        seen = seen & (document[:, :, None] == document[:, None, :])
    said = functional.scaled_dot_product_attention(
        query,
        key.repeat_interleave(groups, 1),
        value.repeat_interleave(groups, 1),
        seen[:, None],
        scale=options["scaling"],
    )
    return said.transpose(1, 2).contiguous(), None


def test_attention_that_heeds_documents_in_single_sequences_alone_is_refused() -> None:
    AttentionInterface.register("single", attention_of_single_sequences)
    AttentionMaskInterface.register("single", flash_attention_mask)
    model = new_model("llama", SIZE)
    refuse_unpackable(model)
    model.set_attn_implementation("single")
    with pytest.raises(UsageError, match='attn_implementation="sdpa"'):
        refuse_unpackable(model)


def test_a_student_made_of_a_teacher_learns() -> None:
    model, packed = new_model("llama", SIZE), pack(some_documents(), 32, 0)
    teacher = ModelTeacher(model)
    student = drop_layers(model, 1)
    before = weights(student)
    train_language_model(student, packed, teacher, SETTINGS)
    assert not any(torch.equal(before[name], value) for name, value in weights(student).items())
    with pytest.raises(UsageError, match="make the student of a copy"):
        train_language_model(model, packed, teacher, SETTINGS)


def test_padding_of_a_vocabulary_has_no_part() -> None:
    """A student of 64 logits, a teacher of 72, of which 60 are tokens."""
    packed = pack(some_documents(), 32, 0)
    teacher = ModelTeacher(new_model("llama", 72), vocabulary=SIZE)
    student = new_model("llama", 64, spread=0.05)
    before = student.lm_head.weight[SIZE:].detach().clone()
    settings = LanguageSettings(most_steps=2, precision="float32", weight_decay=0.0)
    train_language_model(student, packed, teacher, settings)
    assert torch.equal(student.lm_head.weight[SIZE:], before)
    with pytest.raises(UsageError, match="72 tokens and the student has 64"):
        train_language_model(student, packed, ModelTeacher(new_model("llama", 72)), settings)


def test_tied_embeddings_are_saved_once(tmp_path: Path) -> None:
    packed = pack(some_documents(), 32, 0)
    ends = []
    for stopped in (False, True):
        student = student_of()
        student.config.tie_word_embeddings = True
        student.tie_weights()

        def stop(step: TrainingStep, _: int, *, now: bool = stopped) -> None:
            if now and step.number == 4:
                raise KeyboardInterrupt

        try:
            place = tmp_path / str(stopped)
            train_language_model(student, packed, settings=SETTINGS, folder=place, tell=stop)
        except KeyboardInterrupt:
            again = student_of()
            again.config.tie_word_embeddings = True
            again.tie_weights()
            train_language_model(again, packed, settings=SETTINGS, folder=place)
            student = again
        assert student.lm_head.weight is student.model.embed_tokens.weight
        ends.append(weights(student))
    assert same(*ends)


@pytest.mark.parametrize("kind", ["gpt2", "qwen2", "mistral"])
def test_models_that_keep_documents_apart_are_taken(kind: str) -> None:
    done = train_language_model(
        new_model(kind, SIZE), pack(some_documents(), 32, 0), settings=SETTINGS
    )
    assert len(done.steps) > 2


@pytest.mark.parametrize("kind", ["mamba", "gemma2", "bloom"])
def test_models_that_cannot_be_packed_or_halved_are_refused(kind: str) -> None:
    with pytest.raises(UsageError, match="take a model of the Llama"):
        train_language_model(
            new_model(kind, SIZE), pack(some_documents(), 32, 0), settings=SETTINGS
        )


def test_a_token_that_is_not_in_the_vocabulary_is_refused(tmp_path: Path) -> None:
    packed = pack([Document([1, 2, SIZE - 1], [False, True, True])], 4, 0)
    few = ModelTeacher(new_model("llama", SIZE), SIZE - 1, fingerprint="it")
    cache = DistributionCache(tmp_path, teacher="it", vocabulary=SIZE - 1, settings=TopTokens(10))
    for use in (
        lambda: train_language_model(student_of(), packed, few, SETTINGS),
        lambda: train_language_model(student_of(), packed, vocabulary=SIZE - 1),
        lambda: cross_entropy(student_of(), packed, vocabulary=SIZE - 1),
        lambda: fill_cache(cache, packed, few),
    ):
        with pytest.raises(UsageError, match=f"token {SIZE - 1} and the vocabulary {SIZE - 1}"):
            use()


def test_weights_of_a_short_type_do_not_learn() -> None:
    student = student_of().bfloat16()
    with pytest.raises(UsageError, match=r"bfloat16, expected float32.*dtype='float32'"):
        train_language_model(student, pack(some_documents(), 32, 0))


def test_a_loss_that_ends_is_told() -> None:
    student = student_of()
    with torch.no_grad():
        student.model.norm.weight.fill_(float("nan"))
    with pytest.raises(UsageError):
        train_language_model(student, pack(some_documents(), 32, 0), settings=SETTINGS)


_SHARED = """
import sys, torch
from locum.language import LanguageSettings, ModelTeacher, pack, train_language_model
from tests.test_language_training import some_documents, student_of, SIZE
from tests.tiny_model import new_model
student = student_of()
settings = LanguageSettings(epochs=1, sequences_per_step=5, sequences_per_pass=2,
                            precision="float32", save_every=2, most_steps=3)
done = train_language_model(student, pack(some_documents(), 32, 0),
                            ModelTeacher(new_model("llama", SIZE)), settings,
                            folder=__import__("pathlib").Path(sys.argv[1]))
if int(__import__("os").environ.get("RANK", 0)) == 0:
    torch.save([{n: p.detach() for n, p in student.named_parameters()}, done.steps[-1].loss],
               sys.argv[2])
"""


_SHARDED = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from locum.errors import UsageError
from locum.language import LanguageLoss, LanguageSettings, ModelTeacher, TrainingStep, pack
from locum.language.checkpoints import Checkpoints, Identity, whole_weights
from locum.language.run import refuse_shared_out
from locum.language.student_step import StudentStep
from tests.test_language_training import SIZE, some_documents, student_of
from tests.tiny_model import new_model

dist.init_process_group("gloo")
rank, mesh = dist.get_rank(), init_device_mesh("cpu", (2,))
packed = pack(some_documents(), 32, 0).some(slice(8))
teacher = ModelTeacher(new_model("llama", SIZE))
whole = StudentStep(student_of(), SIZE, LanguageLoss(), "float32")
whole(packed, teacher.ask(packed), packed.rows).backward()
step = StudentStep(student_of(), SIZE, LanguageLoss(), "float32")
for layer in step.student.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(step, mesh=mesh)
refuse_shared_out(step, LanguageSettings())
try:
    refuse_shared_out(step, LanguageSettings(on_policy_share=0.5))
    raise AssertionError
except UsageError:
    pass
mine = packed.some(slice(4 * rank, 4 * rank + 4))
step(mine, teacher.ask(mine), packed.rows / 2).backward()
expected = dict(whole.named_parameters())
for name, parameter in step.named_parameters():
    torch.testing.assert_close(parameter.grad.full_tensor(), expected[name].grad)
optimizer = torch.optim.AdamW(step.parameters(), lr=1e-2)
optimizer.step()
identity = Identity({}, "student", "texts", "held out", SIZE, "teacher", 2)
checkpoints = Checkpoints(Path(sys.argv[1]), identity)
done = [TrainingStep(1, 1, 1.0, None, 1.0, 1.0)]
checkpoints.save(step, optimizer, done, writes=rank == 0)
dist.barrier()
before = {name: value.full_tensor().clone() for name, value in step.named_parameters()}
optimizer.step()
assert checkpoints.load(step, optimizer) == done
after = {name: value.full_tensor() for name, value in step.named_parameters()}
assert all(torch.equal(before[name], after[name]) for name in before)
saved = whole_weights(step)
assert saved.keys() >= before.keys() if rank == 0 else not saved
dist.barrier()
dist.destroy_process_group()
"""


def run_in_processes(folder: Path, processes: int, script: str, *arguments: Path) -> None:
    path = folder / "script.py"
    path.write_text(script)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--local-addr", "127.0.0.1", "--nproc-per-node", str(processes)]
    environment = os.environ | {
        "PYTHONPATH": f"{Path.cwd() / 'src'}:{Path.cwd()}",
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(
        [*launch, str(path), *map(str, arguments)],
        capture_output=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_student_that_is_shared_out_learns_as_a_whole_one(tmp_path: Path) -> None:
    """FSDP: gradients, checkpoints and the weights that are saved."""
    run_in_processes(tmp_path, 2, _SHARDED, tmp_path / "checkpoints")


def test_processes_that_share_a_training_end_as_one(tmp_path: Path) -> None:
    run_in_processes(tmp_path, 2, _SHARED, tmp_path / "checkpoints", tmp_path / "end.pt")
    shared, loss = torch.load(tmp_path / "end.pt")
    student = student_of()
    settings = LanguageSettings(
        sequences_per_step=5, sequences_per_pass=2, precision="float32", most_steps=3
    )
    teacher = ModelTeacher(new_model("llama", SIZE))
    done = train_language_model(student, pack(some_documents(), 32, 0), teacher, settings)
    for name, value in weights(student).items():
        torch.testing.assert_close(value, shared[name], rtol=1e-4, atol=1e-6)
    assert done.steps[-1].loss == pytest.approx(loss, rel=1e-5)
