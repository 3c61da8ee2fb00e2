"""Gradients that are made in the forward pass, and handed out in the backward one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["handed_out"]


def handed_out(kept: Tensor) -> Tensor:
    """Return a gradient that the caller may add to in place, as ``.grad`` does.

    It is a copy where the graph is retained, so that the next backward pass finds what was kept.
    """
    retained = torch._C._autograd._get_current_graph_task_keep_graph()  # noqa: SLF001 - told nowhere else
    return kept.clone() if retained else kept
