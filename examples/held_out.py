"""What the recipes for language models share: texts that are held out, and the loss on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from locum.language import Packed, end_token, pack
from locum.losses import token_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.language import Document

__all__ = ["Divided", "cross_entropy", "divide"]

_PASS = 8


class Divided(NamedTuple):
    """Sequences to learn from, and sequences to measure by."""

    train: Packed
    held_out: Packed


def divide(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    length: int,
    held_out: int,
) -> Divided:
    """Hold every tenth document out, and of these so many sequences at most."""
    fill = end_token(tokenizer)
    apart = pack(documents[::10], length, fill)
    rest = pack([document for at, document in enumerate(documents) if at % 10], length, fill)
    order = torch.randperm(len(apart.ids_SL), generator=torch.Generator().manual_seed(0))
    return Divided(rest, apart.some(order[:held_out].tolist()))


def cross_entropy(model: PreTrainedModel, packed: Packed) -> float:
    """Return a model's loss on the targets of some sequences, in nats a token."""
    model.train(mode=False)
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(packed.ids_SL), _PASS):
            some = packed.some(slice(start, start + _PASS))
            logits = model(input_ids=some.ids_SL, position_ids=some.positions_SL).logits
            # With a count the loss is a sum over it, so that the parts add up to the mean.
            predicted = some.before_targets(logits)
            total += float(token_cross_entropy(predicted, some.targets(), count=packed.rows))
    return total
