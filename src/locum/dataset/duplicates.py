"""Which inputs are copies or near-copies of each other."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from locum.schema import label_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["CopyFinder", "DuplicateGroups", "find_groups"]

_K = TypeVar("_K")
_V = TypeVar("_V")

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
    return CopyFinder().group(texts)


class CopyFinder:
    """Groups texts time after time, as `find_groups` does; what is known of them is kept between.

    What one grouping does not need is forgotten after it.
    """

    def __init__(self) -> None:
        self._keys = _Memory(_to_keys)
        # Equal frames are one object, so that what is kept is found by a look at its address.
        self._frames: _Memory[frozenset[str], frozenset[str]] = _Memory(list)
        self._digests = _Memory(_digests)
        self._similarities = _Memory(_similarities)

    def group(self, texts: Sequence[str]) -> DuplicateGroups:
        """Return the groups of texts."""
        for memory in (self._keys, self._frames, self._digests, self._similarities):
            memory.begin()
        keys = self._keys.of(texts)
        first_with_key: dict[str, int] = {}
        for index, key in enumerate(keys):
            first_with_key.setdefault(key, index)
        distinct = list(first_with_key)
        component = self._connect(distinct)
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

    def _connect(self, keys: Sequence[str]) -> NDArray[np.int32]:
        """Number of the connected component of each key, ``[N]``."""
        frame = _frame(keys)
        frames = [frame] * len(keys)
        compared = self._compare(keys, frames)
        versions = _versions(keys, frame, compared)
        for members, own in versions:
            for position in members:
                frames[position] = own
        if versions:
            compared = self._compare(keys, frames)
        return compared.components(_SIMILAR)

    def _compare(self, keys: Sequence[str], frames: Sequence[frozenset[str]]) -> _Compared:
        """Compare the keys that may be alike by what is in none of their frames."""
        framed = list(map(_Framed, keys, self._frames.of(frames)))
        digests = np.concatenate(self._digests.of(framed)).reshape(len(framed), -1)
        candidates = sorted(
            {pair for band in range(_BANDS) for pair in _bucket_neighbours(digests, band)}
        )
        pairs = [(framed[first], framed[second]) for first, second in candidates]
        similarity = np.array(self._similarities.of(pairs), np.float64)
        alike = similarity >= _FRAME_SHARE
        places = np.array(candidates, np.int64).reshape(-1, 2)
        return _Compared(len(keys), places[alike], similarity[alike])


class _Framed(NamedTuple):
    """A key, and the shingles of it that do not count."""

    key: str
    frame: frozenset[str]


class _Memory(Generic[_K, _V]):
    """Values by key, kept from one grouping to the next.

    Args:
        compute: Returns the values of keys.
    """

    def __init__(self, compute: Callable[[Sequence[_K]], Iterable[_V]]) -> None:
        self._compute = compute
        self._before: dict[_K, _V] = {}
        self._now: dict[_K, _V] = {}

    def begin(self) -> None:
        """Another grouping begins; what the last one did not ask for is forgotten."""
        self._before, self._now = self._now, {}

    def of(self, keys: Sequence[_K]) -> list[_V]:
        """Return the values of keys; those that are not known are computed."""
        different = dict.fromkeys(keys)
        self._now |= {key: self._before[key] for key in different if key in self._before}
        new = [key for key in different if key not in self._now]
        self._now |= zip(new, self._compute(new), strict=True)
        return [self._now[key] for key in keys]


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


def _to_keys(texts: Sequence[str]) -> list[str]:
    """What of texts tells one from another: not case, spaces or numbers."""
    return [_NUMBER.sub("0", label_key(text)) for text in texts]


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


def _digests(framed: Sequence[_Framed]) -> Iterator[NDArray[np.uint32]]:
    """MinHash digest of each key, ``[permutations]``; some at a time, to bound memory."""
    from rensa import RMinHash

    for start in range(0, len(framed), _DIGESTED_AT_ONCE):
        some = [list(_shingles(*one)) for one in framed[start : start + _DIGESTED_AT_ONCE]]
        part = RMinHash.digests_from_token_sets(some, _PERMUTATIONS, _SEED)
        yield from np.array(part, np.uint32)


def _similarities(pairs: Sequence[tuple[_Framed, _Framed]]) -> list[float]:
    shingles = lru_cache(_KEPT_SETS)(_shingles)
    return [_jaccard(shingles(*first), shingles(*second)) for first, second in pairs]


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
