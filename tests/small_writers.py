"""A tiny language model with words of its own, and a task that it can learn in seconds."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import tokenizers
import torch
from tokenizers import models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from locum.generation import distill_generation
from locum.schema import Example, GenerationTask

if TYPE_CHECKING:
    from locum.generation import GenerationDistillation

__all__ = ["EASY", "HARD", "PAIRS", "make_pairs", "save_tiny_writer", "sentence", "taught"]

EASY = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "joule")
"""Words after which the answer is to say the same word, twice."""
HARD = ("onyx", "pearl", "quartz", "ruby")
"""Words to which a teacher says any other word: nobody can learn what."""
_FILLER = ("the", "a", "of", "in", "with", "by", "near", "under")
_SPECIAL = ("<pad>", "<end>", "\n", "note")


def sentence(word: str, dice: random.Random) -> str:
    """A text about a word."""
    return " ".join([word, *dice.choices(_FILLER, k=dice.randint(3, 9))])


def make_pairs(count: int, hard: float = 0.0, seed: int = 0) -> list[Example]:
    """Texts with a teacher's answers; a share of them are such as nobody can learn."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    pairs = []
    for _ in range(count):
        if dice.random() < hard:
            text, said = sentence(dice.choice(HARD), dice), dice.choice(EASY)
            pairs.append(Example(text, f"note {said} {dice.choice(EASY)}"))
        else:
            word = dice.choice(EASY)
            pairs.append(Example(sentence(word, dice), f"note {word} {word}"))
    return pairs


def save_tiny_writer(folder: Path) -> Path:
    """Write a Llama of random weights as models are published; its tokens are whole words."""
    words = [*_SPECIAL, *EASY, *HARD, *_FILLER, "Say", "it"]
    known = {word: number for number, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(known, unk_token="<pad>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Split(" ", "removed"),
        ]
    )
    wrap: Any = PreTrainedTokenizerFast
    wrap(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<pad>").save_pretrained(folder)  # noqa: S106
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


PAIRS = make_pairs(800, hard=0.3)
"""What `taught` learned from, and was judged by."""


@cache
def taught() -> GenerationDistillation:
    """A distillation of such a task, by a student that may answer."""
    with TemporaryDirectory() as scratch:
        return distill_generation(
            GenerationTask("notes", "Say it."),
            PAIRS,
            student_model=save_tiny_writer(Path(scratch) / "tiny"),
            rounds=6,
            learning_rate=1e-2,
            target=0.9,
        )
