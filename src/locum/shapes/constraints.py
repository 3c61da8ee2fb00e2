"""What a place in an answer must satisfy: the keywords of all parts that hold there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locum.shapes.document import Part, SchemaDocument
from locum.shapes.problems import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from locum.shapes.shape import JsonScalar

__all__ = ["Constraints", "alternatives", "scalar_key"]

_MOST_CHOICES = 100
_CHOICES = ("anyOf", "oneOf")
# A number is an integer or a fraction, so that types can be intersected as sets.
_KINDS = {"number": ("integer", "fraction")}
_NAMES = {"fraction": "number"}
_STRICTEST: Mapping[str, Callable[[Any, Any], Any]] = {
    "minimum": max,
    "exclusiveMinimum": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "minLength": max,
    "maxLength": min,
    "minItems": max,
    "maxItems": min,
    "uniqueItems": max,
}
_ALONE = ("pattern", "format", "multipleOf")


@dataclass(slots=True)
class Constraints:
    """What all parts say that hold in one place together.

    Args:
        kinds: Types that a value may have, a number being ``integer`` or ``fraction``; ``None``
            where any will do.
        values: What a value may be; ``None`` where that is not listed.
        limits: Keywords about strings, numbers and the length of lists; the strictest of each.
        properties: Of an object: what must hold for each, by name.
        required: Names of properties that must be there.
        items: Of a list: what must hold for each item.
        empty: Of an object: whether all parts say that it has no property at all.
    """

    kinds: tuple[str, ...] | None = None
    values: tuple[JsonScalar, ...] | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, list[Part]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    items: list[Part] = field(default_factory=list)
    empty: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The JSON types that a value may have, in the schema's order."""
        kinds = self.kinds or ()
        if "fraction" not in kinds:
            return kinds
        return tuple(_NAMES.get(kind, kind) for kind in kinds if kind != "integer")


def alternatives(
    document: SchemaDocument, parts: Sequence[Part], depth: int = 0
) -> Iterator[Constraints]:
    """Yield what a place may satisfy, one for each way through ``anyOf`` and ``oneOf``.

    Raises:
        UnfitError: A part cannot be used, or two contradict each other for good.
        UsageError: The whole schema has too many parts.
    """
    if depth > _MOST_CHOICES:
        raise UnfitError(f"is nested over {_MOST_CHOICES} choices deep", "leave choices out")
    spread = document.spread(parts)
    place, keyword = _first_choice(spread)
    if not keyword:
        yield _together(spread)
        return
    schema, opened = spread[place]
    rest = Part({key: schema[key] for key in schema if key != keyword}, opened)
    for option in schema[keyword]:
        chosen = [*spread[:place], rest, Part(option, opened), *spread[place + 1 :]]
        yield from alternatives(document, chosen, depth + 1)


def _first_choice(parts: Sequence[Part]) -> tuple[int, str]:
    found = (
        (place, keyword)
        for place, part in enumerate(parts)
        for keyword in _CHOICES
        if keyword in part.schema
    )
    return next(found, (0, ""))


def _together(parts: Sequence[Part]) -> Constraints:
    found = Constraints()
    for schema, opened in parts:
        found.kinds = _common(found.kinds, _kinds_of(schema), str)
        found.values = _common(found.values, _values_of(schema), scalar_key)
        found.limits = _strictest(found.limits, schema)
        for name, inner in schema.get("properties", {}).items():
            found.properties.setdefault(name, []).append(Part(inner, opened))
        found.required = tuple(dict.fromkeys([*found.required, *schema.get("required", ())]))
        if "items" in schema:
            found.items.append(Part(schema["items"], opened))
    _forbid(found, [part.schema for part in parts])
    return found


def _common(
    before: tuple[Any, ...] | None,
    listed: tuple[Any, ...] | None,
    key: Callable[[Any], object],
) -> tuple[Any, ...] | None:
    """What both list, in the order of the first."""
    if before is None or listed is None:
        return listed if before is None else before
    keys = {key(value) for value in listed}
    return tuple(value for value in before if key(value) in keys)


def _kinds_of(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "type" not in schema:
        return None
    named = schema["type"]
    types = [named] if isinstance(named, str) else named
    return tuple(dict.fromkeys(kind for name in types for kind in _KINDS.get(name, (name,))))


def _values_of(schema: Mapping[str, Any]) -> tuple[JsonScalar, ...] | None:
    constant = (schema["const"],) if "const" in schema else None
    listed = schema.get("enum")
    if listed == []:
        raise UnfitError("lists no value (`enum` is empty)", "list its values, or drop `enum`")
    for value in [*(constant or ()), *(listed or ())]:
        if isinstance(value, list | dict):
            raise UnfitError(
                "lists objects or lists as values", "describe them, or list numbers and strings"
            )
    distinct = None if listed is None else _distinct(listed)
    return _common(constant, distinct, scalar_key)


def _distinct(values: Iterable[JsonScalar]) -> tuple[JsonScalar, ...]:
    by_key: dict[object, JsonScalar] = {}
    for value in values:
        by_key.setdefault(scalar_key(value), value)
    return tuple(by_key.values())


def scalar_key(value: object) -> tuple[bool, object]:
    """Return what is equal for equal JSON values alone: in Python, ``True`` equals 1 as well."""
    return isinstance(value, bool), value


def _strictest(limits: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(limits)
    for keyword, choose in _STRICTEST.items():
        if keyword in schema:
            found[keyword] = choose(found.get(keyword, schema[keyword]), schema[keyword])
    for keyword in _ALONE:
        if keyword not in schema:
            continue
        if found.setdefault(keyword, schema[keyword]) != schema[keyword]:
            raise UnfitError(f"has two values for `{keyword}`", "keep one of them")
    return found


def _forbid(found: Constraints, schemas: Sequence[Mapping[str, Any]]) -> None:
    """Take out the properties that a part closes the object to."""
    closed = any(schema.get("additionalProperties") is False for schema in schemas)
    found.empty = closed and not any(schema.get("properties") for schema in schemas)
    for schema in schemas:
        if schema.get("additionalProperties") is False:
            named = schema.get("properties", {})
            found.properties = {
                name: parts for name, parts in found.properties.items() if name in named
            }
    for name in found.required:
        if name not in found.properties:
            raise UnfitError(
                f"requires {name!r}, which its properties do not describe",
                "describe it, or require it no longer",
            )
