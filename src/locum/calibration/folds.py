"""Parts of labelled inputs, each to be judged by what was fitted on the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FEWEST_LABELS", "predict_held_out"]

FEWEST_LABELS = 50
_FOLDS = 5


def predict_held_out(
    labels: NDArray[np.integer],
    fit_and_predict: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return predictions ``[N, C]`` for all inputs, each by a fit that did not see it.

    Five folds. Inputs are dealt out in turns within each label, in their order, so that every
    fold holds all labels that are frequent enough and two runs make the same folds.

    Args:
        labels: True label of each input, ``[N]``.
        fit_and_predict: Is told which inputs to fit on and which to predict, ``[N]`` each, and
            returns the rows of the latter.
    """
    fold = np.empty(len(labels), dtype=np.int64)
    fold[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % _FOLDS
    held_out = [fold == number for number in range(_FOLDS) if (fold == number).any()]
    rows = np.concatenate([fit_and_predict(~part, part) for part in held_out])
    predictions = np.empty_like(rows)
    predictions[np.concatenate([np.flatnonzero(part) for part in held_out])] = rows
    return predictions
