"""Fewer layers of a model: where a smaller student starts from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel

__all__ = ["drop_layers", "find_stack", "keep_layers", "spread_layers"]

# What a config lists layer by layer, and what it lists by the numbers of layers.
_EACH_LAYER = ("layer_types", "mlp_layer_types", "no_rope_layers")
_NUMBERS = ("mlp_only_layers", "moe_layers")


def spread_layers(layers: int, kept: int) -> list[int]:
    """Return the indices of ``kept`` of ``layers`` layers, evenly spread from first to last.

    Six of twelve are 0, 2, 4, 7, 9 and 11, as in DistilBERT (Sanh et al. 2019). One is the first.

    Raises:
        UsageError: ``kept`` is below one, or above ``layers``.
    """
    if not 1 <= kept <= layers:
        raise UsageError(f"layers={kept}: expected 1 to {layers}, as many as there are")
    return [round(place * (layers - 1) / max(kept - 1, 1)) for place in range(kept)]


def drop_layers(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """Return a copy of an encoder that keeps so many of its layers, evenly spread.

    The given model is left as it is. The copy's ``config.num_hidden_layers`` is ``layers``.

    Raises:
        UsageError: The encoder has fewer layers, or keeps them where they cannot be found.
    """
    return keep_layers(model, spread_layers(model.config.num_hidden_layers, layers))


def keep_layers(model: PreTrainedModel, kept: Sequence[int]) -> PreTrainedModel:
    """Return a copy of a model that has some of its layers, and a config that says so.

    The given model is left as it is.

    Args:
        model: An encoder or decoder of transformers.
        kept: Indices of the layers, in the order in which the copy has them.

    Raises:
        UsageError: The model keeps its layers where they cannot be found, or no config of its kind
            can say which of them the copy has.
    """
    found = find_stack(model)
    if found is None:
        raise UsageError(
            f"layers: {type(model).__name__} holds no list of {model.config.num_hidden_layers} "
            "layers, so none can be dropped: leave layers at None, or take another model"
        )
    # What goes is not copied first.
    dropped = [layer for place, layer in enumerate(getattr(*found)) if place not in kept]
    smaller = copy.deepcopy(model, {id(layer): layer for layer in dropped})
    parent, name = find_stack(smaller) or found
    stack = getattr(parent, name)
    setattr(parent, name, type(stack)([stack[index] for index in kept]))
    _keep_settings(smaller.config, kept)
    for place, layer in enumerate(getattr(parent, name)):
        _renumber(layer, place)
    _refuse_unsaid(smaller, kept)
    return smaller


def find_stack(model: PreTrainedModel) -> tuple[nn.Module, str] | None:
    """Return the module that holds a model's list of layers, and the list's name in it.

    ``None`` where there is no list as long as ``config.num_hidden_layers``.
    """
    from torch.nn import ModuleList

    for path, module in model.named_modules():
        if isinstance(module, ModuleList) and len(module) == model.config.num_hidden_layers:
            parent, _, name = path.rpartition(".")
            return model.get_submodule(parent), name
    return None


def _keep_settings(config: PreTrainedConfig, kept: Sequence[int]) -> None:
    """Let a config say of the layers that are kept what it said of them among all."""
    step = getattr(config, "decoder_sparse_step", 1)
    if step > 1:
        dense = {place for place in range(config.num_hidden_layers) if (place + 1) % step}
        config.mlp_only_layers = sorted(dense | set(config.mlp_only_layers))
        config.decoder_sparse_step = 1
    for each in _EACH_LAYER:
        if values := getattr(config, each, None):
            setattr(config, each, [values[index] for index in kept])
    for numbers in _NUMBERS:
        if values := getattr(config, numbers, None):
            setattr(config, numbers, [n for n, index in enumerate(kept) if index in values])
    if dense_first := getattr(config, "first_k_dense_replace", 0):
        config.first_k_dense_replace = sum(index < dense_first for index in kept)
    config.num_hidden_layers = len(kept)


def _refuse_unsaid(model: PreTrainedModel, kept: Sequence[int]) -> None:
    """See that a model which is made by the config has the same weights in its layers."""
    import torch

    with torch.device("meta"):
        made = type(model)(copy.deepcopy(model.config))
    if _shapes(made) != _shapes(model):
        raise UsageError(
            f"layers: a config of {type(model).__name__} cannot say that layers "
            f"{', '.join(map(str, kept))} alone are kept, as they are of several kinds: keep "
            "others, or take another model"
        )


def _shapes(model: PreTrainedModel) -> dict[str, tuple[int, ...]]:
    parent, name = find_stack(model) or (model, "")
    weights = getattr(parent, name, model).state_dict()
    return {weight: tuple(values.shape) for weight, values in weights.items()}


def _renumber(layer: nn.Module, place: int) -> None:
    for module in layer.modules():
        for name in ("layer_idx", "layer_id"):
            if hasattr(module, name):
                setattr(module, name, place)
