"""Training a few added weights in the place of all (LoRA; Hu et al. 2021), by the library peft."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from locum.errors import UsageError
from locum.language.plain import as_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

__all__ = ["merged", "with_adapters"]


def with_adapters(
    model: PreTrainedModel,
    rank: int = 16,
    *,
    scale: float = 2.0,
    dropout: float = 0.0,
    modules: Sequence[str] | None = None,
) -> PreTrainedModel:
    """Return a model of which only added low-rank matrices learn; the given model is changed.

    Each linear map ``W`` becomes ``W + scale * B A`` with ``A`` of ``rank`` rows; ``B`` begins at
    zero, so that nothing is changed before training. Its parameters that learn are those of
    ``requires_grad``; `merged` makes a plain model of it again.

    Args:
        model: A causal language model.
        rank: Rows of ``A``.
        scale: What papers call alpha over rank.
        dropout: Share of the inputs of ``A`` that training leaves out.
        modules: Which linear maps, by the ends of their names; all but the head by default.

    Raises:
        UsageError: A value is out of range, there are no such maps, or peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise UsageError("adapters need a package more: pip install 'locum[lm]'") from None
    if rank < 1 or not scale > 0 or not 0 <= dropout < 1:
        raise UsageError(
            f"rank={rank}, scale={scale}, dropout={dropout}: expected at least 1, above 0, and "
            "from 0 to below 1"
        )
    options: dict[str, Any] = {
        "r": rank,
        "lora_alpha": scale * rank,
        "lora_dropout": dropout,
        "target_modules": list(modules) if modules else "all-linear",
        "task_type": "CAUSAL_LM",
    }
    try:
        with warnings.catch_warnings():
            # peft asks a model of transformers 5.24 by an older name.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            adapted: Any = get_peft_model(as_plain(model), LoraConfig(**options))
    except ValueError as error:
        raise UsageError(f"modules={modules}: {error}") from None
    found: PreTrainedModel = adapted
    return found


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """Return a plain model with the adapters added into its weights, all of which learn.

    One without adapters stays as it is.
    """
    merge: Any = getattr(model, "merge_and_unload", None)
    if merge is None:
        return model
    plain: PreTrainedModel = merge()
    return plain.requires_grad_()
