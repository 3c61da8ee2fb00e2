"""An encoder is distilled into a smaller one."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from transformers import T5Config
from transformers.models.auto.modeling_auto import AutoModel
from transformers.models.auto.tokenization_auto import AutoTokenizer

from locum.errors import UsageError
from locum.losses import relation_scores
from locum.students.encoder import EncoderStudent
from locum.students.encoder_pooling import pool
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.training import EncoderTraining, distil_encoder
from locum.training.initialisation import load_pair, match_layers
from locum.training.observing import EncoderObserver
from locum.training.token_batches import TokenBatches
from tests.small_encoders import TEXTS, WORDS, save_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locum.training.imitation import ImitationLoss
    from locum.training.token_batches import TokenBatch

    Load = Callable[..., Any]

LOSSES: list[ImitationLoss] = ["hidden", "cosine", "attention", "minilm", "relation"]
LABELS = np.repeat(np.eye(2), len(TEXTS) // 2, axis=0)
SHORT = EncoderTraining(epochs=4, learning_rate=3e-3, batch_size=16)
HEADS = 4


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "teacher")


@pytest.mark.parametrize(
    ("kind", "losses"),
    [
        *(("bert", {loss: 1.0}) for loss in LOSSES),
        *((kind, dict.fromkeys(LOSSES, 1.0)) for kind in ("roberta", "mpnet", "distilbert")),
    ],
)
def test_a_student_comes_to_imitate(
    tmp_path: Path, kind: str, losses: dict[ImitationLoss, float]
) -> None:
    place = save_encoder(tmp_path / "teacher", kind)
    found = distil_encoder(
        place,
        TEXTS,
        tmp_path / "student",
        layers=2,
        losses=losses,
        relation_heads=HEADS,
        training=SHORT,
    )
    assert found.losses[-1] < 0.8 * found.losses[0]
    assert not found.stopped
    assert found.steps == 4 * 4


@pytest.mark.parametrize("loss", LOSSES)
def test_a_whole_copy_has_nothing_to_learn(
    tmp_path: Path, teacher: Path, loss: ImitationLoss
) -> None:
    _without_dropout(teacher, tmp_path / "teacher")
    found = distil_encoder(
        tmp_path / "teacher",
        TEXTS,
        tmp_path / "student",
        layers=4,
        losses={loss: 1.0},
        relation_heads=8,
        training=EncoderTraining(epochs=1, learning_rate=1e-9),
    )
    assert found.losses[0] == pytest.approx(0, abs=1e-6)


def _without_dropout(encoder: Path, folder: Path) -> None:
    load: Load = AutoModel.from_pretrained
    model = load(encoder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((encoder / name).read_bytes())


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_observed_queries_and_keys_give_the_attention_maps(tmp_path: Path, kind: str) -> None:
    place = save_encoder(tmp_path / "encoder", kind)
    load: Load = AutoModel.from_pretrained
    slow, fast = (load(place, attn_implementation=way) for way in ("eager", "sdpa"))
    batch = next(_batches(place, ["the film was good", "we saw a very cold meal"], 2))
    expected = slow(**batch.tokens, output_attentions=True).attentions
    with EncoderObserver(fast, range(4)) as observer:
        observed = observer(batch.tokens)
    for layer, projections in observed.projections.items():
        scores = relation_scores(projections.query, projections.key, HEADS)
        scores = scores.masked_fill(~batch.mask[:, None, None, :], -torch.inf)
        real = batch.mask[:, None, :, None].expand_as(scores)
        torch.testing.assert_close(scores.softmax(-1)[real], expected[layer][real])


def test_the_observer_leaves_no_hook(teacher: Path) -> None:
    model = load_pair(teacher, layers=1).teacher
    with EncoderObserver(model, [0, 3]):
        assert sum(len(module._forward_hooks) for module in model.modules()) == 6  # noqa: SLF001
    assert not any(module._forward_hooks for module in model.modules())  # noqa: SLF001


def test_fused_projections_are_refused_with_the_cure(tmp_path: Path) -> None:
    place = save_encoder(tmp_path / "teacher", "modernbert")
    with pytest.raises(UsageError, match=r"ModernBertModel.*use hidden or cosine"):
        distil_encoder(place, TEXTS, tmp_path / "student", layers=2, losses={"attention": 1.0})
    found = distil_encoder(
        place, TEXTS, tmp_path / "student", layers=2, losses={"hidden": 1.0}, training=SHORT
    )
    assert found.losses[-1] < found.losses[0]


def test_a_narrower_student_is_compared_through_a_learned_map(
    tmp_path: Path, teacher: Path
) -> None:
    narrow = save_encoder(tmp_path / "narrow", layers=2, width=8, heads=2)
    found = distil_encoder(
        teacher,
        TEXTS,
        tmp_path / "student",
        student=narrow,
        losses={"hidden": 1.0, "cosine": 1.0, "relation": 1.0},
        relation_heads=2,
        training=SHORT,
    )
    assert found.losses[-1] < 0.8 * found.losses[0]
    assert json.loads((found.folder / "config.json").read_text("utf-8"))["hidden_size"] == 8


def test_a_student_learns_labels_besides(tmp_path: Path, teacher: Path) -> None:
    found = distil_encoder(
        teacher,
        TEXTS,
        tmp_path / "student",
        layers=2,
        losses={},
        soft_labels=LABELS,
        training=SHORT._replace(epochs=20, learning_rate=1e-2),
    )
    assert found.losses[-1] < 0.1 < np.log(2) * 0.8 < found.losses[0]
    # Its pooled states now lie on two sides; a linear rule through their means separates them.
    vectors = _pooled(found.folder)
    way = vectors[: len(TEXTS) // 2].mean(axis=0) - vectors[len(TEXTS) // 2 :].mean(axis=0)
    sides = (vectors - vectors.mean(axis=0)) @ way
    assert ((sides > 0) == (LABELS[:, 0] == 1)).all()


def test_losses_of_labels_and_imitation_add_up(tmp_path: Path, teacher: Path) -> None:
    _without_dropout(teacher, tmp_path / "teacher")

    def first_loss(name: str, **options: Any) -> float:  # noqa: ANN401 - arguments of any kind
        still = EncoderTraining(epochs=1, learning_rate=1e-9, batch_size=len(TEXTS))
        return distil_encoder(
            tmp_path / "teacher", TEXTS, tmp_path / name, layers=2, training=still, **options
        ).losses[0]

    labels = first_loss("labels", losses={}, soft_labels=LABELS, temperature=2.0)
    hidden = first_loss("hidden", losses={"hidden": 1.0})
    cosine = first_loss("cosine", losses={"cosine": 1.0})
    both = first_loss(
        "both", losses={"hidden": 0.5, "cosine": 3.0}, soft_labels=LABELS, temperature=2.0
    )
    assert both == pytest.approx(labels + 0.5 * hidden + 3 * cosine, rel=1e-5)


def _pooled(folder: Path) -> np.ndarray[Any, Any]:
    load: Load = AutoModel.from_pretrained
    batch = next(_batches(folder, TEXTS, len(TEXTS)))
    with torch.no_grad():
        hidden = load(folder)(**batch.tokens).last_hidden_state
    return pool(hidden, batch.mask, "mean").numpy()[np.argsort(batch.rows)]


def _batches(
    encoder: Path, texts: list[str], size: int, most_tokens: int = 40
) -> Iterator[TokenBatch]:
    reader = TokenReader((encoder / "tokenizer.json").read_bytes(), most_tokens)
    return TokenBatches(reader, texts, size, "cpu").shuffled(np.random.default_rng(0))


def test_a_seed_gives_the_same_bytes(tmp_path: Path, teacher: Path) -> None:
    def weights(name: str, seed: int) -> bytes:
        training = EncoderTraining(epochs=1, seed=seed)
        options: dict[str, Any] = {"losses": {"hidden": 1.0}, "soft_labels": LABELS}
        found = distil_encoder(
            teacher, TEXTS, tmp_path / name, layers=2, training=training, **options
        )
        return (found.folder / "model.safetensors").read_bytes()

    first = weights("first", 1)
    torch.rand(3)
    assert weights("second", 1) == first
    assert weights("third", 2) != first


def test_random_numbers_and_threads_are_left_as_they_were(tmp_path: Path, teacher: Path) -> None:
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    distil_encoder(teacher, TEXTS, tmp_path / "student", layers=2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_no_time_leaves_the_layers_that_were_kept(tmp_path: Path, teacher: Path) -> None:
    said: list[str] = []
    found = distil_encoder(
        teacher,
        TEXTS,
        tmp_path / "student",
        layers=2,
        training=EncoderTraining(seconds=0),
        progress=said.append,
    )
    assert (found.losses, found.steps, found.stopped) == ([], 0, True)
    assert said == ["time is up after 0 steps, in epoch 1 of 3"]
    kept, given = (
        load_file(folder / "model.safetensors") for folder in (tmp_path / "student", teacher)
    )
    # Of layers 0 to 3 the first and the last.
    last = "encoder.layer.{}.output.dense.weight"
    np.testing.assert_array_equal(kept[last.format(0)], given[last.format(0)])
    np.testing.assert_array_equal(kept[last.format(1)], given[last.format(3)])
    assert last.format(2) not in kept


def test_progress_tells_each_epoch(tmp_path: Path, teacher: Path) -> None:
    said: list[str] = []
    found = distil_encoder(teacher, TEXTS, tmp_path / "student", layers=2, progress=said.append)
    assert said == [
        f"epoch {epoch} of 3: loss {loss:.4g}" for epoch, loss in enumerate(found.losses, 1)
    ]


def test_a_student_is_a_teacher_in_its_turn(tmp_path: Path) -> None:
    teacher = save_encoder(tmp_path / "teacher")
    (teacher / "1_Pooling").mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (teacher / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    kind = "sentence_transformers.models.Pooling"
    modules = [{"type": kind, "path": "1_Pooling"}]
    (teacher / "modules.json").write_text(json.dumps(modules), "utf-8")
    first = distil_encoder(teacher, TEXTS, tmp_path / "first", layers=2).folder
    second = distil_encoder(first, TEXTS, tmp_path / "second", layers=1).folder
    assert load_encoder(str(second)).pooling == "cls"
    assert {path.name for path in second.iterdir()} >= {
        "1_Pooling",
        "config.json",
        "model.safetensors",
        "modules.json",
        "tokenizer.json",
    }
    kinds = [module["type"] for module in json.loads((second / "modules.json").read_text("utf-8"))]
    assert [kind.rpartition(".")[2] for kind in kinds] == ["Transformer", "Pooling"]


@pytest.mark.slow
def test_the_encoder_family_takes_what_is_saved(tmp_path: Path, teacher: Path) -> None:
    folder = distil_encoder(teacher, TEXTS, tmp_path / "student", layers=2, training=SHORT).folder
    family = EncoderStudent(("good", "bad"), encoder=str(folder), epochs=0)
    judged = family.fit(TEXTS, LABELS).predict_proba(TEXTS)
    assert (judged.argmax(axis=1) == LABELS.argmax(axis=1)).mean() > 0.9


def test_odd_texts_are_read(tmp_path: Path, teacher: Path) -> None:
    odd = ["", "  ", "\ud800", "a\0b", "👍🏽", "שלום", "good " * 100_000]
    found = distil_encoder(teacher, odd, tmp_path / "student", layers=1)
    assert np.isfinite(found.losses).all()


def test_batches_hold_each_text_once(teacher: Path) -> None:
    load: Load = AutoTokenizer.from_pretrained
    tokenizer = load(teacher)
    batches = list(_batches(teacher, TEXTS, 5, most_tokens=6))
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == list(
        range(len(TEXTS))
    )
    for batch in batches:
        texts = [TEXTS[row] for row in batch.rows]
        expected = tokenizer(
            texts, padding=True, truncation=True, max_length=6, return_tensors="pt"
        )
        assert torch.equal(batch.tokens["input_ids"], expected["input_ids"])
        assert torch.equal(batch.mask, expected["attention_mask"].bool())


@pytest.mark.parametrize(
    ("teacher_layers", "student_layers", "expected"),
    [(6, 3, [0, 2, 4, 6]), (12, 4, [0, 3, 6, 9, 12]), (6, 4, [0, 2, 3, 4, 6]), (5, 1, [0, 5])],
)
def test_layers_are_matched_by_depth(
    teacher_layers: int, student_layers: int, expected: list[int]
) -> None:
    assert match_layers(teacher_layers, student_layers) == expected


@given(st.integers(1, 48), st.data())
def test_matched_layers_rise_from_first_to_last(teacher_layers: int, data: st.DataObject) -> None:
    matched = match_layers(teacher_layers, data.draw(st.integers(1, teacher_layers)))
    assert (matched[0], matched[-1]) == (0, teacher_layers)
    assert (np.diff(matched) > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "layers=None, student=None: expected one of the two"),
        ({"layers": 2, "student": "x"}, "expected one of the two"),
        ({"layers": 5}, "layers=5: expected 1 to 4"),
        ({"layers": 2, "losses": {"hiden": 1.0}}, "'hiden' with weight 1.0: expected hidden, "),
        ({"layers": 2, "losses": {"hidden": -1.0}}, "'hidden' with weight -1.0"),
        ({"layers": 2, "losses": {}}, "nothing to learn"),
        ({"layers": 2, "losses": {"relation": 1.0}, "relation_heads": 3}, "a divisor of both"),
        ({"layers": 2, "soft_labels": LABELS[1:]}, r"shape \(63, 2\): expected \[64, C\]"),
        ({"layers": 2, "soft_labels": LABELS * np.nan}, "expected finite probabilities"),
        ({"layers": 2, "soft_labels": LABELS - 1}, "expected finite probabilities"),
        ({"layers": 2, "soft_labels": LABELS * 0}, "of text 1: expected finite"),
        ({"layers": 2, "temperature": 0.0}, "temperature=0.0: expected a positive number"),
        ({"layers": 2, "training": EncoderTraining(epochs=0)}, "epochs=0"),
        ({"layers": 2, "training": EncoderTraining(seconds=-1.0)}, "seconds=-1.0: expected None"),
        ({"layers": 2, "training": EncoderTraining(learning_rate=np.nan)}, "learning_rate=nan"),
        ({"layers": 2, "training": EncoderTraining(learning_rate=1e20)}, "the loss became"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, teacher: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        distil_encoder(teacher, TEXTS, tmp_path / "student", **options)


def test_no_texts_are_refused(tmp_path: Path, teacher: Path) -> None:
    with pytest.raises(UsageError, match="there are none to learn from"):
        distil_encoder(teacher, [], tmp_path / "student", layers=2)


def test_one_text_is_no_list_of_texts(tmp_path: Path, teacher: Path) -> None:
    with pytest.raises(UsageError, match="is one text: give a list"):
        distil_encoder(teacher, "one text", tmp_path / "student", layers=2)


def test_soft_labels_may_be_a_list(tmp_path: Path, teacher: Path) -> None:
    lists: Any = LABELS.tolist()
    with pytest.raises(UsageError, match=r"soft_labels of shape .*expected .\d+, C"):
        distil_encoder(teacher, TEXTS, tmp_path / "student", layers=2, soft_labels=lists[1:])


def test_students_of_another_kind_are_refused(tmp_path: Path, teacher: Path) -> None:
    foreign = save_encoder(tmp_path / "foreign", layers=2, words=WORDS[:-1])
    deep = save_encoder(tmp_path / "deep", layers=5)
    headed = save_encoder(tmp_path / "headed", layers=2, heads=2)
    for student, message in (
        (foreign, "another vocabulary"),
        (deep, "the student has 5 layers, the teacher 4"),
        (headed, "the student has 2 attention heads, the teacher 4.*use relation"),
    ):
        with pytest.raises(UsageError, match=message):
            distil_encoder(
                teacher, TEXTS, tmp_path / "student", student=student, losses={"minilm": 1.0}
            )


def test_a_folder_with_files_is_left_alone(tmp_path: Path, teacher: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="holds files already"):
        distil_encoder(teacher, TEXTS, tmp_path, layers=2)


def test_what_is_no_encoder_is_refused(tmp_path: Path, teacher: Path) -> None:
    empty, garbled = tmp_path / "empty", tmp_path / "garbled"
    empty.mkdir()
    garbled.mkdir()
    for path in teacher.glob("*.json"):
        (garbled / path.name).write_bytes(path.read_bytes())
    (garbled / "model.safetensors").write_bytes(b"\xff" * 64)
    for place in (empty, garbled):
        with pytest.raises(
            UsageError, match=r"cannot be loaded: .*; expected a folder that holds an encoder"
        ):
            distil_encoder(place, TEXTS, tmp_path / "student", layers=2)


def test_a_teacher_in_short_numbers_gives_a_student_in_long_ones(
    tmp_path: Path, teacher: Path
) -> None:
    load: Load = AutoModel.from_pretrained
    load(teacher).half().save_pretrained(tmp_path / "half")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "half" / name).write_bytes((teacher / name).read_bytes())
    folder = distil_encoder(tmp_path / "half", TEXTS, tmp_path / "student", layers=2).folder
    kinds = {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}
    assert kinds == {np.dtype(np.float32)}


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path, teacher: Path) -> None:
    make: Load = AutoModel.from_config
    config = T5Config(vocab_size=40, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    make(config).save_pretrained(tmp_path / "both")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "both" / name).write_bytes((teacher / name).read_bytes())
    with pytest.raises(UsageError, match="it is an encoder with a decoder"):
        distil_encoder(tmp_path / "both", TEXTS, tmp_path / "student", layers=1)


def test_a_missing_extra_names_its_command(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"pip install 'locum\[encoder\]'"):
        distil_encoder(teacher, TEXTS, tmp_path / "student", layers=2)
