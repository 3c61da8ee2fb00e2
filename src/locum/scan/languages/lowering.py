"""What all languages share when a syntax tree is turned into expressions."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from locum.scan.languages.attempts import retries
from locum.scan.languages.class_scopes import ClassScopes
from locum.scan.languages.escapes import with_pairs
from locum.scan.languages.nodes import children_of
from locum.scan.tree import (
    Argument,
    Binary,
    Binding,
    Call,
    Class,
    Function,
    Index,
    Literal,
    Member,
    Module,
    Name,
    Opaque,
    Parameter,
    Place,
    Record,
    Sequence,
    Span,
    Spread,
    Switch,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ast_grep_py import SgNode

    from locum.scan.branches import Arm
    from locum.scan.tree import BindingKind, Expression

__all__ = [
    "Handler",
    "Lowering",
    "last_name",
    "name_parts",
    "sequence",
    "span_of",
    "spread",
    "template",
    "through",
]

Handler: TypeAlias = "Callable[[Lowering, SgNode], Expression]"

_SCRIPTS = frozenset({"typescript", "javascript"})
_GROWING = frozenset({"append", "push", "add", "addall", "addrange", "extend", "concat"})
_CHANGING = re.compile(r"(?:set|add|append|with|Set|Add|Append|With)(?:_|[A-Z])")
_LONGEST_HEADER = 600


class Lowering:
    """Walks one syntax tree.

    Args:
        handlers: By kind of node; what has no handler is opaque, and its children are walked.
        module: Filled while walking.
    """

    def __init__(self, handlers: Mapping[str, Handler], module: Module) -> None:
        self.module = module
        self.function = module.root
        self.owner: Class | None = None
        self.in_class_body = False
        self.loops = 0
        self.arms: tuple[Arm, ...] = ()
        self._classes = ClassScopes(module)
        self.later: dict[int, SgNode] = {}
        self._handlers = handlers

    def lower(self, node: SgNode | None) -> Expression:
        """Return a node as an expression."""
        if node is None:
            return Opaque([])
        handler = self._handlers.get(node.kind())
        return handler(self, node) if handler else self.opaque(node)

    def opaque(self, node: SgNode) -> Opaque:
        """Walk a node of which nothing but its children is of interest."""
        return Opaque(self.lower_all(children_of(node)))

    def lower_all(self, nodes: Iterable[SgNode]) -> list[Expression]:
        """Return nodes as expressions."""
        return [self.lower(node) for node in nodes]

    def placed(self, expression: Call | Binary | Index | Switch) -> Expression:
        """Note where an expression stands, and return it."""
        place = Place(expression, self.function, self.loops)
        self.module.places.append(place)
        if isinstance(expression, Call):
            name = last_name(expression.callee)
            self.module.calls_by_name.setdefault(name, []).append(place)
            given = {last_name(argument.value) for argument in expression.arguments} - {""}
            for name in given:
                self.module.calls_by_argument.setdefault(name, []).append(place)
        return expression

    def call(
        self,
        node: SgNode,
        callee: Expression,
        arguments: list[Argument],
        types: tuple[str, ...] = (),
    ) -> Expression:
        """Return a call; lambdas among its arguments know it, and lists that it adds to grow."""
        call = Call(callee, arguments, span_of(node), types)
        for argument in arguments:
            if isinstance(argument.value, Function):
                argument.value.passed_to = call
        # In scripts ``extend`` gives another schema.
        is_schema = self.module.language in _SCRIPTS and last_name(callee) == "extend"
        if isinstance(callee, Member) and callee.name.lower() in _GROWING and not is_schema:
            for argument in arguments:
                self.bind(callee.base, argument.value, "append", call.span.line)
        elif isinstance(callee, Member) and _CHANGING.match(callee.name) and arguments:
            key = Literal(callee.name)
            self.bind(Index(callee.base, key), arguments[0].value, "element", call.span.line)
        return self.placed(call)

    def bind(
        self, target: Expression, value: Expression, kind: BindingKind = "set", line: int = 0
    ) -> None:
        """Note that a name, a field or an element gets a value."""
        if isinstance(target, Name | Member):
            bound = Binding(value, kind, line, self.loops, self.function, arms=self.arms)
            if isinstance(target, Name):
                self._bind_name(target.text, bound)
            else:
                self._bind_member(target, bound)
        elif isinstance(target, Index):
            self._bind_element(target.base, target.key, value, line)
        elif isinstance(target, Sequence):
            for number, item in enumerate(target.items):
                self.bind(item, Index(value, Literal(number)), kind, line)
        elif isinstance(target, Record):
            self._bind_record(target, value, line)

    def _bind_record(self, target: Record, value: Expression, line: int) -> None:
        for key, item in target.entries:
            name = key.value if isinstance(key, Literal) else None
            part = Member(value, name) if isinstance(name, str) else Opaque([])
            self.bind(item, part, "set", line)

    def _bind_name(self, name: str, binding: Binding) -> None:
        if self.in_class_body and self.owner is not None:
            self.owner.attributes.setdefault(name, []).append(binding)
            return
        known = self.function.bindings.setdefault(name, [])
        if binding.kind == "append" and not any(one.kind == "set" for one in known):
            self.module.grown.add(name)
        known.append(binding)

    def _bind_member(self, target: Member, binding: Binding) -> None:
        base = target.base
        if isinstance(base, Name) and base.text in {"self", "this", self.function.receiver}:
            owner = self.function_owner()
            if owner is not None:
                owner.attributes.setdefault(target.name, []).append(binding)
        elif isinstance(base, Name) and binding.kind == "set":
            key = Literal(target.name)
            self._bind_name(base.text, binding._replace(kind="element", key=key))

    def _bind_element(
        self, base: Expression, key: Expression, value: Expression, line: int
    ) -> None:
        kind: BindingKind = "append" if isinstance(key, Opaque) and not key.parts else "element"
        binding = Binding(value, kind, line, self.loops, self.function, key, self.arms)
        if isinstance(base, Name):
            self._bind_name(base.text, binding)
        elif isinstance(base, Member):
            self._bind_member(base, binding)

    def function_owner(self) -> Class | None:
        """Return the class whose method is being walked, also from within its lambdas."""
        function: Function | None = self.function
        while function is not None:
            if function.owner is not None:
                return function.owner
            function = function.parent
        return self.owner

    def define(
        self,
        node: SgNode,
        name: str,
        parameters: list[Parameter],
        body: SgNode | None,
        decorators: Iterable[str] = (),
        *,
        is_value: bool = False,
        receiver: str = "",
        owner: Class | None = None,
    ) -> Function:
        """Walk a function; a lambda whose body ``is_value`` returns it."""
        function = Function(
            name,
            parameters,
            list(decorators),
            self.function,
            owner or (self.owner if self.in_class_body else None),
            span_of(node),
            self.loops,
            _header(node, body),
            receiver,
        )
        if name:
            self.module.functions.setdefault(name, []).append(function)
        with self._within(function):
            value = self.lower(body)
            if is_value:
                function.returns.append(value)
        return function

    @contextmanager
    def _within(self, function: Function) -> Iterator[None]:
        before = (self.function, self.loops, self.in_class_body, self.arms)
        self.function, self.loops, self.in_class_body, self.arms = function, 0, False, ()
        yield
        self.function, self.loops, self.in_class_body, self.arms = before

    def note_class(self, defined: Class) -> Class:
        """Note a class, or a type that is no value; return the one there already, if there is."""
        around = self.owner if self.in_class_body else None
        return self._classes.note(defined, self.function, around)

    @contextmanager
    def class_body(self, defined: Class) -> Iterator[Class]:
        """Walk the body of a class, whose assignments are its attributes.

        A class that is there already at that place is gone on with.
        """
        if not self.in_class_body and self.function is not self.module.root:
            self.bind(Name(defined.name), defined)
        before = (self.owner, self.in_class_body)
        self.owner, self.in_class_body = self.note_class(defined), True
        yield self.owner
        self.owner, self.in_class_body = before

    def looped(self, node: SgNode) -> Expression:
        """Walk the parts of a loop."""
        step = 0 if retries(node) else 1
        self.loops += step
        self.opaque(node)
        self.loops -= step
        return Opaque([])

    def loop_over(
        self, targets: Iterable[SgNode], items: SgNode | None, body: SgNode | None
    ) -> None:
        """Walk a loop over items, whose variables are unknown."""
        iterated = self.lower(items)
        loop = body.parent() if body is not None else None
        step = 0 if loop is not None and retries(loop) else 1
        self.loops += step
        for target in targets:
            self.bind(self.lower(target), Opaque([iterated], "item"))
        self.lower(body)
        self.loops -= step

    def returned(self, node: SgNode) -> Expression:
        """Walk a return statement."""
        for child in children_of(node):
            self.function.returns.append(self.lower(child))
        return Opaque([])


def through(field: str | None = None) -> Handler:
    """Return a handler for what is as good as one of its parts: a field, or else the last child."""

    def handle(low: Lowering, node: SgNode) -> Expression:
        inner = node.field(field) if field else None
        return low.lower(inner or next(reversed(children_of(node)), None))

    return handle


def span_of(node: SgNode) -> Span:
    """Return where a node stands."""
    found = node.range()
    return Span(
        found.start.line + 1, found.start.column + 1, found.end.line + 1, found.end.column + 1
    )


def last_name(expression: Expression) -> str:
    """Return the last name of a callee; empty where it has none."""
    if isinstance(expression, Name):
        return expression.text
    return expression.name if isinstance(expression, Member) else ""


def name_parts(name: str) -> list[str]:
    """Return the parts of a dotted name, without the arguments of a type."""
    return re.split(r"\.|::|\\", re.split(r"[\[<(]", name)[0].strip())


def _header(node: SgNode, body: SgNode | None) -> str:
    text = node.text()[:_LONGEST_HEADER]
    if body is None:
        return text
    length = body.range().start.index - node.range().start.index
    return text[: max(length, 0)]


def template(parts: list[Expression]) -> Expression:
    """Return strings and expressions, constant ones that meet as one; a literal if all are."""
    joined: list[Expression] = []
    for is_constant, group in groupby(parts, lambda part: isinstance(part, Literal)):
        if is_constant:
            texts = [str(part.value) for part in group if isinstance(part, Literal)]
            joined.append(Literal(with_pairs("".join(texts))))
        else:
            joined += group
    if not joined:
        return Literal("")
    return joined[0] if len(joined) == 1 and isinstance(joined[0], Literal) else Template(joined)


def spread(low: Lowering, node: SgNode) -> Expression:
    """Return ``*value`` or ``...value``."""
    return Spread(low.lower(next(reversed(children_of(node)), None)))


def sequence(low: Lowering, node: SgNode) -> Expression:
    """Return a list of all children."""
    return Sequence(low.lower_all(children_of(node)))
