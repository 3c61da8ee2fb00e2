"""What a writer writes for one input, and what tells how good that will be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["DRAFT_FEATURES", "Draft", "draft_features", "plain_scores"]

DRAFT_FEATURES = ("mean", "least", "answer", "novelty", "input")
"""The features by which a writer's answers are told apart.

``mean`` and ``least`` log-probability of the answer's tokens, ``log(1 + tokens)`` of the answer,
the novelty of the input, and ``log(1 + characters)`` of it.
"""


class Draft(NamedTuple):
    """An answer.

    Args:
        text: What is written.
        ended: Whether it came to its end; else it is none.
        mean: Mean log-probability of its tokens, the one that ends it among them.
        least: The least of them.
        tokens: How many there are.
        novelty: Share of the input's pairs of tokens that no text had that was learned from.
        characters: Length of the input.
    """

    text: str
    ended: bool
    mean: float
    least: float
    tokens: int
    novelty: float
    characters: int


def draft_features(drafts: Sequence[Draft]) -> NDArray[np.float64]:
    """Return the features of answers, ``[N, F]``, in the order of `DRAFT_FEATURES`."""
    rows = [
        (d.mean, d.least, math.log1p(d.tokens), d.novelty, math.log1p(d.characters)) for d in drafts
    ]
    return np.array(rows, np.float64).reshape(len(rows), len(DRAFT_FEATURES))


def plain_scores(drafts: Sequence[Draft]) -> NDArray[np.float64]:
    """Return the mean probability of the tokens of answers (geometric), ``[N]``; 0 for none."""
    return np.array([math.exp(d.mean) if d.ended else 0.0 for d in drafts], np.float64)
