"""Go's syntax tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_if
from locum.scan.languages.escapes import unescape
from locum.scan.languages.lowering import sequence, through
from locum.scan.languages.nodes import children_of, name_text
from locum.scan.languages.numbers import number
from locum.scan.tree import (
    Argument,
    Binary,
    Call,
    Class,
    Import,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Parameter,
    Record,
    Sequence,
    Spread,
    Switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Handler, Lowering
    from locum.scan.tree import Expression

__all__ = ["HANDLERS"]

_COMPARISONS = frozenset({"==", "!="})
_LISTS = frozenset({"slice_type", "array_type", "implicit_length_array_type"})


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _member(low: Lowering, node: SgNode) -> Expression:
    return Member(low.lower(node.field("operand")), name_text(node.field("field")))


def _index(low: Lowering, node: SgNode) -> Expression:
    return low.placed(Index(low.lower(node.field("operand")), low.lower(node.field("index"))))


def _call(low: Lowering, node: SgNode) -> Expression:
    function, arguments = node.field("function"), node.field("arguments")
    types: tuple[str, ...] = ()
    if function is not None and function.kind() == "index_expression":
        types = (name_text(function.field("index")),)
        function = function.field("operand")
    callee = low.lower(function)
    children = children_of(arguments)
    values = []
    for child in children:
        if child.kind().endswith("_type"):
            types = (*types, child.text())
        else:
            values.append(Argument(low.lower(child)))
    return low.call(node, callee, values, types)


def _string(low: Lowering, node: SgNode) -> Expression:
    del low
    text = node.text()
    return Literal(text[1:-1] if text.startswith("`") else unescape(text[1:-1]))


def _composite(low: Lowering, node: SgNode) -> Expression:
    kind = node.field("type")
    return _literal_value(low, node.field("body"), kind)


def _literal_value(low: Lowering, node: SgNode | None, kind: SgNode | None) -> Expression:
    name = name_text(kind).rsplit(".", 1)[-1] if kind is not None else None
    inner = None
    if kind is not None and kind.kind() in _LISTS:
        inner = kind.field("element")
    if kind is not None and kind.kind() == "map_type":
        inner = kind.field("value")
        name = None
    entries: list[tuple[Expression | None, Expression]] = []
    items: list[Expression] = []
    for child in children_of(node):
        if child.kind() == "keyed_element":
            key = _field_name(low, child.field("key"), is_map=kind is None or inner is not None)
            entries.append((key, _element(low, child.field("value"), inner)))
        elif child.kind() == "literal_element":
            items.append(_element(low, child, inner))
    if entries or (not items and (kind is None or kind.kind() not in _LISTS)):
        return Record(entries, name)
    return Sequence(items)


def _element(low: Lowering, node: SgNode | None, inner: SgNode | None) -> Expression:
    children = children_of(node)
    if not children:
        return Opaque([])
    if children[0].kind() == "literal_value":
        return _literal_value(low, children[0], inner)
    return low.lower(children[0])


def _field_name(low: Lowering, node: SgNode | None, *, is_map: bool) -> Expression:
    children = children_of(node)
    if not children:
        return Opaque([])
    if children[0].kind() == "identifier" and not is_map:
        return Literal(children[0].text())
    if children[0].kind() == "identifier":
        bound = children[0].text()
        return Name(bound) if bound in low.module.root.bindings else Literal(bound)
    return low.lower(children[0])


def _declaration(low: Lowering, node: SgNode) -> Expression:
    left, right = node.field("left"), node.field("right")
    line = node.range().start.line + 1
    names = low.lower_all(children_of(left))
    values = low.lower_all(children_of(right))
    kind = name_text(node.field("operator"))
    for number_, name in enumerate(names):
        if len(values) == len(names):
            _bind(low, name, values[number_], kind, line)
        else:
            low.bind(name, values[0] if number_ == 0 and values else Opaque([]), "set", line)
    return Opaque(values)


def _bind(low: Lowering, name: Expression, value: Expression, kind: str, line: int) -> None:
    """``a = append(a, b)`` adds to a list, and ``a += b`` to a text."""
    appended = value.arguments if isinstance(value, Call) else []
    is_append = isinstance(value, Call) and name_of(value.callee) == "append"
    if is_append and appended and name_of(appended[0].value) == name_of(name):
        for argument in appended[1:]:
            low.bind(name, argument.value, "append", line)
        return
    low.bind(name, value, "extend" if kind == "+=" else "set", line)


def name_of(expression: Expression) -> str:
    """Return the name of a variable or of a field."""
    if isinstance(expression, Member):
        return f"{name_of(expression.base)}.{expression.name}"
    return expression.text if isinstance(expression, Name) else ""


def _spec(low: Lowering, node: SgNode) -> Expression:
    value = node.field("value")
    values = low.lower_all(children_of(value))
    names = node.field_children("name")
    line = node.range().start.line + 1
    type_text = name_text(node.field("type"))
    for number_, name in enumerate(one for one in names if one.is_named()):
        known = values[number_] if number_ < len(values) else Opaque([], f"type {type_text}")
        low.bind(Name(name.text()), known, "set", line)
        declared = low.module.classes.get(type_text)
        if (
            declared is None
            and type_text
            and isinstance(known, Literal)
            and node.kind() == "const_spec"
        ):
            declared = low.module.classes.setdefault(type_text, Class(type_text))
        if declared is not None and isinstance(known, Literal) and node.kind() == "const_spec":
            declared.members[name.text()] = str(known.value)
    return Opaque([])


def _type(low: Lowering, node: SgNode) -> Expression:
    defined = low.module.classes.setdefault(
        name_text(node.field("name")), Class(name_text(node.field("name")))
    )
    kind = node.field("type")
    if kind is None or kind.kind() != "struct_type":
        return Opaque([])
    for child in children_of(children_of(kind)[0]) if children_of(kind) else []:
        tag = [one.text().strip("`") for one in children_of(child) if "string" in one.kind()]
        for name in child.field_children("name"):
            defined.types[name.text()] = name_text(child.field("type"))
            defined.tags[name.text()] = tag[0] if tag else ""
    return Opaque([])


def _for(low: Lowering, node: SgNode) -> Expression:
    for clause in children_of(node):
        if clause.kind() == "range_clause":
            left = clause.field("left")
            names = children_of(left)
            low.loop_over(names, clause.field("right"), node.field("body"))
            return Opaque([])
    return low.looped(node)


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    found = Binary(operator, left, right)
    return low.placed(found) if operator in _COMPARISONS else found


def _switch(low: Lowering, node: SgNode) -> Expression:
    low.lower(node.field("initializer"))
    value = node.field("value")
    subject = low.lower(value)
    cases: list[Expression] = []
    ways = [one for one in children_of(node) if one.kind() in {"expression_case", "default_case"}]
    for case in arms(low, node, ways):
        values = case.field("value")
        cases += low.lower_all(children_of(values))
        low.lower_all(one for one in children_of(case) if one.kind() != "expression_list")
    return low.placed(Switch(subject, cases)) if value is not None else Opaque(cases)


def _parameters(node: SgNode | None) -> list[Parameter]:
    found = []
    for child in children_of(node):
        names = [name.text() for name in child.field_children("name")]
        found += [Parameter(name, name_text(child.field("type")).lstrip("*")) for name in names]
    return found


def _function(low: Lowering, node: SgNode) -> Expression:
    receiver = _parameters(node.field("receiver"))
    owner = None
    if receiver:
        name = receiver[0].type_text
        owner = low.module.classes.setdefault(name, Class(name))
    return low.define(
        node,
        name_text(node.field("name")),
        _parameters(node.field("parameters")),
        node.field("body"),
        receiver=receiver[0].name if receiver else "",
        owner=owner,
    )


def _import(low: Lowering, node: SgNode) -> Expression:
    path = children_of(node)[-1].text().strip('"')
    low.module.imports[name_text(node.field("name")) or _package(path)] = Import(path, "")
    return Opaque([])


def _package(path: str) -> str:
    """The package that a path most likely holds: ``openai`` of ``github.com/x/openai-go/v2``."""
    parts = [part for part in path.split("/") if not re.fullmatch(r"v\d+", part)]
    name = re.sub(r"^go-|-go$|-sdk-go$|\.go$|\.v\d+$", "", parts[-1]) if parts else path
    return re.sub(r"-sdk$", "", name)


def _return(low: Lowering, node: SgNode) -> Expression:
    for child in children_of(node):
        values = low.lower_all(children_of(child)) if child.kind() == "expression_list" else []
        low.function.returns += values
    return Opaque([])


HANDLERS: Mapping[str, Handler] = {
    "identifier": _name,
    "field_identifier": _name,
    "type_identifier": _name,
    "selector_expression": _member,
    "index_expression": _index,
    "call_expression": _call,
    "interpreted_string_literal": _string,
    "raw_string_literal": _string,
    "int_literal": number,
    "float_literal": number,
    "true": lambda _, __: Literal(value=True),
    "false": lambda _, __: Literal(value=False),
    "nil": lambda _, __: Literal(None),
    "composite_literal": _composite,
    "expression_list": sequence,
    "variadic_argument": lambda low, node: Spread(low.lower(children_of(node)[0])),
    "unary_expression": through("operand"),
    "parenthesized_expression": through(),
    "type_assertion_expression": through("operand"),
    "type_conversion_expression": through("operand"),
    "short_var_declaration": _declaration,
    "assignment_statement": _declaration,
    "const_spec": _spec,
    "var_spec": _spec,
    "type_spec": _type,
    "for_statement": _for,
    "binary_expression": _binary,
    "if_statement": lower_if,
    "expression_switch_statement": _switch,
    "function_declaration": _function,
    "method_declaration": _function,
    "func_literal": _function,
    "import_spec": _import,
    "return_statement": _return,
}
