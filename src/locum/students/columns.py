"""Names of a table's columns, as pandas, polars and pyarrow have them; none of these is needed.

Shapes: D features, C classes.
"""

# ruff: noqa: N803, N806 - names end in their shapes; X as in scikit-learn

from __future__ import annotations

from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

import numpy as np

from locum.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["column_names", "feature_names", "places_of_classes", "refuse_other_features"]


def column_names(table: object) -> list[Any] | None:
    """Return the names; none of an array, nor where columns are only numbered from zero."""
    of_arrow = hasattr(type(table), "column_names")  # its columns are those themselves
    given = getattr(table, "column_names" if of_arrow else "columns", None)
    names = [] if given is None else list(given)
    return None if names == list(range(len(names))) else names


def feature_names(X: object) -> NDArray[Any] | None:
    """Return the names, where all are texts: no others count in scikit-learn."""
    names = column_names(X)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def refuse_other_features(X: object, fitted_D: NDArray[Any] | None) -> None:
    """Refuse a table whose columns are others than, or in another order than, the fitted ones.

    Raises:
        UsageError: They are.
    """
    names_D = feature_names(X)
    if names_D is None or fitted_D is None:
        return
    unlike = [
        (place, name, expected)
        for place, (name, expected) in enumerate(zip(names_D, fitted_D, strict=True))
        if name != expected
    ]
    if unlike:
        place, name, expected = unlike[0]
        raise UsageError(
            f"column {place:,} of X is {name!r}, expected {expected!r}, as it was fitted on: "
            "give X[list(student.feature_names_in_)]"
        )


def places_of_classes(names: list[Any], classes: list[Any]) -> list[int]:
    """Return where each class stands among named columns.

    Raises:
        UsageError: There is not one column for each class.
    """
    places = {name: place for place, name in enumerate(names)}
    if len(names) != len(classes) or places.keys() != set(classes):
        raise UsageError(
            f"the columns of the soft labels are {shortened(names)}, expected one for each class, "
            f"{shortened(classes)}: rename them, or give an array with columns in that order"
        )
    return [places[label] for label in classes]
