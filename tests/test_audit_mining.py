"""Templates found in prompts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.audit.mining import find_patterns
from locum.audit.pattern import WHOLE, pattern_of_json, whole_text
from locum.audit.rules import is_generic
from locum.audit.words import read_words
from tests.audit_traffic import phrase

if TYPE_CHECKING:
    from locum.audit.pattern import Pattern

LEAST = 10


def fill(template: str, count: int = 30, seed: int = 0) -> list[str]:
    """Texts of a template, with other words for each ``{}``."""
    generator = random.Random(f"{seed} {template}")  # noqa: S311 - no secret
    texts = []
    for _ in range(count):
        text = template
        while "{}" in text:
            text = text.replace("{}", phrase(generator), 1)
        texts.append(text)
    return texts


def mine(texts: list[str]) -> list[Pattern]:
    return find_patterns([read_words(text) for text in texts], LEAST)


def shown(texts: list[str]) -> list[str]:
    return sorted(pattern.shown for pattern in mine(texts))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("At 2026-03-01T10:15:00Z, 5 of", ("At", "{moment}", ",", "{number}", "of")),
        ("Monday, 5 January 2026: May 5th", ("{moment}", ":", "{moment}")),
        ("5 January", ("{moment}",)),
        ("It may rain in May.", ("It", "may", "rain", "in", "May", ".")),
        ("order ORD-1234 of user_77x", ("order", "ORD", "-", "{number}", "of", "{identifier}")),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", ("{identifier}",)),
        ("to [EMAIL_1]", ("to", "{placeholder}")),
        ("a \n\n  b", ("a", "\n", "b")),
        ("a" + 200_000 * " " + "b \t\u2028c", ("a", "b", "c")),
        ("well-known don't the_thing", ("well-known", "don't", "the_thing")),
        ("", ()),
    ],
)
def test_what_surely_varies_looks_alike(text: str, keys: tuple[str, ...]) -> None:
    assert read_words(text).keys == keys


TEMPLATES = (
    "Is this film review positive or negative?\n\nReview: {}\n\nAnswer:",
    "{}\n\nTranslate the text above to French.",
    "Context:\n{}\n\nQuestion: {}\nAnswer:",
    "Summarise in one sentence: {}",
    "Write a short poem about {}.",
    "Text: a bill\nTopic: money\nText: a parcel\nTopic: post\nText: {}\nTopic:",
)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_found_among_texts_without_one(template: str) -> None:
    assert shown([*fill(template), *fill("{}", 200)]) == [template]


def test_all_templates_are_found_at_once() -> None:
    texts = [text for template in TEMPLATES for text in fill(template)]
    assert shown(texts) == sorted(TEMPLATES)


def test_prompts_that_differ_in_a_word_are_different() -> None:
    templates = [f"Is this {what} review positive?\nReview: {{}}" for what in ("film", "book")]
    assert shown([text for template in templates for text in fill(template)]) == sorted(templates)


def test_prompts_of_one_format_are_different() -> None:
    told = [f"{verb} the words of the text now." for verb in ("Count", "Name", "Spell", "Rank")]
    templates = [f"### Instruction:\n{one}\n### Input:\n{{}}\n### Response:" for one in told]
    assert shown([text for template in templates for text in fill(template)]) == sorted(templates)


def test_prompts_with_one_preamble_are_different() -> None:
    preamble = "You are an expert annotator of our company.\n"
    templates = [
        preamble + "Decide whether the message below is spam or not and say so.\n{}",
        preamble + "Name the topic of the news story that is shown here, in one word.\n{}",
    ]
    assert shown([text for template in templates for text in fill(template)]) == sorted(templates)


def test_many_values_are_a_slot() -> None:
    names = [f"{first}{last} Ltd" for first in ("Ac", "Be", "Co", "Do") for last in ("me", "la")]
    texts = [
        text
        for name in [*names, "Xen Ltd", "Yps Ltd", "Zet Ltd"]
        for text in fill(f"You help customers of {name}.\nCustomer says: {{}}")
    ]
    assert shown(texts) == ["You help customers of {} Ltd.\nCustomer says: {}"]


def test_documents_that_come_again_are_values_of_a_slot() -> None:
    documents = fill("{} {} {}", 40)
    texts = [
        text
        for document in documents
        for text in fill(f"Context:\n{document}\n\nQuestion: {{}}\nAnswer:", 12)
    ]
    assert shown(texts) == ["Context:\n{}\n\nQuestion: {}\nAnswer:"]


def test_a_word_that_inputs_often_begin_with_is_none_of_the_template() -> None:
    template = "Q: What is a bill?\nA: money\nQ: What is a parcel?\nA: post\nQ: {}\nA:"
    texts = fill(template.replace("{}", "What is {}"), 40) + fill(template, 20)
    assert shown(texts) == [template]


def test_phrases_that_people_use_are_no_templates() -> None:
    texts = [text for begin in ("can you", "i would like to") for text in fill(f"{begin} {{}}?")]
    assert shown([*texts, *fill("{}", 100)]) == []


def test_a_template_needs_ten_different_texts() -> None:
    texts = fill("Summarise in one sentence: {}", 9)
    assert shown(texts * 5) == []


def test_numbers_and_moments_are_gaps() -> None:
    texts = [
        f"Now: 2026-03-{number % 28 + 1:02} 10:15\nTicket {number}: route this ticket:\n{text}"
        for number, text in enumerate(fill("{}"))
    ]
    [pattern] = mine(texts)
    assert pattern.shown == "Now: {}\nTicket {}: route this ticket:\n{}"
    assert pattern.varying(read_words(texts[3])) == f"3\n{texts[3].splitlines()[-1]}"


def test_the_varying_part_is_what_stands_in_gaps() -> None:
    [pattern] = mine(fill("Context:\n{}\n\nQuestion: {}\nAnswer:"))
    words = read_words("Context:\nthe first, the second\n\nQuestion: why 5?\nAnswer:")
    assert pattern.varying(words) == "the first, the second\nwhy 5?"
    assert pattern.varying(read_words("Context: no question")) is None
    assert WHOLE.varying(words) == words.text


def test_a_pattern_comes_back_from_json() -> None:
    patterns = [*mine(fill(TEMPLATES[0])), whole_text(read_words("Now 5.")), WHOLE]
    assert [pattern_of_json(pattern.to_json()) for pattern in patterns] == patterns


@given(st.text("ab1 \n:", max_size=30), st.text("ab1 \n:", max_size=30))
def test_a_text_without_gaps_admits_texts_with_its_words_alone(one: str, other: str) -> None:
    pattern, words = whole_text(read_words(one)), read_words(other)
    assert pattern.admits(words.joined) == (words.keys == read_words(one).keys)


@settings(max_examples=20)
@given(st.permutations(range(60)))
def test_the_order_of_texts_does_not_matter(order: list[int]) -> None:
    texts = [text for template in TEMPLATES[:3] for text in fill(template, 20)]
    assert mine([texts[place] for place in order]) == mine(texts)


@settings(max_examples=20)
@given(st.sets(st.sampled_from(TEMPLATES), min_size=1), st.integers(10, 60))
def test_texts_of_other_templates_change_nothing(others: set[str], count: int) -> None:
    alone = mine(fill(TEMPLATES[0]))
    added = [text for other in sorted(others - {TEMPLATES[0]}) for text in fill(other, count)]
    together = [pattern.fixed_words for pattern in mine([*fill(TEMPLATES[0]), *added])]
    assert alone[0].fixed_words in together


@pytest.mark.parametrize(
    ("told", "generic"),
    [
        ("", True),
        ("You are a helpful assistant.", True),
        ("You are ChatGPT, a large language model trained by OpenAI. Answer concisely.", True),
        ("Is the message spam?", False),
        ("You are a helpful assistant for the customers of a museum.", False),
    ],
)
def test_an_instruction_that_says_nothing_is_generic(told: str, *, generic: bool) -> None:
    assert is_generic(told) == generic
