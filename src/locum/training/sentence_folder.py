"""A sentence encoder's folder, as sentence-transformers reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from locum.errors import UsageError
from locum.students.encoder_source import import_encoder_extra

if TYPE_CHECKING:
    from pathlib import Path

    from locum.training.initialisation import EncoderPair

__all__ = ["check_empty", "save_student"]

_KIND = "sentence_transformers.models."


def check_empty(folder: Path) -> Path:
    """Return the folder, made if it is not there.

    Raises:
        UsageError: Something is in it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from None
    if filled:
        raise UsageError(f"{folder} holds files already: name a folder that is new or empty")
    return folder


def save_student(pair: EncoderPair, max_tokens: int, folder: Path) -> None:
    """Write the student's weights, tokenizer and pooling."""
    config = pair.student.config
    pair.student.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(pair.tokenizer)
    contents = {
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": max_tokens,
            "pad_token": _padding(pair),
        },
        "modules.json": [_module(0, "Transformer", ""), _module(1, "Pooling", "1_Pooling")],
        "sentence_bert_config.json": {"max_seq_length": max_tokens, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": config.hidden_size,
            "pooling_mode_cls_token": pair.pooling == "cls",
            "pooling_mode_mean_tokens": pair.pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _module(number: int, kind: str, path: str) -> dict[str, object]:
    return {"idx": number, "name": str(number), "path": path, "type": f"{_KIND}{kind}"}


def _padding(pair: EncoderPair) -> str:
    """The token that fills a text up; where the encoder names none, its first one."""
    tokenizer = import_encoder_extra("tokenizers").Tokenizer.from_buffer(pair.tokenizer)
    token: str = tokenizer.id_to_token(pair.student.config.pad_token_id or 0)
    return token
