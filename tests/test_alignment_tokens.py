"""Texts in tokens: words, signs, and what is split for spans to end there."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.alignment import Token, tokenize

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(
        st.sampled_from("ab1 2_-.,\t\n'\u0301\u0e31中한ไa1kgмШשع🙂\u200d\ufe0f\ud800\0½İ"),
        max_size=40,
    ),
    st.text(st.characters(max_codepoint=127), max_size=60),
)


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


@given(TEXTS)
@example("\x1c\x1d\x1e\x1f\x85\xa0")
def test_tokens_rebuild_the_text(text: str) -> None:
    tokens = tokenize(text)
    rebuilt = list(re.sub(r"\S", "\0", text))
    for token in tokens:
        assert text[token.start : token.end] == token.text
        assert re.fullmatch(r"\S+", token.text)
        rebuilt[token.start : token.end] = token.text
    assert "".join(rebuilt) == text
    assert all(one.end <= other.start for one, other in pairwise(tokens))


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_the_short_way_for_ascii_is_the_long_one(text: str) -> None:
    assert words(f"{text} \u00e9") == [*words(text), "\u00e9"]


@given(TEXTS)
def test_a_mark_stays_with_what_it_marks(text: str) -> None:
    for token in tokenize(text):
        before = text[token.start - 1 : token.start]
        if unicodedata.category(token.text[0]).startswith("M"):
            assert not before or re.match(r"\s", before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, e-mail me!", ["Don", "'", "t", "stop", ",", "e", "-", "mail", "me", "!"]),
        ("2024-05-01 17:30", ["2024", "-", "05", "-", "01", "17", ":", "30"]),
        ("1,200.50€", ["1", ",", "200", ".", "50", "€"]),
        ("20mg 5pm 2times 3D", ["20", "mg", "5", "pm", "2", "times", "3", "D"]),
        ("A1B2 mp3 4x4 x86_64 4_k 5km_", ["A1B2", "mp3", "4x4", "x86_64", "4_k", "5km_"]),
        ("cafe\u0301s au lait", ["cafe\u0301s", "au", "lait"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("去北京。", ["去", "北", "京", "。"]),
        ("서울에서", ["서", "울", "에", "서"]),
        ("5km내", ["5", "km", "내"]),
        ("ok🙂🙂", ["ok", "🙂", "🙂"]),
        ("❤\ufe0f!", ["❤\ufe0f", "!"]),
        ("[EMAIL_1]", ["[", "EMAIL_1", "]"]),
        (" \t\n", []),
    ],
)
def test_tokens_by_hand(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_offsets_are_characters_of_the_text_as_given() -> None:
    assert tokenize("né 🙂x") == [Token(0, 2, "né"), Token(3, 4, "🙂"), Token(4, 5, "x")]


@pytest.mark.parametrize("piece", ["a", "1", "1a", "\u0301", "中", "1.", "a\u0301", "12abc_", "🙂"])
def test_long_runs_are_taken_in_one_pass(piece: str) -> None:
    text = piece * 100_000
    assert sum(len(token.text) for token in tokenize(text)) == len(text)
