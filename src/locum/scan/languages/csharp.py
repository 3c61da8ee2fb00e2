"""C#'s syntax tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_catch, lower_if
from locum.scan.languages.csharp_declarations import (
    lower_class,
    lower_enum,
    lower_lambda,
    lower_method,
    lower_property,
    lower_using,
    lower_variables,
)
from locum.scan.languages.csharp_literals import (
    lower_anonymous,
    lower_array,
    lower_collection,
    lower_filled,
    lower_initializer,
    lower_interpolated,
    lower_string,
)
from locum.scan.languages.lowering import through
from locum.scan.languages.nodes import children_of, name_text
from locum.scan.languages.numbers import number
from locum.scan.tree import (
    Argument,
    Binary,
    Choice,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
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

_COMPARISONS = frozenset({"==", "!="})


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _generic(low: Lowering, node: SgNode) -> Expression:
    return low.lower(children_of(node)[0])


def _types(node: SgNode | None) -> tuple[str, ...]:
    for child in children_of(node):
        if child.kind() == "type_argument_list":
            return tuple(one.text() for one in children_of(child))
        if child.kind() == "generic_name":
            return _types(child)
    return ()


def _member(low: Lowering, node: SgNode) -> Expression:
    name = node.field("name")
    if name is not None and name.kind() == "generic_name":
        name = children_of(name)[0]
    return Member(low.lower(node.field("expression")), name_text(name))


def _conditional_access(low: Lowering, node: SgNode) -> Expression:
    """``a?.b(c)``: what follows the question mark hangs on what stands before it."""
    first, *rest = children_of(node)
    found = low.lower(first)
    for part in rest:
        found = _hung(low, found, part)
    return found


def _hung(low: Lowering, base: Expression, node: SgNode) -> Expression:
    kind = node.kind()
    if kind == "member_binding_expression":
        return Member(base, name_text(node.field("name")))
    if kind == "element_binding_expression":
        return low.placed(Index(base, low.lower(children_of(node)[0])))
    if kind == "member_access_expression":
        inner = node.field("expression")
        return Member(_hung(low, base, inner) if inner else base, name_text(node.field("name")))
    if kind == "invocation_expression":
        function = node.field("function")
        callee = _hung(low, base, function) if function else base
        return low.call(node, callee, _arguments(low, node.field("arguments")))
    return base


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
    types = _types(function)
    callee = low.lower(function)
    return low.call(node, callee, _arguments(low, node.field("arguments")), types)


def _created(low: Lowering, node: SgNode) -> Expression:
    kind = node.field("type")
    filled_in = [one for one in children_of(node) if one.kind() == "initializer_expression"]
    initializer = filled_in[0] if filled_in else None
    lists = [child for child in children_of(node) if child.kind() == "argument_list"]
    arguments = _arguments(low, lists[0] if lists else None)
    called: Expression = low.lower(kind) if kind is not None else Name("")
    name = called.name if isinstance(called, Member) else getattr(called, "text", "")
    if initializer is None:
        return low.call(node, called, arguments, _types(kind))
    filled = lower_filled(low, initializer, name)
    if isinstance(filled, Sequence) or name in {"Dictionary", "SortedDictionary"}:
        return filled
    assert isinstance(filled, Record)
    named = [
        Argument(value, str(key.value)) for key, value in filled.entries if isinstance(key, Literal)
    ]
    return low.call(node, called, [*arguments, *named], _types(kind))


def _access(low: Lowering, node: SgNode) -> Expression:
    arguments = _arguments(low, node.field("subscript"))
    key = arguments[0].value if arguments else Opaque([])
    return low.placed(Index(low.lower(node.field("expression")), key))


def _assignment(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    kind = name_text(node.field("operator"))
    low.bind(target, value, "extend" if kind == "+=" else "set", node.range().start.line + 1)
    return value


def _foreach(low: Lowering, node: SgNode) -> Expression:
    left = node.field("left")
    low.loop_over([left] if left else [], node.field("right"), node.field("body"))
    return Opaque([])


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    if operator in _COMPARISONS:
        return low.placed(Binary(operator, left, right))
    return Choice([left, right]) if operator == "??" else Binary(operator, left, right)


def _conditional(low: Lowering, node: SgNode) -> Expression:
    low.lower(node.field("condition"))
    return Choice([low.lower(node.field("consequence")), low.lower(node.field("alternative"))])


def _cases(low: Lowering, node: SgNode) -> list[Expression]:
    if node.kind() in {"or_pattern", "constant_pattern", "parenthesized_pattern"}:
        return [case for child in children_of(node) for case in _cases(low, child)]
    return [low.lower(node)]


def _is_pattern(low: Lowering, node: SgNode) -> Expression:
    pattern = node.field("pattern")
    cases = _cases(low, pattern) if pattern is not None else []
    return low.placed(Switch(low.lower(node.field("expression")), cases))


def _switch_expression(low: Lowering, node: SgNode) -> Expression:
    first, *branches = children_of(node)
    subject = low.lower(first)
    cases: list[Expression] = []
    results: list[Expression] = []
    for branch in branches:
        pattern, *rest = children_of(branch)
        cases += _cases(low, pattern)
        results += low.lower_all(rest[-1:])
    low.placed(Switch(subject, cases))
    return Choice(results)


def _switch(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("value"))
    cases: list[Expression] = []
    body = node.field("body")
    for section in arms(low, body, children_of(body)):
        for child in children_of(section):
            if child.kind().endswith("_pattern"):
                cases += _cases(low, child)
            else:
                low.lower(child)
    return low.placed(Switch(subject, cases))


HANDLERS: Mapping[str, Handler] = {
    "identifier": _name,
    "generic_name": _generic,
    "qualified_name": lambda low, node: low.lower(children_of(node)[-1]),
    "this": lambda _, __: Name("this"),
    "this_expression": lambda _, __: Name("this"),
    "member_access_expression": _member,
    "conditional_access_expression": _conditional_access,
    "invocation_expression": _call,
    "object_creation_expression": _created,
    "implicit_object_creation_expression": _created,
    "anonymous_object_creation_expression": lower_anonymous,
    "initializer_expression": lower_initializer,
    "collection_expression": lower_collection,
    "array_creation_expression": lower_array,
    "implicit_array_creation_expression": lower_array,
    "element_access_expression": _access,
    "string_literal": lower_string,
    "verbatim_string_literal": lower_string,
    "raw_string_literal": lower_string,
    "interpolated_string_expression": lower_interpolated,
    "integer_literal": number,
    "real_literal": number,
    "boolean_literal": lambda _, node: Literal(node.text() == "true"),
    "null_literal": lambda _, __: Literal(None),
    "parenthesized_expression": through(),
    "await_expression": through(),
    "cast_expression": through("value"),
    "postfix_unary_expression": through(),
    "arrow_expression_clause": through(),
    "argument": through(),
    "variable_declaration": lower_variables,
    "property_declaration": lower_property,
    "assignment_expression": _assignment,
    "foreach_statement": _foreach,
    "for_statement": lambda low, node: low.looped(node),
    "while_statement": lambda low, node: low.looped(node),
    "do_statement": lambda low, node: low.looped(node),
    "binary_expression": _binary,
    "conditional_expression": _conditional,
    "is_pattern_expression": _is_pattern,
    "switch_expression": _switch_expression,
    "if_statement": lower_if,
    "catch_clause": lower_catch,
    "switch_statement": _switch,
    "method_declaration": lower_method,
    "local_function_statement": lower_method,
    "constructor_declaration": lower_method,
    "lambda_expression": lower_lambda,
    "class_declaration": lower_class,
    "record_declaration": lower_class,
    "struct_declaration": lower_class,
    "interface_declaration": lower_class,
    "enum_declaration": lower_enum,
    "using_directive": lower_using,
    "return_statement": lambda low, node: low.returned(node),
}
