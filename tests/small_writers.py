"""A tiny language model with words of its own, and a task that it can learn in seconds."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from locum.generation import distill_generation
from locum.schema import Example, GenerationTask
from locum.writers import InProcess

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from locum.export import CertifiedWriter
    from locum.generation import GenerationDistillation

__all__ = [
    "EASY",
    "HARD",
    "PAIRS",
    "make_pairs",
    "model_of",
    "save_tiny_writer",
    "sentence",
    "taught",
    "taught_student",
]

EASY = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "joule")
"""Words after which the answer is to say the same word, twice."""
HARD = ("onyx", "pearl", "quartz", "ruby")
"""Words to which a teacher says any other word: nobody can learn what."""
_FILLER = ("the", "a", "of", "in", "with", "by", "near", "under")
_WORDS = (*EASY, *HARD, *_FILLER)
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


def save_tiny_writer(folder: Path, *, bytewise: bool = False) -> Path:
    """Write a Llama of random weights as models are published; its tokens are whole words.

    Where it is bytewise, they are of the kind that llama.cpp is given.
    """
    tokenizer = _bytewise_tokenizer() if bytewise else _word_tokenizer()
    wrap: Any = PreTrainedTokenizerFast
    wrap(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<pad>").save_pretrained(folder)  # noqa: S106
    torch.manual_seed(0)
    # A word at the beginning of a line is another token than behind a space.
    width = 64 if bytewise else 32
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        intermediate_size=2 * width,
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


def _word_tokenizer() -> tokenizers.Tokenizer:
    known = {word: number for number, word in enumerate((*_SPECIAL, *_WORDS, "Say", "it"))}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(known, unk_token="<pad>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Split(" ", "removed"),
        ]
    )
    return tokenizer


def _bytewise_tokenizer() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_000,
        special_tokens=list(_SPECIAL[:2]),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"{word} {word}" for word in (*_WORDS, "note")] * 3, trainer)
    return tokenizer


def model_of(student: CertifiedWriter) -> PreTrainedModel:
    """The model of a student that computes in this process."""
    assert isinstance(student.model.backend, InProcess)
    return student.model.backend.model


PAIRS = make_pairs(800, hard=0.3)
"""What `taught` learned from, and was judged by."""


@cache
def taught(write_through: str | None = None) -> GenerationDistillation:
    """A distillation of such a task, by a student that may answer.

    Args:
        write_through: What computes it.
    """
    bytewise = write_through is not None
    with TemporaryDirectory() as scratch:
        return distill_generation(
            GenerationTask("notes", "Say it."),
            PAIRS,
            student_model=save_tiny_writer(Path(scratch) / "tiny", bytewise=bytewise),
            write_through=write_through,
            rounds=6,
            learning_rate=5e-3 if bytewise else 1e-2,
            target=0.9,
        )


def taught_student() -> CertifiedWriter:
    """The student of that, in this process."""
    student = taught().student
    assert student is not None
    return student
