"""Thoughts that an answer begins with, as reasoning models write them into its text."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Answer", "split_thought"]

_OPENING, _CLOSING = "<think>", "</think>"


class Answer(NamedTuple):
    """An answer without its thoughts.

    Args:
        frame: The tags around them, with the spaces that follow; empty where there are none.
        text: The answer itself; empty where the thoughts never end.
    """

    frame: str
    text: str


def split_thought(text: str) -> Answer:
    """Divide an answer into the tags of its thoughts and what stands behind them.

    Thoughts stand at the beginning, between ``<think>`` and ``</think>``, as DeepSeek-R1, Qwen3 and
    their kin write them. The first tag may lack: some chat templates put it into the prompt.
    """
    begun, closing, rest = text.partition(_CLOSING)
    opening = _OPENING if begun.lstrip().startswith(_OPENING) else ""
    if not opening and (not closing or _OPENING in begun):
        return Answer("", text)
    answer = rest.lstrip()
    spaces = rest[: len(rest) - len(answer)]
    # As Qwen3 writes where it is told not to think.
    return Answer(f"{opening}\n\n{_CLOSING}{spaces}" if closing else "", answer)
