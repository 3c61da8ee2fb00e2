"""Tokens with their log-probabilities, from what APIs say of them."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from locum.schema import TokenPosition
from locum.traffic.apis.lenient import as_text, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.schema import JsonObject

__all__ = ["answer_positions", "is_end_token", "token_bytes", "token_position", "token_text"]

# Rounding may make a certain token's a little more than zero.
_MOST = 1e-3
_END_TOKEN = re.compile(rb"<[^\s<>]{1,40}>")
_NO_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def answer_positions(tokens: object, text: str) -> tuple[TokenPosition, ...] | None:
    """Return the tokens that spell an answer, with what else might have been written.

    Some servers list what a model thought before it answered, too. So the positions begin where
    the tokens from there on spell the text, but for spaces around it and end tokens behind it.

    Args:
        tokens: What an API lists, in the shape of chat completions.
        text: The answer.

    Returns:
        ``None`` where no tokens spell it, or one of those that do has no log-probability.
        Alternatives that have none are left out.
    """
    listed = objects(tokens)
    spelt = [_text_of(entry) for entry in listed]
    start = _beginning([token_bytes(token) for token in spelt], text.strip())
    if start is None:
        return None
    read = [_position(entry) for entry in listed[start:]]
    positions = tuple(position for position in read if position is not None)
    return positions if len(positions) == len(read) else None


def is_end_token(token: bytes) -> bool:
    """Return whether a token looks like one that ends an answer, such as ``<|im_end|>``."""
    return _END_TOKEN.fullmatch(token) is not None


def token_bytes(token: str) -> bytes:
    """Return the bytes of a token whose text is as `token_text` gives it."""
    try:
        return token.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _NO_BYTES.sub("\ufffd", token).encode("utf-8", "surrogateescape")


def token_text(token: str, given: object) -> str:
    """Return the text of a token; bytes that are no whole character become surrogate escapes.

    Args:
        token: The text that the API gives, with a replacement character for half a letter.
        given: The list of bytes that it may give beside it.
    """
    # OpenAI's API writes half a letter as four characters such as ``\xc3``.
    if (token.isascii() and "\\x" not in token) or not given or not isinstance(given, list):
        return token
    try:
        return bytes(given).decode("utf-8", "surrogateescape")
    except (TypeError, ValueError):
        return token


def token_position(
    written: tuple[str, float], listed: Sequence[tuple[str, float]]
) -> TokenPosition:
    """Return one position; alternatives of the same text count together.

    Args:
        written: The token that was written, with its log-probability.
        listed: What might have been written, likewise; it may hold the written one.
    """
    text, logprob = written
    alternatives = dict(listed)
    if len(alternatives) < len(listed):
        alternatives = _joined(listed)
    alternatives.setdefault(text, logprob)
    return TokenPosition(text, alternatives)


def _joined(listed: Sequence[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for text, logprob in listed:
        sums[text] = sums.get(text, 0.0) + math.exp(min(0.0, logprob))
    return {text: math.log(p) if p > 0 else -math.inf for text, p in sums.items()}


def _beginning(tokens: Sequence[bytes], text: str) -> int | None:
    """Return the number of the first of the tokens that spell a text up to the end."""
    if not text:
        return None
    count = len(tokens)
    while not (said := _joined_text(tokens[:count])).endswith(text):
        if not count or not (is_end_token(tokens[count - 1]) or not tokens[count - 1].strip()):
            return None
        count -= 1
    before = said.removesuffix(text)
    first, earliest = (len(token_bytes(part)) for part in (before, before.rstrip()))
    begins = list(accumulate(map(len, tokens), initial=0))
    start = bisect_left(begins, earliest)
    if begins[start] > first:
        return None
    # What an empty token stands for, such as the end of thoughts, is no part of the answer.
    return start + next(n for n, token in enumerate(tokens[start:]) if token) if earliest else 0


def _joined_text(tokens: Sequence[bytes]) -> str:
    return b"".join(tokens).decode("utf-8", "surrogateescape").rstrip()


def _text_of(entry: JsonObject) -> str:
    return token_text(as_text(entry.get("token")), entry.get("bytes"))


def _position(entry: JsonObject) -> TokenPosition | None:
    written = _scored(entry)
    others = (_scored(other) for other in objects(entry.get("top_logprobs")))
    listed = [other for other in others if other is not None]
    return None if written is None else token_position(written, listed)


def _scored(entry: JsonObject) -> tuple[str, float] | None:
    try:
        token, logprob = entry["token"], float(entry["logprob"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    readable = logprob <= _MOST and isinstance(token, str)
    return (token_text(token, entry.get("bytes")), logprob) if readable else None
