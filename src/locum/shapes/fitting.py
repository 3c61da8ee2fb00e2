"""Whether a value has a shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locum.schema import is_placeholder
from locum.shapes.constraints import scalar_key
from locum.shapes.shape import Closed, ListOf, Number, OneOf, Record, Text

if TYPE_CHECKING:
    from locum.shapes.shape import JsonValue, Shape

__all__ = ["admits", "option_of"]


def admits(shape: Shape, value: JsonValue) -> bool:
    """Return whether a value has a shape.

    The form and the pattern of texts, the length of one that stands for what redaction took out,
    and whether the items of a list differ, are not looked at, nor are the fields of an object that
    its record does not know: those a `Checker` judges.
    """
    if value is None:
        return shape.nullable
    match shape:
        case Closed(values):
            fits = scalar_key(value) in map(scalar_key, values)
        case OneOf(options):
            fits = any(admits(option, value) for option in options)
        case ListOf():
            fits = isinstance(value, list) and _list_fits(shape, value)
        case Record():
            fits = isinstance(value, dict) and _record_fits(shape, value)
        case Number():
            fits = _number_fits(shape, value)
        case Text():
            fits = isinstance(value, str) and (
                is_placeholder(value) or _within(len(value), shape.shortest, shape.longest)
            )
    return fits


def _within(size: float, least: float | None, most: float | None) -> bool:
    return (least is None or size >= least) and (most is None or size <= most)


def _number_fits(shape: Number, value: JsonValue) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return False
    whole = isinstance(value, int) or value.is_integer()
    return (whole or not shape.whole) and _within(value, shape.least, shape.most)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _list_fits(shape: ListOf, value: list[JsonValue]) -> bool:
    fits = _within(len(value), shape.fewest, shape.most)
    return fits and all(admits(shape.item, item) for item in value)


def _record_fits(shape: Record, value: dict[str, JsonValue]) -> bool:
    return all(
        admits(field.shape, value[name]) if name in value else not field.required
        for name, field in shape.fields.items()
    )


def option_of(union: OneOf, value: JsonValue) -> Shape | None:
    """Return the option that a value has.

    A listed value counts before a text, and of several records the one that knows the most of the
    value's fields.

    Returns:
        ``None`` where no option admits the value; that includes null.
    """
    fitting = [option for option in union.options if value is not None and admits(option, value)]
    return min(fitting, key=lambda option: _strangeness(option, value), default=None)


def _strangeness(option: Shape, value: JsonValue) -> int:
    if isinstance(option, Record) and isinstance(value, dict):
        return len(value.keys() - option.fields.keys())
    return 0 if isinstance(option, Closed) else 1
