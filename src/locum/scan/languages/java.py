"""Java's syntax tree."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_catch, lower_if
from locum.scan.languages.escapes import unescape
from locum.scan.languages.lowering import through
from locum.scan.languages.nodes import children_of, name_text
from locum.scan.languages.numbers import number
from locum.scan.tree import (
    Argument,
    Binary,
    Choice,
    Class,
    Import,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Parameter,
    Sequence,
    Switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Handler, Lowering
    from locum.scan.tree import Expression

__all__ = ["HANDLERS"]

_COMPARISONS = frozenset({"==", "!="})


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _field_access(low: Lowering, node: SgNode) -> Expression:
    return Member(low.lower(node.field("object")), name_text(node.field("field")))


def _scoped(low: Lowering, node: SgNode) -> Expression:
    first, *rest = children_of(node)
    found = low.lower(first)
    for name in rest:
        found = Member(found, name.text())
    return found


def _arguments(low: Lowering, node: SgNode | None) -> list[Argument]:
    return [Argument(low.lower(child)) for child in children_of(node)]


def _call(low: Lowering, node: SgNode) -> Expression:
    owner, name = node.field("object"), name_text(node.field("name"))
    callee = Name(name) if owner is None else Member(low.lower(owner), name)
    types = node.field("type_arguments")
    written = tuple(child.text() for child in children_of(types)) if types else ()
    return low.call(node, callee, _arguments(low, node.field("arguments")), written)


def _created(low: Lowering, node: SgNode) -> Expression:
    kind = node.field("type")
    while kind is not None and kind.kind() == "generic_type":
        kind = children_of(kind)[0]
    for child in children_of(node):
        if child.kind() == "class_body":
            low.opaque(child)
    return low.call(node, low.lower(kind), _arguments(low, node.field("arguments")))


def _string(low: Lowering, node: SgNode) -> Expression:
    del low
    text = node.text()
    if text.startswith('"""'):
        return Literal(unescape(textwrap.dedent(text[3:-3].lstrip("\n"))))
    return Literal(unescape(text[1:-1]))


def _array(low: Lowering, node: SgNode) -> Expression:
    return Sequence(low.lower_all(children_of(node)))


def _array_creation(low: Lowering, node: SgNode) -> Expression:
    return low.lower(node.field("value"))


def _access(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    return low.placed(Index(low.lower(children[0]), low.lower(children[-1])))


def _variables(low: Lowering, node: SgNode) -> Expression:
    type_text = name_text(node.field("type"))
    for declarator in node.field_children("declarator"):
        name, value = name_text(declarator.field("name")), declarator.field("value")
        if node.kind() == "field_declaration" and low.owner is not None:
            low.owner.types[name] = type_text
        if value is not None:
            low.bind(Name(name), low.lower(value), "set", node.range().start.line + 1)
        elif node.kind() == "local_variable_declaration":
            low.bind(Name(name), Opaque([], f"type {type_text}"))
    return Opaque([])


def _assignment(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    kind = name_text(node.field("operator"))
    low.bind(target, value, "extend" if kind == "+=" else "set", node.range().start.line + 1)
    return value


def _foreach(low: Lowering, node: SgNode) -> Expression:
    name = node.field("name")
    low.loop_over([name] if name else [], node.field("value"), node.field("body"))
    return Opaque([])


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    found = Binary(operator, left, right)
    return low.placed(found) if operator in _COMPARISONS else found


def _ternary(low: Lowering, node: SgNode) -> Expression:
    low.lower(node.field("condition"))
    return Choice([low.lower(node.field("consequence")), low.lower(node.field("alternative"))])


def _switch(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("condition"))
    cases: list[Expression] = []
    results: list[Expression] = []
    body = node.field("body")
    for group in arms(low, body, children_of(body)):
        for child in children_of(group):
            if child.kind() == "switch_label":
                cases += low.lower_all(children_of(child))
            else:
                results.append(low.lower(child))
    low.placed(Switch(subject, cases))
    return Choice(results)


def _statement(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    return low.lower(children[0]) if len(children) == 1 else low.opaque(node)


def _parameters(node: SgNode | None) -> list[Parameter]:
    if node is None:
        return []
    if node.kind() == "identifier":
        return [Parameter(node.text())]
    found = []
    for child in children_of(node):
        if child.kind() == "identifier":
            found.append(Parameter(child.text()))
        elif child.field("name") is not None:
            found.append(Parameter(name_text(child.field("name")), name_text(child.field("type"))))
    return found


def _annotations(node: SgNode) -> list[str]:
    found = []
    for child in children_of(node):
        if child.kind() == "modifiers":
            found += [one.text() for one in children_of(child) if "annotation" in one.kind()]
    return found


def _method(low: Lowering, node: SgNode) -> Expression:
    parameters = _parameters(node.field("parameters"))
    name = name_text(node.field("name"))
    if node.kind() == "constructor_declaration":
        name = "constructor"
    return low.define(node, name, parameters, node.field("body"), _annotations(node))


def _lambda(low: Lowering, node: SgNode) -> Expression:
    body = node.field("body")
    is_value = body is not None and body.kind() != "block"
    parameters = _parameters(node.field("parameters"))
    return low.define(node, "", parameters, body, is_value=is_value)


def _reference(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    return Member(low.lower(children[0]), children[-1].text())


def _class(low: Lowering, node: SgNode) -> Expression:
    bases: list[str] = []
    for child in [node.field("superclass"), node.field("interfaces")]:
        if child is not None:
            bases += child.text().replace("extends", " ").replace("implements", " ").split()
    for child in children_of(node):
        if child.kind() == "extends_interfaces":
            bases += child.text().replace("extends", " ").split()
    defined = Class(
        name_text(node.field("name")), [b.strip(",") for b in bases], _annotations(node)
    )
    for parameter in _parameters(node.field("parameters")):
        defined.types[parameter.name] = parameter.type_text
    with low.class_body(defined):
        low.lower(node.field("body"))
    return Opaque([])


def _enum(low: Lowering, node: SgNode) -> Expression:
    defined = Class(name_text(node.field("name")), ["Enum"])
    body = node.field("body")
    with low.class_body(defined):
        for child in children_of(body):
            if child.kind() == "enum_constant":
                name = name_text(child.field("name"))
                defined.members[name] = name
            else:
                low.lower(child)
    return Opaque([])


def _import(low: Lowering, node: SgNode) -> Expression:
    path = children_of(node)[0].text()
    name = path.rsplit(".", 1)[-1]
    low.module.imports[name] = Import(path, name)
    return Opaque([])


HANDLERS: Mapping[str, Handler] = {
    "identifier": _name,
    "type_identifier": _name,
    "this": lambda _, __: Name("this"),
    "field_access": _field_access,
    "scoped_identifier": _scoped,
    "scoped_type_identifier": _scoped,
    "method_invocation": _call,
    "object_creation_expression": _created,
    "explicit_constructor_invocation": lambda low, node: low.opaque(node),
    "string_literal": _string,
    "text_block": _string,
    "decimal_integer_literal": number,
    "decimal_floating_point_literal": number,
    "true": lambda _, __: Literal(value=True),
    "false": lambda _, __: Literal(value=False),
    "null_literal": lambda _, __: Literal(None),
    "array_initializer": _array,
    "array_creation_expression": _array_creation,
    "array_access": _access,
    "class_literal": lambda low, node: Member(low.lower(children_of(node)[0]), "class"),
    "parenthesized_expression": through(),
    "cast_expression": through("value"),
    "local_variable_declaration": _variables,
    "field_declaration": _variables,
    "constant_declaration": _variables,
    "assignment_expression": _assignment,
    "enhanced_for_statement": _foreach,
    "for_statement": lambda low, node: low.looped(node),
    "while_statement": lambda low, node: low.looped(node),
    "do_statement": lambda low, node: low.looped(node),
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "switch_expression": _switch,
    "if_statement": lower_if,
    "catch_clause": lower_catch,
    "switch_statement": _switch,
    "expression_statement": _statement,
    "method_declaration": _method,
    "constructor_declaration": _method,
    "lambda_expression": _lambda,
    "method_reference": _reference,
    "class_declaration": _class,
    "record_declaration": _class,
    "interface_declaration": _class,
    "enum_declaration": _enum,
    "import_declaration": _import,
    "return_statement": lambda low, node: low.returned(node),
}
