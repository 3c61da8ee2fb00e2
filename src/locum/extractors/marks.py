"""What a tagger says of a span: its field, which items of lists it begins, and what those are.

Lists of objects become tags in this way. A span either goes on with the item that the span before
it belongs to, or begins a new one; the tag says which. The closed fields of an item, whose values
do not stand in the text, are part of the tag of the span that the item begins with. So a list of
entities with a type each is what named-entity recognition has always been: a tag for each type.
"""

from __future__ import annotations

from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from locum.alignment import part_spans
from locum.extractors.options import read_option, show_option
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locum.alignment import AlignedSpan
    from locum.shapes import FieldPath, JsonScalar

__all__ = ["Mark", "MarkedSpan", "MarkedText", "Place", "list_of", "mark_spans", "place_spans"]

Place: TypeAlias = "tuple[FieldPath, tuple[int, ...]]"
_Items: TypeAlias = "tuple[Place, ...]"


class Mark(NamedTuple):
    """What a span says.

    Args:
        path: Of its field.
        level: How many of the lists on its way go on with the item of the span before; with the
            others, if there are any, it begins a new item.
        closed: Values of the closed fields of the items that it begins, by their path, as options
            of heads are written: 1 and true differ.
    """

    path: FieldPath
    level: int = 0
    closed: tuple[tuple[FieldPath, str], ...] = ()


class MarkedSpan(NamedTuple):
    """A mark on the tokens from ``begin`` to ``end``, the latter exclusive."""

    mark: Mark
    begin: int
    end: int


class MarkedText(NamedTuple):
    """Spans without overlap, in the order of the text.

    Args:
        spans: Those.
        crossed: Fields of spans that were left out, as longer spans hold their tokens.
        torn: Lists with an item whose spans stand before and after those of another.
    """

    spans: tuple[MarkedSpan, ...]
    crossed: frozenset[FieldPath]
    torn: frozenset[FieldPath]


def list_of(path: FieldPath) -> FieldPath:
    """Return the outermost list that a field lies in, or the path itself outside lists."""
    return path[: path.index(ITEM)] if ITEM in path else path


def mark_spans(
    spans: Sequence[AlignedSpan],
    closed: Mapping[Place, JsonScalar],
    closed_paths: Sequence[FieldPath],
) -> MarkedText:
    """Return what a tagger is to say of the spans of an answer.

    Args:
        spans: Where its values stand.
        closed: Values of the closed fields of lists' items.
        closed_paths: Of all such fields.
    """
    kept, others = part_spans(spans)
    crossed = frozenset(span.path for span, _ in others)
    last: dict[FieldPath, _Items] = {}
    begun: set[Place] = set()
    marked, torn = [], set()
    for span in sorted(kept, key=lambda span: span.first_token):
        root, items = list_of(span.path), _items_of(span.path, span.item)
        level = _shared(last.get(root, ()), items)
        if not begun.isdisjoint(items[level:]):
            torn.add(root)
        begun.update(items[level:])
        last[root] = _reached(last.get(root, ()), items)
        mark = Mark(span.path, level, tuple(_closed_of(items[level:], closed, closed_paths)))
        marked.append(MarkedSpan(mark, span.first_token, span.end_token))
    return MarkedText(tuple(marked), crossed, frozenset(torn))


def _items_of(path: FieldPath, item: tuple[int, ...]) -> _Items:
    """Return the items that a value lies in, from the outermost."""
    ends = [place + 1 for place, name in enumerate(path) if name == ITEM]
    return tuple((path[:end], item[: depth + 1]) for depth, end in enumerate(ends))


def _reached(last: _Items, items: _Items) -> _Items:
    """Return the last item of every list; one within an item counts until the next begins."""
    return last if last[: len(items)] == items else items


def _shared(last: _Items, items: _Items) -> int:
    """Return of how many lists, from the outermost, two values have the same item."""
    return sum(takewhile(bool, map(eq, last, items)))


def _closed_of(
    begun: _Items, closed: Mapping[Place, JsonScalar], paths: Iterable[FieldPath]
) -> Iterable[tuple[FieldPath, str]]:
    """Yield the closed fields of items."""
    items = dict(begun)
    for path in paths:
        item = items.get(path[: len(path) - path[::-1].index(ITEM)])
        if item is not None:
            yield path, show_option(closed.get((path, item)))


def place_spans(
    spans: Iterable[MarkedSpan],
) -> tuple[list[tuple[Place, MarkedSpan]], dict[Place, JsonScalar]]:
    """Return which item each span belongs to, and the closed fields of the items.

    A span that goes on with an item that there is not begins it.

    Args:
        spans: In the order of the text.
    """
    last: dict[FieldPath, _Items] = {}
    placed: list[tuple[Place, MarkedSpan]] = []
    closed: dict[Place, JsonScalar] = {}
    for span in spans:
        path, level, values = span.mark
        item = _next_item(last.get(list_of(path), ()), path, level)
        last[list_of(path)] = _reached(last.get(list_of(path), ()), _items_of(path, item))
        placed.append(((path, item), span))
        closed |= {(name, item[: name.count(ITEM)]): read_option(said) for name, said in values}
    return placed, closed


def _next_item(last: _Items, path: FieldPath, level: int) -> tuple[int, ...]:
    """Return the item of a span that goes on with ``level`` items, and begins the others."""
    depth = path.count(ITEM)
    reached = last[-1][1] if last else ()
    kept = reached[: min(level, depth)]
    if len(kept) == depth:
        return kept
    following = reached[len(kept)] + 1 if len(kept) < len(reached) else 0
    return (*kept, following, *(0,) * (depth - len(kept) - 1))
