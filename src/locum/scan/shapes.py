"""Shapes of answers: closed, where all that they can be is known, or open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["BOOLEAN", "OPEN", "Shape", "closed", "record"]


class Shape(NamedTuple):
    """What a value can be.

    Args:
        is_closed: Whether all that it can be is known.
        answers: What it can be, of all its fields together.
        fields: Names of its fields, where it is a record.
    """

    is_closed: bool
    answers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


OPEN = Shape(is_closed=False)
BOOLEAN = Shape(is_closed=True, answers=("true", "false"))


def closed(answers: Iterable[str]) -> Shape:
    """Return the shape of one of several answers."""
    return Shape(is_closed=True, answers=tuple(dict.fromkeys(answers)))


def record(fields: Mapping[str, Shape]) -> Shape:
    """Return the shape of a record: it is closed where all its fields are."""
    answers = [one for shape in fields.values() for one in shape.answers]
    is_closed = bool(fields) and all(shape.is_closed for shape in fields.values())
    return Shape(is_closed, tuple(dict.fromkeys(answers)), tuple(fields))
