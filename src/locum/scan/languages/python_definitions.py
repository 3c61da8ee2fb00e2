"""What Python defines: functions, classes, imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.nodes import children_of, name_text
from locum.scan.tree import (
    Class,
    Import,
    Literal,
    Opaque,
    Parameter,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = ["lower_class", "lower_decorated", "lower_function", "lower_import", "lower_lambda"]


def _parameters(low: Lowering, node: SgNode | None) -> list[Parameter]:
    found = []
    for child in children_of(node):
        kind = child.kind()
        if kind == "identifier":
            found.append(Parameter(child.text()))
        elif kind == "typed_parameter":
            inner = children_of(child)[0]
            stars = "**" if inner.kind() == "dictionary_splat_pattern" else ""
            if inner.kind() == "identifier" or stars:
                name = inner.text().lstrip("*")
                found.append(Parameter(stars + name, name_text(child.field("type"))))
        elif kind == "dictionary_splat_pattern":
            found.append(Parameter(f"**{children_of(child)[0].text()}"))
        elif kind in {"default_parameter", "typed_default_parameter"}:
            default = low.lower(child.field("value"))
            type_text = name_text(child.field("type"))
            found.append(Parameter(name_text(child.field("name")), type_text, default))
    if found and found[0].name in {"self", "cls"}:
        return found[1:]
    return found


def lower_function(low: Lowering, node: SgNode) -> Expression:
    """Walk a function."""
    return _defined(low, node, [])


def _defined(low: Lowering, node: SgNode, decorators: list[str]) -> Expression:
    parameters = _parameters(low, node.field("parameters"))
    name = name_text(node.field("name"))
    return low.define(node, name, parameters, node.field("body"), decorators)


def lower_lambda(low: Lowering, node: SgNode) -> Expression:
    """Walk a lambda."""
    parameters = _parameters(low, node.field("parameters"))
    return low.define(node, "", parameters, node.field("body"), is_value=True)


def lower_decorated(low: Lowering, node: SgNode) -> Expression:
    """Walk a function or a class with its decorators."""
    decorators = []
    for child in children_of(node):
        if child.kind() == "decorator":
            decorators.append(child.text())
            low.opaque(child)
    definition = node.field("definition")
    if definition is not None and definition.kind() == "function_definition":
        return _defined(low, definition, decorators)
    if definition is not None:
        _defined_class(low, definition, decorators)
    return Opaque([])


def lower_class(low: Lowering, node: SgNode) -> Expression:
    """Note a class, and walk its body."""
    return _defined_class(low, node, [])


def _defined_class(low: Lowering, node: SgNode, decorators: list[str]) -> Expression:
    bases = node.field("superclasses")
    names = [child.text() for child in children_of(bases) if child.kind() != "keyword_argument"]
    defined = Class(name_text(node.field("name")), names, decorators)
    with low.class_body(defined) as defined:
        low.lower(node.field("body"))
    if any("enum" in base.lower() for base in names):
        defined.members.update(_members(defined))
    return Opaque([])


def _members(defined: Class) -> dict[str, str]:
    members = {}
    for name, bindings in defined.attributes.items():
        value = bindings[-1].value
        members[name] = str(value.value) if isinstance(value, Literal) else name
    return members


def lower_import(low: Lowering, node: SgNode) -> Expression:
    """Note what is imported."""
    module = name_text(node.field("module_name"))
    for child in node.field_children("name"):
        name = name_text(child.field("name")) or child.text()
        alias = name_text(child.field("alias")) or name
        if node.kind() == "import_statement":
            low.module.imports[alias] = Import(name, "*")
            first = alias.split(".")[0]
            low.module.imports.setdefault(first, Import(first, "*"))
        else:
            low.module.imports[alias] = Import(module, name)
    if any(child.kind() == "wildcard_import" for child in node.named_children()):
        low.module.stars.append(module)
    return Opaque([])
