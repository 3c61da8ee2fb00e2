"""Measures of how much texts repeat themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.labelling.diversity import compare_diversity, distinct_2, vendi_score

TEXTS = st.lists(st.text("abcd é\n", max_size=12), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a b c"], 2 / 3),
        (["a b a b"], 2 / 4),
        (["the card", "The  card!"], 1 / 4),
        (["one", "two"], 0.0),
        (["where is my card", "where is my money"], 4 / 8),
        (["दिन कल", "दान कल"], 2 / 4),
        (["", "?!"], 0.0),
        ([], 0.0),
    ],
)
def test_distinct_2_counts_pairs_by_words(texts: list[str], expected: float) -> None:
    assert distinct_2(texts) == pytest.approx(expected)


def test_the_same_text_again_and_again_is_one() -> None:
    assert vendi_score(["where is my card"] * 7) == pytest.approx(1.0)
    assert vendi_score(["Where  is my CARD", "where is my card"]) == pytest.approx(1.0)


def test_texts_that_share_nothing_count_as_many() -> None:
    assert vendi_score(["aaaaaa", "bbbbbb", "cccccc", "dddddd"]) == pytest.approx(4.0)


def test_groups_count_by_their_entropy() -> None:
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert vendi_score(["aaaaaa"] * 3 + ["bbbbbb"]) == pytest.approx(math.exp(entropy))


def test_two_texts_count_by_their_cosine() -> None:
    # Trigrams "  a", " ab", "ab " and "  a", " ac", "ac ": a cosine of 1/3.
    parts = np.array([1 + 1 / 3, 1 - 1 / 3]) / 2
    assert vendi_score(["ab", "ac"]) == pytest.approx(math.exp(-(parts * np.log(parts)).sum()))


def test_nothing_has_no_diversity() -> None:
    assert vendi_score([]) == 0.0
    assert compare_diversity([], ["a"]) is None
    assert compare_diversity(["a"], []) is None


@settings(max_examples=50)
@given(TEXTS)
def test_the_score_lies_between_one_and_the_number_of_texts(texts: list[str]) -> None:
    score = vendi_score(texts)
    assert 1 - 1e-9 <= score <= len(texts) + 1e-9
    assert vendi_score(texts * 2) == pytest.approx(score)
    assert vendi_score(texts[::-1]) == pytest.approx(score)


def test_as_many_real_as_synthetic_texts_are_measured() -> None:
    varied = [f"{word} is what I ask about" for word in ("alpha", "beta", "gamma", "delta")]
    pair = compare_diversity(["the very same text"] * 3, varied, seed=1)
    assert pair is not None
    assert pair.texts == 3
    assert pair.synthetic.vendi == pytest.approx(1.0)
    assert pair.real.vendi > 1.5
    assert pair.synthetic.distinct_2 < pair.real.distinct_2
    assert pair == compare_diversity(["the very same text"] * 3, varied, seed=1)


def test_at_most_a_thousand_texts_are_measured() -> None:
    texts = [f"{number:05d}" for number in range(1_200)]
    pair = compare_diversity(texts, texts)
    assert pair is not None
    assert pair.texts == 1_000
