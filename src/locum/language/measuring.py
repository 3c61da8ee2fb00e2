"""How well a language model knows some texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.language.packing import refuse_other_tokens, refuse_unpacked
from locum.language.settings import LanguageLoss
from locum.training.modes import evaluated

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from locum.language.packing import Packed
    from locum.language.settings import Precision

__all__ = ["cross_entropy", "held_out_loss"]


def cross_entropy(
    model: PreTrainedModel,
    packed: Packed,
    *,
    vocabulary: int | None = None,
    precision: Precision = "bfloat16",
    sequences_per_pass: int = 4,
) -> float:
    """Return a model's cross-entropy of all targets, in nats a token.

    Args:
        model: A causal language model of transformers.
        packed: The texts, see `locum.language.pack`.
        vocabulary: How many of its logits are of tokens, the rest being padding; by default all.
        precision: What it computes in, where its weights are float32.
        sequences_per_pass: What goes through the model at once.

    Raises:
        UsageError: As `locum.language.models.split_model`, or it has fewer logits; or the texts
            are not packed.
    """
    from locum.language.student_step import StudentStep

    refuse_unpacked(packed)
    known = model.config.get_text_config().vocab_size if vocabulary is None else vocabulary
    refuse_other_tokens(packed, known)
    step = StudentStep(model, known, LanguageLoss(), precision)
    return held_out_loss(step, packed, sequences_per_pass, model.device)


def held_out_loss(
    module: torch.nn.Module, packed: Packed, size: int, device: torch.device
) -> float:
    """Return the same of a `StudentStep`, or of what processes share of one.

    Args:
        module: It; all parts are left in the mode that they were in.
        packed: The texts.
        size: How many sequences go through the model at once.
        device: Of the model.
    """
    import torch

    count = max(packed.rows, 1)
    with torch.no_grad(), evaluated(module):
        return sum(float(module(some.to(device), None, count)) for some in packed.pieces(size))
