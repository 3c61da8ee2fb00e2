"""Hashed n-grams against a slow reference over Python strings."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locum.students.ngrams import MAX_CHARACTERS, NgramFeatures, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SAMPLE = [
    "The cat sat on the mat, the CAT sat.",
    "a cat sat; on a mat",
    "mat on cat",
    "Ünïcode ﬁne, שלום עולם 🙂🙂 שלום",
    "",
    "   ",
    "🙂",
    "aaaa aaaa a",
]
_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=20),
    st.text(st.sampled_from("ab \t\n🙂👩‍🚀שלםعرب\u200f\ud800\udfff\0ﬁßİ"), max_size=30),
)


def _rows(features: NgramFeatures, texts: Sequence[str]) -> list[dict[int, float]]:
    found = []
    for block in features.transform(texts):
        for start, end in pairwise(block.starts):
            columns = block.columns[start:end].tolist()
            assert columns == sorted(set(columns))
            found.append(dict(zip(columns, block.values[start:end].tolist(), strict=True)))
    return found


def _dense(features: NgramFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
    rows = _rows(features, texts)
    matrix = np.zeros((len(texts), len(features.buckets_)))
    for index, row in enumerate(rows):
        matrix[index, list(row)] = list(row.values())
    return matrix


def _naive_counts(text: str) -> list[Counter[str | tuple[str, ...]]]:
    """Count the character n-grams, and the words with their unordered pairs."""
    plain = normalise(text)
    words = re.findall(r"\w+", plain)
    characters: Counter[str | tuple[str, ...]] = Counter(
        plain[start : start + length]
        for length in (2, 3, 4)
        for start in range(len(plain) - length + 1)
    )
    of_words: Counter[str | tuple[str, ...]] = Counter(words)
    for first in range(len(words)):
        for second in range(first + 1, min(first + 4, len(words))):
            of_words[tuple(sorted((words[first], words[second])))] += 1
    return [characters, of_words]


def _naive_dense(texts: Sequence[str], minimum_documents: int) -> NDArray[np.float64]:
    """Return a column for each n-gram, in any order."""
    columns = []
    for view, length in enumerate((1.0, 0.6)):
        counted = [_naive_counts(text)[view] for text in texts]
        documents = Counter(key for counts in counted for key in counts)
        known = [key for key, number in documents.items() if number >= minimum_documents]
        matrix = np.zeros((len(texts), len(known)))
        for row, counts in enumerate(counted):
            for column, key in enumerate(known):
                if counts[key]:
                    weight = math.log((1 + len(texts)) / (1 + documents[key])) + 1
                    matrix[row, column] = (1 + math.log(counts[key])) * weight
        size = np.sqrt((matrix**2).sum(axis=1, keepdims=True))
        columns.append(length * matrix / np.where(size > 0, size, 1))
    return np.hstack(columns)


def _sorted_columns(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered: NDArray[np.float64] = matrix[:, np.lexsort(matrix.round(4))]
    return ordered


@pytest.mark.parametrize("minimum_documents", [1, 2, 3])
def test_features_equal_the_slow_reference(minimum_documents: int) -> None:
    features = NgramFeatures(minimum_documents=minimum_documents).fit(_SAMPLE)
    found, expected = _dense(features, _SAMPLE), _naive_dense(_SAMPLE, minimum_documents)
    assert found.shape == expected.shape
    np.testing.assert_allclose(_sorted_columns(found), _sorted_columns(expected), atol=1e-5)


def test_views_have_length_one_and_six_tenths() -> None:
    features = NgramFeatures(minimum_documents=1).fit(_SAMPLE)
    of_words = features.buckets_ >= 1 << features.bits
    matrix = _dense(features, _SAMPLE)
    has_words = [bool(re.search(r"\w", text)) for text in _SAMPLE]
    np.testing.assert_allclose(np.linalg.norm(matrix[:, ~of_words], axis=1), 1, rtol=1e-5)
    lengths = np.linalg.norm(matrix[:, of_words], axis=1)
    np.testing.assert_allclose(lengths, np.where(has_words, 0.6, 0), rtol=1e-5)


def test_tf_idf_by_hand() -> None:
    # Words alone: "aa" twice in the first of two texts, "bb" in both. tf-idf of the first:
    # aa: (1 + log 2) * (log(3 / 2) + 1); bb: 1 * (log(3 / 3) + 1) = 1; its length is 0.6.
    features = NgramFeatures((), pair_distance=0, minimum_documents=1).fit(["aa bb aa", "bb"])
    rare = (1 + math.log(2)) * (math.log(1.5) + 1)
    size = math.hypot(rare, 1) / 0.6
    first, second = _rows(features, ["aa bb aa", "bb"])
    assert sorted(first.values()) == pytest.approx([1 / size, rare / size], rel=1e-5)
    assert list(second.values()) == pytest.approx([0.6], rel=1e-6)
    assert set(second) < set(first)


def test_pairs_are_unordered_and_reach_three_words() -> None:
    features = NgramFeatures((), minimum_documents=2)
    assert len(features.fit(["aa bb", "bb aa"]).buckets_) == 3
    assert len(features.fit(["aa q w bb", "aa e r bb"]).buckets_) == 3
    assert len(features.fit(["aa q w x bb", "aa e r t bb"]).buckets_) == 2


def test_the_same_ngram_shares_a_bucket_wherever_it_stands() -> None:
    features = NgramFeatures((3,), pair_distance=0, minimum_documents=2)
    features.fit(["xyz", "0123456789 and more xyz", "xyz xyz"])
    # " xy", "xyz", "yz " and the word itself; nothing else is in two texts.
    assert len(features.buckets_) == 4


@given(st.lists(_TEXT, min_size=1, max_size=6))
@example(["", "   ", "\ud800", "a\udfffb", "🙂", "שלום", "\0"])
@settings(deadline=None, max_examples=60)
def test_features_of_a_batch_equal_those_of_each_text(texts: list[str]) -> None:
    features = NgramFeatures(minimum_documents=1, bits=12).fit(texts)
    together = _rows(features, texts)
    assert len(together) == len(texts)
    for text, row in zip(texts, together, strict=True):
        (alone,) = _rows(features, [text])
        assert row.keys() == alone.keys()
        assert list(row.values()) == pytest.approx(list(alone.values()), rel=1e-6)


def test_many_batches_keep_the_order_of_the_texts() -> None:
    texts = [f"{word} " * 3000 for word in ("alpha", "beta", "gamma")] * 24
    features = NgramFeatures(minimum_documents=1).fit(texts)
    assert len(list(features.transform(texts))) > 1
    rows = _rows(features, texts)
    assert len(rows) == len(texts)
    for index, row in enumerate(rows):
        assert row == pytest.approx(rows[index % 3], rel=1e-6)
    assert rows[0].keys() != rows[1].keys()


def test_rare_ngrams_are_dropped() -> None:
    texts = ["common rare", "common", "common other"]
    kept = NgramFeatures((), pair_distance=0, minimum_documents=3).fit(texts)
    assert len(kept.buckets_) == 1
    assert _rows(kept, ["rare other", "common"]) == [{}, {0: pytest.approx(0.6)}]


def test_an_ngram_counts_once_for_each_text() -> None:
    features = NgramFeatures((), pair_distance=0, minimum_documents=2)
    assert not features.fit(["again again again", "else"]).buckets_.size


def test_long_texts_are_cut() -> None:
    within = "word " * (MAX_CHARACTERS // 5)
    assert len(within) == MAX_CHARACTERS
    features = NgramFeatures(minimum_documents=1).fit([within, within + "tail", "tail"])
    rows = _rows(features, [within, within + "tail " * 1000, within[:-5] + "tail"])
    assert rows[0] == pytest.approx(rows[1], rel=1e-6)
    assert rows[0].keys() != rows[2].keys()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("\uff21\uff22\uff23 \uff11", "abc 1"),
        ("e\u0301tude", "\u00e9tude"),
        (" a\t\n b\u00a0c ", "a b c"),
        ("", " \n "),
    ],
)
def test_spellings_that_fold_to_the_same_are_equal(one: str, other: str) -> None:
    features = NgramFeatures(minimum_documents=1).fit([one])
    assert normalise(one) == normalise(other)
    first, second = _rows(features, [one, other])
    assert first == second
    assert first or not normalise(one).strip()


def test_restored_features_are_the_same() -> None:
    features = NgramFeatures(minimum_documents=1).fit(_SAMPLE)
    restored = NgramFeatures(minimum_documents=1).restore(features.buckets_, features.weights_)
    assert _rows(restored, _SAMPLE) == _rows(features, _SAMPLE)
