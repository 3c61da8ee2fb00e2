"""What stands around all inputs of an extraction task, and is no part of any answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.alignment import find_crossing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.dataset import Surroundings
    from locum.distillation import Divided
    from locum.extraction.answers import AnswerPool
    from locum.shapes import JsonValue

__all__ = ["find_learned_surroundings", "without_values"]

_MOST_LOOKED_AT = 300


def find_learned_surroundings(pool: AnswerPool, divided: Divided) -> Surroundings:
    """Return what stands around nearly all inputs of the train split, and in no value of theirs.

    Args:
        pool: The inputs with their answers.
        divided: Their splits.
    """
    rows = divided.splits.rows["train"].tolist()
    texts, answers = [pool.examples[row].text for row in rows], [pool.answers[row] for row in rows]
    return without_values(divided.surroundings(pool.examples), texts, answers)


def without_values(
    around: Surroundings, texts: Sequence[str], answers: Sequence[JsonValue]
) -> Surroundings:
    """Return surroundings that end before, or begin after, the values that stand across their edge.

    Documents of one template begin alike up to somewhere within a value: "Order date: November 3".

    Args:
        around: What nearly all texts begin and end with.
        texts: What the teacher was asked about, ``[N]``; some 300 of them are looked at.
        answers: Its answers, ``[N]``.
    """
    step = -(-len(texts) // _MOST_LOOKED_AT) or 1
    pairs = [*zip(texts, answers, strict=True)][::step]
    while any(around):
        shorter = around
        for text, answer in pairs:
            shorter = _spare(shorter, text, answer)
        if shorter == around:
            break
        around = shorter
    return around


def _spare(around: Surroundings, text: str, answer: JsonValue) -> Surroundings:
    if not around.surround(text):
        return around
    before, after = len(around.before), len(around.after)
    begun = find_crossing(text, before, answer) if before else None
    ended = find_crossing(text, len(text) - after, answer) if after else None
    return around.shortened(
        begun.start if begun else before, len(text) - ended.end if ended else after
    )
