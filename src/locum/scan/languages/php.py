"""PHP's syntax tree."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_catch, lower_if
from locum.scan.languages.escapes import unescape
from locum.scan.languages.lowering import (
    sequence,
    spread,
    template,
    through,
)
from locum.scan.languages.nodes import children_of, name_text
from locum.scan.languages.numbers import number
from locum.scan.languages.php_declarations import (
    lower_class,
    lower_const,
    lower_enum,
    lower_enum_case,
    lower_property,
    lower_use,
    short_name,
)
from locum.scan.tree import (
    Argument,
    Binary,
    Choice,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Parameter,
    Record,
    Sequence,
    Switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Handler, Lowering
    from locum.scan.tree import Expression

__all__ = ["HANDLERS"]

_COMPARISONS = {"==": "==", "===": "==", "!=": "!=", "!==": "!="}
_CHOICES = frozenset({"??", "?:"})
_OWN = frozenset({"self", "static", "parent"})


def _name(low: Lowering, node: SgNode) -> Expression:
    text = short_name(node.text())
    owner = low.function_owner()
    return Name(owner.name if text in _OWN and owner is not None else text)


def _variable(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text().lstrip("$"), node.range().start.line + 1)


def _member(low: Lowering, node: SgNode) -> Expression:
    return Member(low.lower(node.field("object")), name_text(node.field("name")))


def _constant(low: Lowering, node: SgNode) -> Expression:
    first, *_, last = children_of(node)
    return Member(low.lower(first), last.text().lstrip("$"))


def _subscript(low: Lowering, node: SgNode) -> Expression:
    base, *keys = children_of(node)
    if not keys:
        return Index(low.lower(base), Opaque([]))
    return low.placed(Index(low.lower(base), low.lower(keys[0])))


def _arguments(low: Lowering, node: SgNode | None) -> list[Argument]:
    found = []
    for child in children_of(node):
        inner = children_of(child)
        if child.kind() == "argument" and inner:
            name = child.field("name")
            found.append(Argument(low.lower(inner[-1]), None if name is None else name.text()))
    return found


def _call(low: Lowering, node: SgNode) -> Expression:
    function = node.field("function")
    owner = node.field("object") or node.field("scope")
    name = name_text(node.field("name"))
    callee = low.lower(function) if owner is None else Member(low.lower(owner), name)
    arguments = _arguments(low, node.field("arguments"))
    if name_text(function) in {"curl_setopt", "curl_setopt_array"} and len(arguments) > 1:
        target = Index(arguments[0].value, Literal("option"))
        low.bind(target, arguments[-1].value, "element", node.range().start.line + 1)
    return low.call(node, callee, arguments)


def _created(low: Lowering, node: SgNode) -> Expression:
    first = children_of(node)[0]
    lists = [child for child in children_of(node) if child.kind() == "arguments"]
    return low.call(node, low.lower(first), _arguments(low, lists[0] if lists else None))


def _string(low: Lowering, node: SgNode) -> Expression:
    del low
    return Literal(node.text()[1:-1].replace("\\'", "'").replace("\\\\", "\\"))


def _interpolated(low: Lowering, node: SgNode) -> Expression:
    parts: list[Expression] = []
    for child in children_of(node):
        if child.kind() in {"string_content", "escape_sequence"}:
            parts.append(Literal(unescape(child.text())))
        else:
            parts.append(low.lower(child))
    return template(parts)


def _heredoc(low: Lowering, node: SgNode) -> Expression:
    body = node.field("value")
    if body is None:
        return Literal("")
    if node.kind() == "nowdoc":
        return Literal(textwrap.dedent(body.text()))
    return _interpolated(low, body)


def _array(low: Lowering, node: SgNode) -> Expression:
    entries: list[tuple[Expression | None, Expression]] = []
    items: list[Expression] = []
    for child in children_of(node):
        inner = children_of(child)
        if child.kind() != "array_element_initializer" or not inner:
            continue
        if len(inner) == 2:
            entries.append((low.lower(inner[0]), low.lower(inner[1])))
        elif inner[0].kind() == "variadic_unpacking":
            items.append(spread(low, inner[0]))
        else:
            items.append(low.lower(inner[0]))
    if not entries:
        return Sequence(items)
    return Record([*entries, *((None, item) for item in items)])


def _assignment(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    low.bind(target, value, "set", node.range().start.line + 1)
    return value


def _augmented(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    kind = "extend" if name_text(node.field("operator")) == ".=" else "set"
    low.bind(target, value, "extend" if kind == "extend" else "set", node.range().start.line + 1)
    return value


def _foreach(low: Lowering, node: SgNode) -> Expression:
    items, *targets = [one for one in children_of(node) if one.kind() != "compound_statement"]
    names = []
    for target in targets:
        names += children_of(target) if target.kind() == "pair" else [target]
    low.loop_over(names, items, node.field("body"))
    return Opaque([])


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    if operator in _COMPARISONS:
        return low.placed(Binary(_COMPARISONS[operator], left, right))
    if operator in _CHOICES:
        return Choice([left, right])
    return Binary("+" if operator == "." else operator, left, right)


def _conditional(low: Lowering, node: SgNode) -> Expression:
    condition = low.lower(node.field("condition"))
    body = node.field("body")
    first = low.lower(body) if body is not None else condition
    return Choice([first, low.lower(node.field("alternative"))])


def _match(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("condition"))
    cases: list[Expression] = []
    results: list[Expression] = []
    body = node.field("body")
    for arm in children_of(body):
        children = children_of(arm)
        if children and children[0].kind() == "match_condition_list":
            cases += low.lower_all(children_of(children[0]))
        results += [low.lower(children[-1])] if children else []
    low.placed(Switch(subject, cases))
    return Choice(results)


def _switch(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("condition"))
    cases: list[Expression] = []
    body = node.field("body")
    for case in arms(low, body, children_of(body)):
        value = case.field("value")
        if value is not None:
            cases.append(low.lower(value))
        low.opaque(case)
    return low.placed(Switch(subject, cases))


def _parameters(low: Lowering, node: SgNode | None) -> list[Parameter]:
    found = []
    for child in children_of(node):
        name = name_text(child.field("name")).lstrip("$&")
        type_text = short_name(name_text(child.field("type")).lstrip("?"))
        default = child.field("default_value")
        found.append(Parameter(name, type_text, low.lower(default) if default else None))
        if child.kind() == "property_promotion_parameter" and low.owner is not None:
            low.owner.types[name] = type_text
            if default is not None:
                low.bind(Name(name), low.lower(default))
    return found


def _function(low: Lowering, node: SgNode) -> Expression:
    body = node.field("body")
    decorators = [child.text() for child in children_of(node) if child.kind() == "attribute_list"]
    is_value = node.kind() == "arrow_function"
    name = name_text(node.field("name"))
    parameters = _parameters(low, node.field("parameters"))
    return low.define(node, name, parameters, body, decorators, is_value=is_value)


HANDLERS: Mapping[str, Handler] = {
    "name": _name,
    "qualified_name": _name,
    "relative_scope": _name,
    "variable_name": _variable,
    "member_access_expression": _member,
    "nullsafe_member_access_expression": _member,
    "class_constant_access_expression": _constant,
    "scoped_property_access_expression": _constant,
    "subscript_expression": _subscript,
    "function_call_expression": _call,
    "member_call_expression": _call,
    "nullsafe_member_call_expression": _call,
    "scoped_call_expression": _call,
    "object_creation_expression": _created,
    "string": _string,
    "encapsed_string": _interpolated,
    "heredoc": _heredoc,
    "nowdoc": _heredoc,
    "integer": number,
    "float": number,
    "boolean": lambda _, node: Literal(node.text().lower() == "true"),
    "null": lambda _, __: Literal(None),
    "array_creation_expression": _array,
    "list_literal": sequence,
    "parenthesized_expression": through(),
    "cast_expression": through("value"),
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _augmented,
    "foreach_statement": _foreach,
    "for_statement": lambda low, node: low.looped(node),
    "while_statement": lambda low, node: low.looped(node),
    "do_statement": lambda low, node: low.looped(node),
    "binary_expression": _binary,
    "conditional_expression": _conditional,
    "match_expression": _match,
    "if_statement": lower_if,
    "catch_clause": lower_catch,
    "switch_statement": _switch,
    "function_definition": _function,
    "method_declaration": _function,
    "anonymous_function": _function,
    "anonymous_function_creation_expression": _function,
    "arrow_function": _function,
    "class_declaration": lower_class,
    "trait_declaration": lower_class,
    "enum_declaration": lower_enum,
    "enum_case": lower_enum_case,
    "const_element": lower_const,
    "property_declaration": lower_property,
    "namespace_use_declaration": lower_use,
    "use_declaration": lower_use,
    "return_statement": lambda low, node: low.returned(node),
}
