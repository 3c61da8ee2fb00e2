"""Names followed to what they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.attributes import attribute, class_member
from locum.scan.branches import reaching
from locum.scan.calls import argument_values, call_value
from locum.scan.changes import changed, with_step
from locum.scan.composition import binary_value, choice_value, index_value, list_value, record_value
from locum.scan.languages.lowering import name_parts
from locum.scan.scopes import owner_of, receiver_name
from locum.scan.tree import (
    Binary,
    Call,
    Choice,
    Class,
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
    joined,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Sequence as ListOf

    from locum.scan.branches import Reaching
    from locum.scan.project import Project
    from locum.scan.tree import Binding, Expression, Module, Place
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

    def called_by(self, function: Function, place: Place) -> Evaluator:
        """Return an evaluator in which a function's parameters have the values of one call."""
        return Evaluator(self.module, self.project, {**self.callers, id(function): place})

    def without_callers(self) -> Evaluator:
        """Return the evaluator of the file in which no caller is chosen."""
        return self.project.evaluator(self.module)

    def value(self, expression: Expression, function: Function) -> Value:
        """Return what an expression in a function stands for."""
        key = (id(expression), id(function))
        if key in self._known:
            return self._known[key]
        trace = self.project.trace
        if trace.depth > _DEEPEST or trace.steps > _MOST_STEPS:
            trace.cuts += 1
            return Unknown()
        cuts = trace.cuts
        trace.steps += 1
        trace.depth += 1
        self._known[key] = Unknown()
        try:
            found = self._value(expression, function)
        finally:
            trace.depth -= 1
            del self._known[key]
        if trace.cuts == cuts:
            self._known[key] = found
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
                return index_value(self.value(base, function), self.value(key, function))
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
            case Class():
                return Reference(expression.name, expression, self.module)
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
            return attribute(self, owner, name.text, self.module)
        return self._global(name.text)

    def _bound(self, name: Name, scope: Function, used_in: Function) -> Value | None:
        followed = self.project.trace.followed
        bindings = [one for one in scope.bindings.get(name.text, ()) if id(one) not in followed]
        if any(one.kind == "set" for one in bindings):
            line = name.line if scope is used_in else 0
            found = reaching(bindings, line)
            value = self._latest(found, name.text)
            given = None if found.is_set else self._given(scope, name.text, [])
            return value if given is None else choice_value([value, given])
        return self._given(scope, name.text, bindings)

    def _given(self, scope: Function, name: str, bindings: ListOf[Binding]) -> Value | None:
        """What a function is given under a name, with what is added to it."""
        for place, parameter in enumerate(scope.parameters):
            if parameter.name == name:
                return self._parameter(scope, place, bindings)
            if parameter.name == f"**{name}":
                return self._further_arguments(scope, name)
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
            return Input(name, scope)
        assert isinstance(caller.expression, Call)
        known = {parameter.name for parameter in scope.parameters}
        _, named = argument_values(self, caller.expression, caller.function)
        spread = named.get("**")
        return Fields(
            {key: value for key, value in named.items() if key not in known | {"**"}},
            further=(spread,) if isinstance(spread, Input) else (),
        )

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
            return Reference(imported.name if imported.name not in {"", "*", "default"} else name)
        return Reference(name) if name[:1].isupper() else Unknown(name)

    def global_value(self, name: str) -> Value | None:
        """Return what a name at the top of the file stands for; ``None`` where it is not there."""
        top = self.module.root
        if name in top.bindings or name in self.module.classes or name in self.module.functions:
            return self._name(Name(name), top)
        return None

    def _latest(self, found: Reaching, name: str) -> Value:
        values = [self._set(one, added, name) for one, added in found.options]
        value = choice_value(values)
        return value if not (isinstance(value, Unknown) and not value.name) else Unknown(name)

    def _set(self, binding: Binding, added: ListOf[Binding], name: str) -> Value:
        self.project.trace.followed.add(id(binding))
        try:
            value = self.value(binding.value, binding.function)
        finally:
            self.project.trace.followed.discard(id(binding))
        if isinstance(binding.value, Opaque) and binding.value.text == "item":
            value = Unknown(name)
        value = changed(self, value, added, binding.loops)
        if isinstance(value, Items) and name in self.module.grown:
            return value._replace(is_open=True, grows=True)
        return value

    def member(self, base: Value, name: str) -> Value:  # noqa: PLR0911 - one for each form
        """Return a field of a value."""
        match base:
            case Reference(defined=defined) if defined is not None:
                return class_member(self, base, name)
            case Reference():
                return self._module_member(base, name)
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

    def _module_member(self, base: Reference, name: str) -> Value:
        """What a name of a module stands for, or of a package that is not read."""
        path = f"{base.path}.{name}"
        found = self.project.imported(self.module, path) if path in self.module.imports else None
        if found is None and base.whole is not None:
            found = self.project.member(base.whole, name)
        return Reference(path) if found is None else found

    def instance(self, type_text: str) -> Value | None:
        """Return an object of a declared type; ``None`` where that is a plain value's."""
        name = re.split(r"[\[<|?]", type_text.strip().lstrip("*&?").removeprefix("readonly "))[0]
        name = name.strip(" \"'").rsplit("::", 1)[-1]
        if not name or _PLAIN_TYPES.match(name) or not name.rsplit(".", 1)[-1][:1].isupper():
            return None
        return self.own_class(name) or Made(name, is_call=False)

    def bases(self, defined: Class) -> Iterator[tuple[str, Reference | None]]:
        """Yield what a class of the file extends, with the class where the project defines it."""
        for name in defined.bases:
            yield name, self._base(defined, name)

    def _base(self, defined: Class, name: str) -> Reference | None:
        """The class that a name stands for, one beside before all others of that name."""
        first, *rest = name_parts(name)
        near = defined.nearby.parents.get(first)
        is_other = near is not None and near is not defined
        value = Reference(first, near, self.module) if is_other else self._global(first)
        for part in rest:
            value = self.member(value, part)
        if not (isinstance(value, Reference) and value.defined) and rest:
            value = self._global(rest[-1])
        return value if isinstance(value, Reference) and value.defined is not None else None

    def own_class(self, name: str) -> Reference | None:
        """Return a class of the project that has fields or methods; ``None`` if there is none."""
        found = self.module.classes.get(name)
        if found is not None and not found.members and "" not in found.types:
            return Reference(name, found, self.module)
        imported = self.project.imported(self.module, name) if found is None else None
        if isinstance(imported, Reference) and imported.defined is not None:
            return imported if not imported.defined.members else None
        return None
