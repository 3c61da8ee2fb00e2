"""The trie of label tokens, and what the tokens of a vocabulary mean after its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locum.schema import label_key
from locum.teachers.label_prefixes import LabelPrefixes
from locum.teachers.label_trie import LabelTrie, Meaning, build_trie, read_vocabulary, spellings
from tests.tiny_model import byte_level_tokenizer, gapped_tokenizer, metaspace_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerFast

TOKENIZERS = {"bytes": byte_level_tokenizer(), "metaspace": metaspace_tokenizer()}
VOCABULARIES = {
    name: read_vocabulary(tokenizer, len(tokenizer), lines_end=False)
    for name, tokenizer in TOKENIZERS.items()
}
TURN = "<|im_start|>assistant\n"
LABEL_SETS = {
    "one token": ("card", "cash", "refund"),
    "shared start": ("card arrival", "card_payment", "cash"),
    "start of another": ("card", "card payment", "card payment fee"),
    "another alphabet": ("été", "étage", "日本", "日曜", "über"),
    "marks": ("*", "**", "***"),
    "marks around": ("(a)", "a", "b."),
    "bounds": ("<5", ">5", "5-9"),
    "letters": ("a", "b"),
    "case": ("CARD", "Card Payment", "iPhone"),
}
# A walk: 0 -> 1 -> (2, 3), 0 -> 4.
TREE = LabelTrie(
    2,
    (0, 10, 11, 12, 13),
    (0, 0, 1, 1, 0),
    (
        Meaning(0, 0, np.array([5])),
        Meaning(1, 1, np.array([5, 6])),
        Meaning(3, 0, np.array([7])),
        Meaning(4, 1, np.array([8])),
    ),
)


def trie_of(
    labels: Sequence[str], tokenizer: PreTrainedTokenizerFast, *, lines_end: bool = False
) -> LabelTrie:
    vocabulary = read_vocabulary(tokenizer, len(tokenizer), lines_end=lines_end)
    return build_trie(labels, tokenizer, vocabulary, TURN)


def text_of(trie: LabelTrie, node: int, texts: Sequence[bytes]) -> bytes:
    return b"".join(texts[trie.tokens[number]] for number in trie.line(node)[1:])


def meanings_at(trie: LabelTrie, node: int) -> dict[int, int]:
    return {
        int(token): meaning.label
        for meaning in trie.meanings
        if meaning.node == node
        for token in meaning.tokens
    }


def test_a_token_counts_whose_id_comes_after_some_that_are_missing() -> None:
    tokenizer = gapped_tokenizer()
    last = tokenizer.eos_token_id
    assert last > len(tokenizer)
    vocabulary = read_vocabulary(tokenizer, 400, lines_end=False)
    assert len(vocabulary.texts) == last + 1
    assert last in vocabulary.ends
    assert set(vocabulary.texts[-11:]) == {b""}
    # Those that the model does not know are left out.
    known = read_vocabulary(tokenizer, last, lines_end=False)
    assert known.texts == vocabulary.texts[:-1]
    assert last not in known.ends


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_what_tokens_mean_is_what_reading_all_of_them_says(
    labels: tuple[str, ...], name: str
) -> None:
    vocabulary = VOCABULARIES[name]
    trie = build_trie(labels, TOKENIZERS[name], vocabulary, TURN)
    prefixes = LabelPrefixes(labels)
    for node in range(len(trie.tokens)):
        text = text_of(trie, node, vocabulary.texts)
        expected = {}
        for token, added in enumerate(vocabulary.texts):
            possible = prefixes.possible(text + added, quoted=False)
            if added and len(possible) == 1:
                expected[token] = next(iter(possible))
        ended = prefixes.meaning(text, quoted=False)
        if ended is not None:
            expected |= dict.fromkeys(vocabulary.ends, ended)
        assert meanings_at(trie, node) == expected


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_every_spelling_leads_to_its_label(
    labels: tuple[str, ...], tokenizer: PreTrainedTokenizerFast
) -> None:
    trie = trie_of(labels, tokenizer)
    children = {(trie.parents[n], trie.tokens[n]): n for n in range(1, len(trie.tokens))}
    before = len(tokenizer(TURN).input_ids)
    for index, label in enumerate(labels):
        for spelling in spellings(label):
            node = 0
            for token in tokenizer(f"{TURN}{spelling}<|im_end|>").input_ids[before:]:
                if (node, token) not in children:
                    assert meanings_at(trie, node).get(token) == index
                    break
                node = children[node, token]
            else:
                pytest.fail(f"{spelling!r} does not end")


def test_labels_that_differ_in_their_first_letter_need_no_nodes() -> None:
    trie = trie_of(("card", "refund", "note"), TOKENIZERS["bytes"])
    assert trie.tokens == (0,)
    assert trie.height == 0


def test_the_end_of_the_turn_means_the_shorter_label() -> None:
    tokenizer = TOKENIZERS["bytes"]
    trie = trie_of(("card", "card payment"), tokenizer)
    (card,) = tokenizer("card").input_ids
    meaning = meanings_at(trie, trie.tokens.index(card))
    end, dot, payment = tokenizer("<|im_end|>. payment").input_ids
    assert [meaning[token] for token in (end, dot, payment)] == [0, 0, 1]


@pytest.mark.parametrize(("lines_end", "expected"), [(True, 0), (False, None)])
def test_a_new_line_ends_the_answer_of_a_model_without_turns(
    lines_end: bool,  # noqa: FBT001 - a case of the test
    expected: int | None,
) -> None:
    tokenizer = TOKENIZERS["bytes"]
    trie = trie_of(("card", "card payment"), tokenizer, lines_end=lines_end)
    card, newline = tokenizer("card\n").input_ids
    assert meanings_at(trie, trie.tokens.index(card)).get(newline) == expected


def test_control_tokens_spell_no_label() -> None:
    tokenizer = TOKENIZERS["bytes"]
    trie = trie_of(("im_end", "im_start"), tokenizer)
    spelled = {token for meaning in trie.meanings for token in meaning.tokens if not meaning.node}
    assert not spelled & set(tokenizer.all_special_ids)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=200)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20))
@example(text="\u2581")
def test_the_texts_of_tokens_join_to_the_text(name: str, text: str) -> None:
    tokens = TOKENIZERS[name](text, split_special_tokens=True).input_ids
    joined = b"".join(VOCABULARIES[name].texts[token] for token in tokens)
    # Metaspace puts a space before the first word, and knows no other than its own sign for one.
    read = text.replace("\u2581", " ") if name == "metaspace" else text
    assert joined.removeprefix(b" ") == read.encode().removeprefix(b" ")


def test_spellings() -> None:
    assert spellings("card  Arrival") == [
        "card Arrival",
        " card Arrival",
        "Card arrival",
        "CARD ARRIVAL",
        "card arrival",
        "Card Arrival",
    ]


@given(st.text(st.sampled_from("aAbß_- é"), min_size=1, max_size=6))
def test_spellings_are_the_label_but_for_case_and_spaces(label: str) -> None:
    assert {label_key(spelling) for spelling in spellings(label)} == {label_key(label)}


@pytest.mark.parametrize("most", [1, 2, 3, 10])
def test_pieces_hold_every_node_after_the_nodes_before_it(most: int) -> None:
    pieces = TREE.pieces(most)
    assert {node for piece in pieces for node in piece} == set(range(5))
    for piece in pieces:
        assert len(piece) <= max(most, TREE.height + 1)
        assert piece[0] == 0
        for place, node in enumerate(piece[1:], start=1):
            assert TREE.parents[node] in piece[:place]


def test_lines_lead_to_the_nodes_without_children() -> None:
    assert TREE.lines() == [[0, 1, 2], [0, 1, 3], [0, 4]]
    assert TREE.height == 2


def test_probabilities_multiply_along_lines_and_add_up_over_them() -> None:
    steps = np.log([[1.0, 0.5, 0.25, 0.5, 0.25]])
    masses = np.array([[0.125, 0.25, 0.5, 1.0]])
    assert TREE.probabilities(steps, masses) == pytest.approx(np.array([[0.25, 0.375]]))


def test_rounding_does_not_lift_the_sum_over_one() -> None:
    found = TREE.probabilities(np.zeros((1, 5)), np.array([[0.6, 0.0, 0.0, 0.4 + 1e-6]]))
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
