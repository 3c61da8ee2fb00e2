"""Literals of C#: strings, collections, objects that are filled in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from locum.scan.languages.escapes import unescape
from locum.scan.languages.lowering import template
from locum.scan.languages.nodes import COMMENTS, children_of
from locum.scan.tree import (
    Literal,
    Opaque,
    Record,
    Sequence,
    Spread,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = [
    "lower_anonymous",
    "lower_array",
    "lower_collection",
    "lower_filled",
    "lower_initializer",
    "lower_interpolated",
    "lower_string",
]


def lower_filled(low: Lowering, node: SgNode, type_name: str) -> Expression:
    """Return what an initialiser in braces fills in."""
    entries: list[tuple[Expression | None, Expression]] = []
    items: list[Expression] = []
    for child in children_of(node):
        if child.kind() == "assignment_expression":
            left = child.field("left")
            right = child.field("right")
            value = (
                lower_filled(low, right, "")
                if right is not None and right.kind() == "initializer_expression"
                else low.lower(right)
            )
            entries.append((_entry_key(low, left), value))
        elif child.kind() == "initializer_expression" and len(children_of(child)) == 2:
            key, value_node = children_of(child)
            entries.append((low.lower(key), low.lower(value_node)))
        else:
            items.append(low.lower(child))
    return Record(entries, type_name) if entries else Sequence(items)


def _entry_key(low: Lowering, node: SgNode | None) -> Expression:
    if node is None:
        return Opaque([])
    if node.kind() == "identifier":
        return Literal(node.text())
    inner = children_of(node)
    return low.lower(children_of(inner[0])[0] if inner and children_of(inner[0]) else None)


def lower_initializer(low: Lowering, node: SgNode) -> Expression:
    """Return an initialiser that stands alone."""
    return lower_filled(low, node, "")


def lower_anonymous(low: Lowering, node: SgNode) -> Expression:
    """``new { name = value, variable }``: whether a name has a value, the text between tells."""
    entries: list[tuple[Expression | None, Expression]] = []
    children = [child for child in node.children() if child.kind() not in COMMENTS]
    for number_, child in enumerate(children):
        if not child.is_named():
            continue
        before = children[number_ - 1].text() if number_ else ""
        after = children[number_ + 1].text() if number_ + 1 < len(children) else ""
        if before == "=":
            entries.append((Literal(children[number_ - 2].text().lstrip("@")), low.lower(child)))
        elif after != "=":
            name = child.text().rsplit(".", 1)[-1]
            entries.append((Literal(name), low.lower(child)))
    return Record(entries)


def lower_string(low: Lowering, node: SgNode) -> Expression:
    """Return a string without interpolation."""
    del low
    text = node.text().removesuffix("u8")
    if text.startswith('"""'):
        return Literal(textwrap.dedent(text.strip('"')).strip("\n"))
    if text.startswith("@"):
        return Literal(text[2:-1].replace('""', '"'))
    return Literal(unescape(text[1:-1]))


def lower_interpolated(low: Lowering, node: SgNode) -> Expression:
    """Return a string with what is put into it."""
    parts: list[Expression] = []
    is_raw = '"""' in node.text()[:8]
    for child in children_of(node):
        kind = child.kind()
        if kind == "interpolation":
            inner = [one for one in children_of(child) if one.kind() != "interpolation_brace"]
            parts.append(low.lower(inner[0] if inner else None))
        elif kind in {"string_content", "escape_sequence"}:
            text = child.text()
            text = textwrap.dedent(text) if is_raw else unescape(text)
            parts.append(
                Literal(text.replace("{{", "{").replace("}}", "}") if not is_raw else text)
            )
    return template(parts)


def lower_collection(low: Lowering, node: SgNode) -> Expression:
    """Return a collection in square brackets."""
    items: list[Expression] = []
    for element in children_of(node):
        inner = element
        while inner.kind() in {"collection_element", "expression_element"}:
            inner = children_of(inner)[0]
        if inner.kind() == "spread_element":
            items.append(Spread(low.lower(children_of(inner)[-1])))
        else:
            items.append(low.lower(inner))
    return Sequence(items)


def lower_array(low: Lowering, node: SgNode) -> Expression:
    """Return an array that is written out."""
    for child in children_of(node):
        if child.kind() == "initializer_expression":
            return Sequence(low.lower_all(children_of(child)))
    return Sequence([])
