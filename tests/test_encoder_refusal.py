"""Encoders of all kinds: those that work otherwise than BERT, and those that cannot be used."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoTokenizer, LongformerConfig, OPTConfig, OPTModel, ViTConfig
from transformers.models.auto.modeling_auto import AutoModel

from locum.errors import ArtefactError, UsageError
from locum.students.encoder import EncoderStudent
from locum.students.encoder_graph import compile_graph, export_graph
from locum.students.encoder_pooling import pooled
from locum.students.encoder_refusal import check_finite, refusing
from locum.students.encoder_session import EncoderSession
from locum.students.encoder_source import load_encoder
from locum.students.token_embeddings import load_token_embeddings
from tests.small_encoders import TEXTS, WORDS, save_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LABELS = np.repeat(np.eye(2), len(TEXTS) // 2, axis=0)
_CLASSES = ("good", "bad")
_LOADERS = (load_encoder, load_token_embeddings)


def test_an_encoder_whose_layers_share_weights_becomes_a_student(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "albert", "albert", layers=2)
    settings: dict[str, Any] = {"epochs": 6, "learning_rate": 3e-4}
    student = EncoderStudent(_CLASSES, str(folder), **settings).fit(TEXTS, _LABELS)
    assert student.epochs_ > 0
    assert student.quantised_agreement_ == 1
    proba = student.predict_proba(TEXTS)
    assert (proba.argmax(axis=1) == _LABELS.argmax(axis=1)).mean() > 0.9
    (tmp_path / "saved").mkdir()
    student.save(tmp_path / "saved")
    again = EncoderStudent.load(tmp_path / "saved")
    assert again.predict_proba(TEXTS).tobytes() == proba.tobytes()


def test_a_decoder_whose_products_are_fused_with_what_follows_is_loaded_again(
    tmp_path: Path,
) -> None:
    config = OPTConfig(
        vocab_size=len(WORDS) + 4,
        hidden_size=16,
        word_embed_proj_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=32,
        max_position_embeddings=40,
    )
    save_encoder(tmp_path / "opt", layers=1)
    OPTModel(config).save_pretrained(tmp_path / "opt")
    student = EncoderStudent(_CLASSES, str(tmp_path / "opt")).fit(TEXTS, _LABELS)
    (tmp_path / "saved").mkdir()
    student.save(tmp_path / "saved")
    again = EncoderStudent.load(tmp_path / "saved")
    assert again.predict_proba(TEXTS).tobytes() == student.predict_proba(TEXTS).tobytes()


def test_a_token_that_the_weights_do_not_know_is_plain_text(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "bert", layers=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    student = EncoderStudent(_CLASSES, str(folder)).fit(TEXTS, _LABELS)
    (tmp_path / "saved").mkdir()
    student.save(tmp_path / "saved")
    assert len(EncoderStudent.load(tmp_path / "saved").predict(["a film <image>"])) == 1


def test_a_tokenizer_of_more_tokens_than_weights_is_refused(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "bert", layers=1)
    other = save_encoder(tmp_path / "other", layers=1, words=[*WORDS, "more"])
    shutil.copy(other / "tokenizer.json", folder)
    with pytest.raises(UsageError, match=f"a token {len(WORDS) + 4}, and its weights know"):
        load_encoder(str(folder))


def test_rounding_shared_layers_keeps_embeddings_close(tmp_path: Path) -> None:
    encoder = load_encoder(str(save_encoder(tmp_path / "albert", "albert", layers=2)))
    rows = [np.array(row) for row in ([2, 7, 3], [2, 9, 15, 8, 3], [2, 3])]
    exported = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    graph = compile_graph(exported, "int8", rows)
    kinds = Counter(node.op_type for node in graph.graph.node)
    # Six in each layer and one after the embeddings; those alone on their input are fused with it.
    assert kinds["MatMulIntegerToFloat"] + kinds["DynamicQuantizeMatMul"] == 2 * 6 + 1
    found = EncoderSession(graph.SerializeToString()).embed(rows)
    with torch.no_grad():
        expected = [
            pooled(encoder.model, encoder.pooling, torch.tensor(row[None]), None).numpy()
            for row in rows
        ]
    # Each of two layers has length 1.
    assert (found * np.concatenate(expected)).sum(axis=1).min() / 2 > 0.98


def _save_model(folder: Path, config: LongformerConfig | ViTConfig) -> Path:
    """A model of another kind, with the tokenizer of a small encoder."""
    make: Callable[..., Any] = AutoModel.from_config
    save_encoder(folder, layers=1)
    make(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_an_encoder_that_torch_cannot_export_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = LongformerConfig(
        vocab_size=4 + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        attention_window=8,
    )
    folder = _save_model(tmp_path / "longformer", config)
    with pytest.raises(
        UsageError, match=r"longformer' cannot be exported: .*expected one that.*take another"
    ):
        EncoderStudent(_CLASSES, str(folder)).fit(TEXTS, _LABELS)
    assert "def forward" not in capfd.readouterr().err


@pytest.mark.parametrize("load", _LOADERS)
def test_a_model_that_reads_no_text_is_refused(
    tmp_path: Path, load: Callable[[str], object]
) -> None:
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=8,
        patch_size=4,
    )
    folder = _save_model(tmp_path / "vit", config)
    with pytest.raises(UsageError, match="it reads pixel_values, not tokens of a text"):
        load(str(folder))


@pytest.mark.parametrize("load", _LOADERS)
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, load: Callable[[str], object]
) -> None:
    folder = save_encoder(tmp_path / "broken", layers=1)
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][:] = np.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=r"broken' cannot be loaded: .*weights are not finite"):
        load(str(folder))


def test_vectors_that_are_not_finite_are_refused() -> None:
    vectors = np.ones((3, 4), np.float32)
    check_finite("x", vectors)
    vectors[1, 2] = np.inf
    with pytest.raises(UsageError, match="encoder 'x' gives numbers that are not finite"):
        check_finite("x", vectors)


@pytest.mark.parametrize("load", _LOADERS)
def test_weights_in_a_pickle_are_refused_and_not_read(
    tmp_path: Path, load: Callable[[str], object]
) -> None:
    folder = save_encoder(tmp_path / "pickled", layers=1)
    weights = {
        name: torch.from_numpy(array)
        for name, array in load_file(folder / "model.safetensors").items()
    }
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"pickled' cannot be loaded: .*model\.safetensors"):
        load(str(folder))


_OWN_CODE = """
from pathlib import Path
from transformers import BertConfig, BertModel
Path({sprung!r}).touch()
class OwnConfig(BertConfig):
    model_type = "own"
class OwnModel(BertModel):
    config_class = OwnConfig
"""


@pytest.mark.parametrize("kind", ["own", "bert"])
@pytest.mark.parametrize("load", _LOADERS)
def test_code_in_a_folder_is_not_run_though_the_keyboard_says_yes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Callable[[str], object],
    kind: str,
) -> None:
    folder = save_encoder(tmp_path / "own", layers=1)
    config = (folder / "config.json").read_text("utf-8")
    own = '"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}'
    config = config.replace('"model_type": "bert"', f'"model_type": "{kind}", {own}')
    (folder / "config.json").write_text(config, "utf-8")
    sprung = tmp_path / "sprung"
    (folder / "own.py").write_text(_OWN_CODE.format(sprung=str(sprung)), "utf-8")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    # Where transformers knows the kind, its own class is taken.
    refused = pytest.raises(UsageError, match="own' cannot be loaded")
    with refused if kind == "own" else nullcontext():
        load(str(folder))
    assert not sprung.exists()


def test_what_onnxruntime_raises_becomes_a_refusal() -> None:
    refused = pytest.raises(UsageError, match="encoder 'x' cannot be compiled: InvalidProtobuf")
    with refused as seen, refusing("x", "compiled"):
        onnxruntime.InferenceSession(b"garbage", providers=["CPUExecutionProvider"])
    assert type(seen.value.__cause__).__name__ == "InvalidProtobuf"


def test_a_refusal_names_the_first_cause_in_one_line() -> None:
    refused = pytest.raises(UsageError, match=r"exported: ValueError: first; expected one")
    with refused, refusing("x", "exported"):
        raise RuntimeError("second") from ValueError("first\nand more")


@pytest.mark.parametrize("error", [ArtefactError("as it is"), KeyboardInterrupt()])
def test_own_errors_and_the_end_of_a_run_pass_as_they_are(error: BaseException) -> None:
    with pytest.raises(type(error)) as seen, refusing("x", "compiled"):
        raise error
    assert seen.value is error
