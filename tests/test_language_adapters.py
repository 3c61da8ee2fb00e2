"""Students of which only added matrices learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from locum.errors import UsageError
from locum.language.adapters import merged, with_adapters
from locum.language.export import save_folder, save_gguf
from locum.language.layers import drop_layers
from tests.tiny_model import byte_level_tokenizer, new_model, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel

IDS = torch.arange(30).view(2, 15)


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def test_only_low_ranks_learn_and_what_is_saved_is_a_plain_model(tmp_path: Path) -> None:
    model = new_model("llama", 380)
    before = logits(model)
    names = [name for name, _ in model.named_parameters()]
    adapted = with_adapters(model, 4, scale=3.0)
    torch.testing.assert_close(logits(adapted), before)
    learning = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert len(learning) == 2 * 7 * 2  # two matrices for each of seven maps in each layer
    assert all("lora" in name and 4 in p.shape for name, p in learning.items())
    optimizer = torch.optim.SGD(learning.values(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        adapted(input_ids=IDS, labels=IDS).loss.backward()
        optimizer.step()
    after = logits(adapted)
    assert (after - before).abs().max() > 0.01
    plain = merged(adapted)
    assert [name for name, _ in plain.named_parameters()] == names
    torch.testing.assert_close(logits(plain), after, rtol=1e-3, atol=1e-3)
    save_folder(plain, byte_level_tokenizer(), tmp_path)
    load: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_pretrained
    torch.testing.assert_close(logits(load(tmp_path)), logits(plain))
    assert merged(plain) is plain


def test_the_scale_multiplies_the_product() -> None:
    model = new_model("qwen2", 380)
    weight = model.get_parameter("model.layers.0.mlp.up_proj.weight").detach().clone()
    adapted = with_adapters(model, 2, scale=3.0, modules=["up_proj"])
    (a,) = (p for name, p in adapted.named_parameters() if "layers.0" in name and "lora_A" in name)
    (b,) = (p for name, p in adapted.named_parameters() if "layers.0" in name and "lora_B" in name)
    b.data.normal_()
    expected = weight + 3.0 * b.detach() @ a.detach()
    found = merged(adapted).get_parameter("model.layers.0.mlp.up_proj.weight")
    assert found.requires_grad
    torch.testing.assert_close(found, expected)


def test_adapters_that_were_loaded_with_their_model_are_refused(tmp_path: Path) -> None:
    save_model(new_model("llama", 380), byte_level_tokenizer(), tmp_path / "model")
    load: Callable[..., Any] = AutoModelForCausalLM.from_pretrained
    with_adapters(load(tmp_path / "model"), 2).save_pretrained(tmp_path / "adapters")
    loaded = load(tmp_path / "adapters")
    for use in (
        lambda: save_folder(loaded, byte_level_tokenizer(), tmp_path / "saved"),
        lambda: save_gguf(loaded, byte_level_tokenizer(), tmp_path / "saved.gguf"),
        lambda: drop_layers(loaded, 1),
    ):
        with pytest.raises(UsageError, match=r"was loaded with adapters.*merge them first"):
            use()


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"rank": 0}, "rank=0"), ({"scale": 0.0}, "scale=0"), ({"modules": ["nowhere"]}, "nowhere")],
)
def test_adapters_that_cannot_be_are_refused(asked: dict[str, int], said: str) -> None:
    make: Callable[..., PreTrainedModel] = with_adapters
    with pytest.raises(UsageError, match=said):
        make(new_model("llama", 380), **asked)
