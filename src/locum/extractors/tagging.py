"""The tags of one text, and how probable they, spans and whole fields are."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from locum.extractors.chain import expect, log_partition, viterbi
from locum.extractors.packing import pack

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from locum.extractors.chain_types import Chain
    from locum.extractors.packing import Packing
    from locum.extractors.tag_set import Span, TagSet

__all__ = ["Tagging"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

_KEPT_LENGTHS = 256


class Tagging:
    """The most probable tags of a text under a chain.

    Args:
        tag_set: ``K`` tags.
        chain: Their transitions, in float64.
        scores: Of each tag at each token, ``[T, K]``.

    Attributes:
        tags: The most probable sequence, ``T`` places in the tag set.
        log_probability: Of that sequence; 0 for a text without tokens.
    """

    def __init__(self, tag_set: TagSet, chain: Chain, scores: Doubles) -> None:
        self._tag_set, self._chain, self._scores = tag_set, chain, scores
        best = viterbi(chain, scores)
        self.tags = best.tags
        self._log_partition = float(log_partition(chain, scores, _pack_one(len(scores)))[0])
        self.log_probability = min(0.0, best.score - self._log_partition)

    @cached_property
    def spans(self) -> list[Span]:
        """The spans that the tags mark, in their order."""
        return self._tag_set.read_spans(self.tags)

    @cached_property
    def marginals(self) -> Doubles:
        """Probability of each tag at each token, ``[T, K]``."""
        packing = _pack_one(len(self._scores))
        found = expect(self._chain, self._scores, packing, np.ones(1))
        return found.tokens.astype(np.float64, copy=False)

    def log_probabilities(self, masks: Sequence[Mask]) -> Doubles:
        """Return the log-probability that each tag is among those of a mask, for each mask.

        Args:
            masks: ``[T, K]`` each.
        """
        if not masks:
            return np.zeros(0)
        packing = pack([len(self._scores)] * len(masks))
        allowed = np.where(np.stack(masks), self._scores, -np.inf)
        rows = allowed.reshape(-1, len(self._tag_set))[packing.tokens]
        return np.minimum(log_partition(self._chain, rows, packing) - self._log_partition, 0)

    def span_confidences(self, spans: Sequence[Span]) -> Doubles:
        """Return the probability that these tokens are a span, and their neighbours not in it.

        Args:
            spans: ``S`` of them; each is taken by itself.

        Returns:
            ``[S]``.

        Raises:
            UsageError: A span has a name or tokens that there are not.
        """
        length = len(self._scores)
        return np.exp(self.log_probabilities([self._tag_set.span_mask(s, length) for s in spans]))

    def field_confidences(
        self, fields: Sequence[tuple[Collection[str], Sequence[Span]]]
    ) -> list[float]:
        """Return the probability that these are all spans of some names in the text, for each pair.

        Args:
            fields: Names with their spans; none where the text is to have none of them.

        Raises:
            UsageError: A span has a name or tokens that there are not, or two overlap.
        """
        length = len(self._scores)
        masks = [self._tag_set.field_mask(names, spans, length) for names, spans in fields]
        found: list[float] = np.exp(self.log_probabilities(masks)).tolist()
        return found


@lru_cache(_KEPT_LENGTHS)
def _pack_one(length: int) -> Packing:
    return pack([length])
