"""What is left of a language model when layers or channels go, before any training.

Prints the mean loss, in nats a token, on every other row of some texts; importance is measured on
the rows between.

    python -m benchmarks.language_students MODEL FILE...
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from locum.language import (
    block_influence,
    drop_layers,
    measure_importance,
    most_influential,
    prune_width,
)
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

_LENGTH = 512


def _loss(model: PreTrainedModel, batches: Sequence[Tensor]) -> float:
    with torch.inference_mode():
        found = [model(input_ids=ids, labels=ids).loss.item() for ids in batches]
    return float(sum(found) / len(found))


def _show(name: str, model: PreTrainedModel, batches: Sequence[Tensor]) -> None:
    print(f"{name:44} {model.num_parameters():>12,} {_loss(model, batches):8.3f}", flush=True)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder, GGUF file or name on the hub")
    parser.add_argument("files", nargs="+", type=Path, help="UTF-8 texts")
    parser.add_argument("--rows", type=int, default=16, help="rows of 512 tokens for each half")
    asked = parser.parse_args()
    source = Pretrained(asked.model)
    model = source.load("bfloat16", None)
    text = "\n\n".join(path.read_text("utf-8") for path in asked.files)
    ids = torch.tensor(source.tokenizer(text).input_ids[: 2 * asked.rows * _LENGTH])
    rows = ids[: len(ids) // _LENGTH * _LENGTH].view(-1, _LENGTH)
    measured, held_out = [
        [half[at : at + 4] for at in range(0, len(half), 4)] for half in (rows[::2], rows[1::2])
    ]
    _show("teacher", model, held_out)
    influence = block_influence(model, measured)
    layers = model.config.num_hidden_layers
    for kept in (layers * 4 // 5, layers * 2 // 3):
        _show(f"{kept} layers, evenly", drop_layers(model, kept), held_out)
        best = most_influential(influence, kept)
        _show(f"{kept} layers, most influential", drop_layers(model, best), held_out)
    importance = measure_importance(model, measured)
    size, heads = model.config.hidden_size, model.config.num_attention_heads
    flat = importance._replace(
        shares={name: torch.full_like(s, 1 / len(s)) for name, s in importance.shares.items()}
    )
    for share in (4, 5):
        hidden = size * share // 6 // heads * heads  # a multiple, as Llama models need
        _show(f"{hidden} channels", prune_width(model, importance, hidden=hidden), held_out)
        unscaled = prune_width(model, flat, hidden=hidden)
        _show(f"{hidden} channels, norms not rescaled", unscaled, held_out)
    neurons = model.config.intermediate_size * 3 // 4
    _show(f"{neurons} neurons", prune_width(model, importance, intermediate=neurons), held_out)
    two_thirds = heads * 2 // 3
    groups = model.config.num_key_value_heads
    for kept in (groups * 2 // 3, groups):
        name = f"{two_thirds} heads in {kept} groups"
        smaller = prune_width(model, importance, heads=two_thirds, key_value_heads=kept)
        _show(name, smaller, held_out)


if __name__ == "__main__":
    main()
