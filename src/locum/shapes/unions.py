"""One shape of several that a place may have."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from locum.shapes.constraints import scalar_key
from locum.shapes.fitting import admits
from locum.shapes.problems import UnfitError
from locum.shapes.shape import Closed, ListOf, Number, OneOf, Record, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.shapes.shape import JsonScalar, Shape

__all__ = ["join_shapes"]


def join_shapes(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a place that may have any of several.

    Listed values are put together, ``Closed((None,))`` makes the others nullable, and a shape that
    another one includes is left out. What remains must be told apart by the value alone: by its
    JSON type, by a listed value, or for two records by a field that one requires and the other
    does not know, or that both require with values that no two can share.

    Args:
        shapes: One or more, none nullable but `Closed`, and none a `OneOf`.

    Raises:
        UnfitError: Some of the shapes cannot be told apart.
    """
    listed = _listed(shapes)
    others = _maximal([shape for shape in shapes if not isinstance(shape, Closed)])
    if not others:
        return Closed(listed)
    own = tuple(
        value
        for value in listed
        if value is not None and not any(_includes(other, value) for other in others)
    )
    options = _in_order(shapes, own, others)
    nullable = None in listed
    if not own and len(others) == 1:
        return replace(others[0], nullable=nullable)
    for one, other in combinations(options, 2):
        if not _told_apart(one, other):
            raise UnfitError(
                f"may be {_name(one)} or {_name(other)}, which its value does not tell apart",
                "keep one of them, or give each a required field with a constant of its own",
            )
    return OneOf(options, nullable=nullable)


def _listed(shapes: Iterable[Shape]) -> tuple[JsonScalar, ...]:
    by_key: dict[object, JsonScalar] = {}
    for shape in shapes:
        for value in shape.values if isinstance(shape, Closed) else ():
            by_key.setdefault(scalar_key(value), value)
    return tuple(by_key.values())


def _in_order(
    shapes: Sequence[Shape], own: tuple[JsonScalar, ...], others: list[_Open]
) -> tuple[Shape, ...]:
    """The options, listed values standing where the first of them stood."""
    if not own:
        return tuple(others)
    first = next(place for place, shape in enumerate(shapes) if isinstance(shape, Closed))
    before = sum(other in shapes[:first] for other in others)
    return (*others[:before], Closed(own), *others[before:])


def _maximal(shapes: Sequence[Shape]) -> list[_Open]:
    """Shapes that none of the others covers, each once."""
    kept: list[_Open] = []
    for shape in shapes:
        assert isinstance(shape, Text | Number | ListOf | Record), "unions are joined once"
        if not any(_covers(other, shape) for other in kept):
            kept = [*(other for other in kept if not _covers(shape, other)), shape]
    return kept


def _covers(wide: Shape, narrow: Shape) -> bool:
    match wide, narrow:
        case Text(pattern=None, form=None), Text():
            return _spans(wide.shortest, wide.longest, narrow.shortest, narrow.longest)
        case Number(), Number():
            finer = narrow.whole or not wide.whole
            return finer and _spans(wide.least, wide.most, narrow.least, narrow.most)
    return wide == narrow


def _spans(
    least: float | None, most: float | None, inner_least: float | None, inner_most: float | None
) -> bool:
    low = least is None or (inner_least is not None and inner_least >= least)
    return low and (most is None or (inner_most is not None and inner_most <= most))


def _includes(shape: Shape, value: JsonScalar) -> bool:
    """Whether a shape is known to include a value: what a pattern or a form takes is not."""
    plain = not isinstance(shape, Text) or (shape.pattern is None and shape.form is None)
    return plain and admits(shape, value)


def _told_apart(one: Shape, other: Shape) -> bool:
    if isinstance(one, Record) and isinstance(other, Record):
        names = [*one.fields, *(name for name in other.fields if name not in one.fields)]
        return any(_field_tells(one, other, name) for name in names)
    return isinstance(one, Closed) or isinstance(other, Closed) or type(one) is not type(other)


def _field_tells(one: Record, other: Record, name: str) -> bool:
    left, right = one.fields.get(name), other.fields.get(name)
    if left is None or right is None:
        known = left or right
        return known is not None and known.required
    return left.required and right.required and _disjoint(left.shape, right.shape)


def _disjoint(one: Shape, other: Shape) -> bool:
    """Whether no value has both shapes."""
    if one.nullable and other.nullable:
        return False
    return all(_share_nothing(*pair) for pair in product(_options(one), _options(other)))


def _options(shape: Shape) -> tuple[Shape, ...]:
    return shape.options if isinstance(shape, OneOf) else (shape,)


def _share_nothing(one: Shape, other: Shape) -> bool:
    if isinstance(one, Closed):
        return not any(value is not None and admits(other, value) for value in one.values)
    if isinstance(other, Closed):
        return _share_nothing(other, one)
    return type(one) is not type(other)


def _name(shape: Shape) -> str:
    match shape:
        case Record(fields):
            return f"an object with {', '.join(fields)}"
        case Text(form=None):
            return "a string"
        case Text(form=form):
            return f"a string of the format {form}"
        case _:
            return "a list" if isinstance(shape, ListOf) else "a number"


_Open = Text | Number | ListOf | Record
