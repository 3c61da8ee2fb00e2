"""Features of tokens, which of them count, and the two ways to their scores."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locum.errors import ArtefactError
from locum.extractors.chain_fitting import FittedChain
from locum.extractors.token_design import TokenDesign
from locum.extractors.token_features import (
    BOUNDARY,
    WINDOW,
    Place,
    fold,
    pair_name,
    shape,
    word_names,
)
from locum.extractors.token_rows import TokenRows
from locum.extractors.token_table import tabulate
from locum.extractors.token_vocabulary import TokenVocabulary, choose_features
from locum.extractors.token_weights import TokenWeights, round_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WORD = st.one_of(
    st.sampled_from(
        ["a", "A", "ab", "Ab", "b", "12", "34", "x y", "é", "日本", "न\u0940", "\n", ""]
    ),
    st.text(max_size=4),
)
_TEXTS = st.lists(st.lists(_WORD, max_size=12), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("word", "folded", "form"),
    [
        ("London", "london", "Xxx"),
        ("LONDON", "london", "XX"),
        ("iPhone", "iphone", "xXxx"),
        ("12:30", "00:00", "dd:dd"),
        ("2026", "0000", "dd"),
        ("B2B", "b0b", "XdX"),
        ("...", "...", ".."),
        ("Straße", "strasse", "Xxx"),
        ("\uff21\uff11", "a0", "Xd"),
        ("\u0663", "0", "d"),
        ("日本語", "日本語", "xx"),
        ("E\u0301tude", "\u00e9tude", "Xxx"),
        ("न\u0940", "न\u0940", "x"),
        ("🙂", "🙂", "🙂"),
        ("", "", ""),
    ],
)
def test_folding_and_shape_by_hand(word: str, folded: str, form: str) -> None:
    assert fold(word) == folded
    assert shape(word) == form


@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_the_short_way_for_ascii_is_the_long_one(text: str) -> None:
    # With a letter beyond ASCII at the end the long way is taken.
    assert fold(text + "é") == fold(text) + "é"
    assert shape(f"{text} é") == f"{shape(text + ' ')}x"


def test_names_of_a_word_by_hand() -> None:
    assert word_names("Abc") == {
        Place.OWN: ["0=abc", "0#Xxx", "0<a", "0<ab", "0<abc", "0>c", "0>bc", "0>abc"],
        Place.BEFORE: ["1=abc", "1#Xxx"],
        Place.SECOND_BEFORE: ["2=abc"],
        Place.AFTER: ["3=abc", "3#Xxx"],
        Place.SECOND_AFTER: ["4=abc"],
        Place.LEFT: ["5=abc"],
        Place.RIGHT: ["6=abc"],
    }
    assert pair_name(Place.PAIR_BEFORE, "new", "york") == "7=new york"
    assert pair_name(Place.PAIR_AFTER, "york", BOUNDARY) == "8=york "


def _token_names(tokens: Sequence[str]) -> list[list[str]]:
    """The documented features of each token, found the slow way; one may stand several times."""
    padded = [BOUNDARY, BOUNDARY, *tokens, BOUNDARY, BOUNDARY]
    found = []
    for place in range(len(tokens)):
        near = {
            Place.OWN: [padded[place + 2]],
            Place.BEFORE: [padded[place + 1]],
            Place.SECOND_BEFORE: [padded[place]],
            Place.AFTER: [padded[place + 3]],
            Place.SECOND_AFTER: [padded[place + 4]],
            Place.LEFT: tokens[max(0, place - WINDOW) : place],
            Place.RIGHT: tokens[place + 1 : place + 1 + WINDOW],
        }
        names = [name for at, words in near.items() for w in words for name in word_names(w)[at]]
        before, own, after = map(fold, padded[place + 1 : place + 4])
        names.append(pair_name(Place.PAIR_BEFORE, before, own))
        names.append(pair_name(Place.PAIR_AFTER, own, after))
        found.append(names)
    return found


def _slow_design(
    texts: Sequence[Sequence[str]], vocabulary: TokenVocabulary
) -> NDArray[np.float32]:
    names = [token for tokens in texts for token in _token_names(tokens)]
    design = np.zeros((len(names), len(vocabulary)), np.float32)
    for row, token in zip(design, names, strict=True):
        for name, times in Counter(token).items():
            if name in vocabulary.columns:
                row[vocabulary.columns[name]] = times
    return design


def _words_at(tokens: Sequence[str]) -> dict[Place, set[str]]:
    """The different words of a text at each place around its tokens."""
    if not tokens:
        return {}
    before, after = [BOUNDARY, BOUNDARY, *tokens], [*tokens, BOUNDARY, BOUNDARY]
    return {
        Place.OWN: {*tokens},
        Place.BEFORE: {*before[1:-1]},
        Place.SECOND_BEFORE: {*before[:-2]},
        Place.AFTER: {*after[1:-1]},
        Place.SECOND_AFTER: {*after[2:]},
        Place.LEFT: {*tokens},
        Place.RIGHT: {*tokens},
    }


def _pairs_at(tokens: Sequence[str]) -> set[str]:
    folded = [fold(token) for token in (BOUNDARY, *tokens, BOUNDARY)]
    whole = [pair for pair in pairwise(folded) if " " not in "".join(pair)]
    if not tokens:
        return set()
    first = {pair_name(Place.PAIR_BEFORE, *pair) for pair in pairwise(folded[:-1])}
    second = {pair_name(Place.PAIR_AFTER, *pair) for pair in pairwise(folded[1:])}
    sound = {pair_name(place, *p) for p in whole for place in (Place.PAIR_BEFORE, Place.PAIR_AFTER)}
    return (first | second) & sound


@given(_TEXTS)
@example([["a", "b"], ["A", "b"], [], ["b"] * 20])
@settings(max_examples=50)
def test_features_that_two_texts_hold_have_a_column(texts: list[list[str]]) -> None:
    held: Counter[str] = Counter()
    for tokens in texts:
        for place, words in _words_at(tokens).items():
            held.update(name for word in words for name in word_names(word)[place])
        held.update(_pairs_at(tokens))
    names = {name for name, times in held.items() if times > 1 and "\n" not in name}
    table = tabulate(texts)
    vocabulary = choose_features(table, 100_000)
    assert set(vocabulary.columns) == names
    times = [held[name] for name in vocabulary.columns]
    assert times == sorted(times, reverse=True)
    assert list(choose_features(table, 5).columns) == list(vocabulary.columns)[:5]


@given(_TEXTS, st.integers(0, 2**32))
@settings(max_examples=50)
def test_both_ways_to_the_scores_are_the_slow_one(texts: list[list[str]], seed: int) -> None:
    generator = np.random.default_rng(seed)
    table = tabulate(texts)
    vocabulary = choose_features(table, 100_000)
    order = generator.permutation(len(table.texts))
    slow = _slow_design(texts, vocabulary)
    design = TokenDesign(table, vocabulary, order)
    units = generator.integers(-9, 9, (len(vocabulary), 3)).astype(np.int8)
    scale = np.array([0.25, 1, 0.5], np.float32)
    intercept = generator.normal(size=3).astype(np.float32)
    weights = units * scale
    np.testing.assert_allclose(design.scores(weights), (slow @ weights)[order], atol=1e-3)
    on_scores = generator.normal(size=(len(order), 3)).astype(np.float32)
    np.testing.assert_allclose(design.gradient(on_scores), slow[order].T @ on_scores, atol=1e-3)
    rows = TokenRows(TokenWeights(vocabulary, units, scale, intercept))
    found = [rows.scores(tokens) for tokens in texts]
    np.testing.assert_array_equal(np.concatenate(found), slow @ weights + intercept)


def _weights(seed: int, tags: int = 3) -> TokenWeights:
    """Random weights of the features of some words."""
    generator = np.random.default_rng(seed)
    texts = [[f"{'abcd'[i % 4]}w{i % 9}", f"V{i % 7}"] for i in range(40)]
    vocabulary = choose_features(tabulate(texts), 100_000)
    fitted = generator.normal(size=(len(vocabulary), tags)) ** 3
    nothing = np.zeros((tags, tags), np.float32)
    intercept = generator.normal(size=tags)
    found = FittedChain(fitted.astype(np.float32), intercept.astype(np.float32), nothing)
    return round_weights(vocabulary, found, 1_000_000)


def test_weights_are_rounded_to_units() -> None:
    vocabulary = TokenVocabulary(["0=a", "0=b", "0=c"])
    fitted = np.array([[1.0, -3.0], [0.001, 0.0], [0.5, 0.1]], np.float32)
    found = round_weights(vocabulary, FittedChain(fitted, fitted[0], fitted[:2]), 10_000)
    assert list(found.vocabulary.columns) == ["0=a", "0=c"]
    assert found.scale.tolist() == [1 / 64, 1 / 32]
    assert found.units.tolist() == [[64, -96], [32, 3]]


@pytest.mark.parametrize("tags", [3, 256, 257, 300])
def test_packed_weights_are_read_again(tags: int) -> None:
    weights = _weights(1, tags)
    packed = weights.pack()
    assert packed["tags"].dtype == (np.uint8 if tags <= 256 else np.uint16)
    again = TokenWeights.unpack(packed, tags)
    assert list(again.vocabulary.columns) == list(weights.vocabulary.columns)
    for one, other in zip(again[1:], weights[1:], strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("room", [0, 300, 500, 700])
def test_of_too_many_weights_the_largest_are_kept(room: int) -> None:
    whole = _weights(2)
    fitted = FittedChain(whole.units * whole.scale, whole.intercept, np.zeros((3, 3), np.float32))
    part = round_weights(whole.vocabulary, fitted, room)
    packed = part.pack()
    taken = sum(packed[name].nbytes for name in ("names", "counts", "tags", "units"))
    assert room * 0.8 - 10 <= taken <= room
    kept = [whole.vocabulary.columns[name] for name in part.vocabulary.columns]
    magnitudes = np.abs(whole.units) * whole.scale
    mask = np.zeros(magnitudes.shape, np.bool_)
    mask[kept] = part.units != 0
    assert magnitudes[mask].min(initial=np.inf) >= magnitudes[~mask].max()


@pytest.mark.parametrize("packed", [b"\xff", b"0=a\n0=a", b"\n"])
def test_names_that_are_none_are_refused(packed: bytes) -> None:
    with pytest.raises(ArtefactError, match="save the tagger again"):
        TokenVocabulary.unpack(np.frombuffer(packed, np.uint8))


def test_what_was_asked_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # With room for 256 words what is known of them is given up again and again.
    weights = _weights(3)
    texts = [["aw1", f"bw{i % 300}", f"V{i}", "cw2"] for i in range(600)]
    expected = [TokenRows(weights).scores(tokens).tobytes() for tokens in texts]
    monkeypatch.setattr("locum.extractors.token_rows._MOST_FLOATS", 0)
    forgetful = TokenRows(weights)
    most = 0
    for _ in range(2):
        for tokens, scores in zip(texts, expected, strict=True):
            assert forgetful.scores(tokens).tobytes() == scores
            most = max(most, forgetful.known_words)
    assert 250 < most < 262


def test_threads_that_share_the_words_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = _weights(4)
    texts = [["aw1", f"bw{i % 300}", f"V{i}", "cw2"] for i in range(1_500)]
    alone = TokenRows(weights)
    expected = [alone.scores(tokens).tobytes() for tokens in texts]
    monkeypatch.setattr("locum.extractors.token_rows._MOST_FLOATS", 0)
    shared = TokenRows(weights)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda tokens: shared.scores(tokens).tobytes(), texts))
    finally:
        sys.setswitchinterval(before)
    assert found == expected
