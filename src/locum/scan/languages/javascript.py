"""The syntax trees of TypeScript and JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_catch, lower_if
from locum.scan.languages.escapes import unescape
from locum.scan.languages.javascript_declarations import (
    lower_alias,
    lower_enum,
    lower_export,
    lower_import,
    lower_interface,
    note_exports,
    note_require,
)
from locum.scan.languages.lowering import (
    sequence,
    spread,
    template,
    through,
)
from locum.scan.languages.nodes import children_of, name_text
from locum.scan.languages.numbers import number
from locum.scan.tree import (
    Argument,
    Binary,
    Choice,
    Class,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Parameter,
    Record,
    Switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Handler, Lowering
    from locum.scan.tree import Expression

__all__ = ["HANDLERS"]

_COMPARISONS = {"==": "==", "===": "==", "!=": "!=", "!==": "!=", "in": "in"}
_CHOICES = frozenset({"??", "||"})


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _key(low: Lowering, node: SgNode | None) -> Expression:
    if node is not None and node.kind() in {"property_identifier", "private_property_identifier"}:
        return Literal(node.text().lstrip("#"))
    if node is not None and node.kind() == "computed_property_name":
        return low.lower(children_of(node)[0])
    return low.lower(node)


def _member(low: Lowering, node: SgNode) -> Expression:
    name = name_text(node.field("property")).lstrip("#")
    return Member(low.lower(node.field("object")), name)


def _subscript(low: Lowering, node: SgNode) -> Expression:
    return low.placed(Index(low.lower(node.field("object")), low.lower(node.field("index"))))


def _call(low: Lowering, node: SgNode) -> Expression:
    function = node.field("function") or node.field("constructor")
    if function is not None and function.kind() == "import":
        return Opaque([])
    arguments = node.field("arguments")
    types = node.field("type_arguments")
    written = tuple(child.text() for child in children_of(types)) if types else ()
    callee = low.lower(function)
    if arguments is not None and arguments.kind() == "template_string":
        return low.call(node, callee, [Argument(low.lower(arguments))], written)
    values = [Argument(low.lower(child)) for child in children_of(arguments)]
    return low.call(node, callee, values, written)


def _string(low: Lowering, node: SgNode) -> Expression:
    del low
    return Literal(unescape(node.text()[1:-1]))


def _template(low: Lowering, node: SgNode) -> Expression:
    parts: list[Expression] = []
    for child in children_of(node):
        if child.kind() == "template_substitution":
            parts.append(low.lower(next(iter(children_of(child)), None)))
        else:
            parts.append(Literal(unescape(child.text())))
    return template(parts)


def _object(low: Lowering, node: SgNode) -> Expression:
    entries: list[tuple[Expression | None, Expression]] = []
    for child in children_of(node):
        kind = child.kind()
        if kind in {"pair", "pair_pattern"}:
            entries.append((_key(low, child.field("key")), low.lower(child.field("value"))))
        elif kind.startswith("shorthand_property_identifier"):
            entries.append((Literal(child.text()), Name(child.text())))
        elif kind == "object_assignment_pattern":
            left = child.field("left")
            entries.append((Literal(name_text(left)), Name(name_text(left))))
        elif kind == "spread_element":
            entries.append((None, low.lower(children_of(child)[-1])))
        elif kind == "method_definition":
            entries.append((_key(low, child.field("name")), _function(low, child)))
    return Record(entries)


def _declarator(low: Lowering, node: SgNode) -> Expression:
    target, value = node.field("name"), node.field("value")
    line = node.range().start.line + 1
    if value is None:
        annotation = name_text(node.field("type")).lstrip(": ")
        low.bind(low.lower(target), Opaque([], f"type {annotation}"), "set", line)
        return Opaque([])
    if value.kind() in {"arrow_function", "function_expression"}:
        lowered = _defined(low, value, name_text(target))
    else:
        lowered = low.lower(value)
    if not note_require(low, target, lowered):
        low.bind(low.lower(target), lowered, "set", line)
    return lowered


def _assignment(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    low.bind(target, value, "set", node.range().start.line + 1)
    note_exports(low, target, value)
    return value


def _augmented(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    if name_text(node.field("operator")) == "+=":
        low.bind(target, value, "extend", node.range().start.line + 1)
    return value


def _for_in(low: Lowering, node: SgNode) -> Expression:
    left = node.field("left")
    low.loop_over([left] if left else [], node.field("right"), node.field("body"))
    return Opaque([])


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    if operator in _COMPARISONS:
        return low.placed(Binary(_COMPARISONS[operator], left, right))
    return Choice([left, right]) if operator in _CHOICES else Binary(operator, left, right)


def _ternary(low: Lowering, node: SgNode) -> Expression:
    low.lower(node.field("condition"))
    return Choice([low.lower(node.field("consequence")), low.lower(node.field("alternative"))])


def _switch(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("value"))
    cases: list[Expression] = []
    body = node.field("body")
    for clause in arms(low, body, children_of(body)):
        value = clause.field("value")
        if value is not None:
            cases.append(low.lower(value))
        low.lower_all(clause.field_children("body"))
    return low.placed(Switch(subject, cases))


def _parameters(low: Lowering, node: SgNode | None) -> tuple[list[Parameter], list[SgNode]]:
    """Parameters, and the patterns that take one apart, which have names of their own."""
    found, patterns = [], []
    for number_, child in enumerate(children_of(node)):
        pattern = child.field("pattern") or child.field("left") or child
        type_text = name_text(child.field("type")).lstrip(": ")
        value = child.field("value") or child.field("right")
        name = pattern.text()
        if pattern.kind() == "object_pattern":
            name = f"{{{number_}}}"
            patterns.append(pattern)
        found.append(Parameter(name, type_text, None if value is None else low.lower(value)))
        _promote(low, child, name, type_text)
    return found, patterns


def _promote(low: Lowering, node: SgNode, name: str, type_text: str) -> None:
    """Make a parameter of a constructor that says ``private`` a field."""
    kinds = {child.kind() for child in node.children()}
    if low.owner is not None and kinds & {"accessibility_modifier", "readonly"}:
        low.owner.types[name] = type_text


def _function(low: Lowering, node: SgNode) -> Expression:
    return _defined(low, node, name_text(node.field("name")))


def _defined(
    low: Lowering, node: SgNode, name: str, decorators: list[str] | None = None
) -> Expression:
    single = node.field("parameter")
    parameters, patterns = _parameters(low, node.field("parameters"))
    if single is not None:
        parameters = [Parameter(single.text())]
    body = node.field("body")
    is_value = body is not None and body.kind() != "statement_block"
    if not patterns:
        return low.define(node, name, parameters, body, decorators or (), is_value=is_value)
    function = low.define(node, name, parameters, body, decorators or (), is_value=is_value)
    before, low.function = low.function, function
    for pattern, parameter in zip(
        patterns, [one for one in parameters if one.name.startswith("{")], strict=True
    ):
        low.bind(low.lower(pattern), Name(parameter.name), "set", 0)
    low.function = before
    return function


def _class(low: Lowering, node: SgNode) -> Expression:
    bases: list[str] = []
    decorators = [child.text() for child in node.field_children("decorator")]
    parent = node.parent()
    if parent is not None and parent.kind() == "export_statement":
        decorators += [child.text() for child in parent.field_children("decorator")]
    for child in children_of(node):
        if child.kind() == "class_heritage":
            bases += child.text().replace("extends", " ").replace("implements", " ").split()
    defined = Class(name_text(node.field("name")), [base.strip(",") for base in bases], decorators)
    body = node.field("body")
    waiting: list[str] = []
    with low.class_body(defined):
        for child in children_of(body):
            kind = child.kind()
            if kind == "decorator":
                waiting.append(child.text())
            elif kind == "method_definition":
                _defined(low, child, name_text(child.field("name")), waiting)
                waiting = []
            else:
                _field(low, child)
                waiting = []
    return Opaque([])


def _field(low: Lowering, node: SgNode) -> None:
    name = name_text(node.field("name") or node.field("property")).lstrip("#")
    value, annotation = node.field("value"), node.field("type")
    if low.owner is not None and annotation is not None:
        low.owner.types[name] = annotation.text().lstrip(": ")
    if value is None:
        return
    if value.kind() == "arrow_function":
        _defined(low, value, name)
    else:
        low.bind(Name(name), low.lower(value), "set", node.range().start.line + 1)


HANDLERS: Mapping[str, Handler] = {
    "identifier": _name,
    "shorthand_property_identifier_pattern": _name,
    "this": lambda _, __: Name("this"),
    "member_expression": _member,
    "subscript_expression": _subscript,
    "call_expression": _call,
    "new_expression": _call,
    "string": _string,
    "template_string": _template,
    "number": number,
    "true": lambda _, __: Literal(value=True),
    "false": lambda _, __: Literal(value=False),
    "null": lambda _, __: Literal(None),
    "undefined": lambda _, __: Literal(None),
    "array": sequence,
    "array_pattern": sequence,
    "sequence_expression": through(),
    "spread_element": spread,
    "object": _object,
    "object_pattern": _object,
    "assignment_pattern": through("left"),
    "parenthesized_expression": through(),
    "await_expression": through(),
    "as_expression": lambda low, node: low.lower(children_of(node)[0]),
    "satisfies_expression": lambda low, node: low.lower(children_of(node)[0]),
    "non_null_expression": through(),
    "variable_declarator": _declarator,
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _augmented,
    "for_in_statement": _for_in,
    "for_statement": lambda low, node: low.looped(node),
    "while_statement": lambda low, node: low.looped(node),
    "do_statement": lambda low, node: low.looped(node),
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "if_statement": lower_if,
    "catch_clause": lower_catch,
    "switch_statement": _switch,
    "function_declaration": _function,
    "generator_function_declaration": _function,
    "function_expression": _function,
    "arrow_function": _function,
    "method_definition": _function,
    "class_declaration": _class,
    "abstract_class_declaration": _class,
    "class": _class,
    "enum_declaration": lower_enum,
    "type_alias_declaration": lower_alias,
    "interface_declaration": lower_interface,
    "return_statement": lambda low, node: low.returned(node),
    "import_statement": lower_import,
    "export_statement": lower_export,
}
