"""Rows of token distributions, and a teacher that says them, for tests of the cache."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locum.language import Drawn, Listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from locum.language import DistributionCache, Packed
    from locum.language.distributions import Floats
    from locum.language.teachers import Signal

__all__ = ["HashTeacher", "by_token", "likeliest", "read_all", "softmax_rows"]


def softmax_rows(rows: int, vocabulary: int, seed: int = 0, spread: float = 3.0) -> Floats:
    """Logarithms of distributions in which some tokens are likelier everywhere, ``[N, V]``."""
    dice = np.random.default_rng(seed)
    logits_NV = dice.normal(size=(rows, vocabulary)) * spread
    logits_NV -= np.log(np.arange(1, vocabulary + 1))
    logs_NV = logits_NV - np.log(np.exp(logits_NV).sum(axis=1, keepdims=True))
    found: Floats = logs_NV.astype(np.float32)
    return found


def likeliest(logs_NV: Floats, count: int) -> Listed:
    """List the likeliest tokens of rows."""
    ids_NK = np.argsort(-logs_NV, axis=1, kind="stable")[:, :count]
    return Listed(ids_NK, np.take_along_axis(logs_NV, ids_NK, 1))


def by_token(rows: Listed | Drawn) -> tuple[NDArray[np.int64], Floats]:
    """Return rows in the order of their tokens."""
    ids_NK, values_NK = rows
    order_NK = ids_NK.argsort(axis=1, kind="stable")
    return np.take_along_axis(ids_NK, order_NK, 1), np.take_along_axis(values_NK, order_NK, 1)


def read_all(cache: DistributionCache, keys: list[str]) -> float:
    """What a training worker does."""
    total = 0.0
    for _ in range(5):
        for key in keys:
            found = cache.get(key)
            assert isinstance(found, Listed)
            total += float(found.log_probabilities_NK.sum())
    return total


class HashTeacher:
    """Says what follows from the tokens of a sequence alone.

    Args:
        vocabulary: How many tokens it knows.
        before: Called with the keys that it is asked about.
    """

    fingerprint = "hash"

    def __init__(self, vocabulary: int, before: Callable[[list[str]], None] | None = None) -> None:
        self.vocabulary = vocabulary
        self._before = before

    def logits(self, sequence: list[int], rows: int) -> Floats:
        """Return the logits of a sequence's rows."""
        return softmax_rows(rows, self.vocabulary, seed=sum(sequence) * 1000 + len(sequence))

    def ask(self, batch: Packed) -> Signal:
        """Return what gives the logits of rows."""
        import torch

        if self._before is not None:
            self._before(batch.keys())
        counts = batch.learned_SL.sum(dim=1).tolist()
        found = [
            self.logits(ids, rows) for ids, rows in zip(batch.ids_SL.tolist(), counts, strict=True)
        ]
        logits_NV = torch.from_numpy(np.concatenate(found))
        return logits_NV.__getitem__
