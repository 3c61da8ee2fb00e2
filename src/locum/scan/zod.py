"""Shapes of zod's schemas, and of those of libraries that are written alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.shapes import BOOLEAN, OPEN, Shape, closed, enumerated, record
from locum.scan.values import Fields, Items, Made, Step, Value, plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["zod_shape"]

_OBJECTS = frozenset({"object", "strictobject", "interface"})
_WRAPPERS = frozenset({"array", "optional", "nullable", "nullish", "lazy", "promise"})
_SCALARS = frozenset({"string", "number", "any", "date", "record", "int"})
_ADDING = frozenset({"extend", "safeextend", "merge", "augment", "and"})
# What these say of a schema does not change which answers it has, or not to more.
_KEEPING = frozenset(
    {
        *("describe", "optional", "nullable", "nullish", "default", "prefault", "catch", "brand"),
        *("readonly", "strict", "strip", "refine", "superrefine", "check", "meta", "register"),
        *("min", "max", "length", "nonempty", "array", "openapi", "partial", "required", "shape"),
        *("deeppartial", "transform", "pipe", "parse", "safeparse", "element", "unwrap", "title"),
        *("nonoptional", "overwrite", "trim", "tolowercase", "touppercase"),
    }
)


def zod_shape(value: Made, shape_of: Callable[[Value], Shape | None]) -> Shape | None:
    """Return the shape of a schema that is built with functions; ``None`` where it is none.

    Args:
        value: The call that begins it, with all that follows.
        shape_of: Gives the shape of what stands in it.
    """
    name = plain(value.name.rsplit(".", 1)[-1])
    first = value.arguments[0] if value.arguments else None
    if name in _OBJECTS and isinstance(first, Fields):
        return _object(first, value.steps, shape_of)
    shape = _plainly(name, value.arguments, shape_of)
    if shape is None or all(plain(step.name) in _KEEPING for step in value.steps):
        return shape
    return OPEN


def _object(
    first: Fields, steps: tuple[Step, ...], shape_of: Callable[[Value], Shape | None]
) -> Shape:
    """An object, to which steps add fields, or of which they leave some."""
    shapes = {key: shape_of(one) or OPEN for key, one in first.entries.items()}
    is_whole = not first.is_open
    for step in steps:
        name = plain(step.name)
        given = step.arguments[0] if step.arguments else None
        if name in _ADDING and given is not None:
            added, is_known = _added(given, shape_of)
            shapes.update(added)
            is_whole = is_whole and is_known
        elif name in {"pick", "omit"} and isinstance(given, Fields):
            kept = name == "pick"
            shapes = {key: one for key, one in shapes.items() if (key in given.entries) == kept}
        elif name not in _KEEPING:
            is_whole = False
    shape = record(shapes)
    return shape if is_whole else shape._replace(is_closed=False)


def _added(
    given: Value, shape_of: Callable[[Value], Shape | None]
) -> tuple[dict[str, Shape], bool]:
    """Fields that are added to an object, and whether these are all."""
    if isinstance(given, Fields):
        return {key: shape_of(one) or OPEN for key, one in given.entries.items()}, not given.is_open
    shape = shape_of(given)
    if shape is None or not shape.fields:
        return {}, False
    # What a field of another schema can be is only known of all of them together.
    part = closed(shape.answers) if shape.is_closed else OPEN
    return dict.fromkeys(shape.fields, part), True


def _plainly(  # noqa: PLR0911 - one for each form
    name: str, arguments: tuple[Value, ...], shape_of: Callable[[Value], Shape | None]
) -> Shape | None:
    """Anything else than an object, before the steps that follow."""
    first = arguments[0] if arguments else None
    if name in {"enum", "nativeenum", "picklist"}:
        return enumerated(first) if first is not None else None
    if name == "literal" and first is not None:
        return enumerated(first if isinstance(first, Items) else Items((first,)))
    if name == "boolean":
        return BOOLEAN
    if name in _WRAPPERS and first is not None:
        return shape_of(first) or OPEN
    if name == "intersection":
        return _object(
            Fields({}), tuple(Step("and", arguments=(one,)) for one in arguments), shape_of
        )
    if name in {"union", "discriminatedunion"}:
        lists = [one for one in arguments if isinstance(one, Items)]
        shapes = [shape_of(one) or OPEN for one in lists[0].items] if lists else []
        if shapes and all(shape.is_closed for shape in shapes):
            return closed(one for shape in shapes for one in shape.answers)
        return OPEN
    return OPEN if name in _SCALARS else None
