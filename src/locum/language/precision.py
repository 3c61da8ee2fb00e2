"""Which type a model computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from locum.language.settings import Precision

__all__ = ["computing_in", "type_of"]


def type_of(precision: Precision) -> torch.dtype:
    """Return torch's type."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def computing_in(precision: Precision, model: PreTrainedModel) -> torch.autocast:
    """Return a context in which a model of float32 weights computes in a type.

    One whose weights are of another type already computes in that.
    """
    wanted = type_of(precision)
    mixed = wanted != torch.float32 and next(model.parameters()).dtype == torch.float32
    return torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=mixed)
