"""Modules of torch in evaluation mode for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.nn import Module

__all__ = ["evaluated"]


@contextmanager
def evaluated(module: Module) -> Iterator[None]:
    """Have a module in evaluation mode, and put every part of it back in the mode it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.train(mode=False)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
