"""Small language models with real tokenizers, made in seconds and without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import (
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from locum.schema import Task
from locum.teachers.prompts import build_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedModel

__all__ = [
    "CHATML",
    "CONFIGS",
    "DATED",
    "TASK",
    "TEXTS",
    "byte_level_tokenizer",
    "gapped_tokenizer",
    "metaspace_tokenizer",
    "new_model",
    "save_model",
    "train",
]

TASK = Task("money", ("card", "card payment", "cash", "refund"), instruction="Say what it is.")
TEXTS = [
    f"{thing} {verb}"
    for thing in ("my card", "a note", "it", "the shop")
    for verb in ("arrives", "leaves", "is lost", "is found")
]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As the templates of SmolLM3 and Llama 3.2.
DATED = """
{%- if strftime_now is defined %}
  {%- set day = strftime_now("%d %B %Y") %}
{%- else %}{%- set day = "never" %}{%- endif %}
 Today Date: {{ day }}
{% for message in messages %}{{ message.content }}
{% endfor %}"""
_SENTENCES = [
    "Classify the text. Say what it is. Labels: Answer with the label alone.",
    "system user assistant Text: Label:",
    "card card payment cash refund Card Payment CARD PAYMENT CASH REFUND Refund Cash",
    "été étage über 日本 日曜 ÉTÉ ÜBER",
    *TEXTS,
] * 3
# Models this small are slower where threads wait for each other.
torch.set_num_threads(1)

_SPECIAL = ["<|im_start|>", "<|im_end|>"]
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
CONFIGS: dict[str, Callable[[int], PreTrainedConfig]] = {
    "qwen2": lambda size: Qwen2Config(vocab_size=size, **_SIZES),
    "llama": lambda size: LlamaConfig(vocab_size=size, **_SIZES),
    "gpt2": lambda size: GPT2Config(
        vocab_size=size,
        n_positions=512,
        n_embd=64,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=1,
    ),
    "bloom": lambda size: BloomConfig(vocab_size=size, hidden_size=64, n_layer=2, n_head=4),
    "mistral": lambda size: MistralConfig(vocab_size=size, sliding_window=16, **_SIZES),
    "gemma2": lambda size: Gemma2Config(vocab_size=size, head_dim=16, **_SIZES),
    "mamba": lambda size: MambaConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, state_size=4
    ),
}


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer as that of GPT and Qwen, trained on a few sentences."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    return _wrapped(tokenizer)


def gapped_tokenizer() -> PreTrainedTokenizerFast:
    """One whose end of text has an id after ten that are missing."""
    tokens = byte_level_tokenizer()
    tokens.add_special_tokens({"eos_token": "<|end|>"})
    state = orjson.loads(tokens.backend_tokenizer.to_str())
    state["added_tokens"][-1]["id"] += 10
    state["model"]["vocab"]["<|end|>"] = state["added_tokens"][-1]["id"]
    make: Any = PreTrainedTokenizerFast
    backend = tokenizers.Tokenizer.from_buffer(orjson.dumps(state))
    made: PreTrainedTokenizerFast = make(tokenizer_object=backend, eos_token="<|end|>")  # noqa: S106
    return made


def metaspace_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer as that of Llama 2: spaces are letters, and rare characters bytes."""
    unknown = "<unk>"
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=180, special_tokens=[*_SPECIAL, unknown], show_progress=False
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    state = orjson.loads(tokenizer.to_str())
    tokens = state["model"]["vocab"]
    tokens |= {f"<0x{byte:02X}>": len(tokens) + byte for byte in range(256)}
    return _wrapped(tokenizers.Tokenizer.from_buffer(orjson.dumps(state)))


def _wrapped(tokenizer: tokenizers.Tokenizer) -> PreTrainedTokenizerFast:
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    return make(tokenizer_object=tokenizer, eos_token=_SPECIAL[1], chat_template=CHATML)


def new_model(
    kind: str, size: int, attention: str | None = None, spread: float = 0.3
) -> PreTrainedModel:
    """A model of a kind in `CONFIGS` with random weights and ``size`` tokens.

    The spread of its weights is such that its distributions are far from flat.
    """
    torch.manual_seed(0)
    config = CONFIGS[kind](size)
    config.initializer_range = spread
    options = {"attn_implementation": attention} if attention else {}
    make: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    model = make(config, **options)
    model.train(mode=False)
    return model


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    """Write a model as it is published."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def train(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, steps: int = 120) -> None:
    """Teach a model to answer `TEXTS` with labels of `TASK`, each text with two of them."""
    dice = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        examples = [_example(tokenizer, dice) for _ in range(16)]
        width = max(len(example) for example, _ in examples)
        tokens = torch.tensor(
            [[*example, *[0] * (width - len(example))] for example, _ in examples]
        )
        targets = torch.full(tokens.shape, -100)
        for row, (example, prompt) in enumerate(examples):
            targets[row, prompt : len(example)] = tokens[row, prompt : len(example)]
        loss = model(input_ids=tokens, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.train(mode=False)


def _example(
    tokenizer: PreTrainedTokenizerFast, dice: np.random.Generator
) -> tuple[list[int], int]:
    number = int(dice.integers(len(TEXTS)))
    label = TASK.labels[(number + (dice.random() < 0.3)) % len(TASK.labels)]
    messages = build_messages(TASK, TEXTS[number])
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    answer = tokenizer(f"{label}<|im_end|>").input_ids
    return [*prompt, *answer], len(prompt)
