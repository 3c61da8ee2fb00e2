"""About how many tokens a text has, by its length."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TOKENS_OF_ENGLISH", "TokenLine", "estimate_tokens", "line_through"]

_CHARACTERS_A_TOKEN = 4  # of English
_FEWEST_FOR_A_LINE = 10


class TokenLine(NamedTuple):
    """How many tokens there are by the length of a text: an input's prompt, or an answer.

    Args:
        fixed: Tokens that there are without the text, such as those of the instruction.
        a_character: Tokens for each character of the text.
    """

    fixed: float
    a_character: float

    def count(self, text: str) -> int:
        """Return about how many tokens there are for a text, one at least."""
        return max(round(self.fixed + self.a_character * len(text)), 1)


TOKENS_OF_ENGLISH = TokenLine(0.0, 1 / _CHARACTERS_A_TOKEN)


def line_through(counted: Iterable[tuple[int, int | None]]) -> TokenLine | None:
    """Fit a line through lengths and tokens, where these are known.

    Returns:
        ``None`` where they are so of fewer than ten, or all are of one length.
    """
    known = [(length, tokens) for length, tokens in counted if tokens is not None]
    lengths = [length for length, _ in known]
    if len(known) < _FEWEST_FOR_A_LINE or len(set(lengths)) == 1:
        return None
    line = statistics.linear_regression(lengths, [tokens for _, tokens in known])
    return TokenLine(max(line.intercept, 0.0), max(line.slope, 0.0))


def estimate_tokens(text: str) -> int:
    """Return how many tokens a text has where nothing but its length is known."""
    return math.ceil(len(text) / _CHARACTERS_A_TOKEN)
