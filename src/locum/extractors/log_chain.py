"""The sums over a chain's sequences of tags in log space: slow, and right for any scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.chain_types import Expectations

if TYPE_CHECKING:
    from locum.extractors.chain_types import Chain
    from locum.extractors.packing import Packing

__all__ = ["LogForward", "log_expect", "log_forward"]

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]


class LogForward(NamedTuple):
    """The pass from the first token to the last.

    Args:
        reached: Logarithm of the sum over all tags before, for each tag of each token, ``[N, K]``.
        log_partition: ``[B]``.
    """

    reached: Doubles
    log_partition: Doubles


def log_forward(chain: Chain, scores: Floats, packing: Packing) -> LogForward:
    """Return the forward pass over sequences as `locum.extractors.chain` describes them."""
    reached = scores.astype(np.float64)
    reached[: packing.first] += chain.starts
    partition = np.zeros(packing.size)
    for begin, end, before in packing.steps:
        if begin:
            ways = reached[before : before + end - begin, :, None] + chain.transitions
            reached[begin:end] += np.logaddexp.reduce(ways, axis=1)
        partition[packing.sequences[begin:end]] = np.logaddexp.reduce(reached[begin:end], axis=1)
    return LogForward(reached, partition)


def log_expect(chain: Chain, scores: Floats, packing: Packing, weights: Floats) -> Expectations:
    """Return what `locum.extractors.chain.expect` returns, in float64."""
    reached, partition = log_forward(chain, scores, packing)
    remaining = np.zeros_like(reached)
    transitions = np.zeros(chain.transitions.shape)
    possible = np.isfinite(partition)
    norms = np.where(possible, partition, np.inf)[packing.sequences, None]
    shares = np.where(possible, weights, 0)[packing.sequences]
    for begin, end, before in reversed(packing.steps[1:]):
        rows = slice(before, before + end - begin)
        after = (scores[begin:end] + remaining[begin:end])[:, None, :] + chain.transitions
        remaining[rows] = np.logaddexp.reduce(after, axis=2)
        pairs = np.exp(reached[rows, :, None] + after - norms[rows, :, None])
        transitions += np.tensordot(shares[rows], pairs, axes=1)
    return Expectations(partition, np.exp(reached + remaining - norms), transitions)
