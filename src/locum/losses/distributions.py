"""Whether rows of numbers can be distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["first_unusable"]


def first_unusable(rows: NDArray[np.floating]) -> int | None:
    """Return the first row that is no distribution, whatever it sums to; ``None`` for none.

    Args:
        rows: Expected to be finite and not negative, with a sum above zero in each row, ``[N, C]``.
    """
    sound = (np.isfinite(rows) & (rows >= 0)).all(axis=1) & (rows.max(axis=1, initial=0) > 0)
    return None if sound.all() else int(sound.argmin())
