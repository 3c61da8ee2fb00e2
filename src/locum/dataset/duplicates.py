"""Which inputs are copies or near-copies of each other."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.schema import label_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["DuplicateGroups", "find_groups"]

_NUMBER = re.compile(r"\d+")
_SHINGLE = 4
_SIMILAR = 0.8
_PERMUTATIONS = 64
_BANDS = 16
_COMPARED_BEFORE = 4
_SEED = 20201
_END_CHARACTERS = 1_000
_MOST_CHARACTERS = 40_000
_DIGESTED_AT_ONCE = 1_000
_KEPT_SETS = 4_096
_FRAME_SAMPLE = 200
_FRAME_FEWEST = 20
_FRAME_COMMON = 0.8
_FRAME_SHARE = 0.5
_VERSION_FEWEST = 0.05
_VERSION_SHORTEST = 100


class DuplicateGroups(NamedTuple):
    """Inputs that belong together.

    Args:
        group: Number of the group that each input belongs to, ``[N]``; groups are numbered from
            zero in the order of their first inputs.
        exact: Inputs that repeat an earlier one but for case, spaces and numbers.
        near: Other inputs that are near-copies of an earlier one.
        largest: Inputs in the largest group.
    """

    group: NDArray[np.int64]
    exact: int
    near: int
    largest: int


def find_groups(texts: Sequence[str]) -> DuplicateGroups:
    """Group inputs whose sets of four-character shingles have a Jaccard similarity of 0.8.

    All numbers count as the same one, so that fillings of a template with numbers are copies.

    Candidates come from MinHash with locality-sensitive hashing (Broder 1997) and are then
    compared exactly; the groups are the connected components. Of a long text the first and the
    last 1,000 characters count.

    Inputs of one prompt around a short slot are alike in nearly all, and yet not copies. So where
    at least half of a text, at the median, is what four in five of the texts have, only the rest
    is compared: what varies. Likewise where four in five of the texts are in versions of a prompt,
    each around one in twenty of them at least and 100 characters long.
    """
    keys = [_NUMBER.sub("0", label_key(text)) for text in texts]
    first_with_key: dict[str, int] = {}
    for index, key in enumerate(keys):
        first_with_key.setdefault(key, index)
    distinct = list(first_with_key)
    component = _connect(distinct)
    number = dict(zip(distinct, component, strict=True))
    labels = np.array([number[key] for key in keys])
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(first))[group].astype(np.int64)
    return DuplicateGroups(
        group=group,
        exact=len(texts) - len(distinct),
        near=len(distinct) - len(first),
        largest=int(np.bincount(group).max()),
    )


def _connect(keys: Sequence[str]) -> NDArray[np.int32]:
    """Number of the connected component of each key, ``[N]``."""
    frame = _frame(keys)
    frames = [frame] * len(keys)
    compared = _compare(keys, frames)
    versions = _versions(keys, frame, compared)
    for members, own in versions:
        for position in members:
            frames[position] = own
    if versions:
        compared = _compare(keys, frames)
    return compared.components(_SIMILAR)


class _Compared(NamedTuple):
    """Pairs of keys that are alike: where they stand, ``[P, 2]``, and how similar they are."""

    keys: int
    pairs: NDArray[np.int64]
    similarity: NDArray[np.float64]

    def components(self, least: float) -> NDArray[np.int32]:
        """Number of the component of each key, ``[N]``, connected by so much similarity."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = self.pairs[self.similarity >= least]
        places = (np.ones(len(pairs), np.int8), tuple(pairs.T))
        edges = coo_array(places, shape=(self.keys, self.keys))
        component: NDArray[np.int32] = connected_components(edges, directed=False)[1]
        return component


def _compare(keys: Sequence[str], frames: Sequence[frozenset[str]]) -> _Compared:
    """Compare the keys that may be alike by what is in none of their frames."""
    digests = _digests(keys, frames)
    candidates = {pair for band in range(_BANDS) for pair in _bucket_neighbours(digests, band)}
    shingles = lru_cache(_KEPT_SETS)(
        lambda position: _shingles(keys[position], frames[position]),
    )
    found = [
        (first, second, similarity)
        for first, second in sorted(candidates)
        if (similarity := _jaccard(shingles(first), shingles(second))) >= _FRAME_SHARE
    ]
    alike = np.array(found, np.float64).reshape(-1, 3)
    return _Compared(len(keys), alike[:, :2].astype(np.int64), alike[:, 2])


def _versions(
    keys: Sequence[str], frame: frozenset[str], compared: _Compared
) -> list[tuple[list[int], frozenset[str]]]:
    """The keys in each version of a prompt, with its frame, where nearly all keys are in one.

    A prompt that was edited is around many inputs as it was, and around many as it is. Copies of
    one text are as alike, but few of all inputs.
    """
    component = compared.components(_FRAME_SHARE)
    fewest = max(_FRAME_FEWEST, _VERSION_FEWEST * len(keys))
    found = []
    for number in np.flatnonzero(np.bincount(component) >= fewest).tolist():
        members = np.flatnonzero(component == number).tolist()
        own = _frame([keys[position] for position in members])
        if len(own) >= _VERSION_SHORTEST and 2 * len(own & frame) <= len(frame):
            found.append((members, own))
    inside = sum(len(members) for members, _ in found)
    return found if frame or inside >= _FRAME_COMMON * len(keys) else []


def _frame(keys: Sequence[str]) -> frozenset[str]:
    """The shingles of the prompt around what varies; none where the texts are not mostly that."""
    sample = keys[:: -(-len(keys) // _FRAME_SAMPLE)]
    if len(sample) < _FRAME_FEWEST:
        return frozenset()
    sets = [_windows(_bounded(key)) for key in sample]
    counts = Counter(shingle for one in sets for shingle in one)
    common = frozenset(
        shingle for shingle, count in counts.items() if count >= _FRAME_COMMON * len(sample)
    )
    share = np.median([len(one & common) / len(one) for one in sets])
    return common if share >= _FRAME_SHARE else frozenset()


def _digests(keys: Sequence[str], frames: Sequence[frozenset[str]]) -> NDArray[np.uint32]:
    """MinHash digest of each key, ``[N, permutations]``; some at a time, to bound memory."""
    from rensa import RMinHash

    framed = list(zip(keys, frames, strict=True))
    parts = [
        RMinHash.digests_from_token_sets(
            [list(_shingles(*one)) for one in framed[start : start + _DIGESTED_AT_ONCE]],
            _PERMUTATIONS,
            _SEED,
        )
        for start in range(0, len(keys), _DIGESTED_AT_ONCE)
    ]
    return np.concatenate([np.array(part, np.uint32) for part in parts])


def _bucket_neighbours(digests: NDArray[np.uint32], band: int) -> Iterator[tuple[int, int]]:
    """Pair each row of a bucket with the few before it that share most of the digest with it.

    In a bucket are the rows with the same numbers in a band; they are in the order of the numbers
    from there on. Were they in another, inputs that share a footer would stand between near-copies;
    and all pairs of a bucket would be quadratic.
    """
    width = _PERMUTATIONS // _BANDS
    turned = np.roll(digests, -band * width, axis=1)
    order = np.argsort(turned.view(f"V{turned[0].nbytes}").ravel(), kind="stable")
    numbers = turned[order, :width]
    bucket = np.cumsum((numbers[1:] != numbers[:-1]).any(axis=1))
    bucket = np.concatenate([[0], bucket])
    for distance in range(1, _COMPARED_BEFORE + 1):
        first = np.flatnonzero(bucket[distance:] == bucket[:-distance])
        pairs = np.sort([order[first], order[first + distance]], axis=0)
        yield from zip(*pairs.tolist(), strict=True)


def _shingles(key: str, frame: frozenset[str]) -> set[str]:
    """What counts of a text: its shingles, or those of what varies in it."""
    if not frame:
        if len(key) > 2 * _END_CHARACTERS:
            key = f"{key[:_END_CHARACTERS]} {key[-_END_CHARACTERS:]}"
        return _windows(key)
    text = _bounded(key)
    varying = [shingle for shingle in _in_order(text) if shingle not in frame]
    if len(varying) > 2 * _END_CHARACTERS:
        varying = [*varying[:_END_CHARACTERS], *varying[-_END_CHARACTERS:]]
    return set(varying)


def _windows(text: str) -> set[str]:
    return set(_in_order(text))


def _in_order(text: str) -> Iterator[str]:
    """The shingles of a text; a short one is its own."""
    if len(text) < _SHINGLE:
        return iter((text,))
    ends = (text[place:] for place in range(_SHINGLE))
    return map("".join, zip(*ends, strict=False))


def _bounded(key: str) -> str:
    half = _MOST_CHARACTERS // 2
    return key if len(key) <= _MOST_CHARACTERS else f"{key[:half]} {key[-half:]}"


def _jaccard(first: set[str], second: set[str]) -> float:
    common = len(first & second)
    every = len(first) + len(second) - common
    return common / every if every else 1.0
