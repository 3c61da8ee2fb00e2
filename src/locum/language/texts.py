"""Texts to learn from and texts to be measured on, with no copies between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.dataset import find_groups
from locum.errors import InputError, UsageError
from locum.language.documents import end_token, read_documents
from locum.language.packing import Packed, pack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from locum.language.documents import Document

__all__ = ["Texts", "read_texts"]


class Texts(NamedTuple):
    """Packed texts.

    Args:
        train: To learn from.
        held_out: To be measured on.
        documents: How many documents there are in all.
        left_out: Documents besides that are not learned, as they are held out by name.
    """

    train: Packed
    held_out: Packed
    documents: int
    left_out: int = 0

    @property
    def longest(self) -> int:
        """Tokens of the longest piece of a document in one sequence."""
        return max(int(part.positions_SL.max()) for part in (self.train, self.held_out)) + 1


def read_texts(
    places: Sequence[str | Path],
    tokenizer: PreTrainedTokenizerBase,
    *,
    length: int,
    held_out: float | Sequence[str | Path],
    seed: int,
) -> Texts:
    """Read and pack texts.

    Args:
        places: Files and folders, see `locum.language.read_documents`.
        tokenizer: Of the student.
        length: Tokens of a sequence.
        held_out: Files and folders to be measured on, whose documents are not learned where they
            are among the others too; or what share of the documents is, drawn so that near-copies
            are on one side and never twice the share is held out.
        seed: Of the draw.

    Raises:
        InputError: A file cannot be read, or nothing is left to learn from or to be measured on.
        UsageError: The share is not between zero and one.
    """
    fill = end_token(tokenizer)
    documents = read_documents(places, tokenizer)
    if not isinstance(held_out, int | float):
        measured = read_documents(held_out, tokenizer)
        return _named(documents, measured, length, fill)
    if not 0 < held_out < 1:
        raise UsageError(f"held_out is {held_out}, expected a share between zero and one, or files")
    apart = _drawn(documents, tokenizer, held_out, seed)
    train = [document for document, out in zip(documents, apart, strict=True) if not out]
    measured = [document for document, out in zip(documents, apart, strict=True) if out]
    if not (train and measured):
        raise InputError(
            f"{len(documents):,} documents are too few to hold {held_out:.0%} of them out, copies "
            "together: give more, a larger share, or other files to be measured on"
        )
    return Texts(pack(train, length, fill), pack(measured, length, fill), len(documents))


def _named(
    documents: Sequence[Document], measured: Sequence[Document], length: int, fill: int
) -> Texts:
    """Pack documents to be measured on, and those of the others that are not the same."""
    known = {tuple(document.tokens) for document in measured}
    train = [document for document in documents if tuple(document.tokens) not in known]
    if not train:
        raise InputError(
            f"all of the {len(documents):,} documents are held out too, so that there is nothing "
            "to learn from: give other files to be measured on"
        )
    packed = pack(train, length, fill), pack(measured, length, fill)
    return Texts(*packed, len(train) + len(measured), len(documents) - len(train))


def _drawn(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, share: float, seed: int
) -> list[bool]:
    """Draw groups of near-copies, large ones left out, until their documents are the share."""
    texts = [str(tokenizer.decode(document.tokens)) for document in documents]
    group = find_groups(texts).group
    sizes = np.bincount(group)
    wanted = share * len(documents)
    chosen, count = set(), 0
    for number in np.random.default_rng(seed).permutation(len(sizes)).tolist():
        # A group is of any size: half of all texts may be one template.
        if count < wanted and count + sizes[number] <= max(2 * wanted, 1):
            chosen.add(number)
            count += sizes[number]
    return [number in chosen for number in group.tolist()]
