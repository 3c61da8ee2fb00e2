"""Texts as tokens, dealt out in batches of about one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from locum.students.encoder_tokens import TokenReader

__all__ = ["TokenBatch", "TokenBatches"]

_BATCHES_SORTED = 16


class TokenBatch(NamedTuple):
    """Some of the texts.

    Args:
        rows: Their places among all texts.
        tokens: What the encoder takes, each ``[B, L]``.
    """

    rows: NDArray[np.int64]
    tokens: dict[str, Tensor]

    @property
    def mask(self) -> Tensor:
        """True at real tokens, ``[B, L]``."""
        return self.tokens["attention_mask"].bool()


class TokenBatches:
    """Texts that are read again in each epoch, in another order.

    Some batches together are sorted by length before they are divided, so that little is padding.

    Args:
        reader: Cuts texts into tokens.
        texts: At least one.
        batch_size: Texts in a batch; the last one may be smaller.
        device: Where the tokens go, as torch calls it.
    """

    def __init__(
        self,
        reader: TokenReader,
        texts: Sequence[str],
        batch_size: int,
        device: str,
    ) -> None:
        self._tokens = reader.read(texts)
        self._lengths = np.array([len(tokens) for tokens in self._tokens])
        self._batch_size = batch_size
        self._device = device

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(range(0, len(self._tokens), self._batch_size))

    def shuffled(self, generator: np.random.Generator) -> Iterator[TokenBatch]:
        """All texts once, in an order of chance."""
        order = generator.permutation(len(self._tokens))
        window = self._batch_size * _BATCHES_SORTED
        batches = [
            chunk[start : start + self._batch_size]
            for chunk in self._by_length(order, window)
            for start in range(0, len(chunk), self._batch_size)
        ]
        for place in generator.permutation(len(batches)).tolist():
            yield self._batch(batches[place])

    def _by_length(self, order: NDArray[np.int64], window: int) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(order), window):
            chunk = order[start : start + window]
            yield chunk[np.argsort(self._lengths[chunk], kind="stable")]

    def _batch(self, rows: NDArray[np.int64]) -> TokenBatch:
        import torch

        shape = (len(rows), int(self._lengths[rows].max()))
        # Masked tokens take no part, so any will do.
        tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for place, row in enumerate(rows.tolist()):
            tokens[place, : self._lengths[row]] = self._tokens[row]
            mask[place, : self._lengths[row]] = 1
        return TokenBatch(
            rows,
            {
                "input_ids": torch.from_numpy(tokens).to(self._device),
                "attention_mask": torch.from_numpy(mask).to(self._device),
            },
        )
