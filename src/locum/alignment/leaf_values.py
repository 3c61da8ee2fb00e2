"""The values at the leaves of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from locum.shapes.shape import ITEM, Closed, ListOf, Number, OneOf, Record, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.shapes.shape import FieldPath, JsonScalar, JsonValue, Leaf, Shape

__all__ = ["LeafValue", "leaf_values", "show_value", "value_key"]

ValueKey: TypeAlias = tuple[str, object]

_LONGEST_SHOWN = 40


class LeafValue(NamedTuple):
    """A value of an answer, or what stands where none of its shape does.

    Args:
        path: Of its field.
        item: Index of each list on the way, from the outermost.
        value: Its own; where it fits no shape, what stands there, as people read it.
        fits: Whether it is of its field's shape.
    """

    path: FieldPath
    item: tuple[int, ...]
    value: JsonScalar
    fits: bool = True


def leaf_values(
    answer: JsonValue, shape: Shape, path: FieldPath = (), item: tuple[int, ...] = ()
) -> Iterator[LeafValue]:
    """Yield the values at the leaves, fields in the schema's order; what is absent is left out.

    Of a union the first option that the value fits wholly counts, or else the first of its kind of
    JSON value. Fields that the shape does not name are left out.
    """
    match shape, answer:
        case (OneOf(options), _) if answer is not None:
            yield from leaf_values(answer, _option(options, answer), path, item)
        case Record(fields), dict():
            for name, field in fields.items():
                if name in answer:
                    yield from leaf_values(answer[name], field.shape, (*path, name), item)
        case ListOf(inner), list():
            for index, value in enumerate(answer):
                yield from leaf_values(value, inner, (*path, ITEM), (*item, index))
        case (Record() | ListOf() | OneOf(), None):
            return
        case (Record() | ListOf() | OneOf(), _) | (_, dict() | list()):
            yield LeafValue(path, item, show_value(answer), fits=False)
        case _:
            yield LeafValue(path, item, answer, fits=answer is None or _fits(shape, answer))


def value_key(value: JsonScalar) -> ValueKey:
    """Return what is equal for equal JSON values alone: for ``1`` and ``1.0``, not for ``true``."""
    kind = type(value).__name__
    return ("number", value) if kind in {"int", "float"} else (kind, value)


def show_value(value: object) -> str:
    """Return a value, shortened, as people read it."""
    shown = value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}\u2026"


def _option(options: tuple[Shape, ...], answer: JsonValue) -> Shape:
    fitting = (option for option in options if _fits(option, answer))
    alike = (option for option in options if _is_alike(option, answer))
    return next(fitting, None) or next(alike, None) or options[0]


def _is_alike(shape: Shape, answer: JsonValue) -> bool:
    match shape:
        case Record():
            return isinstance(answer, dict)
        case ListOf():
            return isinstance(answer, list)
        case OneOf(options):
            return any(_is_alike(option, answer) for option in options)
        case _:
            return not isinstance(answer, dict | list)


def _fits(shape: Shape, answer: JsonValue) -> bool:
    """Tell whether a value is of a shape, in kind; bounds and patterns are not looked at."""
    match shape, answer:
        case (Record() | ListOf() | OneOf(), None):
            return shape.nullable
        case (OneOf(options), _):
            return any(_fits(option, answer) for option in options)
        case (ListOf(inner), list()):
            return all(_fits(inner, value) for value in answer)
        case (Record(), dict()):
            return _fits_record(shape, answer)
        case (Closed() | Text() | Number(), str() | int() | float() | None):
            return _fits_leaf(shape, answer)
        case _:
            return False


def _fits_leaf(shape: Leaf, value: JsonScalar) -> bool:
    if isinstance(shape, Closed):
        return value_key(value) in map(value_key, shape.values)
    if value is None:
        return shape.nullable
    if isinstance(shape, Text) or isinstance(value, str):
        return isinstance(shape, Text) and isinstance(value, str)
    return not isinstance(value, bool) and not (shape.whole and value % 1)


def _fits_record(shape: Record, answer: dict[str, JsonValue]) -> bool:
    return answer.keys() <= shape.fields.keys() and all(
        _fits(field.shape, answer[name]) if name in answer else not field.required
        for name, field in shape.fields.items()
    )
