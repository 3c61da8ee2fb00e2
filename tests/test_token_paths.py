"""Distributions over labels, from the log-probabilities of tokens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.schema import TokenPosition
from locum.teachers import label_distribution

WORDS = ("a", " a", "b", "B", "c", "ab", "abc", "", " ", '"', "{", "x", "\n", "a.", "}", ":", "_")


def at(token: str, probabilities: dict[str, float]) -> TokenPosition:
    return TokenPosition(token, {text: math.log(value) for text, value in probabilities.items()})


def close(*expected: float) -> object:
    return pytest.approx(expected, abs=1e-12)


def test_labels_of_one_token() -> None:
    answer = [at("yes", {"yes": 0.7, "no": 0.3})]
    assert label_distribution(answer, ["no", "yes"]) == close(0.3, 0.7)


def test_the_end_of_the_answer_adds_nothing() -> None:
    answer = [at("yes", {"yes": 0.7, "no": 0.3}), at("<end>", {"<end>": 0.9, ".": 0.1})]
    assert label_distribution(answer, ["no", "yes"]) == close(0.3, 0.7)


def test_variants_of_case_and_space_add_up() -> None:
    listed = {"yes": 0.5, " yes": 0.1, "Yes": 0.05, " YES": 0.05, "No": 0.2, "**no": 0.1}
    assert label_distribution([at("yes", listed)], ["no", "yes"]) == close(0.3, 0.7)


def test_probability_of_what_is_no_label_stays_missing() -> None:
    answer = [at("yes", {"yes": 0.6, "no": 0.1, "perhaps": 0.2, "sorry": 0.1})]
    assert label_distribution(answer, ["no", "yes"]) == close(0.1, 0.6)


def test_the_tail_goes_to_the_labels_that_are_not_listed() -> None:
    answer = [at("a", {"a": 0.7, "b": 0.1, "zzz": 0.1})]
    assert label_distribution(answer, ["a", "b", "c", "d"]) == close(0.7, 0.1, 0.05, 0.05)


def test_the_tail_stays_missing_where_every_label_is_listed() -> None:
    answer = [at("a", {"a": 0.7, "b": 0.1})]
    assert label_distribution(answer, ["a", "b"]) == close(0.7, 0.1)


def test_an_answer_outside_the_labels_still_gives_what_its_alternatives_say() -> None:
    answer = [at("Sorry", {"Sorry": 0.8, "a": 0.15, "b": 0.05}), at(",", {",": 1.0})]
    assert label_distribution(answer, ["a", "b"]) == close(0.15, 0.05)


def test_several_tokens_multiply_along_the_answer() -> None:
    answer = [
        at("card", {"card": 0.8, "fee": 0.2}),
        at("_", {"_": 1.0}),
        at("arrival", {"arrival": 0.75, "delivery": 0.25}),
    ]
    labels = ["card_arrival", "card_delivery", "fee"]
    assert label_distribution(answer, labels) == close(0.6, 0.2, 0.2)


def test_the_start_of_one_label_is_enough() -> None:
    answer = [at("desc", {"desc": 0.9, "ent": 0.1}), at("ription", {"ription": 0.5, "x": 0.5})]
    assert label_distribution(answer, ["description", "entity"]) == close(0.9, 0.1)


def test_a_shared_first_token_is_decided_by_the_next_position() -> None:
    answer = [
        at("ca", {"ca": 0.9, "fee": 0.1}),
        at("rd", {"rd": 0.6, "sh": 0.4}),
        at("_arrival", {"_arrival": 0.75, "<end>": 0.25}),
    ]
    labels = ["card", "card_arrival", "cash", "fee"]
    assert label_distribution(answer, labels) == close(0.135, 0.405, 0.36, 0.1)


def test_a_shared_first_token_without_a_next_position_is_shared() -> None:
    answer = [at("ca", {"ca": 0.9, "fee": 0.1})]
    labels = ["card", "card_arrival", "cash", "fee"]
    assert label_distribution(answer, labels) == close(0.3, 0.3, 0.3, 0.1)


def test_an_alternative_that_starts_several_labels_is_shared_among_them() -> None:
    answer = [at("fee", {"fee": 0.7, "ca": 0.3})]
    labels = ["card", "card_arrival", "cash", "fee"]
    assert label_distribution(answer, labels) == close(0.1, 0.1, 0.1, 0.7)


def test_the_end_of_the_answer_means_the_shorter_label() -> None:
    assert label_distribution(
        [at("card", {"card": 0.9, "cash": 0.1})], ["card", "card_arrival", "cash"]
    ) == close(0.9, 0.0, 0.1)


@pytest.mark.parametrize("end", ["<|im_end|>", ".", "\n", '"', '"}'])
def test_a_token_that_ends_the_label_means_the_shorter_label(end: str) -> None:
    answer = [at("card", {"card": 0.9, "cash": 0.1}), at(end, {end: 0.8, "_arr": 0.2})]
    labels = ["card", "card_arrival", "cash"]
    assert label_distribution(answer, labels) == close(0.72, 0.18, 0.1)


@pytest.mark.parametrize(
    "tokens",
    [
        ['{"label": "', "cash", '"}'],
        ["{", '"', "label", '":', ' "', "cash", '"', "}"],
        ['{"', "label", '": ', '"cash', '"}'],
        ['{"', "label", '":', ' "ca', 'sh"', "}"],
        ['{"note": "x", ', '"label": "', "cash", '"}'],
    ],
)
def test_the_label_inside_json(tokens: list[str]) -> None:
    answer = [at(token, {token: 1.0}) for token in tokens]
    carrier = next(index for index, token in enumerate(tokens) if "ca" in token)
    token = tokens[carrier]
    before = token[: token.index("ca")]
    answer[carrier] = at(token, {token: 0.7, f"{before}fee": 0.2, f"{before}zz": 0.1})
    assert label_distribution(answer, ["cash", "fee"]) == close(0.7, 0.2)


def test_labels_of_several_words() -> None:
    answer = [
        at(" Card", {" Card": 0.5, " fee": 0.5}),
        at(" arrival", {" arrival": 0.4, " delivery": 0.6}),
    ]
    labels = ["card arrival", "Card  Delivery", "fee"]
    assert label_distribution(answer, labels) == close(0.2, 0.3, 0.5)


def test_leading_tokens_of_space_and_quotes_are_passed_over() -> None:
    answer = [at("\n", {"\n": 1.0}), at('"', {'"': 1.0}), at("a", {"a": 0.9, "b": 0.1})]
    assert label_distribution(answer, ["a", "b"]) == close(0.9, 0.1)


@pytest.mark.parametrize(
    "answer",
    [
        [at("Sorry", {"Sorry": 1.0})],
        [at("Sorry", {"Sorry": 0.5, "I": 0.5}), at("a", {"a": 1.0})],
        [at("{", {"{": 1.0}), at('"x"', {'"x"': 1.0}), at("}", {"}": 1.0})],
    ],
)
def test_none_where_nothing_leads_to_a_label(answer: list[TokenPosition]) -> None:
    assert label_distribution(answer, ["a", "b"]) is None


@pytest.mark.parametrize("answer", [[], [at(" ", {" ": 1.0})]], ids=["no positions", "a space"])
def test_none_where_nothing_was_written(answer: list[TokenPosition]) -> None:
    assert label_distribution(answer, ["a", "b"]) is None


def test_log_probabilities_a_little_over_zero_are_one() -> None:
    assert label_distribution([TokenPosition("a", {"a": 1e-4})], ["a", "b"]) == close(1.0, 0.0)


@st.composite
def positions(draw: st.DrawFn) -> TokenPosition:
    others = st.dictionaries(st.sampled_from(WORDS), st.floats(-20, 0), min_size=1, max_size=6)
    alternatives = draw(others)
    return TokenPosition(draw(st.sampled_from(sorted(alternatives))), alternatives)


@settings(deadline=None, max_examples=300)
@given(st.lists(positions(), max_size=5))
def test_no_probability_is_negative_and_the_sum_is_at_most_one(answer: list[TokenPosition]) -> None:
    distribution = label_distribution(answer, ["a", "ab", "abc", "b", "c"])
    if distribution is not None:
        assert len(distribution) == 5
        assert min(distribution) >= 0
        assert 0 < sum(distribution) <= 1 + 1e-9


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", " a", "x"]), st.floats(-20, 0), min_size=1),
    st.floats(-20, 0),
    st.floats(-20, 0),
)
def test_a_likelier_token_never_lowers_its_label(
    others: dict[str, float], first: float, second: float
) -> None:
    labels = ["a", "b", "c"]
    low, high = sorted((first, second))
    less = label_distribution([TokenPosition("b", others | {"b": low})], labels)
    more = label_distribution([TokenPosition("b", others | {"b": high})], labels)
    assert less is not None
    assert more is not None
    assert more[1] >= less[1] - 1e-12


@settings(deadline=None, max_examples=100)
@given(positions(), st.permutations(["a", "ab", "abc", "b", "c"]))
def test_the_order_of_the_labels_does_not_matter(answer: TokenPosition, labels: list[str]) -> None:
    ordered = sorted(labels)
    straight = label_distribution([answer], ordered)
    shuffled = label_distribution([answer], labels)
    if straight is None or shuffled is None:
        assert straight is shuffled is None
    else:
        by_label = dict(zip(labels, shuffled, strict=True))
        assert [by_label[label] for label in ordered] == pytest.approx(straight, abs=1e-12)


def test_an_answer_in_brackets_is_followed_to_its_label() -> None:
    opening = {"(": math.log(0.70), "refund": math.log(0.20), "billing": math.log(0.05)}
    label = {"billing": math.log(0.9), "refund": math.log(0.1)}
    found = label_distribution(
        [
            TokenPosition("(", opening),
            TokenPosition("billing", label),
            TokenPosition(")", {")": 0.0}),
        ],
        ["billing", "refund"],
    )
    assert found == pytest.approx((0.9, 0.1))


def test_a_quote_among_the_alternatives_leaves_the_tail_to_the_unlisted() -> None:
    listed = {"a": math.log(0.5), '"': math.log(0.01)}
    found = label_distribution([TokenPosition("a", listed)], ["a", "b", "c"])
    assert found is not None
    assert found[1] == pytest.approx(0.245 + 0.01 / 3)


def test_a_fence_and_an_empty_value_before_the_label() -> None:
    tokens = ["```json\n", '{"why": "", ', '"label": "', "cash", '"}']
    positions = [TokenPosition(token, {token: 0.0}) for token in tokens]
    positions[3] = TokenPosition("cash", {"cash": math.log(0.8), "card": math.log(0.2)})
    assert label_distribution(positions, ["card", "cash"]) == pytest.approx((0.2, 0.8))
