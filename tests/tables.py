"""A table with names of its columns, as pandas, polars and pyarrow have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Table"]


class Table:
    """Values with names of their columns, as tables of pandas and polars have them."""

    def __init__(self, values: Floats, columns: Iterable[Any]) -> None:
        self.values, self.columns = np.asarray(values), list(columns)

    def __getitem__(self, names: list[Any]) -> Table:
        """Return these columns in this order."""
        places = [self.columns.index(name) for name in names]
        return Table(self.values[:, places], names)

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Floats:  # noqa: ANN401 - numpy's
        """Return the values alone."""
        return np.array(self.values, dtype=dtype, copy=copy)
