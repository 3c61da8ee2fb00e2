"""The loss of a chain against tags that are known, partly known, or each more or less likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.chain import expect, path_scores
from locum.extractors.chain_types import Expectations

if TYPE_CHECKING:
    from locum.extractors.chain_types import Chain
    from locum.extractors.packing import Packing

__all__ = ["ChainLoss", "KnownTags", "TagWeights", "Targets", "chain_loss"]

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownTags:
    """The tag of each token.

    Args:
        tags: ``[N]`` in the rows of a packing.
    """

    tags: Indices


@dataclass(frozen=True, eq=False)
class TagWeights:
    """How likely each tag is at each token.

    Args:
        logarithms: Of weights, ``[N, K]`` in the rows of a packing: minus infinity for a tag that
            is not allowed, zero for one that is, and between them for one less likely than others.
    """

    logarithms: Floats


Targets = KnownTags | TagWeights


class ChainLoss(NamedTuple):
    """A loss and its gradient.

    Args:
        value: Sum over the sequences, each by its weight; infinity where targets allow no sequence
            that the chain allows.
        scores: Gradient in the scores, ``[N, K]``.
        transitions: Gradient in the transitions, ``[K, K]``.
    """

    value: float
    scores: Floats
    transitions: Floats


def chain_loss(
    chain: Chain, scores: Floats, packing: Packing, targets: Targets, weights: Floats
) -> ChainLoss:
    """Return ``log Z - log Z'`` of each sequence, by its weight, and its gradient.

    ``Z`` sums over all sequences of tags, and ``Z'`` over those that the targets allow, each
    multiplied by the weights of its tags: the marginal likelihood of partial labels (Tsuboi et
    al. 2008, "Training conditional random fields using incomplete annotations").

    Args:
        chain: Of ``K`` tags.
        scores: As `locum.extractors.chain.log_partition` takes them.
        packing: Of ``B`` sequences.
        targets: Of their tokens.
        weights: Of the sequences, ``[B]``.
    """
    found = expect(chain, scores, packing, weights)
    if isinstance(targets, KnownTags):
        wanted = _count_known(chain, scores, packing, targets.tags, weights)
    else:
        wanted = expect(chain, scores + targets.logarithms, packing, weights)
    value = float(np.dot(weights, found.log_partition - wanted.log_partition))
    on_scores = found.tokens
    on_scores -= wanted.tokens
    on_scores *= weights[packing.sequences, None]
    return ChainLoss(value, on_scores, found.transitions - wanted.transitions)


def _count_known(
    chain: Chain, scores: Floats, packing: Packing, tags: Indices, weights: Floats
) -> Expectations:
    """Return what is expected where one sequence of tags is allowed."""
    tokens = np.zeros_like(scores)
    tokens[np.arange(len(tags)), tags] = 1
    transitions = np.zeros_like(chain.transitions)
    followed = (tags[packing.previous], tags[packing.first :])
    np.add.at(transitions, followed, weights[packing.sequences[packing.first :]])
    return Expectations(path_scores(chain, scores, packing, tags), tokens, transitions)
