"""What C# declares: variables, methods, classes, enums."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.languages.nodes import children_of, name_text
from locum.scan.tree import (
    Call,
    Class,
    Import,
    Name,
    Opaque,
    Parameter,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = [
    "lower_class",
    "lower_enum",
    "lower_lambda",
    "lower_method",
    "lower_property",
    "lower_using",
    "lower_variables",
]

_TYPES = frozenset({"identifier", "generic_name", "qualified_name", "predefined_type"})


def lower_variables(low: Lowering, node: SgNode) -> Expression:
    """Note variables or fields."""
    type_text = name_text(node.field("type"))
    parent = node.parent()
    is_field = parent is not None and parent.kind() == "field_declaration"
    for child in children_of(node):
        if child.kind() != "variable_declarator":
            continue
        name = name_text(child.field("name"))
        rest = [one for one in children_of(child)[1:] if one.kind() != "bracketed_argument_list"]
        if is_field and low.owner is not None:
            low.owner.types[name] = type_text
        if rest:
            value = _typed(low.lower(rest[-1]), type_text)
            low.bind(Name(name), value, "set", child.range().start.line + 1)
        elif not is_field:
            low.bind(Name(name), Opaque([], f"type {type_text}"))
    return Opaque([])


def _typed(value: Expression, type_text: str) -> Expression:
    """``Type name = new(...)`` leaves the type out of the call."""
    if isinstance(value, Call) and isinstance(value.callee, Name) and not value.callee.text:
        value.callee = Name(re.split(r"[<?\[]", type_text)[0].rsplit(".", 1)[-1])
    return value


def lower_property(low: Lowering, node: SgNode) -> Expression:
    """Note a property."""
    name, type_text = name_text(node.field("name")), name_text(node.field("type"))
    decorators = [child.text() for child in children_of(node) if child.kind() == "attribute_list"]
    if low.owner is not None:
        low.owner.types[name] = type_text
        low.owner.tags[name] = " ".join(decorators)
    value = node.field("value")
    if value is not None:
        line = node.range().start.line + 1
        low.bind(Name(name), _typed(low.lower(value), type_text), "set", line)
    return Opaque([])


def _parameters(low: Lowering, node: SgNode | None) -> list[Parameter]:
    if node is None:
        return []
    if node.kind() in {"implicit_parameter", "identifier"}:
        return [Parameter(node.text())]
    found = []
    for child in children_of(node):
        if child.kind() == "parameter":
            name, kind = name_text(child.field("name")), name_text(child.field("type"))
            rest = children_of(child)[-1]
            default = None if rest.kind() in _TYPES else low.lower(rest)
            found.append(Parameter(name, kind.rstrip("?"), default))
    return found


def _attributes(node: SgNode) -> list[str]:
    return [child.text() for child in children_of(node) if child.kind() == "attribute_list"]


def lower_method(low: Lowering, node: SgNode) -> Expression:
    """Walk a method or a constructor."""
    body = node.field("body")
    name = name_text(node.field("name"))
    if node.kind() == "constructor_declaration":
        name = "constructor"
    parameters = _parameters(low, node.field("parameters"))
    is_value = body is not None and body.kind() == "arrow_expression_clause"
    return low.define(node, name, parameters, body, _attributes(node), is_value=is_value)


def lower_lambda(low: Lowering, node: SgNode) -> Expression:
    """Walk a lambda."""
    body = node.field("body")
    is_value = body is not None and body.kind() != "block"
    parameters = _parameters(low, node.field("parameters"))
    return low.define(node, "", parameters, body, is_value=is_value)


def lower_class(low: Lowering, node: SgNode) -> Expression:
    """Note a class, and walk its body."""
    defined = Class(name_text(node.field("name")), [], _attributes(node))
    for child in children_of(node):
        if child.kind() == "base_list":
            defined.bases += [base.text() for base in children_of(child)]
        elif child.kind() == "parameter_list":
            for parameter in _parameters(low, child):
                defined.types[parameter.name] = parameter.type_text
    with low.class_body(defined):
        low.lower(node.field("body"))
    return Opaque([])


def lower_enum(low: Lowering, node: SgNode) -> Expression:
    """Note an enum."""
    with low.class_body(Class(name_text(node.field("name")), ["Enum"])) as defined:
        for child in children_of(node.field("body")):
            name = name_text(child.field("name"))
            defined.members[name] = name
    return Opaque([])


def lower_using(low: Lowering, node: SgNode) -> Expression:
    """Note a namespace that is used."""
    text = node.text().removeprefix("using ").rstrip(";")
    low.module.imports[text] = Import(text, "")
    return Opaque([])
