"""A causal language model in two halves: hidden states of rows, and their logits some at a time.

Shapes: S sequences, L tokens, N rows (targets that count), D values of a hidden state, V tokens of
the vocabulary that counts.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from locum.errors import UsageError
from locum.training.modes import evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from locum.language.packing import Packed

__all__ = [
    "Halves",
    "find_halves",
    "hidden_states",
    "output_projection",
    "refuse_too_long",
    "refuse_unpackable",
    "split_model",
]

_LONG = 24
_AFTER_THE_HEAD = (
    "final_logit_softcapping",
    "lm_head_multiplier",
    "logit_scale",
    "logits_scaling",
    "logits_soft_cap",
    "output_logit_soft_cap",
)
_AS_ONE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 2e-1}


class Halves(NamedTuple):
    """What a model is made of, as far as a loss is concerned.

    Args:
        body: Gives hidden states.
        head: The output projection, a linear layer.
    """

    body: Module
    head: torch.nn.Linear

    def logits(self, states_ND: Tensor, vocabulary: int) -> Tensor:
        """Return the logits of the first ``vocabulary`` tokens; what is after them is padding."""
        bias = self.head.bias
        weight_VD = self.head.weight[:vocabulary].to(states_ND.dtype)
        return functional.linear(
            states_ND, weight_VD, None if bias is None else bias[:vocabulary].to(states_ND.dtype)
        )


def split_model(model: PreTrainedModel) -> Halves:
    """Find the halves of a model whose documents stand side by side.

    Raises:
        UsageError: As `find_halves`, or it does not keep documents apart by their positions.
    """
    halves = find_halves(model)
    refuse_unpackable(model)
    return halves


def find_halves(model: PreTrainedModel) -> Halves:
    """Find the halves of a model, and see that they are all that there is of it.

    Raises:
        UsageError: Its logits are not a linear layer's of its hidden states (some models bound or
            scale them).
    """
    head = output_projection(model)
    # A model with adapters is one around another.
    inner: PreTrainedModel = getattr(model, "get_base_model", lambda: model)()
    halves = Halves(inner.base_model, head) if head else None
    changes = _changes_after_head(inner)
    # A cap changes small logits by less than bfloat16 tells.
    if halves is None or changes or not _alike(*_two_ways(model, halves)):
        by = f" ({', '.join(changes)})" if changes else ""
        raise UsageError(
            f"{type(model).__name__} makes its logits in another way than by a linear layer of its "
            f"last hidden states{by}: take a model of the Llama, Qwen or SmolLM families"
        )
    return halves


def _changes_after_head(model: PreTrainedModel) -> list[str]:
    """Return the settings by which a model changes the logits that its head makes."""
    config = model.config.get_text_config()
    return [name for name in _AFTER_THE_HEAD if getattr(config, name, None) not in {None, 0, 1}]


def refuse_too_long(model: PreTrainedModel, tokens: int, who: str) -> None:
    """See that a model can read so many tokens.

    Raises:
        UsageError: It has fewer positions; ``who`` names it.
    """
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if most and tokens > most:
        raise UsageError(
            f"a text has {tokens:,} of the {who}'s tokens in one sequence and the {who} reads "
            f"{most:,}: give a smaller length"
        )


def output_projection(model: PreTrainedModel) -> torch.nn.Linear | None:
    """Return the layer that makes logits, if it is a linear one."""
    find: Callable[[], Module | None] = model.get_output_embeddings
    head = find()
    return head if isinstance(head, torch.nn.Linear) else None


def hidden_states(halves: Halves, batch: Packed) -> Tensor:
    """Return the last hidden states before each target, ``[N, D]``."""
    given = {"input_ids": batch.ids_SL, "position_ids": batch.positions_SL, "use_cache": False}
    states_ND = batch.before_targets(halves.body(**given).last_hidden_state)
    kind = states_ND.device.type
    # What layers add up is float32 under autocast, and the projection is to compute in its type.
    return (
        states_ND.to(torch.get_autocast_dtype(kind))
        if torch.is_autocast_enabled(kind)
        else states_ND
    )


def refuse_unpackable(model: PreTrainedModel) -> None:
    """See that a document's logits are the same beside others as alone.

    Two sequences are tried at once, with other documents in each: transformers' flash attention
    heeds positions in a single sequence alone.

    Raises:
        UsageError: They are not.
    """
    ids_1L = _some_tokens(model)
    ids_SL = torch.cat((ids_1L, ids_1L.flip(1)))
    starts = (_LONG // 2, _LONG // 3)
    places_SL = torch.stack([_two_documents(start) for start in starts]).to(model.device)
    with torch.no_grad(), evaluated(model):
        beside = model(input_ids=ids_SL, position_ids=places_SL, use_cache=False).logits
        apart = [
            (beside[row : row + 1, start:], model(ids_SL[row : row + 1, start:], use_cache=False))
            for row, start in enumerate(starts)
        ]
    if not all(_alike(left, right.logits) for left, right in apart):
        raise UsageError(
            f"{type(model).__name__} does not keep documents apart that stand in one sequence, so "
            "they cannot be packed: take a model of the Llama, Qwen or SmolLM families, loaded "
            'with attn_implementation="sdpa"'
        )


def _two_documents(start: int) -> Tensor:
    """Return the places of the tokens of two documents, the second of which starts there."""
    return torch.cat((torch.arange(start), torch.arange(_LONG - start)))


def _two_ways(model: PreTrainedModel, halves: Halves) -> tuple[Tensor, Tensor]:
    ids_1L = _some_tokens(model)
    with torch.no_grad(), evaluated(model):
        whole = model(input_ids=ids_1L, use_cache=False).logits
        states = halves.body(input_ids=ids_1L, use_cache=False).last_hidden_state
        return whole, halves.logits(states, whole.shape[-1])


def _some_tokens(model: PreTrainedModel) -> Tensor:
    vocabulary: int = model.config.get_text_config().vocab_size
    tokens_L: Tensor = torch.arange(_LONG, device=model.device) * 7919 % vocabulary
    return tokens_L[None]


def _alike(left: Tensor, right: Tensor) -> bool:
    allowed = _AS_ONE.get(left.dtype, 1e-3)
    return bool((left - right).abs().max() <= allowed * (1 + left.abs().max()))
