"""Ruby's syntax tree."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from locum.scan.languages.arms import arms, lower_catch
from locum.scan.languages.escapes import unescape
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
    Sequence,
    Switch,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Handler, Lowering
    from locum.scan.tree import Expression

__all__ = ["HANDLERS"]

_COMPARISONS = frozenset({"==", "!=", "==="})
_INCLUDED = frozenset({"include", "extend", "prepend"})


def _program(low: Lowering, node: SgNode) -> Expression:
    """A heredoc's text stands after the line that begins it: they pair up in order."""
    begun = node.find_all(kind="heredoc_beginning")
    bodies = node.find_all(kind="heredoc_body")
    for beginning, body in zip(begun, bodies, strict=False):
        low.later[beginning.range().start.index] = body
    return low.opaque(node)


def _name(low: Lowering, node: SgNode) -> Expression:
    del low
    return Name(node.text(), node.range().start.line + 1)


def _instance_variable(low: Lowering, node: SgNode) -> Expression:
    del low
    return Member(Name("self"), node.text().lstrip("@"))


def _scope(low: Lowering, node: SgNode) -> Expression:
    scope, name = node.field("scope"), name_text(node.field("name"))
    return Name(name) if scope is None else Member(low.lower(scope), name)


def _arguments(low: Lowering, node: SgNode | None) -> list[Argument]:
    found = []
    for child in children_of(node):
        if child.kind() == "pair":
            key, value = _pair(low, child)
            name = str(key.value) if isinstance(key, Literal) else None
            found.append(Argument(value, name))
        else:
            found.append(Argument(low.lower(child)))
    return found


def _pair(low: Lowering, node: SgNode) -> tuple[Expression, Expression]:
    key, value = node.field("key"), node.field("value")
    if key is not None and key.kind() == "hash_key_symbol":
        shown: Expression = Literal(key.text())
        return shown, low.lower(value) if value is not None else Name(key.text())
    return low.lower(key), low.lower(value)


def _call(low: Lowering, node: SgNode) -> Expression:
    owner, name = node.field("receiver"), name_text(node.field("method"))
    arguments = _arguments(low, node.field("arguments"))
    if owner is None and name in _INCLUDED and low.owner is not None:
        low.owner.bases += [child.text() for child in children_of(node.field("arguments"))]
    receiver = low.lower(owner) if owner is not None else None
    if receiver is not None and name == "new":
        callee = receiver
    else:
        callee = Name(name) if receiver is None else Member(receiver, name)
    block = node.field("block")
    if block is not None:
        arguments.append(Argument(_block(low, block)))
    return low.call(node, callee, arguments)


def _block(low: Lowering, node: SgNode) -> Expression:
    parameters = _parameters(low, node.field("parameters"))
    return low.define(node, "", parameters, node.field("body"), is_value=True)


def _string(low: Lowering, node: SgNode) -> Expression:
    parts: list[Expression] = []
    for child in children_of(node):
        if child.kind() == "interpolation":
            inner = children_of(child)
            parts.append(low.lower(inner[0] if inner else None))
        else:
            parts.append(Literal(unescape(child.text())))
    return template(parts)


def _heredoc(low: Lowering, node: SgNode) -> Expression:
    body = low.later.get(node.range().start.index)
    if body is None:
        return Literal("")
    parts: list[Expression] = []
    for child in children_of(body):
        if child.kind() == "interpolation":
            inner = children_of(child)
            parts.append(low.lower(inner[0] if inner else None))
        elif child.kind() != "heredoc_end":
            parts.append(Literal(textwrap.dedent(child.text())))
    return template(parts)


def _chained(low: Lowering, node: SgNode) -> Expression:
    parts = low.lower_all(children_of(node))
    return template([one for part in parts for one in _parts(part)])


def _parts(part: Expression) -> list[Expression]:
    return part.parts if isinstance(part, Template) else [part]


def _words(low: Lowering, node: SgNode) -> Expression:
    del low
    return Sequence([Literal(child.text()) for child in children_of(node)])


def _symbol(low: Lowering, node: SgNode) -> Expression:
    del low
    return Literal(node.text().lstrip(":").strip('"'))


def _hash(low: Lowering, node: SgNode) -> Expression:
    entries: list[tuple[Expression | None, Expression]] = []
    for child in children_of(node):
        if child.kind() == "pair":
            entries.append(_pair(low, child))
        elif child.kind() == "hash_splat_argument":
            entries.append((None, low.lower(children_of(child)[-1])))
    return Record(entries)


def _element(low: Lowering, node: SgNode) -> Expression:
    children = children_of(node)
    key = children[1] if len(children) > 1 else None
    return low.placed(Index(low.lower(children[0]), low.lower(key)))


def _assignment(low: Lowering, node: SgNode) -> Expression:
    value = low.lower(node.field("right"))
    left = node.field("left")
    target = low.lower(left)
    if left is not None and left.kind() == "call":
        target = Member(low.lower(left.field("receiver")), name_text(left.field("method")))
    low.bind(target, value, "set", node.range().start.line + 1)
    return value


def _operator_assignment(low: Lowering, node: SgNode) -> Expression:
    target, value = low.lower(node.field("left")), low.lower(node.field("right"))
    kind = "extend" if name_text(node.field("operator")) == "+=" else "set"
    low.bind(target, value, "extend" if kind == "extend" else "set", node.range().start.line + 1)
    return value


def _binary(low: Lowering, node: SgNode) -> Expression:
    left, right = low.lower(node.field("left")), low.lower(node.field("right"))
    operator = name_text(node.field("operator"))
    if operator in _COMPARISONS:
        return low.placed(Binary("!=" if operator == "!=" else "==", left, right))
    if operator == "<<":
        low.bind(left, right, "append", node.range().start.line + 1)
        return left
    return Choice([left, right]) if operator in {"||", "or"} else Binary(operator, left, right)


def _conditional(low: Lowering, node: SgNode) -> Expression:
    low.lower(node.field("condition"))
    ways = [node.field("consequence") or node.field("body"), node.field("alternative")]
    results = low.lower_all(arms(low, node, [way for way in ways if way is not None]))
    return Choice(results) if len(results) > 1 else next(iter(results), Opaque([]))


def _case(low: Lowering, node: SgNode) -> Expression:
    subject = low.lower(node.field("value"))
    cases: list[Expression] = []
    results: list[Expression] = []
    ways = [one for one in children_of(node) if one.kind() in {"when", "in_clause", "else"}]
    for clause in arms(low, node, ways):
        for pattern in clause.field_children("pattern"):
            cases += _patterns(low, pattern)
        if clause.kind() in {"when", "in_clause"}:
            results.append(low.lower(clause.field("body")))
        elif clause.kind() == "else":
            results.append(_last(low, clause))
    low.placed(Switch(subject, cases))
    return Choice(results)


def _patterns(low: Lowering, node: SgNode) -> list[Expression]:
    if node.kind() in {"pattern", "alternative_pattern"}:
        return [case for child in children_of(node) for case in _patterns(low, child)]
    return [low.lower(node)]


def _last(low: Lowering, node: SgNode) -> Expression:
    parts = low.lower_all(children_of(node))
    return parts[-1] if parts else Opaque([])


def _for(low: Lowering, node: SgNode) -> Expression:
    pattern = node.field("pattern")
    low.loop_over([pattern] if pattern else [], node.field("value"), node.field("body"))
    return Opaque([])


def _parameters(low: Lowering, node: SgNode | None) -> list[Parameter]:
    found = []
    for child in children_of(node):
        default = child.field("value")
        name = name_text(child.field("name")) or child.text()
        found.append(Parameter(name, "", None if default is None else low.lower(default)))
    return found


def _method(low: Lowering, node: SgNode) -> Expression:
    name = name_text(node.field("name"))
    parameters = _parameters(low, node.field("parameters"))
    return low.define(node, name, parameters, node.field("body"), is_value=True)


def _class(low: Lowering, node: SgNode) -> Expression:
    base = node.field("superclass")
    bases = [children_of(base)[0].text()] if base is not None else []
    defined = Class(name_text(node.field("name")).rsplit("::", 1)[-1], bases)
    with low.class_body(defined):
        low.lower(node.field("body"))
    return Opaque([])


def _module(low: Lowering, node: SgNode) -> Expression:
    return _class(low, node)


def _return(low: Lowering, node: SgNode) -> Expression:
    for child in children_of(node):
        low.function.returns += low.lower_all(children_of(child)[:1])
    return Opaque([])


HANDLERS: Mapping[str, Handler] = {
    "program": _program,
    "identifier": _name,
    "constant": _name,
    "self": lambda _, __: Name("self"),
    "instance_variable": _instance_variable,
    "class_variable": _instance_variable,
    "global_variable": _name,
    "scope_resolution": _scope,
    "call": _call,
    "string": _string,
    "heredoc_beginning": _heredoc,
    "chained_string": _chained,
    "string_array": _words,
    "symbol_array": _words,
    "simple_symbol": _symbol,
    "integer": number,
    "float": number,
    "true": lambda _, __: Literal(value=True),
    "false": lambda _, __: Literal(value=False),
    "nil": lambda _, __: Literal(None),
    "array": sequence,
    "left_assignment_list": sequence,
    "splat_argument": spread,
    "hash": _hash,
    "element_reference": _element,
    "parenthesized_statements": through(),
    "assignment": _assignment,
    "operator_assignment": _operator_assignment,
    "binary": _binary,
    "conditional": _conditional,
    "if": _conditional,
    "unless": _conditional,
    "elsif": _conditional,
    "if_modifier": _conditional,
    "unless_modifier": _conditional,
    "then": _last,
    "else": _last,
    "body_statement": _last,
    "block_body": _last,
    "begin": _last,
    "rescue": lower_catch,
    "case": _case,
    "case_match": _case,
    "for": _for,
    "while": lambda low, node: low.looped(node),
    "until": lambda low, node: low.looped(node),
    "while_modifier": lambda low, node: low.looped(node),
    "lambda": _block,
    "method": _method,
    "singleton_method": _method,
    "class": _class,
    "module": _module,
    "return": _return,
}
