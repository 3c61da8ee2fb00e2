"""The tokens in which a model may answer with a label, and which label each continuation means.

The rule is that of `locum.teachers.token_paths`, read over the whole vocabulary instead of the
alternatives that an API lists: a token with which only one label is still possible counts as that
label, whatever follows; one with which no label is possible is outside the label set; where several
labels are possible (``card`` where there is ``card payment`` too), what follows decides. A token
that goes on towards the longer label counts for that one; the shorter one gets the tokens that end
the answer, and marks after it.

A text that leaves several labels possible can be spelled in many ways. Those are followed that the
tokenizer itself would take for a label as it is written, with a space before it, capitalised, in
upper and lower case and as a title; each is a node of the trie. The probability of other tokens
that leave several labels possible is not seen: it is missing from the sum, never shared out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.schema import MARKS, label_key
from locum.teachers.label_prefixes import JOINED_LETTERS, LabelPrefixes
from locum.teachers.pretrained import logits_of_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

__all__ = ["LabelTrie", "Meaning", "Vocabulary", "build_trie", "read_vocabulary", "spellings"]

_SPACES = re.compile(r"\s+")
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_ANY_MARK = MARKS[-1].before
_BROKEN = "\ufffd"

TokenPath = tuple[int, ...]


class Vocabulary(NamedTuple):
    """What the tokens of a model say.

    Args:
        texts: The UTF-8 of each token as it goes on in the middle of an answer, perhaps only a
            piece of a character; empty where it says nothing.
        ends: Tokens that end an answer.
    """

    texts: Sequence[bytes]
    ends: frozenset[int]


class Meaning(NamedTuple):
    """The tokens that, after one node, make the answer mean one label.

    Args:
        node: After which node.
        label: Index of the label.
        tokens: Which tokens.
    """

    node: int
    label: int
    tokens: NDArray[np.int64]


@dataclass(frozen=True)
class LabelTrie:
    """Beginnings of answers that leave several labels possible, as a tree of tokens.

    Node 0 is the empty answer. Nodes stand in the order of a walk that visits each one's children
    before its next sibling.

    Args:
        classes: How many labels there are.
        tokens: The last token of each node; that of node 0 means nothing.
        parents: The node before each; that of node 0 means nothing.
        meanings: What the continuations of nodes mean, in the order of nodes.
    """

    classes: int
    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    meanings: tuple[Meaning, ...]

    def line(self, node: int) -> list[int]:
        """Return the nodes from 0 to ``node``, both among them."""
        found = [node]
        while found[-1]:
            found.append(self.parents[found[-1]])
        return found[::-1]

    @property
    def height(self) -> int:
        """Tokens of the longest node."""
        return max(len(self.line(node)) for node in range(len(self.tokens))) - 1

    def pieces(self, most: int) -> list[list[int]]:
        """Return all nodes in groups of about ``most``; the nodes before each are in its group."""
        found: list[list[int]] = []
        for node in range(len(self.tokens)):
            if not found or len(found[-1]) >= most:
                found.append(self.line(node))
            else:
                found[-1].append(node)
        return found

    def lines(self) -> list[list[int]]:
        """Return the line to each node without children; every node is on one."""
        inner = set(self.parents[1:])
        return [self.line(node) for node in range(len(self.tokens)) if node not in inner]

    def probabilities(
        self, steps: NDArray[np.float64], masses: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the probability of each label; a row sums to at most one.

        Args:
            steps: ``[N, nodes]``, log-probability of each node's token after the node before it.
            masses: ``[N, meanings]``, probability of each meaning's tokens after its node.
        """
        reached = steps.copy()
        reached[:, 0] = 0.0
        for node in range(1, len(self.tokens)):
            reached[:, node] += reached[:, self.parents[node]]
        nodes = [meaning.node for meaning in self.meanings]
        found = np.zeros((self.classes, len(steps)))
        labels = np.array([meaning.label for meaning in self.meanings])
        np.add.at(found, labels, (np.exp(reached[:, nodes]) * masses).T)
        shares: NDArray[np.float64] = (found / np.maximum(found.sum(axis=0), 1.0)).T
        return shares


def spellings(label: str) -> list[str]:
    """Return the ways of writing a label that are followed."""
    plain = " ".join(label.split())
    cased = (plain.capitalize(), plain.upper(), plain.lower(), plain.title())
    return list(dict.fromkeys((plain, f" {plain}", *cased)))


def read_vocabulary(
    tokenizer: PreTrainedTokenizerBase, size: int, *, lines_end: bool
) -> Vocabulary:
    """Return what the tokens of a tokenizer say.

    Args:
        tokenizer: The tokenizer of the model.
        size: How many tokens the model knows.
        lines_end: Whether an answer ends with its line, as with models that know no turns.
    """
    # Some tokenizers drop the space before a text's first token.
    anchor = list(tokenizer("a", add_special_tokens=False).input_ids[-1:])
    cut = len(tokenizer.decode(anchor))
    names = {token: name for name, token in tokenizer.get_vocab().items() if token < size}
    decoded = tokenizer.batch_decode(
        [[*anchor, token] for token in names], clean_up_tokenization_spaces=False
    )
    added = tokenizer.added_tokens_decoder
    special = {token for token in names if token in added and added[token].special}
    # Ids that are of no token say nothing.
    texts = [b""] * min(size, logits_of_tokens(tokenizer))
    for text, (token, name) in zip(decoded, names.items(), strict=True):
        if token not in special:
            texts[token] = _text(text[cut:], name)
    newlines = {token for token in names if lines_end and texts[token].startswith(b"\n")}
    return Vocabulary(texts, frozenset(special | newlines))


def _text(decoded: str, name: str) -> bytes:
    if _BROKEN not in decoded:
        return decoded.encode()
    fallback = _BYTE.fullmatch(name)
    if fallback:
        return bytes([int(fallback[1], base=16)])
    known = _bytes_by_letter()
    if all(letter in known for letter in name):
        return bytes(known[letter] for letter in name)
    return decoded.encode()


@cache
def _bytes_by_letter() -> dict[str, int]:
    """The alphabet in which byte-level tokenizers name their tokens."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters: Callable[[], dict[int, str]] = bytes_to_unicode
    return {letter: byte for byte, letter in letters().items()}


def build_trie(
    labels: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    vocabulary: Vocabulary,
    before: str,
) -> LabelTrie:
    """Return the trie of a label set.

    Args:
        labels: The labels, distinct also when case is ignored.
        tokenizer: The tokenizer of the model.
        vocabulary: What its tokens say.
        before: What stands before an answer, as text.
    """
    prefixes = LabelPrefixes(labels)
    texts = [text for label in labels for text in spellings(label)]
    paths = set(_paths(texts, tokenizer, before))
    nodes: dict[TokenPath, bytes] = {(): b""}
    # Sorted, parents come before children and these before siblings, as a trie's nodes do.
    starts = {path[:end] for path in paths for end in range(1, len(path) + 1)}
    for path in sorted(starts):
        if path[:-1] in nodes:
            text = nodes[path[:-1]] + vocabulary.texts[path[-1]]
            if len(prefixes.possible(text, quoted=False)) > 1:
                nodes[path] = text
    index = {path: number for number, path in enumerate(nodes)}
    reader = _Reader(prefixes, vocabulary)
    meanings = [
        Meaning(index[path], label, np.array(tokens))
        for path, text in nodes.items()
        for label, tokens in sorted(reader.meanings(text).items())
    ]
    return LabelTrie(
        len(labels),
        tuple(path[-1] if path else 0 for path in nodes),
        tuple(index[path[:-1]] for path in nodes),
        tuple(meanings),
    )


def _paths(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, before: str
) -> Iterator[TokenPath]:
    """The tokens of each text as it follows what stands before it."""
    start = list(tokenizer(before, add_special_tokens=False).input_ids)
    for text in texts:
        tokens = list(tokenizer(before + text, add_special_tokens=False).input_ids)
        if tokens[: len(start)] == start:
            yield tuple(tokens[len(start) :])
        else:
            yield tuple(tokenizer(text, add_special_tokens=False).input_ids)


class _Reader:
    """Finds the tokens after which an answer means one label.

    `LabelPrefixes` decides; asking it about every token at every node would take minutes, so it is
    asked about those that fit the rest of some label, marks and spaces aside.
    """

    def __init__(self, prefixes: LabelPrefixes, vocabulary: Vocabulary) -> None:
        self._prefixes = prefixes
        self._vocabulary = vocabulary
        self._keys = {key for _, table in prefixes.parser.tables for key in table}
        self._marks = [marks for marks, _ in prefixes.parser.tables]
        self._first: dict[str, list[int]] = defaultdict(list)
        self._later: dict[str, list[int]] = defaultdict(list)
        self._pieces: list[int] = []
        for token, text in enumerate(vocabulary.texts):
            plain = _SPACES.sub(" ", text.decode("utf-8", "replace")).casefold()
            if _BROKEN in plain:
                self._pieces.append(token)
            first = {plain.lstrip(marks.before) for marks in self._marks}
            for tokens, forms in ((self._first, first), (self._later, {plain})):
                for key in forms | {form.rstrip(_ANY_MARK) for form in forms} if text else ():
                    tokens[key].append(token)

    def meanings(self, text: bytes) -> dict[int, list[int]]:
        """The tokens that mean a label after a text, by label."""
        found: dict[int, list[int]] = defaultdict(list)
        ends = self._vocabulary.ends
        ended = self._prefixes.meaning(text, quoted=False)
        if ended is not None:
            found[ended].extend(sorted(ends))
        for token in sorted(self._fitting(text, marks=ended is not None) - ends):
            possible = self._prefixes.possible(text + self._vocabulary.texts[token], quoted=False)
            if len(possible) == 1:
                found[next(iter(possible))].append(token)
        return found

    def _fitting(self, text: bytes, *, marks: bool) -> set[int]:
        try:
            before = text.decode()
        except UnicodeDecodeError:
            return set(self._pieces)
        exact = label_key(before) + (" " if before[-1:].isspace() else "")
        starts = {exact, exact.lstrip(), *(exact.lstrip(marks.before) for marks in self._marks)}
        rests = {
            key[len(start) :] for start in starts for key in self._keys if key.startswith(start)
        }
        tables = (self._later,) if exact.lstrip(_ANY_MARK) else (self._later, self._first)
        fitting = set(self._pieces if marks or any(map(_may_hold_piece, rests)) else ())
        fitting.update(self._later.get("", ()) if marks else ())
        for part in {rest[:end] for rest in rests for end in range(1, len(rest) + 1)}:
            for table in tables:
                fitting.update(table.get(part, ()), table.get(f" {part}", ()))
        return fitting


def _may_hold_piece(rest: str) -> bool:
    """Whether a character of several bytes may stand in the rest of a label."""
    return not rest.isascii() or any(joined in rest for joined in JOINED_LETTERS)
