"""A linear-chain conditional random field (Lafferty, McCallum and Pereira 2001), in numpy.

A sequence of tags ``y`` scores ``starts[y_0] + sum_t scores[t, y_t] + sum_t transitions[y_t,
y_t+1]``, and its probability is the exponential of that over the sum for all sequences. What may
not be is minus infinity: in ``starts``, in ``transitions``, and in ``scores``. Sums over sequences
are taken in probability space, each step divided by its own sum (Rabiner 1989), so that they are
products of matrices. Where the likeliest tags of a step cannot be reached but by a way that their
range barely holds, a sequence is summed in log space.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.extractors.chain_types import Chain, Expectations, Path
from locum.extractors.log_chain import log_expect, log_forward
from locum.extractors.packing import select

if TYPE_CHECKING:
    from locum.extractors.packing import Packing

__all__ = ["Chain", "Expectations", "Path", "expect", "log_partition", "path_scores", "viterbi"]

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


class _Forward(NamedTuple):
    """What the pass from the first token to the last finds.

    Args:
        factors: Exponentials of the scores over the largest of their token, ``[N, K]``.
        reached: Probability of each tag given the tokens up to its own, ``[N, K]``.
        totals: What each row was divided by, ``[N]``.
        log_partition: ``[B]``.
    """

    factors: Floats
    reached: Floats
    totals: Floats
    log_partition: Doubles


class _Backward(NamedTuple):
    """What the pass from the last token to the first finds.

    Args:
        remaining: Probability of the tokens after each one given its tag, over their sum, ``[N,
            K]``; ones where a sequence ends.
        sums: Those sums, ``[N]``.
    """

    remaining: Floats
    sums: Floats


def log_partition(chain: Chain, scores: Floats, packing: Packing) -> Doubles:
    """Return the logarithm of the sum of the exponentials of all sequences' scores, ``[B]``.

    Where ``scores`` is minus infinity but for some tags of each token, the sum is over the
    sequences of these tags: less that over all, it is the log-probability that the tags are among
    them.

    Args:
        chain: Of ``K`` tags.
        scores: Of each tag at each token, ``[N, K]`` in the rows of the packing, in float32 or
            float64, of which they keep the range: a sequence of tags that falls behind another by
            87 (float32) or 700 (float64) and catches up over three or more tokens is left out.
        packing: Of ``B`` sequences. An empty one has one sequence of tags, which scores 0.

    Returns:
        Minus infinity where no sequence of tags is allowed.
    """
    forward = _go_forward(chain, scores, packing)
    found = forward.log_partition
    lost = _find_lost(forward.totals, packing)
    if len(lost):
        rows, part = select(packing, lost)
        found[lost] = log_forward(chain, scores[rows], part).log_partition
    return found


def expect(chain: Chain, scores: Floats, packing: Packing, weights: Floats) -> Expectations:
    """Return expectations over all sequences of tags, by the forward-backward algorithm.

    Where no sequence of tags is allowed, the partition is minus infinity and the rest is zero.

    Args:
        chain: Of ``K`` tags.
        scores: As in `log_partition`.
        packing: Of ``B`` sequences.
        weights: Of the sequences in the expected transitions, ``[B]``.
    """
    forward = _go_forward(chain, scores, packing)
    remaining, sums = _go_backward(chain, forward, packing)
    tokens = forward.reached * remaining
    overlap = tokens.sum(axis=1)
    tokens /= _divisors(overlap)[:, None]
    lost = _find_lost(np.minimum(np.minimum(forward.totals, sums), overlap), packing)
    shares = weights.astype(scores.dtype)
    shares[lost] = 0
    remaining *= forward.factors
    remaining *= (shares[packing.sequences] / _divisors(forward.totals * overlap))[:, None]
    transitions = forward.reached[packing.previous].T @ remaining[packing.first :]
    transitions *= chain.factors
    if len(lost):
        rows, part = select(packing, lost)
        again = log_expect(chain, scores[rows], part, weights[lost])
        forward.log_partition[lost] = again.log_partition
        tokens[rows] = again.tokens
        transitions += again.transitions
    return Expectations(forward.log_partition, tokens, transitions)


def _go_forward(chain: Chain, scores: Floats, packing: Packing) -> _Forward:
    factors = scores.copy()
    factors[: packing.first] += chain.starts
    highest = _finite(factors.max(axis=1, initial=-np.inf))
    factors -= highest[:, None]
    np.exp(factors, out=factors)
    reached, totals = np.empty_like(factors), np.empty_like(highest)
    for begin, end, before in packing.steps:
        rows = reached[begin:end]
        if begin:
            np.matmul(reached[before : before + end - begin], chain.factors, out=rows)
            rows *= factors[begin:end]
        else:
            rows[:] = factors[begin:end]
        total = np.add.reduce(rows, axis=1, out=totals[begin:end])
        rows /= _divisors(total)[:, None]
    with np.errstate(divide="ignore"):
        logarithms = np.log(totals.astype(np.float64)) + highest.astype(np.float64)
    logarithms[packing.first :] += chain.largest
    return _Forward(factors, reached, totals, packing.add_up(logarithms))


def _go_backward(chain: Chain, forward: _Forward, packing: Packing) -> _Backward:
    remaining = np.ones_like(forward.factors)
    sums = np.ones_like(forward.totals)
    for begin, end, before in reversed(packing.steps[1:]):
        earlier = slice(before, before + end - begin)
        rows = remaining[earlier]
        np.matmul(remaining[begin:end] * forward.factors[begin:end], chain.factors.T, out=rows)
        rows /= _divisors(np.add.reduce(rows, axis=1, out=sums[earlier]))[:, None]
    return _Backward(remaining, sums)


def _find_lost(sums: Floats, packing: Packing) -> Indices:
    """Return the sequences with a sum so small that what was rounded to zero may have mattered."""
    lost = sums < np.sqrt(np.finfo(sums.dtype).tiny)
    return np.unique(packing.sequences[lost]) if lost.any() else np.zeros(0, np.int64)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, values.dtype.type(0))


def _divisors(sums: Floats) -> Floats:
    """Return sums to divide by: a sum of zero divides zeros alone."""
    return np.maximum(sums, np.finfo(sums.dtype).tiny)


def path_scores(chain: Chain, scores: Floats, packing: Packing, tags: Indices) -> Doubles:
    """Return what given sequences of tags score, ``[B]``.

    Args:
        chain: Of ``K`` tags.
        scores: As in `log_partition`.
        packing: Of ``B`` sequences.
        tags: Of the tokens, ``[N]`` in the rows of the packing.
    """
    steps = scores[np.arange(len(tags)), tags].astype(np.float64)
    steps[: packing.first] += chain.starts[tags[: packing.first]]
    steps[packing.first :] += chain.transitions[tags[packing.previous], tags[packing.first :]]
    return packing.add_up(steps)


def viterbi(chain: Chain, scores: Floats) -> Path:
    """Return the sequence of tags that scores best (Viterbi 1967); of equals the first tags.

    Args:
        chain: Of ``K`` tags.
        scores: Of one sequence, ``[T, K]``.
    """
    if not len(scores):
        return Path([], 0.0)
    best = scores.copy()
    best[0] += chain.starts
    ways = np.empty_like(chain.transitions)
    for before, here in pairwise(best):
        np.add(before[:, None], chain.transitions, out=ways)
        np.add(here, np.maximum.reduce(ways, axis=0), out=here)
    last = int(best[-1].argmax())
    tags = [last]
    for row in best[-2::-1]:
        tags.append(int((row + chain.transitions[:, tags[-1]]).argmax()))
    tags.reverse()
    return Path(tags, float(best[-1, last]))
