"""Rows of a vocabulary, a few at a time.

An operation over all rows of a batch reads and writes memory; one over a few rows stays in a core's
cache, where it takes a third of the time, and what it makes takes no room.

Shapes: N rows, V tokens.
"""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

__all__ = ["Group", "groups_of_rows", "put", "room_for_slopes"]

# Numbers of a group: a few arrays of so many fit a core's cache; a GPU wants many at once.
OF_A_CORE = 2**16
OF_A_GPU = 2**26


class Group(NamedTuple):
    """Some rows: what to index all with, and where they are among those that count."""

    rows: slice | Tensor
    places: slice


def groups_of_rows(values_NV: Tensor, mask_N: Tensor | None) -> Iterator[Group]:
    """Go through the rows that count, once each and in order.

    Args:
        values_NV: The rows.
        mask_N: True at rows that count; all do without it.
    """
    row = max(values_NV.shape[-1], 1)
    if values_NV.device.type == "cpu":
        size = max(OF_A_CORE // row, 1) * torch.get_num_threads()
    else:
        size = max(OF_A_GPU // row, 1)
    counted_M = None if mask_N is None else mask_N.nonzero().squeeze(-1)
    for start in range(0, len(values_NV if counted_M is None else counted_M), size):
        places = slice(start, start + size)
        yield Group(places if counted_M is None else counted_M[places], places)


def room_for_slopes(values_NV: Tensor, mask_N: Tensor | None) -> Tensor:
    """Return what is to hold a slope at each value: zeros at rows that do not count."""
    return torch.empty_like(values_NV) if mask_N is None else torch.zeros_like(values_NV)


def put(values_NV: Tensor, rows: slice | Tensor, some_RV: Tensor) -> None:
    """Write some rows, in the type of all."""
    values_NV[rows] = some_RV if isinstance(rows, slice) else some_RV.to(values_NV.dtype)
