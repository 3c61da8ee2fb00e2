"""The modes of torch modules: training and evaluation."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.nn import Module

__all__ = ["evaluated", "modes_kept"]


@contextmanager
def modes_kept(module: Module) -> Iterator[None]:
    """Put every part of a module back in the mode it was in."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def evaluated(module: Module) -> Iterator[None]:
    """Have a module in evaluation mode, and put every part of it back in the mode it was in."""
    with modes_kept(module):
        module.train(mode=False)
        yield
