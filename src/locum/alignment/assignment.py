"""Which of the places where values stand belongs to which value."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from locum.shapes.shape import ITEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locum.alignment.leaf_values import LeafValue
    from locum.alignment.spans import SpanMatch
    from locum.shapes.shape import FieldPath

__all__ = ["assign_places"]

Group: TypeAlias = "tuple[FieldPath, tuple[int, ...]]"


def assign_places(
    values: Sequence[LeafValue], places: Sequence[Sequence[SpanMatch]]
) -> list[SpanMatch | None]:
    """Give each value one of its places, or none where other values of its field hold them all.

    No two values of a field share a token. A value gets the best quality that is still free; among
    places of one quality it gets one that no other field shares, then the one nearest to what its
    record got, where that is a part of the answer, then the one that keeps the items of its list in
    order, then the first. Where its record got nothing yet, order comes before all else. Values
    with no choice between places of their best quality come before the others.

    Args:
        values: In the answer's order.
        places: Of each value, the best quality first.
    """
    choices = _Choices()
    chosen: list[SpanMatch | None] = [None] * len(values)
    ambiguous = [sum(m.quality == found[0].quality for m in found) > 1 for found in places]
    for index in sorted(range(len(values)), key=lambda i: (ambiguous[i], i)):
        chosen[index] = choices.choose(values[index], places[index])
    return chosen


class _Choices:
    """What has been chosen so far."""

    def __init__(self) -> None:
        self._taken: dict[FieldPath, set[int]] = defaultdict(set)
        self._taken_by_any: set[int] = set()
        self._items: dict[FieldPath, list[tuple[tuple[int, ...], SpanMatch]]] = defaultdict(list)
        self._records: dict[Group, list[SpanMatch]] = defaultdict(list)

    def choose(self, value: LeafValue, places: Iterable[SpanMatch]) -> SpanMatch | None:
        taken = self._taken[value.path]
        free = [m for m in places if taken.isdisjoint(range(m.first_token, m.end_token))]
        if not free:
            return None
        rivals = [match for match in free if match.quality == free[0].quality]
        best = min(rivals, key=self._cost(value)) if len(rivals) > 1 else free[0]
        self._take(value, best)
        return best

    def _cost(self, value: LeafValue) -> Callable[[SpanMatch], tuple[float, ...]]:
        items = self._items[value.path]
        at = bisect_left(items, value.item, key=lambda pair: pair[0])
        least = items[at - 1][1].end_token if at else 0
        most = items[at][1].first_token if at < len(items) else None
        mates = next((self._records[r] for r in _records_of(value) if r in self._records), ())

        def cost(match: SpanMatch) -> tuple[float, ...]:
            first, end = match.first_token, match.end_token
            misplaced = (first < least) + (most is not None and end > most)
            shared = not self._taken_by_any.isdisjoint(range(first, end))
            gap = min((_gap(match, mate) for mate in mates), default=0)
            return (0 if mates else misplaced), shared, gap, misplaced, first

        return cost

    def _take(self, value: LeafValue, match: SpanMatch) -> None:
        tokens = range(match.first_token, match.end_token)
        self._taken[value.path].update(tokens)
        self._taken_by_any.update(tokens)
        insort(self._items[value.path], (value.item, match), key=lambda pair: pair[0])
        for record in _records_of(value):
            self._records[record].append(match)


def _records_of(value: LeafValue) -> list[Group]:
    """Return the records around a value, from the innermost, without the whole answer."""
    path = value.path
    return [
        (path[:length], value.item[: path[:length].count(ITEM)])
        for length in range(len(path) - 1, 0, -1)
        if path[length] != ITEM
    ]


def _gap(one: SpanMatch, other: SpanMatch) -> int:
    """Return how many tokens stand between two spans."""
    return max(one.first_token - other.end_token, other.first_token - one.end_token, 0)
