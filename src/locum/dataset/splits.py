"""Divide inputs into train, validation, certify and test, so that no split knows another's.

* Near-copies stay together: a group lies in one split alone.
* In ``certify`` and ``test`` one input stands for each group, so that inputs there are independent
  draws, as the binomial bound of the certificate needs. The others of the group go unused.
* Where times are known the splits follow each other in time, so that the certificate speaks of the
  newest inputs. Otherwise groups are dealt out at random, class by class.
* A test set that its owner chose (``held_out``) stays the test set. A group that reaches into it is
  its alone.
* Inputs that a model wrote take no part here: they are only ever learned from. What they were
  written after must be in ``train``, and so half of the groups, chosen without a look at their
  labels, may be shown to a writer (`may_seed`) and come first within their class.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.schema import SPLITS, Split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SHARES", "SplitRows", "may_seed", "split_rows"]

SHARES: Mapping[Split, float] = {"train": 0.60, "validation": 0.12, "certify": 0.20, "test": 0.08}
_MOST_OF_ONE_GROUP = 0.002
_ONE_A_GROUP = frozenset[Split]({"certify", "test"})

Rows = NDArray[np.int64]


class SplitRows(NamedTuple):
    """Row numbers of each split, and what became of the rest.

    Args:
        rows: Row numbers by split, so ordered that the first of them are a fair sample of the
            split: in time, or of the classes in proportion.
        by_time: Whether the splits follow each other in time.
        own_test: Whether the test split is a test set that its owner chose.
        unused: Near-copies that were left out of ``certify`` and ``test``.
    """

    rows: dict[Split, Rows]
    by_time: bool
    own_test: bool
    unused: int


def split_rows(
    group: Rows,
    stratum: Rows,
    times: Sequence[float | None],
    held_out: NDArray[np.bool_],
    seed: int = 0,
    shares: Mapping[Split, float] = SHARES,
    first: NDArray[np.bool_] | None = None,
) -> SplitRows:
    """Divide rows into the four splits.

    Args:
        group: Group of near-copies that each row belongs to, ``[N]``.
        stratum: Class of each row, ``[N]``; kept in proportion where the split is at random.
        times: When each call was made; used when all rows that are not held out have one and
            they differ.
        held_out: Rows of a test set that their owner chose, ``[N]``.
        seed: Seed of the random choices.
        shares: How much of the inputs each split gets, in the order in which they are cut; the
            test split's is shared out among the others where its owner chose one.
        first: Rows that come before the others of their class where the split is at random,
            ``[N]``, as `may_seed` says; all or none of a group.
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(group))
    if first is not None:
        rows = rows[np.argsort(~first[rows], kind="stable")]
    of_test, chosen = np.isin(group, group[held_out]), bool(held_out.any())
    free = rows[~of_test[rows]]
    wanted = {split: part for split, part in shares.items() if split != "test" or not chosen}
    known = _known_times(times)
    by_time = _is_by_time(known[free])
    if by_time:
        order = _order_by_time(free, group, known, generator)
    else:
        order = _order_by_class(free, group, stratum, generator)
    found = _cut(order, group, wanted)
    found.setdefault("test", rows[held_out[rows]])
    kept = {
        split: _one_a_group(found[split], group) if split in _ONE_A_GROUP else found[split]
        for split in SPLITS
    }
    return SplitRows(kept, by_time, chosen, len(group) - sum(map(len, kept.values())))


def may_seed(
    texts: Sequence[str],
    group: Rows,
    times: Sequence[float | None],
    held_out: NDArray[np.bool_],
    train_only: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Say which inputs a model may be shown that is to write others like them, ``[N]``.

    Where times are known, the older half of the inputs; elsewhere half of the groups, by a hash of
    their texts. Both lie in the train split later, but for those of rare classes. So does what can
    only be learned from, which takes no part in the halving.

    Args:
        texts: The inputs.
        group: As in `split_rows`; likewise the others.
        times: When each call was made.
        held_out: Rows of a test set that their owner chose.
        train_only: Rows that are no fair sample, and that nothing is judged on.
    """
    free = ~np.isin(group, group[held_out])
    fair = np.flatnonzero(free & ~train_only)
    groups, sizes = np.unique(group[fair], return_counts=True)
    known = _known_times(times)
    if _is_by_time(known[fair]):
        half = _older_half(_oldest(fair, group, known)[groups], sizes)
    else:
        half = _hashed_half(texts, fair, group)[groups]
    return free & (np.isin(group, groups[half]) | ~np.isin(group, groups))


def _older_half(oldest: NDArray[np.float64], sizes: Rows) -> NDArray[np.bool_]:
    """Groups older than the one at which half of the inputs is reached, as `_cut` counts them."""
    order = np.argsort(oldest)
    filled = np.cumsum(_counted(sizes[order]))
    older: NDArray[np.bool_] = oldest < oldest[order[np.searchsorted(filled, filled[-1] / 2)]]
    return older


def _hashed_half(texts: Sequence[str], rows: Rows, group: Rows) -> NDArray[np.bool_]:
    """Half of the groups, by a hash of those of their texts that stand in some rows."""
    smallest = [b"\xff" * 32] * (int(group.max(initial=-1)) + 1)
    for row, number in zip(rows.tolist(), group[rows].tolist(), strict=True):
        digest = hashlib.sha256(texts[row].encode("utf-8", "surrogatepass")).digest()
        smallest[number] = min(smallest[number], digest)
    return np.array([digest[-1] % 2 == 0 for digest in smallest], np.bool_)


def _known_times(times: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if time is None else time for time in times], np.float64)


def _is_by_time(known: NDArray[np.float64]) -> bool:
    return known.size > 0 and bool(np.isfinite(known).all() and np.ptp(known) > 0)


def _oldest(rows: Rows, group: Rows, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Time of the oldest of some rows, by group."""
    oldest = np.full(group.max() + 1, np.inf)
    np.minimum.at(oldest, group[rows], times[rows])
    return oldest


def _order_by_time(
    rows: Rows, group: Rows, times: NDArray[np.float64], generator: np.random.Generator
) -> Rows:
    """Oldest group first, equally old ones at random; a group is as old as its oldest input."""
    oldest = _oldest(rows, group, times)
    tie = generator.permutation(len(oldest))
    ordered: Rows = rows[np.lexsort((times[rows], tie[group[rows]], oldest[group[rows]]))]
    return ordered


def _order_by_class(rows: Rows, group: Rows, stratum: Rows, generator: np.random.Generator) -> Rows:
    """Deal the groups out so that any stretch of the order holds the classes in proportion.

    Each group takes the class and the place of its first row; the k-th of a class's n rows is put
    at (k + u) / n with one random u a class. So every row is as likely to fall into a split as
    any other, those of a class with a single row too, and the certify split is a fair sample.
    """
    _, first_at = np.unique(group[rows], return_index=True)
    leaders = rows[np.sort(first_at)]
    by_class = leaders[np.argsort(stratum[leaders], kind="stable")]
    _, start, size = np.unique(stratum[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(by_class)) - np.repeat(start, size)
    place = np.full(group.max() + 1, np.inf)
    offset = np.repeat(generator.random(len(size)), size)
    place[group[by_class]] = (rank + offset) / np.repeat(size, size)
    ordered: Rows = rows[np.lexsort((group[rows], place[group[rows]]))]
    return ordered


def _cut(order: Rows, group: Rows, shares: Mapping[Split, float]) -> dict[Split, Rows]:
    """Cut an order in which groups lie together, never inside a group; leave no part empty.

    Where there are fewer groups than parts, the first gets them all.
    """
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    filled = np.cumsum(_counted(sizes))
    total = sum(shares.values())
    ends = np.cumsum([share / total for share in shares.values()])[:-1] * filled[-1:].sum()
    cuts: list[int] = []
    free = np.arange(1, len(starts))
    for left, end in reversed(list(enumerate(reversed(ends)))):
        cuts.append(_nearest(free[: max(0, len(free) - left)], filled, end))
        free = free[free > cuts[-1]]
    return dict(zip(shares, np.split(order, np.append(starts, len(order))[cuts]), strict=True))


def _counted(sizes: Rows) -> NDArray[np.float64]:
    """For how many rows groups count: for a five-hundredth of all of them at the most.

    So a few texts that make up most rows leave no part without others.
    """
    counted: NDArray[np.float64] = np.minimum(sizes, max(_MOST_OF_ONE_GROUP * sizes.sum(), 1))
    return counted


def _nearest(groups: Rows, filled: NDArray[np.float64], place: float) -> int:
    """Number of groups before the cut that comes nearest to a place; all where there is none."""
    if not groups.size:
        return len(filled)
    return int(groups[np.abs(filled[groups - 1] - place).argmin()])


def _one_a_group(rows: Rows, group: Rows) -> Rows:
    _, first_at = np.unique(group[rows], return_index=True)
    chosen: Rows = rows[np.sort(first_at)]
    return chosen
