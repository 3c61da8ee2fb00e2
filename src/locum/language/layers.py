"""A student with fewer layers than its teacher, and which layers to keep."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.language.plain import as_plain
from locum.language.watching import run_over, stack_of, watched
from locum.students.encoder_layers import keep_layers, spread_layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["block_influence", "drop_layers", "most_influential"]


def drop_layers(model: PreTrainedModel, keep: int | Sequence[int]) -> PreTrainedModel:
    """Return a copy of a language model that has some of its layers.

    The given model is left as it is. The copy is an ordinary model of transformers, whose config
    says what it has; it saves and loads as any other, and all of its weights learn.

    Args:
        model: A causal language model of transformers.
        keep: How many layers, evenly spread from first to last (DistilBERT; Sanh et al. 2019);
            or which ones, counted from 0 (`most_influential` chooses).

    Raises:
        UsageError: The model has no such layers, or keeps them where they cannot be found.
    """
    layers = model.config.num_hidden_layers
    kept = spread_layers(layers, keep) if isinstance(keep, int) else list(keep)
    if not kept or kept != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < layers:
        raise UsageError(
            f"keep={kept}: expected layers from 0 to {layers - 1}, each once and in their order"
        )
    return keep_layers(as_plain(model), kept).requires_grad_()


def block_influence(model: PreTrainedModel, batches: Iterable[Tensor]) -> list[float]:
    """Return how much each layer changes what passes through it on some texts.

    The block influence of ShortGPT (Men et al. 2024, equation 1): one minus the mean, over tokens,
    of the cosine between a layer's input and output.

    Args:
        model: A causal language model of transformers.
        batches: Token ids ``[S, L]`` of texts such as the student will read, without padding. A
            few tens of thousands of tokens are enough.

    Returns:
        One number a layer, from 0 (it changes nothing but the length) to 2.

    Raises:
        UsageError: There are no batches, or they are anything else; or the layers cannot be found.
    """
    stack = stack_of(model)
    sums = [0.0] * len(stack)
    tokens = [0] * len(stack)

    def observe(place: int, before_SLD: Tensor, after_SLD: Tensor) -> None:
        from torch.nn.functional import cosine_similarity

        cosine_SL = cosine_similarity(before_SLD.double(), after_SLD.double(), dim=-1)
        sums[place] += float((1 - cosine_SL).sum())
        tokens[place] += cosine_SL.numel()

    def hook(place: int) -> Any:  # noqa: ANN401 - torch's own signature
        def called(
            _layer: nn.Module,
            inputs: tuple[Tensor, ...],
            named: dict[str, Tensor],
            output: Tensor | tuple[Tensor, ...],
        ) -> None:
            before_SLD = inputs[0] if inputs else named["hidden_states"]
            observe(place, before_SLD, output[0] if isinstance(output, tuple) else output)

        return called

    with watched((layer, hook(place)) for place, layer in enumerate(stack)):
        run_over(model, batches)
    return [total / count for total, count in zip(sums, tokens, strict=True)]


def most_influential(influence: Sequence[float], keep: int) -> list[int]:
    """Return the ``keep`` layers of greatest influence, in their order; of equals the first.

    Raises:
        UsageError: ``keep`` is below one, or above the number of layers.
    """
    if not 1 <= keep <= len(influence):
        raise UsageError(f"keep={keep}: expected 1 to {len(influence)}, as many as there are")
    ranked = sorted(range(len(influence)), key=lambda layer: -influence[layer])
    return sorted(ranked[:keep])
