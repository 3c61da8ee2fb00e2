"""Judging inputs by fits that did not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from locum.calibration.folds import predict_held_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=40).map(np.array)


@given(_LABELS)
def test_every_input_is_predicted_once_by_a_fit_on_all_others(labels: NDArray[np.int64]) -> None:
    held_out_so_far = np.zeros(len(labels), dtype=int)

    def echo(seen: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> NDArray[np.float64]:
        assert (seen ^ held_out).all()
        held_out_so_far[held_out] += 1
        return np.flatnonzero(held_out).astype(float)[:, np.newaxis]

    predictions = predict_held_out(labels, echo)
    assert predictions[:, 0].tolist() == list(range(len(labels)))
    assert held_out_so_far.tolist() == [1] * len(labels)


@given(_LABELS)
def test_labels_are_spread_over_the_folds(labels: NDArray[np.int64]) -> None:
    folds: list[NDArray[np.int64]] = []

    def keep(_: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> NDArray[np.float64]:
        folds.append(labels[held_out])
        return np.zeros((int(held_out.sum()), 1))

    predict_held_out(labels, keep)
    for label in range(4):
        counts = [int((fold == label).sum()) for fold in folds]
        assert max(counts) - min(counts) <= 1
