"""Shapes of answers: closed, where all that they can be is known, or open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.scan.values import Fields, Items, Reference, as_text, constant_text, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.scan.values import Value

__all__ = ["BOOLEAN", "OPEN", "Shape", "closed", "enumerated", "record"]


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


def enumerated(value: Value) -> Shape:
    """Return the shape of one of the labels of a list, a record or an enum.

    They are those that are written in the code; labels from elsewhere may be others in each call.
    """
    if isinstance(value, Fields):
        value = Items(tuple(value.entries.values()), value.is_open)
    if isinstance(value, Items) and not value.is_open:
        texts = [as_text(one) for one in value.items]
        is_written = all(constant_text(text) is not None for text in texts)
        return closed(map(words, texts)) if is_written else OPEN
    if isinstance(value, Reference) and value.defined is not None:
        return closed(value.defined.members.values())
    return OPEN


def record(fields: Mapping[str, Shape]) -> Shape:
    """Return the shape of a record: it is closed where all its fields are."""
    answers = [one for shape in fields.values() for one in shape.answers]
    is_closed = bool(fields) and all(shape.is_closed for shape in fields.values())
    return Shape(is_closed, tuple(dict.fromkeys(answers)), tuple(fields))
