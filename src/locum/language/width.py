"""A narrower student: the channels, neurons and heads that some texts use most.

Importance is that of Minitron (Muralidharan et al. 2024, section 2.2): the mean size of an
activation over a sequence, and the Euclidean norm of these means over sequences, which their
Table 12 found best. A channel of the residual stream is measured after every norm, a neuron where
it enters the down projection, a head by the length of its output where that enters the output
projection.

A norm divides by the root of the mean square over channels. The channels that are kept are the
large ones, so their mean square is above that of all, and every norm would say less than before.
Each norm's weights are therefore multiplied by the root of the ratio of both means, as it was
measured on the same texts: where what is dropped is always nothing, the student is its teacher.

Shapes: S sequences, L tokens, D channels, I neurons, H heads, G key-value heads, M layers.
"""

# ruff: noqa: N803, N806, N815 - names end in their shapes

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.language.plain import as_plain
from locum.language.watching import run_over, stack_of, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["Importance", "measure_importance", "prune_width"]

# Families whose parts are where `_slices` looks for them, and whose norms are plain means.
_FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "smollm3")
_NORMS = ("input_layernorm", "post_attention_layernorm")


class Importance(NamedTuple):
    """How much some texts use each part of a model, as `measure_importance` found it.

    Attributes:
        channels_D: Of the residual stream.
        neurons_MI: Of each layer's feed-forward part.
        heads_MH: Of each layer's attention.
        shares: For each norm, by its name in the model, the share ``[D]`` that each channel has in
            the sum of squares; a mean over tokens, which sums to one.
    """

    channels_D: Tensor
    neurons_MI: Tensor
    heads_MH: Tensor
    shares: Mapping[str, Tensor]


def measure_importance(model: PreTrainedModel, batches: Iterable[Tensor]) -> Importance:
    """Return how much some texts use each channel, neuron and head of a language model.

    Args:
        model: Of the Llama, Mistral, Qwen2, Qwen3 or SmolLM3 family.
        batches: Token ids ``[S, L]`` of texts such as the student will read, without padding. The
            paper takes 1,024 sequences; the order of importance settles with far fewer.

    Raises:
        UsageError: The model is of another family, or there are no batches, or anything else.
    """
    _refuse_unknown(as_plain(model))
    layers = list(stack_of(model))
    heads = model.config.num_attention_heads
    norms = {name: model.get_submodule(name) for name in _norm_names(model)}
    channels = {name: _Sum() for name in norms}
    shares = {name: _Sum() for name in norms}
    neurons, attention = [_Sum() for _ in layers], [_Sum() for _ in layers]

    def norm_hook(name: str) -> Any:  # noqa: ANN401 - torch's own signature
        def called(
            _norm: nn.Module, inputs: tuple[Tensor, ...], _named: object, output: Tensor
        ) -> None:
            channels[name].add(_norm_over_sequences(output.float().abs()))
            squares_SLD = inputs[0].double().square()
            share_SLD = squares_SLD / squares_SLD.sum(-1, keepdim=True).clamp(min=1e-300)
            shares[name].add(share_SLD.flatten(0, 1).sum(0))

        return called

    def neuron_hook(place: int) -> Any:  # noqa: ANN401 - torch's own signature
        def called(_down: nn.Module, inputs: tuple[Tensor, ...], *_rest: object) -> None:
            neurons[place].add(_norm_over_sequences(inputs[0].float().abs()))

        return called

    def head_hook(place: int) -> Any:  # noqa: ANN401 - torch's own signature
        def called(_out: nn.Module, inputs: tuple[Tensor, ...], *_rest: object) -> None:
            sequences, tokens = inputs[0].shape[:2]
            outputs_SLHd = inputs[0].float().view(sequences, tokens, heads, -1)
            lengths_SLH = outputs_SLHd.norm(dim=-1)
            attention[place].add(_norm_over_sequences(lengths_SLH))

        return called

    hooks = [
        *((norm, norm_hook(name)) for name, norm in norms.items()),
        *(
            (layer.get_submodule("mlp.down_proj"), neuron_hook(place))
            for place, layer in enumerate(layers)
        ),
        *(
            (layer.get_submodule("self_attn.o_proj"), head_hook(place))
            for place, layer in enumerate(layers)
        ),
    ]
    import torch

    with watched(hooks):
        run_over(model, batches)
    return Importance(
        torch.stack([found.root() for found in channels.values()]).sum(0),
        torch.stack([found.root() for found in neurons]),
        torch.stack([found.root() for found in attention]),
        {name: found.share() for name, found in shares.items()},
    )


@dataclass
class _Sum:
    total: Tensor | None = None

    def add(self, values: Tensor) -> None:
        self.total = values if self.total is None else self.total + values

    def root(self) -> Tensor:
        assert self.total is not None
        return self.total.sqrt().cpu()

    def share(self) -> Tensor:
        assert self.total is not None
        return (self.total / self.total.sum()).cpu()


def _norm_over_sequences(sizes_SLX: Tensor) -> Tensor:
    """The sum of squares over sequences of the means over tokens; its root comes at the end."""
    return sizes_SLX.double().mean(dim=1).square().sum(dim=0)


def prune_width(
    model: PreTrainedModel,
    importance: Importance,
    *,
    hidden: int | None = None,
    intermediate: int | None = None,
    heads: int | None = None,
    key_value_heads: int | None = None,
) -> PreTrainedModel:
    """Return a narrower copy of a language model that keeps what matters most.

    The given model is left as it is. The copy is an ordinary model of transformers, whose config
    says what it has. The same channels are kept in every layer, as all write to one stream; the
    neurons and heads are each layer's own. A head keeps its size.

    Args:
        model: The model that ``importance`` was measured on.
        importance: What `measure_importance` found.
        hidden: How many channels are kept; all by default. Transformers wants a multiple of the
            number of heads in Llama models.
        intermediate: How many neurons are kept in each layer; all by default.
        heads: How many heads are kept in each layer; all by default.
        key_value_heads: Of how many groups of heads that share their keys and values those are,
            as many of each; whole groups are dropped first, by the importance of all their heads.
            By default as few as will do, so that groups stay as large as they can.

    Raises:
        UsageError: The model is of another family, or has fewer; or the numbers do not fit.
    """
    _refuse_unknown(as_plain(model))
    config = model.config
    sizes = {
        "hidden_size": _at_most("hidden", hidden, config.hidden_size),
        "intermediate_size": _at_most("intermediate", intermediate, config.intermediate_size),
        "num_attention_heads": _at_most("heads", heads, config.num_attention_heads),
    }
    kept_heads = sizes["num_attention_heads"]
    groups = config.num_key_value_heads
    fitting = _fitting(kept_heads, groups, config.num_attention_heads // groups)
    kept_groups = min(fitting, default=0) if key_value_heads is None else key_value_heads
    if kept_groups not in fitting:
        raise UsageError(
            f"heads={kept_heads}, key_value_heads={key_value_heads}: the model has {groups} groups "
            f"of {config.num_attention_heads // groups} heads; expected for so many heads "
            + (f"key_value_heads={' or '.join(map(str, fitting))}" if fitting else "another number")
        )
    sizes["num_key_value_heads"] = kept_groups
    tensors = dict(_sliced(model, _Kept.best(importance, sizes, groups), importance))
    return _built(model, sizes, tensors)


def _fitting(heads: int, groups: int, each: int) -> list[int]:
    """Numbers of groups that so many heads can be of."""
    return [kept for kept in range(1, groups + 1) if not heads % kept and heads // kept <= each]


def _at_most(name: str, asked: int | None, there: int) -> int:
    if asked is None:
        return there
    if not 1 <= asked <= there:
        raise UsageError(f"{name}={asked}: expected 1 to {there}, as many as the model has")
    return asked


class _Kept(NamedTuple):
    """Which parts stay, by their places in the model."""

    channels: Tensor
    neurons: list[Tensor]
    heads: list[Tensor]
    groups: list[Tensor]

    @staticmethod
    def best(importance: Importance, sizes: Mapping[str, int], groups: int) -> _Kept:
        import torch

        kept_groups = sizes["num_key_value_heads"]
        each = sizes["num_attention_heads"] // kept_groups
        found_heads, found_groups = [], []
        for heads_H in importance.heads_MH:
            heads_GH = heads_H.view(groups, -1)
            best = _best(heads_GH.sum(1), kept_groups)
            first = best * heads_GH.shape[1]
            found_groups.append(best)
            found_heads.append(
                torch.cat(
                    [start + _best(heads_GH[g], each) for g, start in zip(best, first, strict=True)]
                )
            )
        return _Kept(
            _best(importance.channels_D, sizes["hidden_size"]),
            [_best(neurons_I, sizes["intermediate_size"]) for neurons_I in importance.neurons_MI],
            found_heads,
            found_groups,
        )


def _best(values: Tensor, kept: int) -> Tensor:
    return values.argsort(descending=True, stable=True)[:kept].sort().values


def _sliced(
    model: PreTrainedModel, kept: _Kept, importance: Importance
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the smaller model by their names."""
    head_size = _head_size(model)
    channels = kept.channels
    norms = _norm_names(model)
    for name, tensor in model.state_dict().items():
        parts = name.split(".")
        cut = tensor
        if "self_attn" in parts or "mlp" in parts:
            place = int(parts[parts.index("layers") + 1])
            rows, columns = _axes(parts[-2], kept, place, head_size)
            cut = tensor if rows is None else tensor.index_select(0, rows.to(tensor.device))
            if columns is not None and tensor.ndim == 2:
                cut = cut.index_select(1, columns.to(tensor.device))
        elif name.removesuffix(".weight") in norms:
            share = importance.shares[name.removesuffix(".weight")][channels].sum()
            scale = (share * tensor.numel() / len(channels)).sqrt().to(tensor)
            cut = tensor[channels.to(tensor.device)] * scale
        else:  # the embeddings and the head
            cut = tensor.index_select(-1, channels.to(tensor.device))
        yield name, cut.clone()


def _axes(part: str, kept: _Kept, place: int, size: int) -> tuple[Tensor | None, Tensor | None]:
    """Which rows and columns of a linear map stay; ``None`` is all."""
    if part == "q_proj":
        return _within(kept.heads[place], size), kept.channels
    if part in {"k_proj", "v_proj"}:
        return _within(kept.groups[place], size), kept.channels
    if part == "o_proj":
        return kept.channels, _within(kept.heads[place], size)
    if part in {"gate_proj", "up_proj"}:
        return kept.neurons[place], kept.channels
    if part == "down_proj":
        return kept.channels, kept.neurons[place]
    return None, None  # norms inside a head


def _within(heads: Tensor, size: int) -> Tensor:
    import torch

    return (heads[:, None] * size + torch.arange(size)).flatten()


def _built(
    model: PreTrainedModel, sizes: Mapping[str, int], tensors: dict[str, Tensor]
) -> PreTrainedModel:
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto.modeling_auto import AutoModelForCausalLM

    config = model.config
    make: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    try:
        smaller = type(config).from_dict(
            config.to_dict() | dict(sizes) | {"head_dim": _head_size(model)}
        )
        how = {"attn_implementation": config._attn_implementation}  # noqa: SLF001 - no other way
        with model.device:
            built: PreTrainedModel = make(smaller, dtype=model.dtype, **how)
    except (ValueError, StrictDataclassError) as error:
        raise UsageError(f"{sizes}: transformers makes no such model: {error}") from None
    built.load_state_dict(tensors)
    built.generation_config = model.generation_config
    built.train(mode=model.training)
    return built


def _head_size(model: PreTrainedModel) -> int:
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(size)


def _norm_names(model: PreTrainedModel) -> list[str]:
    layers = range(model.config.num_hidden_layers)
    return [*(f"model.layers.{layer}.{norm}" for layer in layers for norm in _NORMS), "model.norm"]


def _refuse_unknown(model: PreTrainedModel) -> None:
    if model.config.model_type not in _FAMILIES:
        raise UsageError(
            f"{type(model).__name__} is of the family {model.config.model_type!r}: expected one of "
            f"{', '.join(_FAMILIES)}; drop_layers works for others too"
        )
