"""Grouping of copies and near-copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash

from locum.dataset import CopyFinder, find_groups
from locum.distillation import warn_of_inputs
from locum.distillation.splitting import divide
from locum.schema import Example, label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTER = (
    "Dear support team, I ordered a pair of walking boots three weeks ago and they have still not "
    "arrived at my address in the north of the city. Please tell me where they are"
)
PROMPT = (
    "You sort what customers write to a bank. Read the message below with care, say which one of "
    "the departments it is for, and answer with the name of that department and nothing else."
)
WORDS = [*"abcdefgh", "where", "is", "my", "card", "why", "was", "it", "taken", "twice", "today"]
TEXTS = st.lists(st.text("aAbB \n", max_size=12), min_size=1, max_size=20)


def groups(texts: Sequence[str]) -> list[int]:
    numbers: list[int] = find_groups(texts).group.tolist()
    return numbers


def test_copies_but_for_case_and_spaces_are_exact() -> None:
    found = find_groups(["Where is it?", "my card", "where  is it? ", "MY CARD", "where is it?"])
    assert found.group.tolist() == [0, 1, 0, 1, 0]
    assert (found.exact, found.near, found.largest) == (3, 0, 3)


def test_near_copies_are_grouped() -> None:
    found = find_groups([LETTER + ".", "What is the fee?", LETTER + "!", LETTER.replace("3", "4")])
    assert found.group.tolist() == [0, 1, 0, 0]
    assert (found.exact, found.near, found.largest) == (0, 2, 3)


def test_distinct_inputs_are_not_grouped() -> None:
    texts = [
        "Where is my card?",
        "Where is my cash machine?",
        "How much does a transfer cost?",
        "When does a transfer arrive?",
        LETTER,
    ]
    found = find_groups(texts)
    assert found.group.tolist() == [0, 1, 2, 3, 4]
    assert (found.exact, found.near, found.largest) == (0, 0, 1)


def test_similarity_just_below_the_threshold_does_not_count() -> None:
    shared = "abcdefghijklmnopqrstuvwx"
    assert groups([shared + "1234567", shared + "yz!?=)("]) == [0, 1]


def test_chains_of_near_copies_form_one_group() -> None:
    words = [f"word{number:02d}" for number in range(60)]
    chain = [" ".join(words[start : start + 40]) for start in range(0, 20, 2)]
    assert groups([*chain, "something else entirely"]) == [0] * 10 + [1]


def test_groups_are_numbered_in_the_order_of_their_first_inputs() -> None:
    assert groups(["zebra", "apple", "zebra", "mango", "apple", "kiwi"]) == [0, 1, 0, 2, 1, 3]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["", " ", "\n", "a"], [0, 0, 0, 1]),
        (["a", "b", "ab", "abc"], [0, 1, 2, 3]),
        (["a"], [0]),
        ([""], [0]),
    ],
)
def test_tiny_texts(texts: list[str], expected: list[int]) -> None:
    assert groups(texts) == expected


def test_of_long_texts_both_ends_count(generator: np.random.Generator) -> None:
    start, first, second = ("".join(generator.choice(list("abcdefgh"), 2000)) for _ in range(3))
    assert groups([start + first, start + second, start + "-" * 9000 + first]) == [0, 1, 0]


def test_numbers_count_alike() -> None:
    assert groups(["order 12 is late", "order 73955 is late", "order is fine"]) == [0, 0, 1]


def test_thousands_of_texts_from_one_template_form_one_group() -> None:
    texts = [f"{LETTER}: {number}" for number in range(5000)]
    found = find_groups(texts)
    assert found.largest == 5000
    assert found.exact == 4999


def write(generator: np.random.Generator, count: int) -> str:
    """So many words of six letters."""
    letters = generator.integers(ord("a"), ord("z") + 1, (count, 6))
    return " ".join("".join(map(chr, word)) for word in letters)


def test_near_copies_are_found_where_others_share_a_long_footer() -> None:
    generator = np.random.default_rng(5)
    footers = [write(generator, 44) for _ in range(2)]
    begun = [write(generator, 6) for _ in range(500)]
    texts = [
        f"{start} {write(generator, 2)} {footers[number % 2]}"
        for starts in (begun, begun[:300])
        for number, start in enumerate(starts)
    ]
    texts += [write(generator, 12) for _ in range(250)]
    order = generator.permutation(len(texts))
    found = find_groups([texts[row] for row in order])
    group = found.group[np.argsort(order)]
    assert (group[:300] == group[500:800]).all()
    assert (found.near, found.largest) == (300, 2)


def framed(generator: np.random.Generator, words: int, others: int = 0) -> list[str]:
    """Sixty short inputs in one prompt, ten of them twice but for a mark, and other texts."""
    before, after = write(generator, words), write(generator, words)
    inputs = [write(generator, 5) for _ in range(60)]
    inputs += [f"{text}!" for text in inputs[:10]]
    return [
        *(f"{before}\nMessage: {text}\nAnswer: {after}" for text in inputs),
        *(write(generator, 12) for _ in range(others)),
    ]


@pytest.mark.parametrize("words", [20, 100, 2_000])
def test_of_inputs_in_one_prompt_what_varies_is_compared(
    words: int, generator: np.random.Generator
) -> None:
    found = find_groups(framed(generator, words))
    assert found.group.tolist() == [*range(60), *range(10)]
    assert (found.exact, found.near) == (0, 10)


def test_a_prompt_is_told_among_other_texts(generator: np.random.Generator) -> None:
    found = find_groups(framed(generator, 100, others=10))
    assert found.group.tolist() == [*range(60), *range(10), *range(60, 70)]


def warned_of(texts: list[str]) -> str:
    examples = [Example(text) for text in texts]
    [said] = warn_of_inputs(examples, divide(examples, np.zeros(len(texts), np.int64), 0))
    return said


@pytest.mark.parametrize("share", [1, 3, 5])
@pytest.mark.parametrize("edited", [40, 80])
def test_of_inputs_in_versions_of_a_prompt_what_varies_is_compared(
    share: int, edited: int, generator: np.random.Generator
) -> None:
    kept = write(generator, 80 - edited)
    prompts = [f"{kept} {write(generator, edited)}" for _ in range(2)]
    inputs = [write(generator, 8) for _ in range(200)]
    inputs += [f"{text}!" for text in inputs[:10]]
    texts = [f"{prompts[row % 10 < share]} Input: {text}" for row, text in enumerate(inputs)]
    assert groups(texts) == [*range(200), *range(10)]


def test_copies_of_a_text_are_no_version_of_a_prompt(generator: np.random.Generator) -> None:
    words = write(generator, 60).split()
    copies = [" ".join([*words[:30], write(generator, 1), *words[31:]]) for _ in range(30)]
    for others in (10, 100, 400):
        found = find_groups([*copies, *(write(generator, 20) for _ in range(others))])
        assert (found.largest, found.near) == (30, 29)


@pytest.mark.parametrize("where", ["begin", "end"])
def test_a_prompt_around_some_inputs_is_told(where: str, generator: np.random.Generator) -> None:
    prompt = write(generator, 80)
    texts = [write(generator, 12) for _ in range(30)]
    for _ in range(70):
        parts = [prompt, write(generator, 4)]
        texts.append(" ".join(parts if where == "begin" else parts[::-1]))
    said = warned_of(texts)
    assert "the largest group of near-copies holds 70% of the inputs" in said
    assert f"its texts {where} with the same 56" in said
    assert "if these are a prompt that was changed" in said
    assert "locum distill --calls" in said


def test_copies_of_few_texts_are_no_version_of_a_prompt(generator: np.random.Generator) -> None:
    copies = [LETTER.replace("walking", word) for word in ("hiking", "winter", "rubber")] * 10
    said = warned_of([*copies, *(write(generator, 12) for _ in range(20))])
    assert said.endswith("it counts as one input where the student is certified")


def test_a_prompt_around_nothing_is_one_group(generator: np.random.Generator) -> None:
    [text, *_] = framed(generator, 50)
    assert set(groups([text + " " * number for number in range(30)])) == {0}


@settings(max_examples=60)
@given(TEXTS)
def test_inputs_with_the_same_key_are_in_one_group(texts: list[str]) -> None:
    group = groups(texts)
    by_key: dict[str, int] = {}
    for text, number in zip(texts, group, strict=True):
        assert by_key.setdefault(label_key(text), number) == number


@settings(max_examples=60)
@given(TEXTS)
def test_numbers_and_counts_agree(texts: list[str]) -> None:
    found = find_groups(texts)
    order = list(dict.fromkeys(found.group.tolist()))
    assert order == list(range(len(order)))
    assert found.exact + found.near + len(order) == len(texts)
    assert found.largest == np.bincount(found.group).max()


def in_prompts(texts: Sequence[str], prompts: Sequence[str]) -> list[str]:
    return [f"{prompts[row % len(prompts)]} {text}".strip() for row, text in enumerate(texts)]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 25), min_size=1, max_size=5),
    st.lists(st.sampled_from(["", PROMPT, LETTER]), min_size=1, max_size=2),
    st.integers(0, 2**16),
)
def test_texts_that_come_to_others_are_grouped_as_if_all_came_at_once(
    sizes: list[int], prompts: list[str], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    kept = [" ".join(generator.choice(WORDS, 6)) for _ in range(30)]
    finder = CopyFinder()
    for size in sizes:
        drawn = [" ".join(generator.choice(WORDS, 6)) for _ in range(size)]
        drawn += [f"{text}!" for text in generator.choice(kept, size // 3)]
        texts = in_prompts([*kept, *drawn], prompts)
        once, again = find_groups(texts), finder.group(texts)
        assert again.group.tolist() == once.group.tolist()
        assert again[1:] == once[1:]
        kept += drawn[::2]


def test_what_was_grouped_before_is_not_read_again(
    generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[set[str]] = []

    class Counting:
        @staticmethod
        def digests_from_token_sets(sets: list[list[str]], *how: int) -> list[list[int]]:
            read.extend(map(set, sets))
            digests: list[list[int]] = RMinHash.digests_from_token_sets(sets, *how)
            return digests

    monkeypatch.setattr("rensa.RMinHash", Counting)
    texts = [write(generator, 8) for _ in range(40)]
    texts += [f"{text}!" for text in texts[:5]]
    finder = CopyFinder()
    finder.group(texts)
    read.clear()
    finder.group(["", *texts, "new", f"{texts[7]}?"])
    assert read[:2] == [{""}, {"new"}]
    assert len(read) == 3
    read.clear()
    finder.group(texts)
    assert not read
