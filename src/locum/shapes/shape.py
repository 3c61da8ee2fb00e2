"""What a JSON answer looks like: the shapes that its values may have.

A `Record` holds fields, a `ListOf` items, and the leaves are `Closed`, `Text` and `Number`. Any
shape may be nullable. A `FieldPath` names a field within the whole answer, with `ITEM` where a list
is entered: ``("order", "lines", ITEM, "quantity")``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ITEM",
    "Closed",
    "Field",
    "FieldPath",
    "JsonScalar",
    "JsonValue",
    "Leaf",
    "ListOf",
    "Number",
    "OneOf",
    "Record",
    "Shape",
    "Text",
    "leaves",
    "show_path",
]

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = "JsonScalar | list[JsonValue] | dict[str, JsonValue]"
FieldPath: TypeAlias = tuple[str, ...]

ITEM = "[]"


@dataclass(frozen=True, slots=True)
class Closed:
    """One of a few values that the schema lists: an enum, a constant, a boolean or null alone.

    Args:
        values: Distinct, in the schema's order; ``None`` is among them where it may be null.
    """

    values: tuple[JsonScalar, ...]

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        return None in self.values


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    Args:
        nullable: Whether it may be null.
        form: The schema's ``format``: ``date``, ``email`` and so on.
        pattern: Regular expression (ECMA 262) that matches somewhere in it.
        shortest: Fewest characters.
        longest: Most characters; ``None`` for no bound.
    """

    nullable: bool = False
    form: str | None = None
    pattern: str | None = None
    shortest: int = 0
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number.

    Args:
        nullable: Whether it may be null.
        whole: Whether it is an integer.
        least: Inclusive bound; ``None`` for none.
        most: Inclusive bound; ``None`` for none.
    """

    nullable: bool = False
    whole: bool = False
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list.

    Args:
        item: Of its items.
        nullable: Whether it may be null.
        fewest: Fewest items.
        most: Most items; ``None`` for no bound.
        distinct: Whether no item may stand twice.
    """

    item: Shape
    nullable: bool = False
    fewest: int = 0
    most: int | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a record.

    Args:
        shape: Its own.
        required: Whether it is always there.
    """

    shape: Shape
    required: bool


@dataclass(frozen=True, slots=True)
class Record:
    """An object with named fields.

    Args:
        fields: By name, in the schema's order.
        nullable: Whether it may be null.
    """

    fields: Mapping[str, Field]
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several shapes, of which none is null.

    Args:
        options: Two or more, in the schema's order.
        nullable: Whether it may be null.
    """

    options: tuple[Shape, ...]
    nullable: bool = False


Leaf: TypeAlias = Closed | Text | Number
Shape: TypeAlias = Leaf | ListOf | Record | OneOf


def leaves(shape: Shape, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Leaf]]:
    """Yield every leaf with its path, in the schema's order; options of a union share theirs."""
    match shape:
        case Record(fields):
            for name, field in fields.items():
                yield from leaves(field.shape, (*path, name))
        case ListOf(item):
            yield from leaves(item, (*path, ITEM))
        case OneOf(options):
            for option in options:
                yield from leaves(option, path)
        case _:
            yield path, shape


def show_path(path: FieldPath) -> str:
    """Return a path as people write it: ``order.lines[].quantity``.

    A name that holds a point or a bracket stands in quotes.
    """
    shown = ".".join(name if name == ITEM else _show_name(name) for name in path)
    return shown.replace(f".{ITEM}", ITEM) or "(the whole answer)"


def _show_name(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) if set(name) & set(".[]") else name
