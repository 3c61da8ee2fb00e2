"""A byte-level BPE tokenizer as a GGUF file describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from locum.errors import UsageError

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedTokenizerBase

__all__ = ["describe_tokenizer"]

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# What text is split by before bytes are merged, and what llama.cpp calls it.
_SPLITS = {
    ("ByteLevel",): "gpt-2",
    ("Digits", "ByteLevel"): "smollm",
    (rf"{_WORDS}\p{{N}}{_REST}",): "qwen2",
    (rf"{_WORDS}\p{{N}}{{1,3}}{_REST}",): "llama-bpe",
}
_NORMALISERS = (None, {"type": "NFC"})


def describe_tokenizer(
    writer: GGUFWriter,
    tokenizer: PreTrainedTokenizerBase,
    size: int,
    pre_tokenizer: str | None = None,
) -> None:
    """Add a tokenizer to a GGUF file.

    Args:
        writer: Of the file.
        tokenizer: A byte-level BPE tokenizer.
        size: Tokens of the model; those beyond the tokenizer's are written as unused.
        pre_tokenizer: llama.cpp's name for how text is split; found by itself by default.

    Raises:
        UsageError: The tokenizer is of another kind, or has more tokens than the model.
    """
    from gguf import TokenType

    state = _state(tokenizer)
    pre = pre_tokenizer or _pre_tokenizer(state)
    names: dict[int, str] = {token: name for name, token in state["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, TokenType.NORMAL)
    for added in state["added_tokens"] or ():
        names[added["id"]] = added["content"]
        kinds[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    if max(names) >= size:
        raise UsageError(
            f"the tokenizer has token {max(names)} and the model only {size}: expected the "
            "tokenizer that the model was trained with"
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([names.get(token, f"[PAD{token}]") for token in range(size)])
    writer.add_token_types([kinds.get(token, TokenType.UNUSED) for token in range(size)])
    merges = state["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    _describe_special(writer, tokenizer)


def _state(tokenizer: PreTrainedTokenizerBase) -> Any:  # noqa: ANN401 - a file's content
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    state = orjson.loads(backend.to_str()) if backend is not None else {"model": {}}
    if state["model"].get("type") != "BPE" or state["model"]["byte_fallback"]:
        raise UsageError(
            f"{type(tokenizer).__name__} is no byte-level BPE tokenizer, which alone this export "
            "writes: use save_folder and llama.cpp's own converter"
        )
    return state


def _pre_tokenizer(state: Any) -> str:  # noqa: ANN401 - a file's content
    found = state["pre_tokenizer"] or {}
    parts = found["pretokenizers"] if found.get("type") == "Sequence" else [found]
    known = tuple(_part(part) for part in parts)
    # The split by a pattern is followed by a mapping of bytes to letters that splits nothing.
    name = _SPLITS.get(tuple(part for part in known if part is not None))
    faithful = not state["model"].get("ignore_merges") or name == "llama-bpe"
    if name is None or not faithful or state["normalizer"] not in _NORMALISERS:
        raise UsageError(
            "how the tokenizer splits text is none of the ways that are known here "
            f"({', '.join(_SPLITS.values())}): say pre_tokenizer, by llama.cpp's name for it"
        )
    return name


def _part(part: Any) -> str | None:  # noqa: ANN401 - a file's content
    kind: str = part.get("type", "none")
    if kind == "ByteLevel" and not part["add_prefix_space"]:
        return "ByteLevel" if part["use_regex"] else None
    if kind == "Digits" and part["individual_digits"]:
        return "Digits"
    if kind == "Split" and part["behavior"] == "Isolated" and not part["invert"]:
        pattern: str = part["pattern"].get("Regex", "")
        return pattern
    return f"{kind} of another kind"


def _describe_special(writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase) -> None:
    add = {
        "bos": writer.add_bos_token_id,
        "eos": writer.add_eos_token_id,
        "unk": writer.add_unk_token_id,
        "pad": writer.add_pad_token_id,
    }
    special = {role: getattr(tokenizer, f"{role}_token_id") for role in add}
    for role, token in special.items():
        if token is not None:
            add[role](token)
    written = tokenizer("a").input_ids
    plain = tokenizer("a", add_special_tokens=False).input_ids
    writer.add_add_bos_token(written[0] == special["bos"] and written != plain)
    writer.add_add_eos_token(written[-1] == special["eos"] and written != plain)
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if template:
        writer.add_chat_template(template)
