"""Words, their n-grams and pairs, and how texts are counted."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locum.students.ngrams import MAX_CHARACTERS, split_words, word_ngrams, word_pairs
from locum.students.vocabulary import choose_vocabulary
from locum.students.word_counts import CountedTexts

_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=20),
    st.text(st.sampled_from("ab_ \t\n.'🙂👩‍🚀שלםعرب\u200f\ud800\udfff\0ﬁßİ"), max_size=30),
)


@given(_TEXT)
@example("\x1c\x1d\x1e\x1f\x85\xa0")
@settings(max_examples=60)
def test_words_hold_no_space_and_are_split_into_themselves(text: str) -> None:
    words = split_words(text)
    assert all(word and not re.search(r"\s", word) for word in words)
    normal = unicodedata.normalize("NFKC", " ".join(words)).casefold()
    assert split_words(normal) == words
    if not any(unicodedata.category(c)[0] == "M" or c in "\u200c\u200d" for c in normal):
        assert words == re.findall(r"\w+|[^\w\s\0-\x7f]", normal)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_the_short_way_for_ascii_is_the_long_one(text: str) -> None:
    assert split_words(text) == re.findall(r"\w+", text.casefold())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("\uff21\uff22\uff23 \uff11", "abc 1"),
        ("e\u0301tude", "\u00e9tude"),
        (" a\t\n b\u00a0c ", "a b c"),
        ("", " \n "),
        ("Don't, stop!", "don t stop"),
    ],
)
def test_spellings_that_fold_to_the_same_are_equal(one: str, other: str) -> None:
    assert split_words(one) == split_words(other)


def test_words_stand_in_their_order_as_often_as_they_occur() -> None:
    assert split_words("b a b c A") == ["b", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    "text",
    [
        "मेरा पार्सल अभी तक नहीं पहुँचा",
        "שָׁלוֹם עוֹלָם",
        "مَرْحَبًا بِكُمْ",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628\u0631\u0648\u0645",
        "எனது பொட்டலம் வரவில்லை",
    ],
)
def test_marks_and_joiners_belong_to_their_word(text: str) -> None:
    folded = unicodedata.normalize("NFKC", text).casefold()
    assert split_words(text) == folded.split()


def test_symbols_beyond_ascii_are_words() -> None:
    assert split_words("good 🙂🙂 €5") == ["good", "🙂", "🙂", "€", "5"]
    assert split_words("\ud800") == ["\ud800"]


def test_long_texts_are_cut() -> None:
    within = "word " * (MAX_CHARACTERS // 5)
    assert len(within) == MAX_CHARACTERS
    assert split_words(within + "tail") == ["word"] * (MAX_CHARACTERS // 5)
    assert split_words(within[:-5] + "a tail")[-3:] == ["word", "a", "tai"]


def test_ngrams_of_a_word_by_hand() -> None:
    assert word_ngrams("abc") == [" a", "ab", "bc", "c ", " ab", "abc", "bc ", " abc", "abc "]
    assert word_ngrams("a") == [" a", "a ", " a "]


def test_pairs_reach_over_one_word_and_long_texts_have_none() -> None:
    assert list(word_pairs(["a", "b", "c"])) == [("a", "b"), ("b", "c"), ("a", "c")]
    assert len(list(word_pairs(["a"] * 40))) == 39 + 38
    assert not list(word_pairs(["a"] * 41))
    assert not list(word_pairs([]))


@given(st.lists(_TEXT, max_size=6))
@example(["a b a c", "", " ".join(f"w{i}" for i in range(50)), "b a"])
@settings(max_examples=60)
def test_counts_equal_those_of_the_slow_way(texts: list[str]) -> None:
    counted = CountedTexts(texts)
    assert list(counted) == texts
    words, pairs = counted.words, counted.pairs
    for row, text in enumerate(texts):
        found = [counted.vocabulary[item] for item in words.items[words.rows == row]]
        assert found == split_words(text)
        near = Counter(counted.pair_words[item] for item in pairs.items[pairs.rows == row])
        assert near == Counter(word_pairs(split_words(text)))
    held = Counter(word for text in texts for word in set(split_words(text)))
    assert dict(zip(counted.vocabulary, counted.word_documents.tolist(), strict=True)) == held
    paired = Counter(pair for text in texts for pair in set(word_pairs(split_words(text))))
    assert dict(zip(counted.pair_words, counted.pair_documents.tolist(), strict=True)) == paired


def test_weights_by_hand() -> None:
    # "bb" is in three of four texts, "aa" in two, "cc" in one; weights are in sixteenths.
    counted = CountedTexts(["aa bb", "bb aa", "bb", "cc"])
    vocabulary = choose_vocabulary(counted, 1, 10_000, 1)
    assert list(vocabulary.words) == ["aa", "bb"]
    expected = np.rint(16 * (np.log(5 / np.array([3, 4])) + 1))
    np.testing.assert_array_equal(vocabulary.word_weights, expected)
    assert vocabulary.unknown.tolist() == [round(16 * (np.log(5) + 1))]
    assert set(vocabulary.ngrams) == {n for word in ("aa", "bb") for n in word_ngrams(word)}
    assert not vocabulary.pairs


def test_words_and_pairs_are_multiplied_by_a_factor() -> None:
    vocabulary = choose_vocabulary(CountedTexts(["aa bb"] * 2), 1, 100_000, 4)
    columns = [*vocabulary.words.values(), *vocabulary.pairs.values()]
    assert len(columns) == 3
    np.testing.assert_array_equal(vocabulary.values[columns], vocabulary.weights[columns] / 4)
    ngrams = [*vocabulary.ngrams.values()]
    np.testing.assert_array_equal(vocabulary.values[ngrams], vocabulary.weights[ngrams] / 16)


def test_pairs_that_two_texts_hold_have_a_column() -> None:
    vocabulary = choose_vocabulary(CountedTexts(["aa x bb", "aa bb", "bb aa"]), 1, 10_000, 1)
    assert set(vocabulary.pairs) == {("aa", "bb")}


def test_of_too_many_columns_the_most_frequent_are_kept() -> None:
    texts = ["common rare"] * 2 + ["common"] * 5
    whole = choose_vocabulary(CountedTexts(texts), 10, 100_000, 1)
    fewer = choose_vocabulary(CountedTexts(texts), 10, 300, 1)
    assert 0 < len(fewer) < len(whole)
    taken = sum(len(ngram) for ngram in fewer.ngrams) + sum(len(word) for word in fewer.words)
    assert taken + 12 * len(fewer) <= 300
    assert "rare" in whole.words
    assert "rare" not in fewer.words
    held_by_seven = {"common", *word_ngrams("common")}
    assert len(held_by_seven & ({*fewer.ngrams} | {*fewer.words})) >= len(fewer) - 1
    fewest = choose_vocabulary(CountedTexts(texts), 10, 100, 1)
    assert {*fewest.ngrams, *fewest.words} < held_by_seven
