"""Parts of a schema with what they refer to put in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from locum.errors import UsageError
from locum.shapes.problems import UnfitError
from locum.shapes.source import malformed, plain_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Part", "SchemaDocument"]

_MOST_PARTS = 10_000
_MOST_OPEN = 100
_IGNORES_SIBLINGS = re.compile(r"draft-0[67]/")
_MAP = (
    "has open keys",
    "name its properties, or describe a list of objects with a name and a value",
)
_CONDITION = ("depends on a condition", "describe all its fields, those not always there optional")
_TUPLE = ("gives each place of a list a shape of its own", "describe an object with a field each")
_COUNTED = ("counts its fields", "leave the count out")
_REFUSED = {
    "$dynamicRef": ("uses `$dynamicRef`", "refer to a part of `$defs` by `$ref`"),
    "$recursiveRef": ("uses `$recursiveRef`", "write out the levels that are needed"),
    "not": ("says what must not be (`not`)", "say what may be"),
    "if": _CONDITION,
    "then": _CONDITION,
    "else": _CONDITION,
    "dependencies": _CONDITION,
    "dependentRequired": _CONDITION,
    "dependentSchemas": _CONDITION,
    "patternProperties": _MAP,
    "propertyNames": _MAP,
    "minProperties": _COUNTED,
    "maxProperties": _COUNTED,
    "prefixItems": _TUPLE,
    "contains": ("says what one of its items is (`contains`)", "say what all items are"),
}


class Part(NamedTuple):
    """A schema within a schema.

    Args:
        schema: An object or a boolean.
        opened: Identities of the objects that were referred to on the way to it.
    """

    schema: Any
    opened: frozenset[int]


class SchemaDocument:
    """A whole schema, whose parts refer to each other.

    Args:
        schema: Draft 2020-12, 2019-09, 7 or 6.

    Raises:
        UsageError: It is no well-formed schema of a sane size.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = plain_schema(schema)
        self._ignores_siblings = bool(_IGNORES_SIBLINGS.search(self._root.get("$schema", "")))
        self._sound: set[int] = set()
        self._parts = 0

    @property
    def root(self) -> Part:
        """The schema itself."""
        return Part(self._root, frozenset({id(self._root)}))

    def spread(self, parts: Iterable[Part]) -> list[Part]:
        """Return all parts that must hold together, none with ``$ref`` or ``allOf``.

        What a part refers to stands before it, and what always holds is left out.

        Raises:
            UnfitError: A reference leads nowhere, away, or back to where it stands; or a part has
                a keyword that no shape can express.
            UsageError: The schema as a whole has more than 10,000 parts.
        """
        spread: list[Part] = []
        waiting = [(part, False) for part in reversed([*parts])]
        while waiting:
            part, ready = waiting.pop()
            if ready:
                spread.append(part)
            elif part.schema is not True:
                self._count(part)
                own, others = self._divide(part)
                waiting += [(own, True), *((other, False) for other in reversed(others))]
        return spread

    def _count(self, part: Part) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise UsageError(
                f"the schema has more than {_MOST_PARTS:,} parts once its references are put in: "
                "refer to fewer parts, or leave out fields that are not needed"
            )
        if part.schema is False:
            raise UnfitError("can hold nothing (`false`)", "leave it out of the schema")
        self._check_keywords(part.schema)

    def _check_keywords(self, schema: dict[str, Any]) -> None:
        for keyword in schema:
            if keyword in _REFUSED:
                raise UnfitError(*_REFUSED[keyword])
        if isinstance(schema.get("items"), list):
            raise UnfitError(*_TUPLE)
        if schema.get("additionalProperties") or schema.get("unevaluatedProperties"):
            _check_rest(schema)
        if "$id" in schema and schema is not self._root:
            raise UnfitError("has an `$id` of its own", "leave it out")

    def _divide(self, part: Part) -> tuple[Part, list[Part]]:
        """A part without references, and the parts that it refers to."""
        schema, opened = part
        own = {key: schema[key] for key in schema if key not in {"$id", "$ref", "allOf"}}
        if "$ref" not in schema:
            return Part(own, opened), [Part(inner, opened) for inner in schema.get("allOf", ())]
        target = self._follow(part)
        if self._ignores_siblings:
            return Part({}, opened), [target]
        siblings = [Part(inner, opened) for inner in schema.get("allOf", ())]
        return Part(own, opened), [target, *siblings]

    def _follow(self, part: Part) -> Part:
        reference = part.schema["$ref"]
        target = self._resolve(reference)
        if isinstance(target, bool):
            return Part(target, part.opened)
        if id(target) in part.opened:
            raise UnfitError(
                f"contains itself (`$ref` {reference!r} is recursive)",
                "write out the levels that are needed, or leave it out",
            )
        if len(part.opened) >= _MOST_OPEN:
            raise UnfitError(f"leads over more than {_MOST_OPEN} references", "refer to it at once")
        return Part(target, part.opened | {id(target)})

    def _resolve(self, reference: str) -> dict[str, Any] | bool:
        if not reference.startswith("#"):
            raise UnfitError(
                f"lies in another document (`$ref` {reference!r})",
                "copy what it refers to into `$defs`",
            )
        target: Any = self._root
        try:
            for token in _tokens(reference):
                target = target[int(token) if isinstance(target, list) else token]
        except (KeyError, IndexError, TypeError, ValueError):
            raise _unresolved(reference) from None
        # It may lead to where no schema stands, which nothing has checked before.
        if not isinstance(target, dict | bool) or not self._is_sound(target):
            raise _unresolved(reference)
        return target

    def _is_sound(self, target: object) -> bool:
        if id(target) not in self._sound and malformed(target):
            return False
        self._sound.add(id(target))
        return True


def _check_rest(schema: dict[str, Any]) -> None:
    """Refuse a schema for properties that are not named, but for one that allows them all."""
    rest = [schema.get(key) for key in ("additionalProperties", "unevaluatedProperties")]
    if any(isinstance(allowed, dict) and allowed for allowed in rest):
        raise UnfitError(*_MAP)


def _tokens(reference: str) -> list[str]:
    """Steps of a JSON pointer (RFC 6901) in a fragment."""
    first, *tokens = unquote(reference[1:]).split("/")
    if first:
        raise _unresolved(reference)
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def _unresolved(reference: str) -> UnfitError:
    return UnfitError(
        f"refers to what is not there (`$ref` {reference!r})",
        "point at a schema in this document, as in '#/$defs/name'",
    )
