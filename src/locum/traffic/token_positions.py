"""Tokens with their log-probabilities, from what APIs say of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locum.schema import TokenPosition

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["token_position", "token_text"]


def token_text(token: str, given: Sequence[int] | None) -> str:
    """Return the text of a token; bytes that are no whole character become surrogate escapes.

    Args:
        token: The text that the API gives, with a replacement character for half a letter.
        given: The bytes that it may give beside it.
    """
    if not given or token.isascii():
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
