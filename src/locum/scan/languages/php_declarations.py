"""What PHP declares: classes, enums, constants, properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.nodes import children_of, name_text
from locum.scan.tree import (
    Class,
    Import,
    Literal,
    Name,
    Opaque,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = [
    "lower_class",
    "lower_const",
    "lower_enum",
    "lower_enum_case",
    "lower_property",
    "lower_use",
    "short_name",
]


def short_name(text: str) -> str:
    """Return a name without its namespace."""
    return text.rsplit("\\", 1)[-1]


def lower_class(low: Lowering, node: SgNode) -> Expression:
    """Note a class, and walk its body."""
    bases: list[str] = []
    decorators: list[str] = []
    for child in children_of(node):
        if child.kind() in {"base_clause", "class_interface_clause"}:
            bases += [short_name(base.text()) for base in children_of(child)]
        elif child.kind() == "attribute_list":
            decorators.append(child.text())
    defined = Class(name_text(node.field("name")), bases, decorators)
    with low.class_body(defined):
        low.lower(node.field("body"))
    return Opaque([])


def lower_enum(low: Lowering, node: SgNode) -> Expression:
    """Note an enum."""
    defined = Class(name_text(node.field("name")), ["Enum"])
    with low.class_body(defined):
        low.lower(node.field("body"))
    return Opaque([])


def lower_enum_case(low: Lowering, node: SgNode) -> Expression:
    """Note a case of an enum."""
    name, value = name_text(node.field("name")), low.lower(node.field("value"))
    if low.owner is not None:
        low.owner.members[name] = str(value.value) if isinstance(value, Literal) else name
    return Opaque([])


def lower_const(low: Lowering, node: SgNode) -> Expression:
    """Note a constant."""
    children = children_of(node)
    line = node.range().start.line + 1
    low.bind(Name(children[0].text()), low.lower(children[-1]), "set", line)
    return Opaque([])


def lower_property(low: Lowering, node: SgNode) -> Expression:
    """Note a property."""
    type_text = short_name(name_text(node.field("type")).lstrip("?"))
    for child in children_of(node):
        if child.kind() != "property_element":
            continue
        name = name_text(child.field("name")).lstrip("$")
        if low.owner is not None:
            low.owner.types[name] = type_text
        default = child.field("default_value")
        if default is not None:
            low.bind(Name(name), low.lower(default), "set", child.range().start.line + 1)
    return Opaque([])


def lower_use(low: Lowering, node: SgNode) -> Expression:
    """A name from another namespace; within a class, a trait."""
    for clause in children_of(node):
        if node.kind() == "use_declaration":
            if low.owner is not None:
                low.owner.bases.append(short_name(clause.text()))
        elif children_of(clause):
            whole = children_of(clause)[0].text()
            alias = name_text(clause.field("alias")) or short_name(whole)
            low.module.imports[alias] = Import(whole, short_name(whole))
    return Opaque([])
