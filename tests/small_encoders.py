"""Encoders of a few thousand weights with a real tokenizer, as they are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tokenizers
import torch
from tokenizers import models, normalizers, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)
from transformers.models.auto.modeling_auto import AutoModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from transformers import PreTrainedConfig

__all__ = ["CONFIGS", "TEXTS", "WORDS", "save_encoder"]

_SPECIAL = _PADDING, _UNKNOWN, _FIRST, _LAST = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_GOOD, _BAD = ("good", "kind", "fine", "warm"), ("bad", "cold", "rude", "late")
_THINGS = ("film", "meal", "room", "talk", "the", "was", "very", "a", "we", "saw")
WORDS = [*_GOOD, *_BAD, *_THINGS]
# The first half praises, the second complains.
TEXTS = [
    f"{start} {thing} was {very}{word}"
    for words in (_GOOD, _BAD)
    for word in words
    for thing in ("film", "meal", "room", "talk")
    for start, very in (("the", ""), ("we saw a", "very "))
]
# Models this small are slower where threads wait for each other.
torch.set_num_threads(1)


def _sizes(layers: int, width: int, heads: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": 2 * width,
        "max_position_embeddings": 40,
        "initializer_range": 0.2,
        "pad_token_id": 0,
    }


CONFIGS: dict[str, Callable[[int, int, int, int], PreTrainedConfig]] = {
    "bert": lambda size, *sizes: BertConfig(vocab_size=size, **_sizes(*sizes)),
    "albert": lambda size, *sizes: AlbertConfig(
        vocab_size=size, embedding_size=8, **_sizes(*sizes)
    ),
    "roberta": lambda size, *sizes: RobertaConfig(vocab_size=size, **_sizes(*sizes)),
    "mpnet": lambda size, *sizes: MPNetConfig(vocab_size=size, **_sizes(*sizes)),
    "distilbert": lambda size, layers, width, heads: DistilBertConfig(
        vocab_size=size,
        n_layers=layers,
        dim=width,
        n_heads=heads,
        hidden_dim=2 * width,
        max_position_embeddings=40,
        initializer_range=0.2,
    ),
    "modernbert": lambda size, *sizes: ModernBertConfig(
        vocab_size=size,
        bos_token_id=2,
        cls_token_id=2,
        eos_token_id=3,
        sep_token_id=3,
        **_sizes(*sizes),
    ),
}


def save_encoder(
    folder: Path,
    kind: str = "bert",
    *,
    layers: int = 4,
    width: int = 16,
    heads: int = 4,
    words: Sequence[str] = WORDS,
) -> Path:
    """Write an encoder of a kind in `CONFIGS` with random weights; return its folder."""
    tokenizer = _tokenizer(words)
    make: Callable[..., Any] = AutoModel.from_config
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make(CONFIGS[kind](len(tokenizer), layers, width, heads))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    vocabulary = {word: place for place, word in enumerate([*_SPECIAL, *words])}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing((_LAST, 3), (_FIRST, 2))
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    return make(
        tokenizer_object=tokenizer,
        pad_token=_PADDING,
        unk_token=_UNKNOWN,
        cls_token=_FIRST,
        sep_token=_LAST,
    )
