"""What TypeScript and JavaScript declare: types, enums, imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.nodes import children_of, name_text
from locum.scan.tree import (
    Call,
    Class,
    Import,
    Literal,
    Member,
    Name,
    Opaque,
)

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = ["lower_alias", "lower_enum", "lower_import", "lower_interface", "note_require"]


def note_require(low: Lowering, target: SgNode | None, value: Expression) -> None:
    """Note what ``require`` brings in."""
    called = value.base if isinstance(value, Member) else value
    if target is None or not isinstance(called, Call) or not isinstance(called.callee, Name):
        return
    if called.callee.text != "require" or not called.arguments:
        return
    module = called.arguments[0].value
    if not isinstance(module, Literal):
        return
    if target.kind() == "identifier":
        name = value.name if isinstance(value, Member) else ""
        low.module.imports[target.text()] = Import(str(module.value), name)
        return
    for child in children_of(target):
        key = name_text(child.field("key")) or child.text()
        local = name_text(child.field("value")) or child.text()
        low.module.imports[local] = Import(str(module.value), key)


def lower_enum(low: Lowering, node: SgNode) -> Expression:
    """Note an enum."""
    defined = Class(name_text(node.field("name")), ["Enum"])
    body = node.field("body")
    for child in children_of(body):
        name = name_text(child.field("name")) or child.text()
        value = low.lower(child.field("value"))
        defined.members[name] = str(value.value) if isinstance(value, Literal) else name
    low.module.classes[defined.name] = defined
    return Opaque([])


def lower_alias(low: Lowering, node: SgNode) -> Expression:
    """Note a type alias."""
    defined = Class(name_text(node.field("name")))
    defined.types[""] = name_text(node.field("value"))
    low.module.classes.setdefault(defined.name, defined)
    return Opaque([])


def lower_interface(low: Lowering, node: SgNode) -> Expression:
    """Note an interface."""
    defined = Class(name_text(node.field("name")))
    body = node.field("body")
    for child in children_of(body):
        if child.kind() == "property_signature":
            defined.types[name_text(child.field("name"))] = name_text(child.field("type")).lstrip(
                ": "
            )
    low.module.classes.setdefault(defined.name, defined)
    return Opaque([])


def lower_import(low: Lowering, node: SgNode) -> Expression:
    """Note what is imported."""
    module = name_text(node.field("source")).strip("'\"`")
    for clause in children_of(node):
        if clause.kind() == "import_clause":
            for child in children_of(clause):
                _import_names(low, child, module)
    return Opaque([])


def _import_names(low: Lowering, node: SgNode, module: str) -> None:
    if node.kind() == "identifier":
        low.module.imports[node.text()] = Import(module, "default")
    elif node.kind() == "namespace_import":
        low.module.imports[children_of(node)[-1].text()] = Import(module, "")
    for child in children_of(node):
        if child.kind() == "import_specifier":
            name = name_text(child.field("name"))
            low.module.imports[name_text(child.field("alias")) or name] = Import(module, name)
