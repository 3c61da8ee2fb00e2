"""Whole numbers that a teacher writes with a fraction, such as ``45.0``.

JSON knows one kind of number, and many who read it know two: a client in a typed language may take
``45`` for a whole number, and refuse it where it got ``45.0`` before.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locum.shapes import ITEM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from locum.shapes import FieldPath, JsonValue

__all__ = ["find_fractional", "with_fractions"]


def find_fractional(answers: Iterable[JsonValue]) -> frozenset[FieldPath]:
    """Return the fields whose whole numbers a teacher mostly writes with a fraction."""
    whole: Counter[FieldPath] = Counter()
    fractional: Counter[FieldPath] = Counter()
    for answer in answers:
        for path, number in _numbers(answer, ()):
            if isinstance(number, int):
                whole[path] += 1
            elif number.is_integer():
                fractional[path] += 1
    return frozenset(path for path, count in fractional.items() if count > whole[path])


def _numbers(value: JsonValue, path: FieldPath) -> Iterator[tuple[FieldPath, int | float]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _numbers(inner, (*path, name))
        case list():
            for inner in value:
                yield from _numbers(inner, (*path, ITEM))
        case int() | float() if not isinstance(value, bool):
            yield path, value


def with_fractions(
    value: JsonValue, fractional: Collection[FieldPath], path: FieldPath = ()
) -> JsonValue:
    """Return a value with the whole numbers of some fields as a teacher writes them.

    Args:
        value: A whole answer, or the part of one at ``path``.
        fractional: Those that `find_fractional` returned.
        path: Where the value stands.
    """
    match value:
        case dict():
            return {
                name: with_fractions(inner, fractional, (*path, name))
                for name, inner in value.items()
            }
        case list():
            return [with_fractions(inner, fractional, (*path, ITEM)) for inner in value]
        case int() if path in fractional and not isinstance(value, bool):
            return float(value) if float(value) == value else value
    return value
