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

__all__ = [
    "lower_alias",
    "lower_enum",
    "lower_export",
    "lower_import",
    "lower_interface",
    "note_exports",
    "note_require",
]


def note_require(low: Lowering, target: SgNode | None, value: Expression) -> bool:
    """Note what ``require`` brings in, and return whether a value is that."""
    called = value.base if isinstance(value, Member) else value
    if target is None or not isinstance(called, Call) or not isinstance(called.callee, Name):
        return False
    if called.callee.text != "require" or not called.arguments:
        return False
    module = called.arguments[0].value
    if not isinstance(module, Literal):
        return False
    if target.kind() == "identifier":
        name = value.name if isinstance(value, Member) else ""
        low.module.imports[target.text()] = Import(str(module.value), name)
        return True
    for child in children_of(target):
        key = name_text(child.field("key")) or child.text()
        local = name_text(child.field("value")) or child.text()
        low.module.imports[local] = Import(str(module.value), key)
    return True


def lower_enum(low: Lowering, node: SgNode) -> Expression:
    """Note an enum."""
    with low.class_body(Class(name_text(node.field("name")), ["Enum"])) as defined:
        for child in children_of(node.field("body")):
            name = name_text(child.field("name")) or child.text()
            value = low.lower(child.field("value"))
            defined.members[name] = str(value.value) if isinstance(value, Literal) else name
    return Opaque([])


def lower_alias(low: Lowering, node: SgNode) -> Expression:
    """Note a type alias."""
    defined = low.note_class(Class(name_text(node.field("name"))))
    defined.types.setdefault("", name_text(node.field("value")))
    return Opaque([])


def lower_interface(low: Lowering, node: SgNode) -> Expression:
    """Note an interface."""
    defined = low.note_class(Class(name_text(node.field("name"))))
    for clause in children_of(node):
        if clause.kind() == "extends_type_clause":
            defined.bases += [base.text() for base in children_of(clause)]
    body = node.field("body")
    for child in children_of(body):
        if child.kind() == "property_signature":
            defined.types[name_text(child.field("name"))] = name_text(child.field("type")).lstrip(
                ": "
            )
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
        low.module.imports[children_of(node)[-1].text()] = Import(module, "*")
    for child in children_of(node):
        if child.kind() == "import_specifier":
            name = name_text(child.field("name"))
            low.module.imports[name_text(child.field("alias")) or name] = Import(module, name)


def lower_export(low: Lowering, node: SgNode) -> Expression:
    """Note what is exported under another name, or comes from another module; walk the rest."""
    source = node.field("source")
    module = name_text(source).strip("'\"`")
    kinds = {child.kind() for child in children_of(node)}
    if source is not None and not kinds & {"export_clause", "namespace_export"}:
        low.module.stars.append(module)
    for child in children_of(node):
        if child.kind() == "namespace_export":
            low.module.imports[children_of(child)[-1].text()] = Import(module, "*")
        elif child.kind() == "export_clause":
            _export_names(low, child, module)
        elif child != source:
            value = low.lower(child)
            declared = name_text(child.field("name")) if child == node.field("declaration") else ""
            if any(one.kind() == "default" for one in node.children()):
                low.bind(Name("default"), Name(declared) if declared else value)
    return Opaque([])


def _export_names(low: Lowering, clause: SgNode, module: str) -> None:
    for child in children_of(clause):
        name = name_text(child.field("name"))
        alias = name_text(child.field("alias")) or name
        if module:
            low.module.imports[alias] = Import(module, name)
        elif alias != name:
            low.bind(Name(alias), Name(name))


def note_exports(low: Lowering, target: Expression, value: Expression) -> None:
    """Note what ``module.exports`` is set to."""
    base = target.base if isinstance(target, Member) and target.name == "exports" else None
    if isinstance(base, Name) and base.text == "module":
        low.bind(Name("default"), value)
