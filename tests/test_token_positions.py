"""Tokens as APIs list them."""

from __future__ import annotations

import math

import pytest

from locum.teachers import label_distribution
from locum.traffic import token_position, token_text


@pytest.mark.parametrize(
    ("token", "given", "text"),
    [
        ("card", [99, 97, 114, 100], "card"),
        ("\ufffd", [0xC3], "\udcc3"),
        ("é", [0xC3, 0xA9], "é"),
        ("\ufffd", None, "\ufffd"),
        ("\ufffd", [999], "\ufffd"),
    ],
)
def test_bytes_say_what_a_token_is(token: str, given: list[int] | None, text: str) -> None:
    assert token_text(token, given) == text


def test_alternatives_of_one_text_count_together() -> None:
    found = token_position(("a", math.log(0.5)), [("a", math.log(0.5)), ("a", math.log(0.25))])
    assert found.alternatives == {"a": pytest.approx(math.log(0.75))}


def test_a_token_of_no_probability_stays_listed() -> None:
    found = token_position(("a", 0.0), [("b", -math.inf), ("b", -math.inf)])
    assert found.alternatives == {"a": 0.0, "b": -math.inf}


def test_the_written_token_counts_where_it_is_not_listed() -> None:
    assert token_position(("a", -0.1), []).alternatives == {"a": -0.1}


def test_a_label_spelt_in_halves_of_a_letter_is_found() -> None:
    first = token_position(
        (token_text("\ufffd", [0xC3]), math.log(0.8)),
        [("non", math.log(0.2)), (token_text("\ufffd", [0xC3]), math.log(0.8))],
    )
    rest = token_position((token_text("\ufffdt\ufffd", [0xA9, 0x74, 0xC3]), 0.0), [])
    last = token_position((token_text("\ufffd", [0xA9]), 0.0), [])
    assert label_distribution([first, rest, last], ["été", "non"]) == pytest.approx((0.8, 0.2))
