"""Where a student comes from: a smaller model, or some of its teacher.

Shapes: S sequences, L tokens of a sequence.
"""

# ruff: noqa: N803 - names end in their shapes

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Origin", "make_student", "without_padding"]

_FEW = 4


@dataclass(frozen=True)
class Origin:
    """Where a student comes from; what is not given stays as it is in the model.

    Args:
        model: A name on the hub, a folder or a GGUF file; by default the teacher itself.
        layers: How many layers are kept.
        keep: Which ones: ``spread`` evenly from first to last (DistilBERT; Sanh et al. 2019), or
            those of most ``influence`` on some of the texts (ShortGPT; Men et al. 2024).
        hidden: How many channels are kept, see `locum.language.prune_width`, as for the next two.
        intermediate: How many neurons of each layer are kept.
        heads: How many heads of each layer are kept.
        adapters: Rank of the low-rank adapters that learn in the place of all weights.

    Raises:
        UsageError: ``keep`` is neither, or there is no number of layers for it to choose.
    """

    model: str | None = None
    layers: int | None = None
    keep: str = "spread"
    hidden: int | None = None
    intermediate: int | None = None
    heads: int | None = None
    adapters: int | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.keep not in {"spread", "influence"}:
            raise UsageError(f"keep is {self.keep!r}, expected spread or influence")
        if self.keep == "influence" and self.layers is None:
            raise UsageError("keep is 'influence' and layers None: expected how many are kept")

    @property
    def narrower(self) -> bool:
        """Whether the width is pruned."""
        return (self.hidden, self.intermediate, self.heads) != (None, None, None)


def make_student(
    origin: Origin,
    model: PreTrainedModel,
    texts_SL: Tensor,
    say: Callable[[str], None],
    seed: int = 0,
) -> PreTrainedModel:
    """Return a student made of a model, which is left as it is where anything is taken away.

    Args:
        origin: What is kept.
        model: With float32 weights.
        texts_SL: Sequences of the texts, by which it is found what matters.
        say: Is told what is done.
        seed: Of the weights that adapters begin with.

    Raises:
        UsageError: The model has fewer of something, or is of a family that cannot be pruned.
    """
    import torch

    from locum.language.layers import block_influence, drop_layers, most_influential
    from locum.language.width import measure_importance, prune_width

    batches = [texts_SL[start : start + _FEW] for start in range(0, len(texts_SL), _FEW)]
    if origin.layers is not None:
        kept: int | list[int] = origin.layers
        if origin.keep == "influence":
            kept = most_influential(block_influence(model, batches), origin.layers)
            say(f"keeping layers {', '.join(map(str, kept))}")
        model = drop_layers(model, kept)
    if origin.narrower:
        say("measuring what the texts use of the model")
        model = prune_width(
            model,
            measure_importance(model, batches),
            hidden=origin.hidden,
            intermediate=origin.intermediate,
            heads=origin.heads,
        )
    if origin.adapters is not None:
        from locum.language.adapters import with_adapters

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = with_adapters(model, origin.adapters)
    return model


def without_padding(model: PreTrainedModel, tokens: int) -> PreTrainedModel:
    """Return a model without the rows of its embeddings and head that stand for no token.

    What is learned is a distribution over tokens, so that nothing would hold such rows down, and
    whoever samples from the student would draw them.

    Args:
        model: It is changed, and returned.
        tokens: How many rows up to the last that stands for a token.
    """
    config = model.config.get_text_config()
    if tokens < config.vocab_size:
        model.resize_token_embeddings(tokens)
        if (config.pad_token_id or 0) >= tokens:
            config.pad_token_id = None
    return model
