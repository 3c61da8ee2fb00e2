"""Tokens as APIs list them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.dataset import examples_of_calls
from locum.redaction import Redactor
from locum.teachers import label_distribution
from locum.traffic import answer_positions, make_call, token_position, token_text

if TYPE_CHECKING:
    from locum.schema import Call

THOUGHT = ["<think>", "Is it", " cash", "?", "</think>"]


def listed(*tokens: str, other: str = "cash") -> list[dict[str, Any]]:
    alternatives = [{"token": other, "logprob": math.log(0.25)}]
    return [
        {"token": token, "logprob": math.log(0.75), "top_logprobs": alternatives}
        for token in tokens
    ]


def begins(tokens: list[dict[str, Any]], text: str) -> list[str] | None:
    """The tokens of which an answer is taken to consist."""
    found = answer_positions(tokens, text)
    return None if found is None else [position.token for position in found]


@pytest.mark.parametrize(
    ("token", "given", "text"),
    [
        ("card", [99, 97, 114, 100], "card"),
        ("\ufffd", [0xC3], "\udcc3"),
        ("é", [0xC3, 0xA9], "é"),
        ("\\xc3", [0xC3], "\udcc3"),
        ("\\x", [0x5C, 0x78], "\\x"),
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


@pytest.mark.parametrize(
    ("tokens", "text", "taken"),
    [
        (["card", " payment"], "card payment", ["card", " payment"]),
        ([" card", "\n", "<|im_end|>", ""], "card", [" card", "\n", "<|im_end|>", ""]),
        (["<b>", "card", "</b>"], "<b>card</b>", ["<b>", "card", "</b>"]),
        (["", "\n", "card"], "card", ["", "\n", "card"]),
        ([*THOUGHT, "\n\n", "card"], "card", ["\n\n", "card"]),
        ([*THOUGHT, "", "card", "</s>"], "\n\ncard", ["card", "</s>"]),
        (["Card", "?", "\n", " card"], " card", ["\n", " card"]),
        (["card"], "card payment", None),
        (["card", " payment"], "card", None),
        (["post", "card"], "card", ["card"]),
        (["postcard"], "card", None),
        (["<|im_end|>"], "card", None),
        (["card"], "", None),
        ([], "card", None),
    ],
)
def test_positions_are_those_that_spell_the_answer(
    tokens: list[str], text: str, taken: list[str] | None
) -> None:
    assert begins(listed(*tokens), text) == taken


def test_halves_of_a_letter_spell_it_together() -> None:
    halves = [
        {"token": "caf", "logprob": -0.1, "bytes": list(b"caf")},
        {"token": "\\xc3", "logprob": -0.1, "bytes": [0xC3]},
        {"token": "\\xa9", "logprob": -0.1, "bytes": [0xA9]},
    ]
    assert begins(halves, "café") == ["caf", "\udcc3", "\udca9"]


@given(
    thought=st.lists(st.text("ab {\n", max_size=3), max_size=4),
    answer=st.lists(st.text("ab {\n", max_size=3), max_size=4),
    end=st.lists(st.sampled_from(["</s>", "<|im_end|>", "\n", ""]), max_size=2),
)
def test_an_answer_says_the_same_whatever_was_thought_before(
    thought: list[str], answer: list[str], end: list[str]
) -> None:
    text = "".join(answer)
    alone = begins(listed(*answer, *end), text)
    after = begins(listed(*thought, "</think>", *answer, *end), text)
    assert (alone is None) == (after is None) == (not text.strip())
    if alone and after:
        assert "".join(alone) == "".join(after)
        assert alone[len(alone) - len(after) :] == after


@pytest.mark.parametrize(
    "entry",
    [
        {"token": "card"},
        {"token": "card", "logprob": None},
        {"token": "card", "logprob": 5},
        {"token": "card", "logprob": math.nan},
        {"token": "card", "logprob": "odd"},
        {"token": "card", "logprob": 10**400},
    ],
)
def test_a_token_without_its_log_probability_says_nothing(entry: dict[str, Any]) -> None:
    assert answer_positions([entry], "card") is None
    assert answer_positions([*listed("cash"), entry], "cash card") is None
    assert begins([entry, *listed("</think>", "cash")], "cash") == ["cash"]


@pytest.mark.parametrize("others", ["odd", None, [{"token": "cash"}], [{"logprob": -1}], [7]])
def test_alternatives_without_one_are_left_out(others: object) -> None:
    [position] = answer_positions([listed("card")[0] | {"top_logprobs": others}], "card") or ()
    assert position.alternatives == {"card": math.log(0.75)}


@pytest.mark.parametrize("tokens", [None, {}, "odd", ["card"], [{"token": 7}]])
def test_what_is_no_list_of_tokens_spells_nothing(tokens: object) -> None:
    assert answer_positions(tokens, "card") is None


def test_recorded_thoughts_are_no_part_of_the_answer() -> None:
    tokens = [*listed(*THOUGHT, other="card"), *listed("card")]
    [example], _ = examples_of_calls([recorded("card", tokens)])
    assert label_distribution(example.positions or (), ["card", "cash"]) == pytest.approx(
        (0.75, 0.25)
    )


def test_recorded_tokens_that_spell_another_text_say_nothing_of_the_answer() -> None:
    [example], _ = examples_of_calls([recorded("card payment", listed("card"))])
    assert (example.answer, example.positions) == ("card payment", None)


@pytest.mark.parametrize(("reason", "cut_off"), [("stop", False), ("length", True), (None, False)])
def test_an_answer_that_broke_off_is_told(reason: str | None, *, cut_off: bool) -> None:
    call = recorded("card", listed("card"))
    assert call.response is not None
    call.response["choices"][0]["finish_reason"] = reason
    [example], _ = examples_of_calls([call])
    assert example.cut_off is cut_off


def recorded(answer: str, tokens: list[dict[str, Any]]) -> Call:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": answer},
        "logprobs": {"content": tokens},
    }
    return make_call(
        source="gateway",
        endpoint="chat",
        request={"model": "m", "messages": [{"role": "user", "content": "a text"}]},
        response={"choices": [choice]},
        time=0.0,
        redactor=Redactor(),
    )
