"""A small BERT with random weights, saved as encoders are published; made without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["make_tokenizer", "save_tiny_encoder"]

_SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
# The same for all, so that a process exports the graph of all of them once.
_VOCABULARY = 600
# Models this small are slower where threads wait for each other.
torch.set_num_threads(1)


def save_tiny_encoder(
    folder: Path, texts: Sequence[str], pooling: str = "mean", layers: int = 2
) -> Path:
    """Write an encoder that reads the words of some texts; return its folder.

    Args:
        folder: Made if it is missing.
        texts: Its vocabulary is learned from them.
        pooling: ``mean`` or ``cls``, as sentence-transformers writes it down.
        layers: Of the model.
    """
    tokenizer = make_tokenizer(texts)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=_VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=64,
        initializer_range=0.2,
        hidden_dropout_prob=0.0,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
    ]
    (folder / "modules.json").write_bytes(orjson.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {
        f"pooling_mode_{mode}": mode.startswith(pooling) for mode in ("cls_token", "mean_tokens")
    }
    (folder / "1_Pooling" / "config.json").write_bytes(orjson.dumps(modes))
    return folder


def make_tokenizer(texts: Sequence[str], tokens: int = 400) -> PreTrainedTokenizerFast:
    """A tokenizer as that of BERT, of the words of some texts, with at most so many tokens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=_SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=tokens, special_tokens=[*_SPECIAL.values()], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast
    return make(tokenizer_object=tokenizer, **_SPECIAL)
