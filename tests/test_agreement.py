"""Shares of pairs of answers, with intervals that know of texts."""

from __future__ import annotations

import numpy as np
import pytest

from locum.calibration import self_agreement
from locum.evaluation import share_of_pairs


def test_pairs_of_one_text_count_as_its_votes_would() -> None:
    votes = np.array([[3, 0], [2, 1], [1, 1]])
    agrees = np.array([True] * 3 + [True, False, False] + [False])
    texts = ["a"] * 3 + ["b"] * 3 + ["c"]
    found, expected = share_of_pairs(agrees, texts), self_agreement(votes)
    assert found is not None
    assert expected is not None
    assert (found.value, *found.interval) == pytest.approx(expected)
    assert found.inputs == 7


def test_no_pair_no_share() -> None:
    assert share_of_pairs(np.zeros(0, bool), []) is None


def test_repeats_of_few_texts_are_no_many_draws() -> None:
    # Ten texts of 45 pairs each: five always agree, five never do.
    found = share_of_pairs(np.repeat([True, False], 225), [f"t{n // 45}" for n in range(450)])
    assert found is not None
    assert found.interval.low < 0.25
    assert found.interval.high > 0.75
