"""Documents side by side in sequences of one length, so that nothing is computed of padding.

Positions begin anew with every document, by which attention is kept inside it (transformers finds
the bounds of packed documents from them; `locum.language.models` checks that a model heeds them).

Shapes: S sequences, L tokens of a sequence, N rows: the targets that count, in reading order.
"""

# ruff: noqa: N803, N815 - names end in their shapes

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from torch import Tensor

    from locum.language.documents import Document

__all__ = ["Packed", "Span", "pack", "refuse_other_tokens", "refuse_unpacked"]


class Span(NamedTuple):
    """Where a document stands: in which sequence, from which place, up to which."""

    sequence: int
    start: int
    end: int


class Packed(NamedTuple):
    """Sequences of one length.

    Args:
        ids_SL: Tokens, int64.
        positions_SL: The place of each token in its document, int64.
        learned_SL: Whether a token is a target, predicted from the one before it. Never so at
            position zero.
    """

    ids_SL: Tensor
    positions_SL: Tensor
    learned_SL: Tensor

    @property
    def rows(self) -> int:
        """How many targets there are."""
        return int(self.learned_SL.sum())

    def some(self, which: slice | Sequence[int]) -> Packed:
        """Return some of the sequences."""
        return Packed(*(part[which] for part in self))

    def to(self, device: torch.device) -> Packed:
        """Return the same on a device."""
        return Packed(*(part.to(device) for part in self))

    def targets(self) -> Tensor:
        """Return the tokens to predict, ``[N]``."""
        return self.ids_SL[self.learned_SL]

    def before_targets(self, states_SL: Tensor) -> Tensor:
        """Return what stands at the tokens that targets are predicted from, ``[N, ...]``."""
        return states_SL[:, :-1][self.learned_SL[:, 1:]]

    def pieces(self, size: int) -> Iterator[Packed]:
        """Go through the sequences, so many at a time."""
        for start in range(0, len(self.ids_SL), size):
            yield self.some(slice(start, start + size))

    def spans(self) -> Iterator[Span]:
        """Go through the documents in reading order, with what fills a sequence up at its end."""
        for sequence, places in enumerate(self.positions_SL.tolist()):
            starts = [place for place, position in enumerate(places) if position == 0]
            for start, end in zip(starts, [*starts[1:], len(places)], strict=True):
                yield Span(sequence, start, end)

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of all sequences, in their order."""
        return hashlib.sha256("".join(self.keys()).encode()).hexdigest()

    def keys(self) -> list[str]:
        """Return a SHA-256 of each sequence: its tokens, documents and targets."""
        parts = [part.cpu().numpy() for part in self]
        return [
            hashlib.sha256(
                b"".join(np.ascontiguousarray(p[s]).tobytes() for p in parts)
            ).hexdigest()
            for s in range(len(self.ids_SL))
        ]


def refuse_unpacked(texts: object) -> None:
    """See that texts are packed.

    Raises:
        UsageError: They are not.
    """
    if not isinstance(texts, Packed):
        raise UsageError(
            f"the texts are a {type(texts).__name__}, expected Packed: pack(documents, length, "
            "fill) makes it of documents"
        )


def refuse_other_tokens(texts: Packed, vocabulary: int) -> None:
    """See that the tokens to predict are of a vocabulary.

    Raises:
        UsageError: One is not.
    """
    highest = int(texts.targets().max()) if texts.rows else 0
    if highest >= vocabulary:
        raise UsageError(
            f"the texts have the token {highest:,} and the vocabulary {vocabulary:,} tokens: pack "
            "them by its own tokenizer, and count its tokens by 1 + max(tokenizer.get_vocab()"
            ".values()), as its vocab_size leaves added ones out"
        )


def pack(documents: Sequence[Document], length: int, fill: int) -> Packed:
    """Put documents into as few sequences as best-fit-decreasing packing finds.

    A document is cut only where it is longer than a sequence (Ding et al. 2024, Fewer Truncations
    Improve Language Modeling, section 3); the pieces are documents of their own, and those without
    a target are left out.

    Args:
        documents: What to pack.
        length: ``L``, two or more.
        fill: The token that fills sequences up; it is never a target.

    Raises:
        UsageError: The length is under two, or a document has more tokens than flags, or fewer.
        InputError: No document has a target.
    """
    import torch

    if length < 2:
        raise UsageError(f"length is {length}, expected two tokens or more")
    for number, document in enumerate(documents, start=1):
        if len(document.tokens) != len(document.learned):
            raise UsageError(
                f"document {number} has {len(document.tokens):,} tokens and "
                f"{len(document.learned):,} flags of learned: expected one each"
            )
    pieces = [piece for document in documents for piece in _cut(document, length)]
    if not pieces:
        raise InputError(
            f"none of {len(documents):,} documents has a token to learn: expected texts of two "
            "tokens or more"
        )
    ids, positions, learned = [], [], []
    for bin_ in _best_fit([len(piece.tokens) for piece in pieces], length):
        held = [pieces[number] for number in bin_]
        free = length - sum(len(piece.tokens) for piece in held)
        spans = [len(piece.tokens) for piece in held] + [free]
        ids.append([token for piece in held for token in piece.tokens] + [fill] * free)
        positions.append([place for span in spans for place in range(span)])
        learned.append([flag for piece in held for flag in piece.learned] + [False] * free)
    return Packed(
        torch.tensor(ids, dtype=torch.int64), torch.tensor(positions), torch.tensor(learned)
    )


def _cut(document: Document, length: int) -> list[Document]:
    pieces = []
    for start in range(0, len(document.tokens), length):
        end = start + length
        # A list of its own: a slice of an array would be the caller's.
        learned = [False, *map(bool, document.learned[start + 1 : end])]
        if any(learned):
            pieces.append(document._replace(tokens=document.tokens[start:end], learned=learned))
    return pieces


def _best_fit(sizes: Sequence[int], room: int) -> list[list[int]]:
    """Put the largest first, each where the least is left over; return the bins' numbers."""
    bins: list[list[int]] = []
    free: list[tuple[int, int]] = []  # room left and number of a bin, in order
    for number in sorted(range(len(sizes)), key=lambda n: (-sizes[n], n)):
        place = bisect_left(free, (sizes[number], 0))
        if place == len(free):
            bins.append([])
            insort(free, (room, len(bins) - 1))
            place = bisect_left(free, (sizes[number], 0))
        left, chosen = free.pop(place)
        bins[chosen].append(number)
        insort(free, (left - sizes[number], chosen))
    return bins
