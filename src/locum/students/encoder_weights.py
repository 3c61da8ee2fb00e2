"""How the weights of an encoder may be kept, and when too much is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WEIGHTS", "Weights", "clearly_loses"]

Weights = Literal["int8", "int8 with float32 second layers", "float32"]
WEIGHTS: tuple[Weights, ...] = ("int8", "int8 with float32 second layers", "float32")

_LOSS_ALLOWED = 0.005


def clearly_loses(exact: NDArray[np.bool_], rounded: NDArray[np.bool_]) -> bool:
    """Tell whether rounded weights are clearly right less often, by over half a point.

    It is clear where the loss exceeds that by its standard error.

    Args:
        exact: Of which inputs the weights in float32 are right, ``[N]``.
        rounded: Of which the rounded ones are, ``[N]``.
    """
    lost = exact.astype(float) - rounded
    return bool(lost.mean() - lost.std() / np.sqrt(len(lost)) > _LOSS_ALLOWED)
