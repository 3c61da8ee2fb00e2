"""The tags that training may find at each token, laid out for the passes over the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import UsageError
from locum.extractors.chain import log_partition, path_scores
from locum.extractors.chain_loss import KnownTags, TagWeights
from locum.extractors.packing import pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locum.extractors.chain_loss import Targets
    from locum.extractors.chain_types import Chain
    from locum.extractors.packing import Packing

__all__ = ["Allowed", "Chunk", "arrange"]

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
Allowed = NDArray[np.bool_] | NDArray[np.floating[Any]]

_TEXTS_AT_ONCE = 512


class Chunk(NamedTuple):
    """Texts of about one length that a pass takes at once: few enough to stay in the cache.

    Args:
        texts: Which they are, ``B``.
        tokens: Which tokens they hold, counted over all texts, in the rows of the packing.
        packing: Of the texts.
        targets: Of their tokens.
        weights: Of the texts, ``[B]``.
    """

    texts: Indices
    tokens: Indices
    packing: Packing
    targets: Targets
    weights: Floats


def arrange(
    lengths: Indices, allowed: Sequence[Allowed], weights: Floats, chain: Chain
) -> list[Chunk]:
    """Return texts in chunks, those in which every tag is known before the others.

    Args:
        lengths: Tokens of each text.
        allowed: For each text which tags each token may have, or logarithms of their weights,
            ``[T, K]``.
        weights: Of the texts.
        chain: What may follow what, with zeros where it may.

    Raises:
        UsageError: They do not fit the texts, hold numbers that are no logarithms of weights, or
            allow no sequence of tags.
    """
    wanted = [(length, len(chain.starts)) for length in lengths.tolist()]
    if [array.shape for array in allowed] != wanted:
        raise UsageError(
            f"allowed tags of {len(allowed)} texts for {len(wanted)} texts: expected an array "
            f"[tokens, {len(chain.starts)}] for each text"
        )
    targets = [_read_target(number, array) for number, array in enumerate(allowed)]
    known = np.array([isinstance(target, KnownTags) for target in targets], np.bool_)
    chunks = [
        _lay_out(texts, lengths, [targets[text] for text in texts.tolist()], weights[texts])
        for group in (np.flatnonzero(known), np.flatnonzero(~known))
        for texts in _split(group, lengths)
    ]
    for chunk in chunks:
        _check_possible(chunk, chain)
    return chunks


def _read_target(number: int, allowed: Allowed) -> Targets:
    bools = allowed.dtype == np.bool_
    if not (bools or (allowed.dtype.kind == "f" and bool((allowed < np.inf).all()))):
        raise UsageError(
            f"allowed tags of text {number + 1}: expected bools, or logarithms of weights, which "
            "are floats below infinity"
        )
    mask = allowed if bools else allowed > -np.inf
    if (mask.sum(axis=1) == 1).all():
        return KnownTags(mask.argmax(axis=1))
    with np.errstate(divide="ignore"):
        return TagWeights((np.log(mask) if bools else allowed).astype(np.float32))


def _split(texts: Indices, lengths: Indices) -> Iterator[Indices]:
    """Yield texts of about one length at a time."""
    ordered = texts[np.argsort(lengths[texts], kind="stable")]
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        yield ordered[start : start + _TEXTS_AT_ONCE]


def _lay_out(
    texts: Indices, lengths: Indices, targets: Sequence[Targets], weights: Floats
) -> Chunk:
    packing = pack(lengths[texts])
    own_starts = np.cumsum(lengths[texts]) - lengths[texts]
    shift = (np.cumsum(lengths) - lengths)[texts] - own_starts
    tokens = packing.tokens + shift[packing.sequences]
    return Chunk(texts, tokens, packing, _join(targets, packing), weights)


def _join(targets: Sequence[Targets], packing: Packing) -> Targets:
    """Return the targets of several texts, all of one kind, in the rows of their packing."""
    known = [target.tags for target in targets if isinstance(target, KnownTags)]
    if known:
        return KnownTags(np.concatenate(known)[packing.tokens])
    weighed = [target.logarithms for target in targets if isinstance(target, TagWeights)]
    return TagWeights(np.concatenate(weighed)[packing.tokens])


def _check_possible(chunk: Chunk, chain: Chain) -> None:
    if isinstance(chunk.targets, KnownTags):
        tags = chunk.targets.tags
        nothing = np.zeros((len(tags), len(chain.starts)), np.float32)
        sums = path_scores(chain, nothing, chunk.packing, tags)
    else:
        sums = log_partition(chain, chunk.targets.logarithms, chunk.packing)
    impossible = chunk.texts[np.isneginf(sums)]
    if len(impossible):
        raise UsageError(
            f"the allowed tags of text {impossible[0] + 1} allow no sequence: expected one or more "
            "for each token, and I-x after B-x and I-x alone"
        )
