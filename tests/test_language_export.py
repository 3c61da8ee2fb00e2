"""Language models as files that other programs read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Regex, pre_tokenizers
from transformers import GPT2Config, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM
from transformers.models.auto.tokenization_auto import AutoTokenizer
from typer.testing import CliRunner

from locum.cli.app import app
from locum.errors import UsageError
from locum.language.export import save_folder, save_gguf
from locum.teachers.pretrained import Pretrained
from tests.tiny_model import CHATML, byte_level_tokenizer, metaspace_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

TEXT = "my card arrives in 1999, été  日本"
SPARE = 3
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
CONFIGS: dict[str, Callable[..., PreTrainedConfig]] = {
    "llama": lambda **more: LlamaConfig(**_SIZES | more),
    "qwen2": lambda **more: Qwen2Config(**_SIZES | more),
    "qwen3": lambda **more: Qwen3Config(**_SIZES | {"head_dim": 128} | more),
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_level_tokenizer()


def make(kind: str, tokenizer: PreTrainedTokenizerFast, **more: object) -> PreTrainedModel:
    """A model with random weights and some tokens more than its tokenizer."""
    torch.manual_seed(0)
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    config = CONFIGS[kind](vocab_size=len(tokenizer) + SPARE, **more)
    model = build(config)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data.normal_(1, 0.3)
    return model


def load(file: Path) -> PreTrainedModel:
    """The file as transformers reads it, with rounded numbers made whole again."""
    read: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_pretrained
    return read(file.parent, gguf_file=file.name, dtype=torch.float32)


def logits(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.tensor([ids])).logits
    return found


def step(tensor: torch.Tensor, kind: str) -> torch.Tensor:
    """How far apart two neighbouring numbers are that a type can hold, at each number."""
    # The scale itself is in half precision, so that 127 steps of it may be a sixteenth off.
    if kind == "q8_0" and tensor.ndim == 2:  # blocks of 32 share their scale
        scales = tensor.reshape(-1, 32).abs().amax(1, keepdim=True) / 127
        return scales.expand(-1, 32).reshape(tensor.shape)
    digits = {"f16": 2**-10, "bf16": 2**-7}.get(kind, 0.0) if tensor.ndim == 2 else 0.0
    return tensor.abs() * digits


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", sorted(CONFIGS))
@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "q8_0"])
def test_a_gguf_file_holds_the_model_but_for_its_rounding(
    kind: str, architecture: str, tokenizer: PreTrainedTokenizerFast, *, tied: bool, tmp_path: Path
) -> None:
    model = make(architecture, tokenizer, tie_word_embeddings=tied)
    save_gguf(model, tokenizer, tmp_path / "model.gguf", kind)
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]
    loaded = load(tmp_path / "model.gguf")
    ids = tokenizer(TEXT).input_ids
    if kind == "f32":
        torch.testing.assert_close(logits(loaded, ids), logits(model, ids))
    found = dict(loaded.named_parameters())
    assert dict(model.named_parameters()).keys() == found.keys()
    for name, parameter in model.named_parameters():
        error = (found[name] - parameter).abs()
        assert (error <= 0.57 * step(parameter, kind) + 1e-7).all(), name
        parameter.data = found[name].data
    torch.testing.assert_close(logits(loaded, ids), logits(model, ids))


def test_what_is_read_is_written_again_the_same(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    save_gguf(make("llama", tokenizer), tokenizer, tmp_path / "model.gguf", "q8_0")
    (tmp_path / "again").mkdir()
    save_gguf(load(tmp_path / "model.gguf"), tokenizer, tmp_path / "again" / "model.gguf", "q8_0")
    files = [gguf.GGUFReader(tmp_path / place) for place in ("model.gguf", "again/model.gguf")]
    first, second = ({t.name: t for t in file.tensors} for file in files)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.tensor_type == second[name].tensor_type
        np.testing.assert_array_equal(tensor.data, second[name].data)


def test_the_tokenizer_comes_back(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    model = make("llama", tokenizer)
    save_gguf(model, tokenizer, tmp_path / "model.gguf")
    read: Callable[..., Any] = AutoTokenizer.from_pretrained
    again = read(tmp_path, gguf_file="model.gguf")
    for text in (TEXT, "<|im_start|>user\nété<|im_end|>\n", ""):
        assert again(text).input_ids == tokenizer(text).input_ids
    assert again.eos_token == tokenizer.eos_token
    assert again.chat_template == CHATML
    fields = gguf.GGUFReader(tmp_path / "model.gguf").fields
    kinds = fields["tokenizer.ggml.token_type"].contents()
    assert kinds[:2] == [gguf.TokenType.CONTROL] * 2
    assert kinds[2:-SPARE] == [gguf.TokenType.NORMAL] * (len(tokenizer) - 2)
    assert kinds[-SPARE:] == [gguf.TokenType.UNUSED] * SPARE


@pytest.mark.parametrize("kind", ["q4_0", "q5_1"])
def test_coarse_types_keep_the_embeddings_fine(
    kind: str, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    save_gguf(make("qwen2", tokenizer), tokenizer, tmp_path / "model.gguf", kind)
    types = {
        tensor.name: tensor.tensor_type.name.lower()
        for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors
    }
    assert {types[name] for name in ("token_embd.weight", "output.weight")} == {"q8_0"}
    assert types["blk.1.ffn_down.weight"] == kind
    assert types["blk.1.attn_q.bias"] == types["output_norm.weight"] == "f32"


def test_rows_that_do_not_divide_into_blocks_stay_in_half_precision(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    model = make("llama", tokenizer, intermediate_size=40)
    save_gguf(model, tokenizer, tmp_path / "model.gguf", "q8_0")
    types = {
        tensor.name: tensor.tensor_type.name
        for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors
    }
    assert types["blk.0.ffn_down.weight"] == "F16"
    assert types["blk.0.ffn_up.weight"] == "Q8_0"
    found = dict(load(tmp_path / "model.gguf").named_parameters())
    name = "model.layers.0.mlp.down_proj.weight"
    torch.testing.assert_close(found[name], model.get_parameter(name).half().float())


ROPE: dict[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


@pytest.mark.parametrize("whole", [True, False])
def test_stretched_positions_are_read(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, *, whole: bool
) -> None:
    model = make("llama", tokenizer, rope_parameters=ROPE)
    save_gguf(model, tokenizer, tmp_path / "m.gguf", "f32")
    loaded = Pretrained(tmp_path / "m.gguf").load("float32", "cpu", whole=whole)
    assert loaded.config.rope_parameters == ROPE
    ids = tokenizer(TEXT).input_ids
    torch.testing.assert_close(logits(loaded, ids), logits(model, ids))


def test_positions_that_are_stretched_otherwise_are_refused(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    save_gguf(make("llama", tokenizer, rope_parameters=ROPE), tokenizer, tmp_path / "m.gguf")
    reader = gguf.GGUFReader(tmp_path / "m.gguf", "r+")
    (factors,) = (one.data for one in reader.tensors if one.name == "rope_freqs.weight")
    factors[-2] *= 3
    reader.data.flush()
    with pytest.raises(UsageError, match=r"m.gguf holds rope_freqs.weight of another kind"):
        Pretrained(tmp_path / "m.gguf").load("float32", "cpu")


def test_stretched_positions_are_written_as_factors(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    save_gguf(make("llama", tokenizer, rope_parameters=ROPE), tokenizer, tmp_path / "m.gguf")
    (found,) = (
        tensor.data
        for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors
        if tensor.name == "rope_freqs.weight"
    )
    # Llama 3.1's rule: waves under 16/4 tokens stay, over 16/1 are 8 times as long, else between.
    waves = 2 * np.pi * 10000.0 ** (np.arange(8) / 8)
    share = np.clip((16 / waves - 1) / (4 - 1), 0, 1)
    np.testing.assert_allclose(found, 1 / ((1 - share) / 8 + share), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}, "linear"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
    ],
)
def test_models_that_the_file_could_not_tell_apart_are_refused(
    change: dict[str, Any], said: str, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        save_gguf(make("llama", tokenizer, **change), tokenizer, tmp_path / "model.gguf")
    sliding = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
    with pytest.raises(UsageError, match="sliding_attention"):
        save_gguf(make("qwen2", tokenizer, **sliding), tokenizer, tmp_path / "model.gguf")
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    other = build(GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2))
    with pytest.raises(UsageError, match="family 'gpt2'"):
        save_gguf(other, tokenizer, tmp_path / "model.gguf")
    assert list(tmp_path.iterdir()) == []


def test_tokenizers_that_the_file_could_not_describe_are_refused(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    model = make("llama", tokenizer)
    file = tmp_path / "model.gguf"
    with pytest.raises(UsageError, match="no byte-level BPE"):
        save_gguf(model, metaspace_tokenizer(), file)
    with pytest.raises(UsageError, match="kind='q4_k'"):
        save_gguf(model, tokenizer, file, "q4_k")
    with pytest.raises(UsageError, match="cannot be written"):
        save_gguf(model, tokenizer, tmp_path / "nowhere" / "model.gguf")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(UsageError, match="say pre_tokenizer"):
        save_gguf(model, tokenizer, file)
    save_gguf(model, tokenizer, file, pre_tokenizer="gpt-2")
    assert gguf.GGUFReader(file).fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    tokenizer.add_tokens([f"<new {number}>" for number in range(SPARE + 1)])
    with pytest.raises(UsageError, match=rf"has token {len(tokenizer) - 1}.*only"):
        save_gguf(model, tokenizer, file, pre_tokenizer="gpt-2")


_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (None, "gpt-2"),
        (pre_tokenizers.Digits(individual_digits=True), "smollm"),
        (pre_tokenizers.Split(Regex(_WORDS + r"\p{N}" + _REST), "isolated"), "qwen2"),
        (pre_tokenizers.Split(Regex(_WORDS + r"\p{N}{1,3}" + _REST), "isolated"), "llama-bpe"),
    ],
)
def test_how_text_is_split_is_found(
    first: pre_tokenizers.PreTokenizer | None, name: str, tmp_path: Path
) -> None:
    tokenizer = byte_level_tokenizer()
    regex = not isinstance(first, pre_tokenizers.Split)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    parts = [first, letters] if first else [letters]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    save_gguf(make("llama", tokenizer), tokenizer, tmp_path / "model.gguf")
    found = gguf.GGUFReader(tmp_path / "model.gguf").fields["tokenizer.ggml.pre"].contents()
    assert found == name


def test_a_folder_appears_when_it_is_whole(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make("qwen2", tokenizer)

    def interrupt(folder: Path) -> None:
        assert (folder / "model.safetensors").exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tokenizer, "save_pretrained", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_folder(model, tokenizer, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    save_folder(model, tokenizer, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with pytest.raises(UsageError, match="model holds files already"):
        save_folder(model, tokenizer, tmp_path / "model")
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(UsageError, match="model cannot be written"):
        save_folder(model, tokenizer, tmp_path / "file" / "model")


def test_the_command_writes_both_kinds(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    model = make("qwen2", tokenizer)
    save_folder(model, tokenizer, tmp_path / "model")
    runner, folder = CliRunner(), str(tmp_path / "model")
    done = runner.invoke(
        app, ["export-lm", folder, "--to", str(tmp_path / "m.gguf"), "--type", "f32"]
    )
    assert f"{model.num_parameters():,} parameters" in done.stderr
    again = runner.invoke(
        app, ["export-lm", str(tmp_path / "m.gguf"), "--to", str(tmp_path / "again")]
    )
    assert (done.exit_code, again.exit_code) == (0, 0)
    upper = runner.invoke(app, ["export-lm", folder, "--to", str(tmp_path / "n.GGUF")])
    assert upper.exit_code == 0
    assert gguf.GGUFReader(tmp_path / "n.GGUF").tensors
    for name, kind in (("m.gguf", "file"), ("again", "folder")):
        before = runner.invoke(app, ["export-lm", folder, "--to", str(tmp_path / name)])
        assert isinstance(before.exception, UsageError)
        assert f"exists: expected the place of a {kind} to be made" in str(before.exception)
    refused = runner.invoke(app, ["export-lm", folder, "--to", "other", "--type", "f32"])
    assert isinstance(refused.exception, UsageError)
    assert "expected a file that ends in .gguf" in str(refused.exception)
    read: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_pretrained
    ids = tokenizer(TEXT).input_ids
    torch.testing.assert_close(
        logits(read(tmp_path / "again", dtype=torch.float32), ids),
        logits(model, ids),
        rtol=1e-4,
        atol=1e-4,
    )
