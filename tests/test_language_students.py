"""Smaller language models that are made of a larger one: fewer layers, fewer channels."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    Glm4MoeConfig,
    GPT2Config,
    Llama4TextConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    SmolLM3Config,
)
from transformers.integrations.gguf.utils import GgufLinear
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from locum.errors import UsageError
from locum.language.export import save_gguf
from locum.language.layers import block_influence, drop_layers, most_influential
from locum.language.origin import Origin, make_student
from locum.language.plain import as_plain
from locum.language.width import measure_importance, prune_width
from locum.students.encoder_layers import keep_layers
from tests.tiny_model import byte_level_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedModel

_SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
CONFIGS: dict[str, Callable[..., PreTrainedConfig]] = {
    "llama": lambda **more: LlamaConfig(**_SIZES | more),
    "llama with biases": lambda **more: LlamaConfig(
        attention_bias=True, mlp_bias=True, **_SIZES | more
    ),
    "mistral": lambda **more: MistralConfig(**_SIZES | more),
    "qwen2": lambda **more: Qwen2Config(
        **_SIZES | more, use_sliding_window=True, sliding_window=4, max_window_layers=2
    ),
    "qwen3": lambda **more: Qwen3Config(**_SIZES | more),
    "smollm3": lambda **more: SmolLM3Config(
        **_SIZES | more, no_rope_layers=[1, 0, 1, 0], use_sliding_window=False
    ),
}
KINDS = sorted(CONFIGS)
IDS_SL = torch.arange(24).view(2, 12) * 7 % 49 + 1


def make(kind: str, **more: object) -> PreTrainedModel:
    """A model with random weights, biases and norms among them."""
    torch.manual_seed(0)
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    model = build(CONFIGS[kind](**more))
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            parameter.data.normal_(mean=float("norm" in name), std=0.3)
    model.train(mode=False)
    return model


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS_SL).logits
    return found


def reload(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The model as anyone would load it."""
    model.save_pretrained(folder)
    load: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_pretrained
    return load(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_with_fewer_layers_is_the_model_without_those_layers(
    kind: str, tmp_path: Path
) -> None:
    whole = make(kind)
    smaller = drop_layers(whole, [0, 1, 3])
    assert whole.config.num_hidden_layers == 4
    whole.get_submodule("model.layers.2").forward = lambda hidden_states, **_: hidden_states
    torch.testing.assert_close(logits(smaller), logits(whole))
    loaded = reload(smaller, tmp_path)
    assert loaded.config.num_hidden_layers == 3
    torch.testing.assert_close(logits(loaded), logits(smaller))
    anything: Any = smaller
    tokens = anything.generate(IDS_SL[:1], max_new_tokens=4, do_sample=False)
    assert tokens.shape == (1, 16)


def test_what_a_config_lists_layer_by_layer_is_of_the_layers_that_are_kept() -> None:
    smaller = drop_layers(make("qwen2"), [1, 2]).config
    assert smaller.layer_types == ["full_attention", "sliding_attention"]
    assert drop_layers(make("smollm3"), [1, 2]).config.no_rope_layers == [0, 1]


_EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
MIXTURES: dict[str, Callable[[], PreTrainedConfig]] = {
    "qwen3": lambda: Qwen3MoeConfig(
        **_SIZES | _EXPERTS, num_experts=4, mlp_only_layers=[3], decoder_sparse_step=2
    ),
    "glm4": lambda: Glm4MoeConfig(
        **_SIZES | _EXPERTS, n_routed_experts=4, first_k_dense_replace=2, n_group=1, topk_group=1
    ),
    "llama4": lambda: Llama4TextConfig(
        **_SIZES, num_local_experts=2, moe_layers=[1, 2], intermediate_size_mlp=40
    ),
}


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_copy_of_layers_of_several_kinds_loads_as_it_was(kind: str, tmp_path: Path) -> None:
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    model = build(MIXTURES[kind]()).train(mode=False)
    smaller = drop_layers(model, [1, 2])
    torch.testing.assert_close(logits(reload(smaller, tmp_path)), logits(smaller))


def test_layers_that_no_config_can_name_are_refused() -> None:
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    with pytest.raises(UsageError, match=r"cannot say that layers 3, 0 alone are kept"):
        keep_layers(build(MIXTURES["glm4"]()), [3, 0])


def test_a_number_of_layers_is_spread_from_first_to_last() -> None:
    whole = make("llama")
    smaller = drop_layers(whole, 2)
    for mine, theirs in ((0, 0), (1, 3)):
        kept = smaller.model.layers[mine].mlp.up_proj.weight
        taken = whole.model.layers[theirs].mlp.up_proj.weight
        assert torch.equal(kept, taken)
        assert kept.data_ptr() != taken.data_ptr()


@pytest.mark.parametrize("keep", [0, 5, [], [0, 4], [1, 0], [1, 1], [-1, 2]])
def test_layers_that_there_are_not_are_refused(keep: int | list[int]) -> None:
    with pytest.raises(UsageError, match=r"expected (layers from 0 to 3|1 to 4)"):
        drop_layers(make("llama"), keep)


def test_a_layer_that_does_nothing_has_no_influence() -> None:
    model = make("llama")
    layer = model.model.layers[2]
    layer.self_attn.o_proj.weight.data.zero_()
    layer.mlp.down_proj.weight.data.zero_()
    influence = block_influence(model, [IDS_SL[:1], IDS_SL[1:]])
    assert influence[2] == pytest.approx(0, abs=1e-12)
    assert min(influence[:2] + influence[3:]) > 0.01
    assert most_influential(influence, 3) == [0, 1, 3]


def test_influence_is_the_mean_angle_between_what_enters_and_what_leaves() -> None:
    model = make("qwen3")
    states = []
    for layer in model.model.layers:
        layer.register_forward_hook(lambda _layer, inputs, output: states.append((inputs, output)))
    logits(model)
    expected = [
        1 - torch.cosine_similarity(inputs[0].double(), output.double(), dim=-1).mean().item()
        for inputs, output in states
    ]
    assert block_influence(model, [IDS_SL[:1], IDS_SL[1:]]) == pytest.approx(expected)


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=12).flatmap(
        lambda found: st.tuples(st.just(found), st.integers(1, len(found)))
    )
)
def test_no_layer_that_is_dropped_matters_more_than_one_that_is_kept(
    case: tuple[list[float], int],
) -> None:
    influence, keep = case
    kept = most_influential(influence, keep)
    assert len(kept) == keep
    assert kept == sorted(set(kept))
    dropped = set(range(len(influence))) - set(kept)
    assert all(influence[one] >= influence[other] for one in kept for other in dropped)


@pytest.mark.parametrize("measure", [block_influence, measure_importance])
def test_measuring_on_nothing_is_refused(measure: Callable[..., object]) -> None:
    with pytest.raises(UsageError, match="at least one batch"):
        measure(make("llama"), [])
    with pytest.raises(UsageError, match="keep=5"):
        most_influential([0.1] * 4, 5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_narrower_copy_of_what_is_used_is_the_model(
    kind: str, *, tied: bool, tmp_path: Path
) -> None:
    model = make(kind, tie_word_embeddings=tied)
    empty_channels, empty_neurons = [1, 5, 6, 31], [0, 7, 8, 23]
    if not tied:
        model.lm_head.weight.data.normal_()
    model.model.embed_tokens.weight.data[:, empty_channels] = 0
    for place, layer in enumerate(model.model.layers):
        for part in (layer.self_attn.o_proj, layer.mlp.down_proj):
            part.weight.data[empty_channels] = 0
            if part.bias is not None:
                part.bias.data[empty_channels] = 0
        for part in (layer.mlp.gate_proj, layer.mlp.up_proj):
            part.weight.data[empty_neurons] = 0
            if part.bias is not None:
                part.bias.data[empty_neurons] = 0
        group = slice(8 * (place % 2), 8 * (place % 2) + 8)
        layer.self_attn.v_proj.weight.data[group] = 0
        if layer.self_attn.v_proj.bias is not None:
            layer.self_attn.v_proj.bias.data[group] = 0
    importance = measure_importance(model, [IDS_SL])
    smaller = prune_width(model, importance, hidden=28, intermediate=20, heads=2)
    config = smaller.config
    assert (config.hidden_size, config.intermediate_size, config.head_dim) == (28, 20, 8)
    assert (config.num_attention_heads, config.num_key_value_heads) == (2, 1)
    torch.testing.assert_close(logits(smaller), logits(model), rtol=1e-4, atol=1e-4)
    loaded = reload(smaller, tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).hidden_size == 28
    torch.testing.assert_close(logits(loaded), logits(smaller))
    assert loaded.config.tie_word_embeddings is tied
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) is tied


@pytest.mark.parametrize("kind", KINDS)
def test_keeping_everything_changes_nothing(kind: str) -> None:
    model = make(kind)
    same = prune_width(model, measure_importance(model, [IDS_SL]))
    torch.testing.assert_close(logits(same), logits(model))
    known = {"head_dim": 8, "dtype": "float32"}
    assert same.config.to_dict() | known == model.config.to_dict() | known


@pytest.mark.parametrize(
    ("heads", "groups", "kept"),
    [(2, 2, [0, 3]), (2, 1, [2, 3]), (2, None, [2, 3]), (1, None, [3]), (4, None, [0, 1, 2, 3])],
)
def test_heads_go_by_whole_groups_or_evenly(
    heads: int, groups: int | None, kept: list[int]
) -> None:
    model = make("llama")
    importance = measure_importance(model, [IDS_SL])
    importance = importance._replace(heads_MH=torch.tensor([[3.0, 1.0, 2.0, 4.0]] * 4))
    smaller = prune_width(model, importance, heads=heads, key_value_heads=groups)
    for mine, theirs in zip(smaller.model.layers, model.model.layers, strict=True):
        rows = torch.cat([torch.arange(8 * head, 8 * head + 8) for head in kept])
        assert torch.equal(mine.self_attn.q_proj.weight, theirs.self_attn.q_proj.weight[rows])
        assert torch.equal(mine.self_attn.o_proj.weight, theirs.self_attn.o_proj.weight[:, rows])
    assert smaller.config.num_key_value_heads == (groups or max(1, heads // 2))


@settings(max_examples=15)
@given(
    hidden=st.integers(1, 8).map(lambda fours: 4 * fours),
    intermediate=st.integers(1, 24),
    heads=st.sampled_from([1, 2, 4]),
    bfloat16=st.booleans(),
)
def test_every_size_gives_a_model_that_runs(
    hidden: int, intermediate: int, heads: int, *, bfloat16: bool
) -> None:
    model = make("qwen3")
    if bfloat16:
        model = model.bfloat16()
    importance = measure_importance(model, [IDS_SL])
    smaller = prune_width(model, importance, hidden=hidden, intermediate=intermediate, heads=heads)
    assert logits(smaller).shape == (2, 12, 50)
    assert smaller.dtype is model.dtype
    assert smaller.model.rotary_emb.inv_freq.dtype is torch.float32


def test_importance_does_not_hang_on_how_sequences_are_batched() -> None:
    model = make("llama")
    one, two = (
        measure_importance(model, [IDS_SL]),
        measure_importance(model, [IDS_SL[:1], IDS_SL[1:]]),
    )
    torch.testing.assert_close(one[:3], two[:3])
    torch.testing.assert_close(dict(one.shares), dict(two.shares))
    assert all(share.sum().item() == pytest.approx(1) for share in one.shares.values())


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = make("llama").train()
    before = copy.deepcopy(model.state_dict())
    measure_importance(model, [IDS_SL])
    block_influence(model, [IDS_SL])
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())  # noqa: SLF001
    torch.testing.assert_close(model.state_dict(), before)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"hidden": 33}, "hidden=33: expected 1 to 32"),
        ({"hidden": 30}, "not a multiple of the number of attention heads"),
        ({"intermediate": 0}, "intermediate=0"),
        ({"heads": 5}, "heads=5"),
        ({"heads": 3}, "heads=3, key_value_heads=None.*2 groups of 2 heads.*another number"),
        ({"heads": 2, "key_value_heads": 3}, "key_value_heads=3.*key_value_heads=1 or 2"),
    ],
)
def test_sizes_that_cannot_be_are_refused(asked: dict[str, int], said: str) -> None:
    model = make("llama")
    importance = measure_importance(model, [IDS_SL])
    with pytest.raises(UsageError, match=said):
        prune_width(model, importance, **asked)


def test_other_families_are_not_narrowed_but_lose_layers() -> None:
    torch.manual_seed(0)
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    model = build(GPT2Config(vocab_size=50, n_embd=32, n_layer=3, n_head=4, n_positions=64))
    with pytest.raises(UsageError, match="'gpt2': expected one of llama"):
        measure_importance(model, [IDS_SL])
    assert logits(drop_layers(model, 2)).shape == (2, 12, 50)


def test_a_model_of_a_gguf_file_gives_students_that_can_be_saved(tmp_path: Path) -> None:
    tokenizer = byte_level_tokenizer()
    save_gguf(make("llama", vocab_size=len(tokenizer)), tokenizer, tmp_path / "model.gguf", "f16")
    load: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_pretrained
    model = load(tmp_path, gguf_file="model.gguf")
    smaller = drop_layers(model, 2)
    torch.testing.assert_close(logits(reload(smaller, tmp_path / "one")), logits(smaller))
    narrow = prune_width(model, measure_importance(model, [IDS_SL]), intermediate=20)
    torch.testing.assert_close(logits(reload(narrow, tmp_path / "two")), logits(narrow))


def test_a_model_whose_weights_are_still_rounded_is_refused() -> None:
    model = make("llama")
    assert as_plain(model) is model
    method = SimpleNamespace(value="gptq")
    config = SimpleNamespace(quant_method=method)
    vars(model)["hf_quantizer"] = SimpleNamespace(quantization_config=config)
    with pytest.raises(UsageError, match=r"rounded \(gptq\)"):
        drop_layers(model, 2)
    method.value = "gguf"
    model.model.add_module("packed", GgufLinear(32, 32, 8))
    with pytest.raises(UsageError, match=r"rounded \(gguf\)"):
        drop_layers(model, 2)


def test_the_layers_that_are_kept_are_those_that_were_asked_for() -> None:
    """Two of the four change nothing that passes through them."""
    model = make("llama")
    with torch.no_grad():
        for layer in (model.model.layers[0], model.model.layers[2]):
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    said: list[str] = []
    for keep, layers in (("spread", (0, 3)), ("influence", (1, 3))):
        student = make_student(Origin(layers=2, keep=keep), model, IDS_SL, said.append)
        for found, number in zip(student.model.layers, layers, strict=True):
            expected = model.model.layers[number].mlp.up_proj.weight
            assert torch.equal(found.mlp.up_proj.weight, expected)
    assert said == ["keeping layers 1, 3"]


def test_adapters_have_the_rank_that_was_asked_for() -> None:
    for rank in (2, 5):
        student = make_student(Origin(adapters=rank), make("llama"), IDS_SL, lambda _: None)
        learning = {n: p.shape for n, p in student.named_parameters() if p.requires_grad}
        assert learning
        assert {min(shape) for shape in learning.values()} == {rank}
