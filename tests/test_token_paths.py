"""Distributions over labels, from the log-probabilities of tokens."""

from __future__ import annotations

import math

import pytest

from locum.schema import TokenPosition
from locum.teachers.parsing import LabelParser
from locum.teachers.token_paths import label_distribution, label_masses


def at(token: str, probabilities: dict[str, float]) -> TokenPosition:
    return TokenPosition(token, {text: math.log(value) for text, value in probabilities.items()})


def piece(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def parts(positions: list[TokenPosition], labels: list[str]) -> list[float]:
    """Masses of the labels, outside them, and unknown."""
    masses = label_masses(positions, labels)
    assert masses is not None
    return [*masses.labels, masses.outside, masses.unknown]


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


def test_what_leaves_a_label_that_was_begun_is_outside() -> None:
    answer = [at("desc", {"desc": 0.9, "ent": 0.1}), at("ription", {"ription": 0.5, "x": 0.5})]
    assert label_distribution(answer, ["description", "entity"]) == close(0.45, 0.1)


def test_what_goes_on_after_a_label_is_outside() -> None:
    end = {"<end>": 0.5, "\n": 0.2, " or": 0.2, "s": 0.1}
    answer = [at("card", {"card": 1.0}), at("<end>", end)]
    assert parts(answer, ["card", "fee"]) == close(0.7, 0, 0.3, 0)


def test_an_answer_that_was_cut_off_within_a_label_is_unknown_and_spread() -> None:
    answer = [at("desc", {"desc": 0.9, "ent": 0.1})]
    assert parts(answer, ["description", "entity"]) == close(0, 0.1, 0, 0.9)
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


@pytest.mark.parametrize("end", ["<|im_end|>", "</s>", ".", "\n", '"'])
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


def test_what_else_may_begin_an_answer_counts_beside_a_bracket() -> None:
    answer = [
        at("(", {"(": 0.70, "refund": 0.20, "billing": 0.05, "so": 0.05}),
        at("billing", {"billing": 0.9, "refund": 0.1}),
        at(")", {")": 1.0}),
    ]
    assert label_distribution(answer, ["billing", "refund"]) == close(0.68, 0.27)


def test_the_tail_within_a_label_goes_to_the_labels_that_were_possible() -> None:
    answer = [
        at("card", {"card": 0.8, "fee": 0.2}),
        at("_arrival", {"_arrival": 0.5, "_delivery": 0.25}),
    ]
    labels = ["card_arrival", "card_delivery", "card_loss", "fee", "other"]
    assert parts(answer, labels) == close(0.4, 0.2, 0, 0.2, 0, 0, 0.2)
    assert label_distribution(answer, labels) == close(0.4, 0.2, 0.2, 0.2, 0)


@pytest.mark.parametrize("opening", ['"', " ", "", "```", "{", "```json\n{", "\n("])
def test_an_alternative_that_rules_nothing_out_is_spread_in_proportion(opening: str) -> None:
    answer = [at("a", {"a": 0.6, "b": 0.2, opening: 0.2})]
    assert parts(answer, ["a", "b", "c"]) == close(0.6, 0.2, 0, 0, 0.2)
    assert label_distribution(answer, ["a", "b", "c"]) == close(0.75, 0.25, 0)


def test_the_tail_beside_a_quote_goes_to_the_labels_that_are_not_listed() -> None:
    answer = [at("a", {"a": 0.5, '"': 0.01})]
    found = label_distribution(answer, ["a", "b", "c"])
    assert found == close(0.5 * 100 / 99, 0.245 * 100 / 99, 0.245 * 100 / 99)


def test_a_number_is_not_taken_for_the_start_of_a_longer_one_that_is_listed() -> None:
    labels = [str(number) for number in range(1, 11)]
    answer = [at("8", {"8": 0.5, "10": 0.2, "1": 0.3})]
    assert parts(answer, labels)[-1] == pytest.approx(0.3)
    assert label_distribution(answer, labels) == close(0.3, 0, 0, 0, 0, 0, 0, 0.5, 0, 0.2)


def test_a_space_may_end_a_label_or_stand_inside_one() -> None:
    answer = [at("fee", {"fee": 0.7, "card ": 0.3})]
    assert label_distribution(answer, ["card", "card arrival", "fee"]) == close(0.15, 0.15, 0.7)


def test_labels_of_punctuation_alone() -> None:
    listed = {"+": 0.7, "-": 0.2, "*": 0.1}
    assert label_distribution([at("*", listed)], ["+", "-", "*"]) == close(0.7, 0.2, 0.1)


def test_a_fence_around_json_with_an_empty_value() -> None:
    tokens = ["```json\n", '{"why": "", ', '"label": "', "cash", '"}', "\n```"]
    answer = [at(token, {token: 1.0}) for token in tokens]
    answer[3] = at("cash", {"cash": 0.8, "card": 0.2})
    assert label_distribution(answer, ["card", "cash"]) == close(0.2, 0.8)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"reason": "fee", "label": "', '"}'),
        ('{"label": "', '", "reason": "fee"}'),
        ('{"result": {"note": "fee", "Answer": "', '"}, "also": "fee"}'),
        ('{"score": 0.5, "kind": "', '", "note": "as ever"}'),
        ('{"fee": ["fee", {"label": "fee"}], "label": "', '"}'),
    ],
)
def test_the_value_that_is_followed_is_the_one_that_the_parser_reads(
    before: str, after: str
) -> None:
    answer = [at(before, {before: 0.5, "x": 0.5}), at("cash", {"cash": 0.6, "fee": 0.4})]
    answer += [at(after, {after: 1.0}), at("<|im_end|>", {"<|im_end|>": 1.0})]
    assert LabelParser(["cash", "fee"])(f"{before}cash{after}") == 0
    assert label_distribution(answer, ["cash", "fee"]) == close(0.6, 0.4)


def test_json_in_which_no_value_speaks_is_unknown() -> None:
    tokens = ['{"a": "', "cash", '", "b": "', "fee", '"}']
    answer = [at(token, {token: 1.0}) for token in tokens]
    answer[0] = at(tokens[0], {tokens[0]: 0.9, "cash": 0.1})
    assert parts(answer, ["cash", "fee"]) == close(0.1, 0, 0, 0.9)


def test_thoughts_before_the_label_are_outside() -> None:
    answer = [at("I", {"I": 1.0}), at(" think", {" think": 1.0}), at(" cash", {" cash": 1.0})]
    assert parts(answer, ["cash", "fee"]) == close(0, 0, 1, 0)


@pytest.mark.parametrize(
    "tokens",
    [
        ['{"label": "', "caf", "\\u00e9", '"}'],
        ['{"label": "', "Caf", "\\u", "00", "E9", '"}'],
        ['{"label": "caf', "\\", "u00e", '9"}'],
        ['{"label": "', "caf", "\udcc3", "\udca9", '"}'],
        ['{"l\\u0061bel": "', "caf\udcc3", '\udca9"}'],
        ["caf", "\udcc3", "\udca9"],
        ["CAF", "\udcc3", "\udc89"],
        ['"caf', "\\u00e9", '"'],
    ],
    ids=str,
)
def test_a_label_with_a_letter_in_pieces(tokens: list[str]) -> None:
    answer = [at(token, {token: 1.0}) for token in tokens]
    place = next(index for index, token in enumerate(tokens) if "caf" in token.casefold())
    other = tokens[place].casefold().split("caf")[0] + "bar"
    answer[place] = at(tokens[place], {tokens[place]: 0.75, other: 0.25})
    assert label_distribution(answer, ["bar", "caf\u00e9", "cafs"]) == close(0.25, 0.75, 0)


def test_a_piece_of_a_letter_decides_between_labels() -> None:
    grin, rage, right = "\U0001f600", "\U0001f621", "\u6b63"
    assert grin.encode()[:3] == rage.encode()[:3]
    first, second, third = (piece(grin.encode()[:3]), piece(b"\x80"), piece(b"\xa1"))
    answer = [
        at(first, {first: 0.9, piece(right.encode()[:1]): 0.1}),
        at(second, {second: 0.75, third: 0.25}),
    ]
    assert label_distribution(answer, [grin, rage, right]) == close(0.675, 0.225, 0.1)


def test_a_lost_piece_of_a_letter_may_be_any_label_that_has_one_there() -> None:
    answer = [at("bar", {"bar": 0.6, "\ufffd": 0.3, "caf\ufffd": 0.1})]
    labels = ["bar", "caf\u00e9", "\u00e9t\u00e9"]
    assert label_distribution(answer, labels) == close(0.6, 0.1, 0.3)


def test_escaped_quotes_and_lines_inside_json() -> None:
    tokens = ['{"label": "', "5", '\\"', "\\n", "pipe", '"}']
    answer = [at(token, {token: 1.0}) for token in tokens]
    answer[2] = at('\\"', {'\\"': 0.7, '"': 0.2, "'": 0.1})
    assert label_distribution(answer, ["5", '5" pipe']) == close(0.3, 0.7)


def test_surrogates_that_no_bytes_stand_behind_are_unreadable() -> None:
    answer = [at("a", {"a": 0.5, "\ud800": 0.5})]
    assert label_distribution(answer, ["a", "b"]) == close(0.5, 0.0)


def test_log_probabilities_that_come_to_more_than_one_are_scaled() -> None:
    answer = [TokenPosition("a", {"a": 0.0, "b": 0.0})]
    assert label_distribution(answer, ["a", "b"]) == close(0.5, 0.5)


def test_a_long_answer_is_followed_to_where_no_label_is_possible() -> None:
    answer = [at("{", {"{": 1.0})] + [at("x", {"x": 1.0})] * 20_000
    assert parts(answer, ["a", "b"]) == close(0, 0, 0, 1)


def test_nothing_is_known_without_positions() -> None:
    assert label_masses([], ["a", "b"]) is None


def test_an_answer_that_ended_within_a_label_is_outside() -> None:
    answer = [at("car", {"car": 0.9, "fee": 0.1}), at("</s>", {"</s>": 0.75, "d": 0.25})]
    assert parts(answer, ["card", "fee"]) == close(0.225, 0.1, 0.675, 0)


def test_a_space_rules_out_labels_that_go_on_with_a_letter() -> None:
    answer = [at("fee", {"fee": 0.7, "card ": 0.3})]
    assert parts(answer, ["card", "cardinal", "fee"]) == close(0.3, 0, 0.7, 0, 0)


def test_a_label_that_ends_in_punctuation_inside_a_fence() -> None:
    tokens = ["```text\n", "c!", "\n```"]
    answer = [at(token, {token: 1.0}) for token in tokens]
    answer[2] = at("\n```", {"\n```": 0.7, "\nBecause": 0.2, "\n`": 0.1})
    assert parts(answer, ["c", "c!", "fee"]) == close(0, 0.8, 0, 0.2, 0)
