"""Calls drawn at random out of a store of any size, and sums over all of them.

A call's place in the draw is a hash of its id with the seed, and of each stratum those with the
smallest are taken (bottom-k sampling: Cohen and Kaplan 2007). So the sample of a stratum depends on
nothing but its own calls, and the samples of several with one bound are a sample of their union.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from math import inf
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from locum.store import CallStore, stream_keys, stream_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locum.store import CallFilter, CallSums, Database

__all__ = [
    "REST",
    "Drawn",
    "Strata",
    "Stratum",
    "Sums",
    "draw_calls",
    "mixed",
    "read_strata",
    "scaled",
    "sum_up",
    "union_of",
]

Item = TypeVar("Item")

_MOST_STRATA = 1_000
_LARGEST = 20
_MOST_IDS = 200_000
_FEWEST_A_STRATUM = 200
_MOST_A_STRATUM = 8_000
_MOST_RARE = 8_000
_BITS = 2.0**64


class Stratum(NamedTuple):
    """Calls that are drawn from by themselves.

    Args:
        kind: ``task`` that was named, ``fingerprint`` of calls that name none, or the ``rest``:
            all with fingerprints that are rare.
        name: The task or the fingerprint; empty for the rest.
    """

    kind: str
    name: str


REST = Stratum("rest", "")
"""The stratum of rare fingerprints."""


@dataclass(slots=True)
class Sums:
    """Sums over calls; see `CallSums` for what is not said here.

    Args:
        models: Calls by model.
        left: Calls that a student left to the model; see `Drawn`.
        unrecorded: Calls that a student answered, and the model did not.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    counted: int = 0
    priced: int = 0
    cost_usd: float | None = None
    first: float = inf
    last: float = -inf
    models: Counter[str] = field(default_factory=Counter)
    left: int = 0
    unrecorded: int = 0

    @property
    def fair(self) -> int:
        """Recorded calls that no student chose."""
        return self.calls - self.left - self.unrecorded

    def add(self, other: Sums | CallSums) -> None:
        """Add other sums."""
        self.calls += other.calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.counted += other.counted
        self.priced += other.priced
        if other.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + other.cost_usd
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        models = other.models if isinstance(other, Sums) else {other.model: other.calls}
        for model, calls in models.items():
            self.models[model] += calls
        if isinstance(other, Sums):
            self.left += other.left
            self.unrecorded += other.unrecorded


def sum_up(parts: Iterable[Sums | CallSums]) -> Sums:
    """Return the sum of several."""
    sums = Sums()
    for part in parts:
        sums.add(part)
    return sums


def scaled(sums: Sums, share: float) -> Sums:
    """Return the sums of a share of calls that are like all."""
    return Sums(
        round(sums.calls * share),
        round(sums.input_tokens * share),
        round(sums.output_tokens * share),
        round(sums.counted * share),
        round(sums.priced * share),
        None if sums.cost_usd is None else sums.cost_usd * share,
        sums.first,
        sums.last,
        Counter({model: round(calls * share) for model, calls in sums.models.items()}),
        round(sums.left * share),
    )


class Strata(NamedTuple):
    """All whole calls for text, in strata.

    Args:
        sums: Of each stratum.
        all: Of all calls together.
    """

    sums: dict[Stratum, Sums]
    all: Sums


class Drawn(NamedTuple):
    """The sample of a stratum.

    Args:
        ids: Its calls, each with its place in the draw from 0 to 1, in the order of places.
        bound: All calls of the stratum with a lower place are in it, but for those that were left.
        left: Calls of the stratum that a student left to the model. They are no fair sample of what
            is asked, and were not drawn from.
    """

    ids: list[tuple[float, str]]
    bound: float
    left: int = 0

    def among(self, chosen: frozenset[str]) -> Drawn:
        """Return the sample of those calls of the stratum of which these were drawn."""
        return self._replace(ids=[entry for entry in self.ids if entry[1] in chosen])


def read_strata(database: Database, where: CallFilter, least: int) -> Strata:
    """Sum up all calls by stratum.

    Args:
        database: The store.
        where: Which calls.
        least: Calls that a fingerprint needs for a stratum of its own; the 1,000 with most calls
            have one.

    Raises:
        InputError: The store cannot be read.
    """
    named: dict[Stratum, Sums] = {}
    rest = Sums()
    largest: list[tuple[int, str, Sums]] = []
    for fingerprint, rows in groupby(stream_sums(database, where), attrgetter("fingerprint")):
        unnamed = Sums()
        for row in rows:
            if row.task is None:
                unnamed.add(row)
            else:
                named.setdefault(Stratum("task", row.task), Sums()).add(row)
        if unnamed.calls < least:
            rest.add(unnamed)
            continue
        heapq.heappush(largest, (unnamed.calls, fingerprint, unnamed))
        if len(largest) > _MOST_STRATA:
            rest.add(heapq.heappop(largest)[2])
    sums = {**named, **{Stratum("fingerprint", name): sums for _, name, sums in largest}}
    if rest.calls:
        sums[REST] = rest
    return Strata(sums, sum_up(sums.values()))


def draw_calls(
    database: Database, where: CallFilter, strata: Strata, seed: int, most: int
) -> dict[Stratum, Drawn]:
    """Draw calls from each stratum, uniformly at random but for those that students left.

    Args:
        database: The store.
        where: Which calls.
        strata: Those of `read_strata`.
        seed: Another one draws others.
        most: Calls of each of the 20 largest strata. Of others 8,000 at most, or their share of
            200,000, but 200 of each; of the rest 8,000.

    Raises:
        InputError: The store cannot be read.
    """
    sizes = _sizes(strata, most)
    heaps: dict[Stratum, list[tuple[float, str]]] = {stratum: [] for stratum in strata.sums}
    draws: dict[tuple[str, str], tuple[list[tuple[float, str]], int]] = {
        stratum: (heap, sizes[stratum]) for stratum, heap in heaps.items()
    }
    place = _places(seed)
    chosen, left = CallStore(database).deferred(), Counter[tuple[str, str]]()
    for key in stream_keys(database, where):
        stratum = ("fingerprint", key.fingerprint) if key.task is None else ("task", key.task)
        if key.task is None and stratum not in draws:
            stratum = REST
        if stratum not in draws:  # recorded since the strata were read
            continue
        if key.id in chosen:
            left[stratum] += 1
            continue
        heap, size = draws[stratum]
        negative = -place(key.id)
        if len(heap) < size:
            heapq.heappush(heap, (negative, key.id))
        elif negative >= heap[0][0]:
            heapq.heappushpop(heap, (negative, key.id))
    return {
        stratum: _to_drawn(heap, sizes[stratum])._replace(left=left[stratum])
        for stratum, heap in heaps.items()
    }


def _sizes(strata: Strata, most: int) -> dict[Stratum, int]:
    by_calls = sorted(strata.sums, key=lambda stratum: (-strata.sums[stratum].calls, stratum))
    largest = set(by_calls[:_LARGEST])
    share = max(_FEWEST_A_STRATUM, _MOST_IDS // max(1, len(by_calls)))
    others = min(most, _MOST_A_STRATUM, share)
    sizes = {stratum: most if stratum in largest else others for stratum in by_calls}
    return {**sizes, REST: min(most, _MOST_RARE)}


def union_of(drawn: Sequence[Drawn], most: int) -> list[str]:
    """Return the ids of a uniform sample of several strata together, in the order of the draw."""
    bound = min(sample.bound for sample in drawn)
    entries = [entry for sample in drawn for entry in sample.ids if entry[0] <= bound]
    return [call_id for _, call_id in heapq.nsmallest(most, entries)]


def mixed(samples: Sequence[tuple[Sequence[Item], int]]) -> list[Item]:
    """Put samples together so that the first ones are as many of each as all are.

    Args:
        samples: Each with the number of what it was drawn of. All are thinned, evenly, to the
            smallest share that one of them is.
    """
    share = min(len(sample) / max(1, size) for sample, size in samples)
    thin = [_thinned(sample, round(share * size)) for sample, size in samples]
    spread = [((place + 0.5) / len(one), item) for one in thin for place, item in enumerate(one)]
    return [item for _, item in sorted(spread, key=itemgetter(0))]


def _thinned(sample: Sequence[Item], most: int) -> Sequence[Item]:
    if most >= len(sample):
        return sample
    return [sample[place * len(sample) // most] for place in range(most)]


def _to_drawn(heap: list[tuple[float, str]], size: int) -> Drawn:
    ids = sorted((-negative, call_id) for negative, call_id in heap)
    return Drawn(ids, ids[-1][0] if len(ids) == size else 1.0)


def _places(seed: int) -> Callable[[str], float]:
    start = blake2b(str(seed).encode(), digest_size=8)

    def place(call_id: str) -> float:
        hashed = start.copy()
        hashed.update(call_id.encode())
        return int.from_bytes(hashed.digest()) / _BITS

    return place
