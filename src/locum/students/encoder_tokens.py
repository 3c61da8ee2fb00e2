"""Texts to tokens, for encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.errors import ArtefactError
from locum.students.encoder_session import import_onnx_extra
from locum.students.ngrams import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding

__all__ = ["LEAST_TOKENS", "TokenReader"]

# Of the two that mark beginning and end, and of what a text needs to say anything.
LEAST_TOKENS = 8


class TokenReader:
    """Cuts a text into the tokens of an encoder, and off after the first ``max_tokens``.

    Of a text over 20,000 characters the first 20,000 count; half of a surrogate pair is a
    replacement character. A text without a token is the token 0.

    Args:
        content: A ``tokenizer.json``; its own truncation and padding are not used.
        max_tokens: At most so many, with those that mark its beginning and end.

    Raises:
        ArtefactError: It is no tokenizer.
        UsageError: The extra is not installed.
    """

    def __init__(self, content: bytes, max_tokens: int) -> None:
        tokenizers = import_onnx_extra("tokenizers")
        self.content, self.max_tokens = content, max_tokens
        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(max_tokens)
        except Exception as error:  # noqa: BLE001 - tokenizers raises Exception itself
            raise ArtefactError(f"the tokenizer cannot be read: {error}") from None

    @property
    def tokens(self) -> int:
        """How many tokens it knows."""
        return int(self._tokenizer.get_vocab_size())

    def read(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return the tokens of each text."""
        return [self._read_one(text) for text in texts]

    def cut_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts of which something is cut off, 0 of no texts."""
        cut = sum(map(self._is_cut, texts))
        return cut / len(texts) if len(texts) else 0.0

    def _read_one(self, text: str) -> NDArray[np.int64]:
        return np.array(self._encode(text).ids or [0], np.int64)

    def _is_cut(self, text: str) -> bool:
        return len(text) > MAX_CHARACTERS or bool(self._encode(text).overflowing)

    def _encode(self, text: str) -> Encoding:
        whole = text[:MAX_CHARACTERS].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        encoding: Encoding = self._tokenizer.encode(whole)
        return encoding
