"""What marks say of the items of lists: read back, they give the same items."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from locum.alignment import AlignedSpan
from locum.extractors.marks import Mark, MarkedSpan, list_of, mark_spans, place_spans
from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from locum.extractors.marks import MarkedText, Place
    from locum.shapes import FieldPath, JsonScalar

_TITLE, _TAG = ("letter", "title"), ("letter", "tags", ITEM)
_NAME, _CITY = ("letter", "orders", ITEM, "name"), ("letter", "orders", ITEM, "sent", "city")
_PRODUCT = ("letter", "orders", ITEM, "lines", ITEM, "product")
_QUANTITY = ("letter", "orders", ITEM, "lines", ITEM, "quantity")
_NOTE = ("letter", "orders", ITEM, "notes", ITEM)
_PATHS = [_TITLE, _TAG, _NAME, _CITY, _PRODUCT, _QUANTITY, _NOTE]
_KIND, _FLAG = ("letter", "orders", ITEM, "kind"), ("letter", "orders", ITEM, "sent", "flag")
_SORT = ("letter", "orders", ITEM, "lines", ITEM, "sort")
_CLOSED = [_KIND, _FLAG, _SORT]
_AT_LEISURE = settings(suppress_health_check=[HealthCheck.too_slow])
_ORDER, _LINE = _NAME[:3], _PRODUCT[:5]


def _span(path: FieldPath, item: tuple[int, ...], first: int, end: int) -> AlignedSpan:
    return AlignedSpan(path, item, first, end, "exact")


def _row(*places: Place) -> list[AlignedSpan]:
    """Return spans of one token each, one after the other."""
    return [_span(path, item, token, token + 1) for token, (path, item) in enumerate(places)]


def _items(place: Place) -> list[Place]:
    """Return the items that a value lies in, from the outermost."""
    path, item = place
    ends = [index + 1 for index, name in enumerate(path) if name == ITEM]
    return [(path[:end], item[:depth]) for depth, end in enumerate(ends, 1)]


def _grouping(places: Sequence[Place]) -> set[tuple[FieldPath, tuple[int, ...]]]:
    """Return which spans, by their number, lie in one item; the items' own numbers are left out."""
    groups: dict[Place, list[int]] = {}
    for number, place in enumerate(places):
        for item in _items(place):
            groups.setdefault(item, []).append(number)
    return {(path, tuple(numbers)) for (path, _), numbers in groups.items()}


def _placed(marked: MarkedText) -> list[Place]:
    return [place for place, _ in place_spans(marked.spans)[0]]


def _fields(draw: st.DrawFn, item: tuple[int, ...], paths: Sequence[FieldPath]) -> list[Place]:
    return [(path, item) for path in draw(st.permutations(paths))[: draw(st.integers(1, 2))]]


def _numbers(draw: st.DrawFn, most: int) -> list[int]:
    """Draw numbers of items: the answer may name them in another order than the text does."""
    return draw(st.lists(st.integers(0, 9), max_size=most, unique=True))


def _order(draw: st.DrawFn, number: int) -> list[Place]:
    """Draw what the text says of an order: line after line, note after note, the rest anywhere."""
    lines = [
        place
        for line in _numbers(draw, 3)
        for place in _fields(draw, (number, line), [_PRODUCT, _QUANTITY])
    ]
    notes: list[Place] = [(_NOTE, (number, note)) for note in _numbers(draw, 2)]
    places = lines + notes if draw(st.booleans()) else notes + lines
    for place in _fields(draw, (number,), [_NAME, _CITY]):
        places.insert(draw(st.integers(0, len(places))), place)
    return places


@st.composite
def _texts_in_order(draw: st.DrawFn) -> list[AlignedSpan]:
    """Draw spans whose items follow each other; those of other fields stand among them."""
    orders = [place for number in _numbers(draw, 3) for place in _order(draw, number)]
    tags: list[Place] = [(_TAG, (number,)) for number in _numbers(draw, 3)]
    title: list[Place] = [(_TITLE, ())]
    fields = [orders, tags, title]
    turns = draw(st.permutations([turn for turn, field in enumerate(fields) for _ in field]))
    rests = [iter(field) for field in fields]
    spans, token = [], 0
    for path, item in (next(rests[turn]) for turn in turns):
        first = token + draw(st.integers(0, 2))
        token = first + draw(st.integers(1, 3))
        spans.append(_span(path, item, first, token))
    return spans


@st.composite
def _any_places(draw: st.DrawFn) -> list[Place]:
    """Draw values in any order, with few items, so that they are often mixed up."""
    paths = draw(st.lists(st.sampled_from(_PATHS), max_size=8))
    small = st.integers(0, 1)
    return [(path, tuple(draw(small) for name in path if name == ITEM)) for path in paths]


@_AT_LEISURE
@given(spans=_texts_in_order(), generator=st.randoms(use_true_random=False))
def test_items_that_follow_each_other_are_read_back(
    spans: list[AlignedSpan], generator: Random
) -> None:
    marked = mark_spans(generator.sample(spans, len(spans)), {}, _CLOSED)
    assert not marked.crossed
    assert not marked.torn
    assert [span[1:] for span in marked.spans] == [(s.first_token, s.end_token) for s in spans]
    assert [span.mark.path for span in marked.spans] == [span.path for span in spans]
    assert _grouping(_placed(marked)) == _grouping([span[:2] for span in spans])


@_AT_LEISURE
@given(_texts_in_order())
def test_items_get_their_numbers_in_the_order_of_the_text(spans: list[AlignedSpan]) -> None:
    placed = _placed(mark_spans(spans, {}, []))
    for root in (_TAG[:2], _NAME[:2]):
        begun = dict.fromkeys(item for path, item in placed if list_of(path) == root)
        orders = [item[0] for item in begun]
        assert orders == sorted(orders)
        assert set(orders) == set(range(len(set(orders))))
    for path in (_LINE, _NOTE):
        items = [item for inner, item in placed if inner[:5] == path]
        assert items == sorted(items)


def _is_torn(places: Sequence[Place]) -> bool:
    """Tell by trying all triples whether some item stands before and after another one."""
    chains = [_items(place) for place in places]
    return any(
        item in chains[last] and item not in between and between != first[: len(between)]
        for place, first in enumerate(chains)
        for item in first
        for last in range(place + 2, len(chains))
        for between in chains[place + 1 : last]
    )


@settings(max_examples=300)
@given(_any_places())
@example([(_PRODUCT, (0, 0)), (_NAME, (0,)), (_QUANTITY, (0, 0))])
@example([(_PRODUCT, (0, 0)), (_NOTE, (0, 0)), (_PRODUCT, (0, 1)), (_NOTE, (0, 1))])
@example([(_PRODUCT, (0, 0)), (_NOTE, (0, 0)), (_QUANTITY, (0, 0))])
def test_lists_are_torn_where_an_item_stands_around_another(places: list[Place]) -> None:
    marked = mark_spans(_row(*places), {}, [])
    placed = _placed(marked)
    roots = {list_of(path) for path, _ in places}
    for root in roots:
        own = [number for number, (path, _) in enumerate(places) if list_of(path) == root]
        before = [places[number] for number in own]
        assert (root in marked.torn) == _is_torn(before)
        if root not in marked.torn:
            assert _grouping([placed[number] for number in own]) == _grouping(before)
    assert marked.torn <= roots


@pytest.mark.parametrize(
    ("places", "torn"),
    [
        ([(_NAME, (0,)), (_NAME, (1,)), (_CITY, (0,))], {_ORDER[:2]}),
        ([(_NAME, (0,)), (_CITY, (0,)), (_NAME, (1,)), (_CITY, (1,))], set()),
        ([(_NAME, (1,)), (_CITY, (1,)), (_NAME, (0,))], set()),
        ([(_PRODUCT, (0, 0)), (_PRODUCT, (0, 1)), (_QUANTITY, (0, 0))], {_ORDER[:2]}),
        ([(_NAME, (0,)), (_TAG, (0,)), (_TITLE, ()), (_CITY, (0,))], set()),
        ([(_TITLE, ()), (_TAG, (0,)), (_TITLE, ())], set()),
    ],
)
def test_torn_lists_are_named(places: list[Place], torn: set[FieldPath]) -> None:
    assert mark_spans(_row(*places), {}, []).torn == torn


@_AT_LEISURE
@given(_texts_in_order(), st.data())
def test_closed_fields_come_back_at_their_items(
    spans: list[AlignedSpan], data: st.DataObject
) -> None:
    items = dict.fromkeys(item for span in spans for item in _items(span[:2]))
    values = st.sampled_from(["a", 7, True, None])
    closed: dict[Place, JsonScalar] = {
        (path, item): data.draw(values)
        for path in _CLOSED
        for inner, item in items
        if inner in {_ORDER, _LINE} and path[: len(inner)] == inner
        if path.count(ITEM) == len(item)
    }
    marked = mark_spans(spans, closed, _CLOSED)
    placed, found = place_spans(marked.spans)
    renamed = {
        before: after
        for span, (place, _) in zip(spans, placed, strict=True)
        for before, after in zip(_items(span[:2]), _items(place), strict=True)
    }
    wanted = {
        (path, renamed[path[: _innermost(path)], item][1]): value
        for (path, item), value in closed.items()
    }
    assert found == wanted


def _innermost(path: FieldPath) -> int:
    return max(index for index, name in enumerate(path) if name == ITEM) + 1


def test_only_the_span_that_begins_an_item_says_what_it_is() -> None:
    spans = _row((_NAME, (3,)), (_PRODUCT, (3, 0)), (_QUANTITY, (3, 0)), (_PRODUCT, (5, 0)))
    closed: Mapping[Place, JsonScalar] = {(_KIND, (3,)): "new", (_SORT, (3, 0)): 1}
    marks = [span.mark for span in mark_spans(spans, closed, [_KIND, _SORT]).spans]
    assert marks == [
        Mark(_NAME, 0, ((_KIND, '"new"'),)),
        Mark(_PRODUCT, 1, ((_SORT, "1"),)),
        Mark(_QUANTITY, 2, ()),
        Mark(_PRODUCT, 0, ((_KIND, ""), (_SORT, ""))),
    ]


class _Drawn(NamedTuple):
    """Tokens of a span."""

    first: int
    length: int


_ANYWHERE = st.builds(_Drawn, st.integers(0, 12), st.integers(1, 5))


@_AT_LEISURE
@given(st.lists(_ANYWHERE, max_size=8, unique=True))
def test_of_spans_that_overlap_the_longest_stays(drawn: list[_Drawn]) -> None:
    spans = [
        _span((f"f{number}",), (), first, first + length)
        for number, (first, length) in enumerate(drawn)
    ]
    marked = mark_spans(spans, {}, [])
    kept = [span for span in spans if span.path not in marked.crossed]
    assert [span.mark.path for span in marked.spans] == [
        span.path for span in sorted(kept, key=lambda span: span.first_token)
    ]
    tokens = [token for span in kept for token in _tokens(span)]
    assert len(tokens) == len(set(tokens))
    for out in (span for span in spans if span.path in marked.crossed):
        rivals = [span for span in kept if not _tokens(span).isdisjoint(_tokens(out))]
        assert max(len(_tokens(rival)) for rival in rivals) >= len(_tokens(out))


def _tokens(span: AlignedSpan) -> set[int]:
    return set(range(span.first_token, span.end_token))


def test_an_item_without_its_crossed_span_is_still_an_item() -> None:
    spans = [_span(_NAME, (0,), 0, 3), _span(_CITY, (0,), 2, 4), _span(_CITY, (1,), 5, 6)]
    marked = mark_spans(spans, {}, [])
    assert marked.crossed == {_CITY}
    assert not marked.torn
    assert _placed(marked) == [(_NAME, (0,)), (_CITY, (1,))]


@pytest.mark.parametrize(
    ("marks", "items"),
    [
        ([Mark(_NAME, 1)], [(0,)]),
        ([Mark(_PRODUCT, 2)], [(0, 0)]),
        ([Mark(_PRODUCT, 1), Mark(_QUANTITY, 2), Mark(_PRODUCT, 1)], [(0, 0), (0, 0), (0, 1)]),
        ([Mark(_NAME, 0), Mark(_PRODUCT, 2)], [(0,), (0, 0)]),
        ([Mark(_NAME, 9), Mark(_CITY, 9), Mark(_NAME, 0)], [(0,), (0,), (1,)]),
        ([Mark(_PRODUCT, 0), Mark(_NAME, 9)], [(0, 0), (0,)]),
        ([Mark(_TITLE, 3), Mark(_TAG, 1), Mark(_TAG, 0)], [(), (0,), (1,)]),
        ([Mark(_TAG, 0), Mark(_NAME, 1)], [(0,), (0,)]),
    ],
)
def test_a_mark_that_goes_on_with_nothing_begins_an_item(
    marks: Iterable[Mark], items: list[tuple[int, ...]]
) -> None:
    spans = [MarkedSpan(mark, token, token + 1) for token, mark in enumerate(marks)]
    placed, closed = place_spans(spans)
    assert [place for place, _ in placed] == [
        (span.mark.path, item) for span, item in zip(spans, items, strict=True)
    ]
    assert [span for _, span in placed] == spans
    assert not closed
