"""The bytes that each token of a tokenizer stands for."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import orjson

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedTokenizerBase

__all__ = ["TokenBytes"]

_BYTE = re.compile("<0x([0-9A-F]{2})>")
_SPACE = "▁"


class TokenBytes:
    """What the tokens of a byte-level or byte-fallback BPE tokenizer stand for.

    Byte-level tokenizers (GPT-2, Llama 3, Qwen, SmolLM2) write each byte as a letter. Byte-fallback
    tokenizers (Llama 2, Mistral, Gemma as SentencePiece made them) write a space as U+2581, and
    characters that they lack as bytes. Both can write any text, and lose nothing of it.

    Args:
        tokenizer: One of those, with a `tokenizers` backend.

    Raises:
        UsageError: It is of another kind (WordPiece, Unigram, word level, BPE with unknowns).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        state = orjson.loads(backend.to_str()) if backend is not None else {"model": {}}
        self.byte_level = _is_byte_level(state)
        if state["model"].get("type") != "BPE" or not (
            self.byte_level or state["model"]["byte_fallback"]
        ):
            raise UsageError(
                f"{type(tokenizer).__name__} ({state['model'].get('type', 'no fast tokenizer')}) "
                "is neither byte-level nor byte-fallback BPE, so what its tokens stand for is not "
                "known byte by byte: take a teacher and a student with the same vocabulary"
            )
        self.tokenizer = tokenizer
        self._backend = backend
        self._special = {token["id"] for token in state["added_tokens"] or () if token["special"]}
        self._added = {token["id"]: token["content"] for token in state["added_tokens"] or ()}
        self._names: dict[str, int] = backend.get_vocab(with_added_tokens=True)

    @property
    def special(self) -> set[str]:
        """The names of special tokens."""
        return {self._added[token] for token in self._special}

    @cached_property
    def texts(self) -> list[bytes | None]:
        """The bytes of each token, by its id; ``None`` for special tokens and for gaps."""
        found: list[bytes | None] = [None] * (max(self._names.values()) + 1)
        for name, token in self._names.items():
            if token in self._added:
                found[token] = None if token in self._special else self._added[token].encode()
            else:
                found[token] = self._bytes(name)
        return found

    def _bytes(self, name: str) -> bytes | None:
        if self.byte_level:
            letters = _bytes_by_letter()
            return bytes(letters[c] for c in name) if all(c in letters for c in name) else None
        fallback = _BYTE.fullmatch(name)
        return bytes([int(fallback[1], 16)]) if fallback else name.replace(_SPACE, " ").encode()

    def first(self, text: bytes) -> int | None:
        """Return the token that the tokenizer begins some bytes with."""
        try:
            string = text.decode()
        except UnicodeDecodeError:
            string = ""
        if not self.byte_level:
            # Spaces are letters here, and what is no whole character is written byte by byte.
            pieces = self._backend.model.tokenize(string.replace(" ", _SPACE)) if string else ()
            return pieces[0].id if pieces else self._names.get(f"<0x{text[0]:02X}>")
        if string:
            ids: list[int] = self._backend.encode(string, add_special_tokens=False).ids
            return ids[0] if ids else None
        letters = _letters_by_byte()
        pieces = self._backend.model.tokenize("".join(letters[byte] for byte in text))
        return pieces[0].id if pieces else None

    def write(self, text: str) -> tuple[list[int], list[int]] | None:
        """Return a text's tokens, and at which byte of it each ends.

        ``None`` where the tokens do not say the text again, as a tokenizer that first rewrites it
        (NFC, lower case) would have it. What looks like a special token is text.
        """
        encode: Callable[..., Any] = self.tokenizer
        ids = list(encode(text, add_special_tokens=False, split_special_tokens=True).input_ids)
        ends = self.ends(ids)
        if ends is None:
            return None
        said = b"".join(self.texts[token] or b"" for token in ids)
        if said == text.encode():
            return ids, ends
        if said == b" " + text.encode():  # SentencePiece puts a space before a text
            return ids, [max(end - 1, 0) for end in ends]
        return None

    def ends(self, ids: Sequence[int]) -> list[int] | None:
        """Return at which byte each of some tokens ends; ``None`` if one has no bytes."""
        found, place = [], 0
        for token in ids:
            text = self.texts[token] if token < len(self.texts) else None
            if text is None:
                return None
            place += len(text)
            found.append(place)
        return found


def _is_byte_level(state: Any) -> bool:  # noqa: ANN401 - a file's content
    found = state.get("pre_tokenizer") or {}
    parts = found.get("pretokenizers", [found])
    return any(part.get("type") == "ByteLevel" for part in parts)


@cache
def _letters_by_byte() -> dict[int, str]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    make: Callable[[], dict[int, str]] = bytes_to_unicode
    return make()


@cache
def _bytes_by_letter() -> dict[str, int]:
    return {letter: byte for byte, letter in _letters_by_byte().items()}
