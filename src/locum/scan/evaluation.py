"""Names followed to what they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.calls import call_value
from locum.scan.changes import changed, with_step
from locum.scan.composition import binary_value, choice_value, list_value, record_value
from locum.scan.scopes import owner_of, receiver_name
from locum.scan.tree import (
    Binary,
    Call,
    Choice,
    Function,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Record,
    Sequence,
    Template,
)
from locum.scan.values import (
    Fields,
    Input,
    Items,
    Made,
    Reference,
    Scalar,
    Step,
    Text,
    Unknown,
    as_text,
    constant_text,
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence as ListOf

    from locum.scan.project import Project
    from locum.scan.tree import Binding, Class, Expression, Module, Place
    from locum.scan.values import Value

__all__ = ["Evaluator"]

_DEEPEST = 60
# One call site is given up after so many expressions: callers of callers multiply without end.
_MOST_STEPS = 10_000
_SELVES = frozenset({"self", "this", "cls"})
_PLAIN_TYPES = re.compile(
    r"^(str|string|int|integer|float|double|bool|boolean|number|list|array|dict|map|any|object|"
    r"void|none|sequence|iterable|collection|ienumerable|ilist|\[|\(|\{|'|\"|literal|var$|long)",
    re.IGNORECASE,
)


class Evaluator:
    """Values of expressions of one file.

    Args:
        module: The file.
        project: Finds what is imported from other files, and counts the steps of all evaluators.
        callers: For functions whose parameters are to have the values of one call: that call.
    """

    def __init__(
        self, module: Module, project: Project, callers: Mapping[int, Place] | None = None
    ) -> None:
        self.module = module
        self.project = project
        self.callers = dict(callers or {})
        self._known: dict[tuple[int, int], Value] = {}
        self._depth = 0

    def called_by(self, function: Function, place: Place) -> Evaluator:
        """Return an evaluator in which a function's parameters have the values of one call."""
        return Evaluator(self.module, self.project, {**self.callers, id(function): place})

    def value(self, expression: Expression, function: Function) -> Value:
        """Return what an expression in a function stands for."""
        key = (id(expression), id(function))
        if key in self._known:
            return self._known[key]
        if self._depth > _DEEPEST or self.project.steps > _MOST_STEPS:
            return Unknown()
        self.project.steps += 1
        self._known[key] = Unknown()
        self._depth += 1
        found = self._value(expression, function)
        self._depth -= 1
        self._known[key] = found
        if self.project.steps > _MOST_STEPS:
            del self._known[key]
        return found

    def _value(self, expression: Expression, function: Function) -> Value:  # noqa: PLR0911 - one for each form
        match expression:
            case Literal(value=str() as text):
                return Text((text,))
            case Literal(value=int() | float() | None as number):
                return Scalar(number)
            case Template(parts=parts):
                return joined(as_text(self.value(part, function)) for part in parts)
            case Name():
                return self._name(expression, function)
            case Member(base=base, name=name):
                return self.member(self.receiver(base, function), name)
            case Index(base=base, key=key):
                return self._index(self.value(base, function), self.value(key, function))
            case Call():
                return call_value(self, expression, function)
            case _:
                return self._composed(expression, function)

    def _composed(self, expression: Expression, function: Function) -> Value:  # noqa: PLR0911 - one for each form
        match expression:
            case Sequence(items=items):
                return list_value(self, items, function)
            case Record():
                return record_value(self, expression, function)
            case Choice(options=options):
                return choice_value([self.value(option, function) for option in options])
            case Binary():
                return binary_value(self, expression, function)
            case Function():
                return Reference(expression.name, function=expression, module=self.module)
            case Opaque(text="comprehension", parts=parts):
                iterated = self.value(parts[-1], function)
                return iterated if isinstance(iterated, Items) else Unknown("comprehension")
            case Opaque(text=text) if text.startswith("type "):
                return self.instance(text.removeprefix("type ")) or Unknown()
            case _:
                return Unknown()

    def receiver(self, base: Expression, function: Function) -> Value:
        """Return what a method is called on, the class of ``self`` among them."""
        if isinstance(base, Name) and (
            base.text in _SELVES or base.text == receiver_name(function)
        ):
            owner = owner_of(function)
            if owner is not None:
                return Reference("self", owner, self.module)
        return self.value(base, function)

    def _name(self, name: Name, function: Function) -> Value:
        scope: Function | None = function
        while scope is not None:
            found = self._bound(name, scope, function)
            if found is not None:
                return found
            scope = scope.parent
        owner = owner_of(function)
        if owner is not None and (name.text in owner.attributes or name.text in owner.types):
            return self.attribute(owner, name.text, self.module)
        return self._global(name.text)

    def _bound(self, name: Name, scope: Function, used_in: Function) -> Value | None:
        bindings = scope.bindings.get(name.text)
        if bindings and any(one.kind == "set" for one in bindings):
            line = name.line if scope is used_in else 0
            return self._latest(bindings, line, name.text)
        for place, parameter in enumerate(scope.parameters):
            if parameter.name == name.text:
                return self._parameter(scope, place, bindings or [])
            if parameter.name == f"**{name.text}":
                return self._further_arguments(scope, name.text)
        return None

    def _parameter(self, scope: Function, place: int, bindings: ListOf[Binding]) -> Value:
        parameter = scope.parameters[place]
        caller = self.callers.get(id(scope))
        value: Value | None = None
        if caller is not None:
            value = self._argument(caller, place, parameter.name)
        if value is None and caller is not None and parameter.default is not None:
            value = self.value(parameter.default, scope)
        if value is None:
            value = self.instance(parameter.type_text) or Input(parameter.name, scope)
        return changed(self, value, bindings)

    def _further_arguments(self, scope: Function, name: str) -> Value:
        """What callers pass by name beyond the parameters."""
        caller = self.callers.get(id(scope))
        if caller is None:
            return Unknown(name)
        assert isinstance(caller.expression, Call)
        known = {parameter.name for parameter in scope.parameters}
        entries = {
            argument.name: self.value(argument.value, caller.function)
            for argument in caller.expression.arguments
            if argument.name is not None and argument.name not in known
        }
        return Fields(entries)

    def _argument(self, caller: Place, place: int, name: str) -> Value | None:
        assert isinstance(caller.expression, Call)
        arguments = caller.expression.arguments
        for argument in arguments:
            if argument.name == name:
                return self.value(argument.value, caller.function)
        by_place = [one for one in arguments if one.name is None]
        if place < len(by_place):
            return self.value(by_place[place].value, caller.function)
        return None

    def _global(self, name: str) -> Value:
        defined = self.module.classes.get(name)
        if defined is not None:
            return Reference(name, defined, self.module)
        if name in self.module.functions:
            function = self.module.functions[name][-1]
            return Reference(name, function=function, module=self.module)
        found = self.project.imported(self.module, name)
        if found is not None:
            return found
        imported = self.module.imports.get(name)
        if imported is not None:
            return Reference(imported.name if imported.name not in {"", "default"} else name)
        return Reference(name) if name[:1].isupper() else Unknown(name)

    def global_value(self, name: str) -> Value | None:
        """Return what a name at the top of the file stands for; ``None`` where it is not there."""
        top = self.module.root
        if name in top.bindings or name in self.module.classes or name in self.module.functions:
            return self._name(Name(name), top)
        return None

    def _latest(self, bindings: ListOf[Binding], line: int, name: str) -> Value:
        before = [one for one in bindings if not line or one.line <= line] or bindings
        starts = [number for number, one in enumerate(before) if one.kind == "set"]
        if not starts:
            before, starts = (
                list(bindings),
                [n for n, one in enumerate(bindings) if one.kind == "set"],
            )
        first = before[starts[-1]]
        value = self.value(first.value, first.function)
        if isinstance(first.value, Opaque) and first.value.text == "item":
            value = Unknown(name)
        value = changed(self, value, before[starts[-1] + 1 :], first.loops)
        if isinstance(value, Items) and name in self.module.grown:
            return value._replace(is_open=True, grows=True)
        return value if not (isinstance(value, Unknown) and not value.name) else Unknown(name)

    def member(self, base: Value, name: str) -> Value:  # noqa: PLR0911 - one for each form
        """Return a field of a value."""
        match base:
            case Reference(defined=defined, module=module) if defined is not None and module:
                return self._class_member(base, defined, module, name)
            case Reference(path=path):
                return Reference(f"{path}.{name}")
            case Fields(entries=entries):
                return entries.get(name, Unknown(name))
            case Made():
                if not base.steps and name in base.named:
                    return base.named[name]
                made = None if base.steps else self.own_class(base.name)
                if made is not None:
                    return self.member(made, name)
                return with_step(base, Step(name))
            case Text():
                return base if name in {"value", "name"} else Unknown(name)
            case Unknown(name=known) | Input(name=known):
                return Made(known, is_call=False, steps=(Step(name),))
            case _:
                return Unknown(name)

    def _class_member(self, base: Reference, defined: Class, module: Module, name: str) -> Value:
        if name in {"class", "__class__"}:
            return base
        if name in defined.members:
            return Text((defined.members[name],))
        if name in defined.attributes or name in defined.types:
            return self.attribute(defined, name, module)
        for ancestor in defined.bases:
            inherited = self.module.classes.get(ancestor)
            if inherited is not None and inherited is not defined and name in inherited.attributes:
                return self.attribute(inherited, name, module)
        return Reference(f"{base.path}.{name}", module=module)

    def attribute(self, owner: Class, name: str, module: Module) -> Value:
        """Return what an attribute of a class is set to, or else an object of its type."""
        if module is not self.module:
            return self.project.evaluator(module).attribute(owner, name, module)
        bindings = owner.attributes.get(name, [])
        starts = [one for one in bindings if one.kind == "set"]
        known: Value = Unknown(name)
        for binding in reversed(starts):
            known = self.value(binding.value, binding.function)
            if not isinstance(known, Unknown | Input | Scalar):
                break
        if isinstance(known, Unknown | Input) or (
            isinstance(known, Scalar) and known.value is None
        ):
            known = self.instance(owner.types.get(name, "")) or known
        if isinstance(known, Unknown) and not known.name:
            known = Unknown(name)
        if isinstance(known, Items) and any(one.kind != "set" for one in bindings):
            return known._replace(is_open=True, grows=True)
        return known

    def instance(self, type_text: str) -> Value | None:
        """Return an object of a declared type; ``None`` where that is a plain value's."""
        name = re.split(r"[\[<|?]", type_text.strip().lstrip("*&?").removeprefix("readonly "))[0]
        name = name.strip(" \"'").rsplit("::", 1)[-1]
        if not name or _PLAIN_TYPES.match(name) or not name.rsplit(".", 1)[-1][:1].isupper():
            return None
        return self.own_class(name) or Made(name, is_call=False)

    def own_class(self, name: str) -> Reference | None:
        """Return a class of the project that has fields or methods; ``None`` if there is none."""
        found = self.module.classes.get(name)
        if found is not None and not found.members and "" not in found.types:
            return Reference(name, found, self.module)
        imported = self.project.imported(self.module, name) if found is None else None
        if isinstance(imported, Reference) and imported.defined is not None:
            return imported if not imported.defined.members else None
        return None

    def _index(self, base: Value, key: Value) -> Value:
        if isinstance(base, Items) and isinstance(key, Scalar) and isinstance(key.value, int):
            return base.items[key.value] if 0 <= key.value < len(base.items) else Unknown()
        name = constant_text(key)
        if isinstance(base, Fields) and name is not None:
            return base.entries.get(name, Unknown(name))
        if isinstance(base, Made):
            return with_step(base, Step(name or "[]"))
        if isinstance(base, Unknown | Input):
            return Made(base.name, is_call=False, steps=(Step(name or "[]"),))
        return Unknown(name or "")
