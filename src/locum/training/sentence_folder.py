"""A sentence encoder's folder, as sentence-transformers reads it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import orjson

from locum.errors import UsageError
from locum.students.encoder_source import import_encoder_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.training.initialisation import EncoderPair

__all__ = ["check_empty", "filled_folder", "save_student"]

_KIND = "sentence_transformers.models."


def check_empty(folder: Path) -> None:
    """Do nothing where the folder is empty or not there; nothing is made.

    Raises:
        UsageError: Something is in it, or it is no folder.
    """
    try:
        filled = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise _unwritable(folder, error) from None
    if filled:
        raise UsageError(f"{folder} holds files already: name a folder that is new or empty")


@contextmanager
def filled_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, of which the content is in its place at the end, or nowhere.

    It lies beside its place, or in it where that is an empty folder, which may be a disk of its
    own. After an error or Ctrl-C it is removed, and so are folders that were made to hold it.

    Args:
        folder: The place, where there is nothing or an empty folder.

    Raises:
        UsageError: It cannot be made or written.
    """
    place = folder.resolve()
    holder = place if place.exists() else place.parent
    scratch = holder / f".{place.name}.{os.getpid()}.part"
    made = [parent for parent in scratch.parents if not parent.exists()]
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        yield scratch
        _move(scratch, place)
    except BaseException as error:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):
            for parent in made:
                parent.rmdir()
        if isinstance(error, OSError):
            raise _unwritable(folder, error) from None
        raise


def _move(scratch: Path, place: Path) -> None:
    if not place.exists():
        scratch.replace(place)
        return
    for path in list(scratch.iterdir()):
        path.replace(place / path.name)
    scratch.rmdir()


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{folder} cannot be written: {error.strerror or error}: name a folder that can be"
    )


def save_student(pair: EncoderPair, max_tokens: int, folder: Path) -> None:
    """Write the student's weights, tokenizer and pooling."""
    config = pair.student.config
    pair.student.save_pretrained(folder)
    # safetensors writes what its owner alone may read.
    for weights in folder.glob("*.safetensors"):
        weights.chmod((folder / "config.json").stat().st_mode)
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
