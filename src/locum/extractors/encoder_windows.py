"""Texts to the windows that an encoder reads, and which of its tokens says what of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError
from locum.students.encoder_session import import_onnx_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokenizers import Encoding

    from locum.alignment import Token

__all__ = ["Window", "WindowReader"]

Indices = NDArray[np.int64]

_SHARED = 4  # a quarter of a window is shared with the next
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Window(NamedTuple):
    """A part of a text that an encoder reads at once.

    Args:
        ids: Of the encoder's tokens, ``[T]``.
        words: Tokens of the text, as `tokenize` cuts it, of which this window speaks, ``[M]``.
        places: Which of the encoder's tokens speaks for each: the first that it shares a character
            with, ``[M]``.
    """

    ids: Indices
    words: Indices
    places: Indices


class WindowReader:
    """Cuts a text into the tokens of an encoder, and long ones into windows that overlap.

    Windows share a quarter of their length; each token of the text is spoken for in the one that
    has the most around it. A text without a token is the token 0.

    Args:
        content: A ``tokenizer.json``; its own truncation and padding are not used.
        max_tokens: Of a window, with those that mark its beginning and end.

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
            self._tokenizer.enable_truncation(max_tokens, stride=max_tokens // _SHARED)
        except Exception as error:  # noqa: BLE001 - tokenizers raises Exception itself
            raise ArtefactError(f"the tokenizer cannot be read: {error}") from None

    def read(self, text: str, tokens: Sequence[Token]) -> list[Window]:
        """Return the windows of a text, at least one.

        Args:
            text: The text.
            tokens: Of it, as `tokenize` returns them.
        """
        first: Encoding = self._tokenizer.encode(_HALF_PAIR.sub("\ufffd", text))
        windows = [first, *first.overflowing]
        speaking: dict[int, tuple[int, int, int]] = {}
        for number, window in enumerate(windows):
            size = len(window.ids)
            for word, place in _spoken(window, tokens):
                around = min(place, size - 1 - place)
                if word not in speaking or around > speaking[word][0]:
                    speaking[word] = (around, number, place)
        return [_window(windows[n], n, speaking) for n in range(len(windows))]


def _spoken(window: Encoding, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield tokens of the text with the first of the window's that shares a character with each."""
    marks = window.special_tokens_mask
    pieces = [(*span, place) for place, span in enumerate(window.offsets) if not marks[place]]
    at = 0
    for word, token in enumerate(tokens):
        while at < len(pieces) and pieces[at][1] <= token.start:
            at += 1
        if at == len(pieces):
            return
        if pieces[at][0] < token.end:
            yield word, pieces[at][2]


def _window(window: Encoding, number: int, speaking: dict[int, tuple[int, int, int]]) -> Window:
    own = [(word, place) for word, (_, at, place) in sorted(speaking.items()) if at == number]
    words, places = np.array(own, np.int64).reshape(-1, 2).T
    return Window(np.array(window.ids or [0], np.int64), words, places)
