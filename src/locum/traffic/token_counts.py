"""How many tokens an answer took, from what APIs count."""

from __future__ import annotations

__all__ = ["answer_tokens"]


def answer_tokens(prompt: int | None, answer: int | None, total: int | None) -> int | None:
    """Return the tokens of an answer, those that its model thought in among them.

    Some providers leave these out of the answer's and count them in all alone, yet charge for them.

    Args:
        prompt: Tokens of the request, where that is said.
        answer: Those that are said to be the answer's.
        total: Those that are counted in all.
    """
    beyond = 0 if prompt is None or total is None else total - prompt
    return max(beyond, answer or 0) if beyond > 0 else answer
