"""Python's syntax tree."""

from __future__ import annotations

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
from locum.scan.languages.python_definitions import (
    lower_class,
    lower_decorated,
    lower_function,
    lower_import,
    lower_lambda,
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

_COMPARISONS = frozenset({"==", "!=", "in", "not in", "is", "is not", "<", ">", "<=", ">="})


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _dotted(low: Lowering, node: SgNode) -> Expression:
    del low
    first, *rest = node.text().split(".")
    found: Expression = Name(first)
    for name in rest:
        found = Member(found, name)
    return found


def _attribute(low: Lowering, node: SgNode) -> Expression:
    return Member(low.lower(node.field("object")), name_text(node.field("attribute")))


def _subscript(low: Lowering, node: SgNode) -> Expression:
    subscripts = node.field_children("subscript")
    if [one.kind() for one in subscripts] == ["slice"]:
        return low.lower(node.field("value"))
    keys = low.lower_all(subscripts)
    key = keys[0] if len(keys) == 1 else Sequence(keys)
    return low.placed(Index(low.lower(node.field("value")), key))


def _arguments(low: Lowering, node: SgNode | None) -> list[Argument]:
    if node is None:
        return []
    if node.kind() == "generator_expression":
        return [Argument(low.lower(node))]
    found = []
    for child in children_of(node):
        if child.kind() == "keyword_argument":
            name = name_text(child.field("name"))
            found.append(Argument(low.lower(child.field("value")), name))
        else:
            found.append(Argument(low.lower(child)))
    return found


def _call(low: Lowering, node: SgNode) -> Expression:
    callee = low.lower(node.field("function"))
    return low.call(node, callee, _arguments(low, node.field("arguments")))


def _string(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    raw = bool(children) and "r" in children[0].text().lower()
    parts: list[Expression] = []
    for child in children:
        if child.kind() == "string_content":
            text = child.text() if raw else unescape(child.text())
            doubled = children[0].text().lower().startswith(("f", "rf", "fr"))
            parts.append(Literal(text.replace("{{", "{").replace("}}", "}") if doubled else text))
        elif child.kind() == "interpolation":
            parts.append(low.lower(child.field("expression")))
    return template(parts)


def _concatenated(low: Lowering, node: SgNode) -> Expression:
    return template(low.lower_all(children_of(node)))


def _integer(low: Lowering, node: SgNode) -> Expression:
    del low
    try:
        return Literal(int(node.text().replace("_", ""), 0))
    except ValueError:
        return Opaque([])


def _float(low: Lowering, node: SgNode) -> Expression:
    del low
    try:
        return Literal(float(node.text().replace("_", "")))
    except ValueError:
        return Opaque([])


def _dictionary(low: Lowering, node: SgNode) -> Expression:
    entries: list[tuple[Expression | None, Expression]] = []
    for child in children_of(node):
        if child.kind() == "pair":
            entries.append((low.lower(child.field("key")), low.lower(child.field("value"))))
        elif child.kind() == "dictionary_splat":
            entries.append((None, low.lower(children_of(child)[-1])))
    return Record(entries)


def _assignment(low: Lowering, node: SgNode) -> Expression:
    left, right = node.field("left"), node.field("right")
    line = node.range().start.line + 1
    annotation = node.field("type")
    target = low.lower(left)
    if annotation is not None and low.in_class_body and low.owner is not None:
        low.owner.types[name_text(left)] = annotation.text()
    elif annotation is not None and right is None:
        low.bind(target, Opaque([], f"type {annotation.text()}"), "set", line)
    if right is None:
        return Opaque([])
    value = low.lower(right)
    low.bind(target, value, "set", line)
    return value


def _augmented(low: Lowering, node: SgNode) -> Expression:
    value = low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    kind = "extend" if operator in {"+=", "|="} else "set"
    target = low.lower(node.field("left"))
    low.bind(target, value, "extend" if kind == "extend" else "set", node.range().start.line + 1)
    return value


def _named(low: Lowering, node: SgNode) -> Expression:
    value = low.lower(node.field("value"))
    low.bind(low.lower(node.field("name")), value, "set", node.range().start.line + 1)
    return value


def _for(low: Lowering, node: SgNode) -> Expression:
    left = node.field("left")
    low.loop_over([left] if left else [], node.field("right"), node.field("body"))
    return Opaque([])


def _comprehension(low: Lowering, node: SgNode) -> Expression:
    iterated: list[Expression] = []
    body = node.field("body")
    low.loops += 1
    for clause in children_of(node):
        if clause.kind() != "for_in_clause":
            continue
        low.loops -= 1
        iterated.append(low.lower(clause.field("right")))
        low.loops += 1
        left = clause.field("left")
        if left is not None:
            low.bind(low.lower(left), Opaque([iterated[-1]], "item"))
    for clause in children_of(node):
        if clause.kind() == "if_clause":
            low.opaque(clause)
    value = low.lower(body)
    low.loops -= 1
    return Opaque([value, *iterated], "comprehension")


def _comparison(low: Lowering, node: SgNode) -> Expression:
    operands = low.lower_all(children_of(node))
    operators = [child.text() for child in node.field_children("operators")]
    operator = " ".join(operators)
    if len(operands) != 2 or operator not in _COMPARISONS:
        return Opaque(operands)
    operator = {"is": "==", "is not": "!="}.get(operator, operator)
    return low.placed(Binary(operator, operands[0], operands[1]))


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    return Binary(name_text(node.field("operator")), left, right)


def _boolean(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    return Choice([left, right])


def _conditional(low: Lowering, node: SgNode) -> Expression:
    parts = low.lower_all(children_of(node))
    return Choice([parts[0], *parts[2:]])


def _match(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("subject"))
    cases: list[Expression] = []
    body = node.field("body")
    for clause in arms(low, body, children_of(body)):
        for child in children_of(clause):
            if child.kind() == "case_pattern":
                cases += _cases(low, child)
            else:
                low.lower(child)
    return low.placed(Switch(subject, cases))


def _cases(low: Lowering, pattern: SgNode) -> list[Expression]:
    if pattern.kind() in {"case_pattern", "union_pattern"}:
        return [case for child in children_of(pattern) for case in _cases(low, child)]
    return [low.lower(pattern)]


def _as_pattern(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    value = low.lower(children[0])
    alias = node.field("alias")
    if alias is not None and children_of(alias):
        low.bind(low.lower(children_of(alias)[0]), value)
    return value


HANDLERS: Mapping[str, Handler] = {
    "identifier": _name,
    "dotted_name": _dotted,
    "attribute": _attribute,
    "subscript": _subscript,
    "call": _call,
    "string": _string,
    "concatenated_string": _concatenated,
    "integer": _integer,
    "float": _float,
    "true": lambda _, __: Literal(value=True),
    "false": lambda _, __: Literal(value=False),
    "none": lambda _, __: Literal(None),
    "list": sequence,
    "tuple": sequence,
    "set": sequence,
    "expression_list": sequence,
    "pattern_list": sequence,
    "tuple_pattern": sequence,
    "list_splat": spread,
    "dictionary_splat": spread,
    "dictionary": _dictionary,
    "parenthesized_expression": through(),
    "await": through(),
    "assignment": _assignment,
    "augmented_assignment": _augmented,
    "named_expression": _named,
    "for_statement": _for,
    "while_statement": lambda low, node: low.looped(node),
    "list_comprehension": _comprehension,
    "set_comprehension": _comprehension,
    "dictionary_comprehension": _comprehension,
    "generator_expression": _comprehension,
    "comparison_operator": _comparison,
    "binary_operator": _binary,
    "boolean_operator": _boolean,
    "conditional_expression": _conditional,
    "if_statement": lower_if,
    "except_clause": lower_catch,
    "match_statement": _match,
    "function_definition": lower_function,
    "decorated_definition": lower_decorated,
    "class_definition": lower_class,
    "lambda": lower_lambda,
    "return_statement": lambda low, node: low.returned(node),
    "yield": lambda low, node: low.returned(node),
    "import_statement": lower_import,
    "import_from_statement": lower_import,
    "as_pattern": _as_pattern,
    "type": lambda _, node: Opaque([], f"type {node.text()}"),
}
