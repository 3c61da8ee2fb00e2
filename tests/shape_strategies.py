"""Random shapes of answers, with schemas that describe them and values that have them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from locum.shapes import ITEM, Closed, Field, ListOf, Number, OneOf, Record, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.shapes import JsonValue, Shape

__all__ = ["TEXTS", "ShapeCase", "shapes_and_values"]

TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(
        st.sampled_from('ab ,:"\\{}[]`\n\t\x00\x1f\x7f\u2028שלםعرب\u200f🙂👩\u200d🚀éß'),
        max_size=12,
    ),
    st.sampled_from(["null", "N/A", "true", "1,200.5", "3", "", '{"a": 1}', "```json", "a\ufeffb"]),
)
_NAMES = TEXTS.filter(lambda name: name not in {ITEM, "kind"})
_DATES = st.dates().map(str)
_CODES = st.from_regex(r"[A-Z]{2}[0-9]{3}", fullmatch=True)


class ShapeCase(NamedTuple):
    """A shape, a schema that describes it, and answers that have it.

    Args:
        shape: Of the whole answer.
        schema: Draft 2020-12; some parts are referred to by ``$ref``.
        values: One or more, each valid.
    """

    shape: Record
    schema: dict[str, Any]
    values: tuple[dict[str, JsonValue], ...]


class _Node(NamedTuple):
    """A place in an answer."""

    shape: Shape
    schema: dict[str, Any]
    values: st.SearchStrategy[Any]


class _Builder:
    """Draws places; those that are referred to are kept in ``definitions``."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.definitions: dict[str, Any] = {}
        self._draw = draw

    def record(self, depth: int, tag: str | None = None) -> _Node:
        count = self._draw(st.integers(1, 4))
        names = self._draw(st.lists(_NAMES, min_size=count, max_size=count, unique=True))
        named = {name: self.node(depth - 1) for name in names}
        if tag is not None:
            named = {"kind": _Node(Closed((tag,)), {"const": tag}, st.just(tag)), **named}
        required = {n for n in named if (tag and n == "kind") or self._draw(st.booleans())}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: node.schema for name, node in named.items()},
            "required": sorted(required),
        }
        shape = Record({name: Field(node.shape, name in required) for name, node in named.items()})
        values = st.fixed_dictionaries(
            {name: node.values for name, node in named.items() if name in required},
            optional={name: node.values for name, node in named.items() if name not in required},
        )
        return _Node(shape, self._vary(schema), values)

    def _vary(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Say the same of an object in another way."""
        way = self._draw(st.sampled_from(["plain", "closed", "parts"]))
        if way == "closed":
            return {**schema, "additionalProperties": False}
        if way == "plain":
            return schema
        properties = [*schema["properties"].items()]
        parts = (dict(properties[:1]), dict(properties[1:]))
        merged = [{"type": "object", "properties": part} for part in parts]
        return {"allOf": [*merged, {"required": schema["required"]}]}

    def node(self, depth: int, *, in_list: bool = False) -> _Node:
        """Draw any place."""
        kinds: list[Callable[[], _Node]] = [self.closed, self.text, self.number]
        if depth > 0:
            kinds += [lambda: self.record(depth), *2 * [lambda: self.union(depth, in_list=in_list)]]
            kinds += [] if in_list else [lambda: self.list_of(depth)]
        return self._refer(self._maybe_null(self._draw(st.sampled_from(kinds))()))

    def closed(self) -> _Node:
        if self._draw(st.booleans()):
            return _Node(Closed((False, True)), {"type": "boolean"}, st.booleans())
        scalars = TEXTS | st.integers(2, 99) | st.none()
        values = self._draw(st.lists(scalars, min_size=1, max_size=4, unique=True))
        return _Node(Closed(tuple(values)), {"enum": values}, st.sampled_from(values))

    def text(self) -> _Node:
        kind = self._draw(st.sampled_from(["plain", "bounded", "date", "code"]))
        if kind == "date":
            schema = {"type": "string", "format": "date"}
            return _Node(Text(form="date"), schema, _DATES)
        if kind == "code":
            pattern = "^[A-Z]{2}[0-9]{3}$"
            return _Node(Text(pattern=pattern), {"type": "string", "pattern": pattern}, _CODES)
        if kind == "plain":
            return _Node(Text(), {"type": "string"}, TEXTS)
        least, most = self._draw(st.integers(0, 3)), self._draw(st.none() | st.integers(3, 9))
        schema = _without_none({"type": "string", "minLength": least, "maxLength": most})
        values = st.text(min_size=least, max_size=most)
        return _Node(Text(shortest=least, longest=most), schema, values)

    def number(self) -> _Node:
        least = self._draw(st.none() | st.integers(-9, 9))
        most = None if least is None else least + self._draw(st.integers(0, 99))
        if self._draw(st.booleans()):
            beyond = None if least is None else least - 1
            schema = {"type": "integer", "exclusiveMinimum": beyond, "maximum": most}
            shape = Number(whole=True, least=least, most=most)
            return _Node(shape, _without_none(schema), st.integers(least, most))
        schema = {"type": "number", "minimum": least, "maximum": most}
        floats = st.floats(least, most, allow_nan=False, allow_infinity=False)
        values = floats | st.integers(least, most)
        return _Node(Number(least=least, most=most), _without_none(schema), values)

    def list_of(self, depth: int) -> _Node:
        item = self.node(depth - 1, in_list=True)
        fewest, most = self._draw(st.integers(0, 2)), self._draw(st.none() | st.integers(2, 4))
        distinct = isinstance(item.shape, Text) and self._draw(st.booleans())
        if isinstance(item.shape, Closed) or item.shape.nullable:
            distinct = False
        schema = {"type": "array", "items": item.schema, "minItems": fewest, "maxItems": most}
        schema |= {"uniqueItems": True} if distinct else {}
        shape = ListOf(item.shape, fewest=fewest, most=most, distinct=distinct)
        longest = 3 if most is None else most
        values = st.lists(item.values, min_size=fewest, max_size=longest, unique=distinct)
        return _Node(shape, _without_none(schema), values)

    def union(self, depth: int, *, in_list: bool) -> _Node:
        """Draw a place that has one of several shapes, none of them null."""
        kinds: list[Callable[[], _Node]] = [self.text, self.number, self._truth]
        kinds.append(lambda: self.record(depth - 1))
        kinds += [] if in_list else [lambda: self.list_of(depth)]
        if self._draw(st.booleans()):
            options = [self.record(depth - 1, tag) for tag in ("a", "b")]
        else:
            chosen = self._draw(st.lists(st.sampled_from(kinds), min_size=2, unique=True))
            options = [choose() for choose in chosen]
        keyword = self._draw(st.sampled_from(["anyOf", "oneOf"]))
        shape = OneOf(tuple(option.shape for option in options))
        schema = {keyword: [option.schema for option in options]}
        return _Node(shape, schema, st.one_of([option.values for option in options]))

    def _truth(self) -> _Node:
        return _Node(Closed((False, True)), {"type": "boolean"}, st.booleans())

    def _maybe_null(self, node: _Node) -> _Node:
        if isinstance(node.shape, Closed) or not self._draw(st.booleans()):
            return node
        typed = isinstance(node.schema.get("type"), str)
        if typed and self._draw(st.booleans()):
            schema: dict[str, Any] = {**node.schema, "type": [node.schema["type"], "null"]}
        else:
            schema = {"anyOf": [node.schema, {"type": "null"}]}
        return _Node(replace(node.shape, nullable=True), schema, st.none() | node.values)

    def _refer(self, node: _Node) -> _Node:
        if not self._draw(st.sampled_from([False, False, True])):
            return node
        name = f"d{len(self.definitions)}/~%é"
        self.definitions[name] = node.schema
        token = name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
        schema = {"$ref": f"#/$defs/{token}", "description": "Said elsewhere.", "default": None}
        return _Node(node.shape, schema, node.values)


def _without_none(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if value is not None}


@st.composite
def shapes_and_values(draw: st.DrawFn, most_values: int = 3, depth: int = 3) -> ShapeCase:
    """Draw a record with a schema and valid values.

    There are nested records, lists of values and of records, unions by type and by a constant,
    optional and nullable fields, and text in many scripts, also in the names.

    Args:
        draw: Given by Hypothesis.
        most_values: How many values there may be.
        depth: How many levels of records, lists and unions there may be.
    """
    builder = _Builder(draw)
    node = builder.record(depth)
    assert isinstance(node.shape, Record)
    definitions = {"$defs": builder.definitions} if builder.definitions else {}
    values = draw(st.lists(node.values, min_size=1, max_size=most_values))
    return ShapeCase(node.shape, {**node.schema, **definitions}, tuple(values))
