"""Which tensors of torch hold their numbers in the same memory, whatever modules they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor
    from torch.nn import Module

__all__ = ["hold_still", "memory_of", "place"]


def place(tensor: Tensor) -> int | None:
    """Return where a tensor's numbers lie; ``None`` where it has no numbers yet, or no one place.

    ``parameter.data = other.data``, ``Parameter(other)`` and ``load_state_dict(assign=True)`` make
    other tensors of the same numbers.
    """
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (NotImplementedError, RuntimeError, ValueError):  # sparse, or of a lazy module
        return None


def memory_of(module: Module) -> set[int]:
    """Return where all parameters and buffers of a module lie."""
    places = (place(tensor) for tensor in _tensors(module))
    return {found for found in places if found is not None}


def hold_still(module: Module, places: set[int]) -> None:
    """Put those parts into evaluation mode whose buffers lie at some places.

    In training mode a normalisation would write its statistics there.
    """
    for part in module.modules():
        if any(place(buffer) in places for buffer in part.buffers(recurse=False)):
            part.training = False


def _tensors(module: Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
